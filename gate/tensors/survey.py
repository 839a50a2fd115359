"""Measures many tensors, in threads: names and jobs in, one `Measurement` (or the error) per name out.

Large tensors are cut into pieces and small ones gathered, so that every thread has work whatever the model's shape.
The kernel's time is spent in numpy and memcmp, which let other threads run.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple

from gate.errors import UnreadableError
from gate.tensors.compare import Criterion, Measurement, compare, differs_by_digest, scan
from gate.tensors.digest import digest_of
from gate.tensors.malloc import keep_freed_memory
from gate.tensors.weightset import Array, Tensor

EXACTLY = Criterion()
PIECE_BYTES = 8 * 1024 * 1024
GATHERED = 256


@dataclass(slots=True, eq=False)
class Job:
    """One tensor to measure: against `expected`, or alone (NaN and infinities only) when that is `None`.

    Where `expected` is from a lock, the tensor's digest decides: if it is the lock's, `expected` is what `actual` is.
    """

    actual: Tensor
    expected: Tensor | None = None
    criterion: Criterion = EXACTLY
    name: str = ""  # under which the result is wanted; the actual tensor's own where empty

    @property
    def key(self) -> str:
        return self.name or self.actual.name


Measured = Measurement | UnreadableError


class _Arrays:
    """The arrays of one job: read once, whichever piece comes first, and let go with the last piece."""

    def __init__(self, job: Job, threads: int) -> None:
        self.job = job
        self._threads = threads
        self._lock = Lock()
        self._read: _Read | UnreadableError | None = None

    def read(self) -> "_Read":
        with self._lock:
            if self._read is None:
                try:
                    self._read = self._both()
                except UnreadableError as error:
                    self._read = error
        if isinstance(self._read, UnreadableError):
            raise self._read
        return self._read

    def _both(self) -> "_Read":
        actual, expected = self.job.actual.read(), self.job.expected
        if expected is None or expected.locked is None:
            return _Read(actual, expected.read() if expected else None)
        digest = digest_of(actual, self._threads)
        is_same = digest == expected.locked.digest
        return _Read(actual, actual if is_same else None, "" if is_same else digest)


class _Read(NamedTuple):
    """What is compared. `digest` is the actual tensor's, where a lock has another one."""

    actual: Array
    expected: Array | None
    digest: str = ""


_Piece = tuple[_Arrays, int, int]


def measure(jobs: Iterable[Job], threads: int) -> dict[str, Measured]:
    """The measurement of each job by its key; an error where a tensor could not be read."""
    keep_freed_memory()
    jobs = list(jobs)
    results: dict[str, Measured | None] = dict.fromkeys(job.key for job in jobs)
    with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
        for partial in pool.map(_measure_batch, _batches(jobs, threads)):
            for name, found in partial:
                before = results[name]
                results[name] = found if before is None else _merge(before, found)
    return {name: found for name, found in results.items() if found is not None}


def verify(checksums: Mapping[str, Callable[[], None]], threads: int) -> dict[str, UnreadableError]:
    """Calls each of `checksums`: the errors of those that did not match, by name."""
    if not checksums:
        return {}
    with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
        found = pool.map(_verified, checksums.values())
        return {name: error for name, error in zip(checksums, found, strict=True) if error is not None}


def _verified(verify: Callable[[], None]) -> UnreadableError | None:
    try:
        verify()
    except UnreadableError as error:
        return error
    return None


def _merge(so_far: Measured, found: Measured) -> Measured:
    if isinstance(so_far, UnreadableError):
        return so_far
    return found if isinstance(found, UnreadableError) else so_far + found


def _batches(jobs: list[Job], threads: int) -> Iterator[list[_Piece]]:
    """All pieces of all jobs, gathered into batches of about `PIECE_BYTES`."""
    batch: list[_Piece] = []
    size = 0
    for job in jobs:
        arrays = _Arrays(job, threads)
        width, elements = max(1, job.actual.dtype.itemsize), job.actual.size
        step = max(1, PIECE_BYTES // width)
        for low in range(0, max(1, elements), step):
            high = min(low + step, elements)
            batch.append((arrays, low, high))
            size += (high - low) * width
            if size >= PIECE_BYTES or len(batch) >= GATHERED:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


def _measure_batch(batch: list[_Piece]) -> list[tuple[str, Measured]]:
    return [(arrays.job.key, _measure_piece(arrays, low, high)) for arrays, low, high in batch]


def _measure_piece(arrays: _Arrays, low: int, high: int) -> Measured:
    try:
        actual, expected, digest = arrays.read()
        if expected is None:
            found = scan(actual, low, high)
            return found + differs_by_digest(digest) if digest and not low else found
        return compare(actual, expected, arrays.job.criterion, low, high)
    except UnreadableError as error:
        return error

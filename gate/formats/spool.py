"""Decoded data goes to an unlinked temporary file, mapped: memory stays flat and a crash leaves nothing."""

import mmap
import os
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from math import prod
from typing import IO, Any

import numpy as np

from gate.errors import UnreadableError
from gate.formats.limits import Limits
from gate.formats.mapping import empty
from gate.formats.text import size
from gate.tensors.weightset import Array


def decoded(
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    fill: Callable[[Array], None],
    limits: Limits,
) -> Array:
    """A read-only array that `fill` writes, in memory when small, else in a mapped temporary file."""
    length = prod(shape) * dtype.itemsize
    if length == 0:
        return empty(dtype, shape)
    if length <= limits.small_bytes:
        array = np.empty(shape, dtype)
        fill(array)
        array.flags.writeable = False
        return array
    with scratch_file(length, limits) as file:
        # Reserved first: writing through a mapping to a full disk would be SIGBUS, not an error.
        os.posix_fallocate(file.fileno(), 0, length)
        writable = mmap.mmap(file.fileno(), length)
        fill(np.frombuffer(writable, dtype).reshape(shape))
        return np.frombuffer(_mapped(file, length), dtype).reshape(shape)


def spooled(pieces: Iterable[bytes], length: int, limits: Limits) -> mmap.mmap:
    """`pieces`, `length` bytes in all, as a mapped temporary file."""
    with scratch_file(length, limits) as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        return _mapped(file, length)


@contextmanager
def scratch_file(length: int, limits: Limits) -> Iterator[IO[bytes]]:
    """A temporary file without a name; a full or missing disk is said in words."""
    where = limits.scratch or tempfile.gettempdir()
    try:
        with tempfile.TemporaryFile(dir=limits.scratch) as file:
            yield file
    except OSError as error:
        raise UnreadableError(
            f"{size(length)} of decoded data do not fit in {where}: {error.strerror or error}",
            "point TMPDIR at a folder with more room, or save the file uncompressed",
        ) from error


def _mapped(file: IO[bytes], length: int) -> mmap.mmap:
    return mmap.mmap(file.fileno(), length, access=mmap.ACCESS_READ)


def kept(read: Callable[[], Array]) -> Callable[[], Array]:
    """Decode again only when nobody holds the last result any more."""
    last: list[weakref.ref[Array]] = []

    def once() -> Array:
        array = last[0]() if last else None
        if array is None:
            array = read()
            last[:] = [weakref.ref(array)]
        return array

    return once

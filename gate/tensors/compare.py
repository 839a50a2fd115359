"""The comparison kernel: two arrays in, one `Measurement` out.

Equality comes first, at memory speed: a block (1 MiB, so that it stays in the core's cache) whose bytes are equal
and whose values are finite needs no arithmetic. Only the other blocks are widened to float64 and compared element
by element, `not (|actual - expected| <= atol + rtol * |expected|)`, so that NaN fails.
"""

import ctypes
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gate.tensors.dtypes import finite, is_floating, is_number, widen
from gate.tensors.tolerance import EXACT, Tolerance

BLOCK_BYTES = 1024 * 1024
# Elements that are compared by arithmetic at a time: their float64 copies (64 KiB) stay in the cache, and below the
# size from which malloc maps fresh pages for every temporary.
DETAIL_ELEMENTS = 8 * 1024
SMALL_BYTES = 16 * 1024
EXAMPLES = 5

_memcmp = ctypes.CDLL(None).memcmp
_memcmp.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
_memcmp.restype = ctypes.c_int


@dataclass(frozen=True)
class Criterion:
    """When an element holds. `bitwise` asks for equal bits and makes `tolerance` moot.

    Integers, bools and texts compare exactly whatever `tolerance` says. Where `nan` (`inf`) is allowed, NaN (an
    infinity) holds against NaN (the same infinity) and against nothing else; where it is not, it never holds.
    """

    tolerance: Tolerance = EXACT
    bitwise: bool = False
    nan: bool = False
    inf: bool = False


EVERY_BIT = Criterion(bitwise=True, nan=True, inf=True)
"""Equal bits, whatever they mean."""


@dataclass(frozen=True)
class Mismatch:
    """One element that does not hold. `index` counts elements in C order; `np.unravel_index` makes it a position."""

    index: int
    actual: Any
    expected: Any
    difference: float
    allowed: float


@dataclass(slots=True)  # not frozen: there is one per tensor, and that would double its cost
class Measurement:
    """What comparing `elements` elements found; adding two of adjacent ranges gives that of both.

    `unequal` elements differ in their bits, `violating` ones do not hold. `worst` exceeds what is allowed by the
    most, `first` are the first violations. `needed_atol` is the smallest atol that lets all hold at the criterion's
    rtol, `needed_rtol` the other way round; infinite where none does. `nan` and `inf` count the actual values,
    allowed or not; `nan_at` and `inf_at` are the first of each.

    `digest` is the actual tensor's, where it was held against that of a lock and is another one (`differs_by_digest`):
    then at least one element is unequal, and taken as violating, and nothing is known of how many, or how far they are.
    """

    elements: int = 0
    unequal: int = 0
    violating: int = 0
    worst: Mismatch | None = None
    first: tuple[Mismatch, ...] = ()
    max_difference: float = 0.0
    needed_atol: float = 0.0
    needed_rtol: float = 0.0
    nan: int = 0
    inf: int = 0
    nan_at: int | None = None
    inf_at: int | None = None
    digest: str = ""

    @property
    def identical(self) -> bool:
        """Bit for bit equal."""
        return self.unequal == 0

    def __add__(self, other: "Measurement") -> "Measurement":
        return Measurement(
            elements=self.elements + other.elements,
            unequal=self.unequal + other.unequal,
            violating=self.violating + other.violating,
            worst=_worse(self.worst, other.worst),
            first=tuple(sorted((*self.first, *other.first), key=lambda m: m.index)[:EXAMPLES]),
            max_difference=max(self.max_difference, other.max_difference),
            needed_atol=max(self.needed_atol, other.needed_atol),
            needed_rtol=max(self.needed_rtol, other.needed_rtol),
            nan=self.nan + other.nan,
            inf=self.inf + other.inf,
            nan_at=_earlier(self.nan_at, other.nan_at),
            inf_at=_earlier(self.inf_at, other.inf_at),
            digest=self.digest or other.digest,
        )


def compare(
    actual: NDArray[Any],
    expected: NDArray[Any],
    criterion: Criterion,
    start: int = 0,
    stop: int | None = None,
) -> Measurement:
    """Compares elements `start` to `stop` (C order) of two arrays of one shape, both C-contiguous.

    Dtypes may differ only where the caller was told to accept that; values are then compared as float64.
    Raises `ValueError` when the shapes differ: nothing is ever broadcast.
    """
    if actual.shape != expected.shape:
        raise ValueError(f"shapes differ: {actual.shape} and {expected.shape}")
    flat_actual, flat_expected = actual.reshape(-1), expected.reshape(-1)
    stop = flat_actual.size if stop is None else stop
    width = max(1, actual.dtype.itemsize, expected.dtype.itemsize)
    floating = is_floating(actual.dtype)
    if (
        _is_small(flat_actual, flat_expected, start, stop)
        and flat_actual.tobytes() == flat_expected.tobytes()
        and not (floating and not finite(flat_actual).all())
    ):
        return Measurement(elements=stop - start)
    same = _byte_comparison(flat_actual, flat_expected)
    parts = [Measurement(elements=stop - start)]
    for low, high in _ranges(start, stop, BLOCK_BYTES // width):
        equal = same(low, high)
        a = flat_actual[low:high]
        all_finite = not floating or bool(finite(a).all())
        if equal and all_finite:
            continue
        e = flat_expected[low:high]
        for i, j in _ranges(0, high - low, DETAIL_ELEMENTS):
            parts.append(_compare_block(a[i:j], e[i:j], criterion, low + i))
        if not all_finite:
            parts.append(_count_special(a, low))
    return reduce(Measurement.__add__, parts)


def _is_small(a: NDArray[Any], e: NDArray[Any], start: int, stop: int) -> bool:
    """Whether two whole tensors are so small that copies of their bytes cost less than looking at them in place."""
    return a.nbytes <= SMALL_BYTES and stop - start == a.size and a.dtype == e.dtype and a.dtype.kind != "O"


def _byte_comparison(a: NDArray[Any], e: NDArray[Any]) -> Callable[[int, int], bool]:
    """Tells for a range of elements whether the bytes of two flat arrays are equal."""
    if a.dtype != e.dtype:
        return lambda _low, _high: False
    if a.dtype.kind == "O":  # texts of any length: the array holds references to them
        return lambda low, high: bool(np.array_equal(a[low:high], e[low:high]))
    a_at, e_at, width = a.ctypes.data, e.ctypes.data, a.dtype.itemsize
    if a_at == e_at:  # a tensor that a lock's digest shows to be the expected one
        return lambda _low, _high: True
    return lambda low, high: _memcmp(a_at + low * width, e_at + low * width, (high - low) * width) == 0


def _ranges(start: int, stop: int, step: int) -> Iterator[tuple[int, int]]:
    step = max(1, step)
    return ((low, min(low + step, stop)) for low in range(start, stop, step))


def differs_by_digest(digest: str) -> Measurement:
    """What a tensor's `digest` says, where a lock has another one."""
    return Measurement(
        unequal=1,
        violating=1,
        max_difference=math.inf,
        needed_atol=math.inf,
        needed_rtol=math.inf,
        digest=digest,
    )


def scan(actual: NDArray[Any], start: int = 0, stop: int | None = None) -> Measurement:
    """Counts NaN and infinities among elements `start` to `stop` of one array; compares with nothing."""
    flat = actual.reshape(-1)
    stop = flat.size if stop is None else stop
    parts = [Measurement(elements=stop - start)]
    if is_floating(actual.dtype):
        for low, high in _ranges(start, stop, BLOCK_BYTES // actual.dtype.itemsize):
            block = flat[low:high]
            if not finite(block).all():
                parts.append(_count_special(block, low))
    return reduce(Measurement.__add__, parts)


def _unequal_bits(a: NDArray[Any], e: NDArray[Any]) -> NDArray[np.bool_]:
    if a.dtype == e.dtype and a.dtype.kind not in "SUO":
        return _differ(_bits(a), _bits(e))
    if {a.dtype.kind, e.dtype.kind} <= set("biuSUO"):  # numpy compares integers of any two widths exactly
        return np.asarray(a != e, np.bool_)
    wide_a, wide_e = widen(a), widen(e)
    return np.asarray(~((wide_a == wide_e) | (np.isnan(wide_a) & np.isnan(wide_e))), np.bool_)


def _bits(block: NDArray[Any]) -> NDArray[Any]:
    """`block` as unsigned integers of its width, or as rows of them where none is that wide."""
    size = block.dtype.itemsize
    return block.view(f"u{size}") if size in {1, 2, 4, 8} else block.view("u8").reshape(block.size, -1)


def _differ(a: NDArray[Any], e: NDArray[Any]) -> NDArray[np.bool_]:
    unequal = a != e
    return np.asarray(unequal if unequal.ndim == 1 else unequal.any(axis=1), np.bool_)


def _compare_block(a: NDArray[Any], e: NDArray[Any], criterion: Criterion, offset: int) -> Measurement:
    if {a.dtype.kind, e.dtype.kind} in ({"S", "U"}, {"O", "U"}):
        a, e = _as_text(a), _as_text(e)
    unequal = _unequal_bits(a, e)
    if not (is_number(a.dtype) and is_number(e.dtype)):
        return _collect_texts(a, e, unequal, offset)
    exact = not (is_floating(a.dtype) or is_floating(e.dtype))
    with np.errstate(all="ignore"):
        wide_a, wide_e = widen(a), widen(e)
        tolerance = EXACT if exact or criterion.bitwise else criterion.tolerance
        distance = _Distance(np.abs(wide_a - wide_e), np.abs(wide_e), tolerance)
        # An infinite expected value allows nothing: its excess is NaN.
        holds = ~unequal if exact or criterion.bitwise else distance.excess <= 0
        if not exact and not (np.isfinite(wide_a).all() and np.isfinite(wide_e).all()):
            holds = _judge_special(holds, unequal, wide_a, wide_e, criterion)
            distance.settle(holds)
        return _collect(a, e, unequal, ~holds, distance, offset)


def _as_text(texts: NDArray[Any]) -> NDArray[Any]:
    """Texts as `str`; what is no UTF-8 stays different from everything else."""
    if texts.dtype.kind == "U":
        return texts
    return np.array([text.decode("utf-8", "surrogateescape") for text in texts.tolist()], np.object_)


class _Distance:
    """How far the elements of a block are apart, and how far they may be."""

    def __init__(self, difference: NDArray[np.float64], magnitude: NDArray[np.float64], tolerance: Tolerance) -> None:
        self.difference = difference
        self.magnitude = magnitude
        self.tolerance = tolerance
        self.allowed = tolerance.atol + tolerance.rtol * magnitude
        self.excess = difference - self.allowed

    def settle(self, holds: NDArray[np.bool_]) -> None:
        """Gives elements whose distance is no number one: none where they hold all the same, else an infinite one."""
        special = ~np.isfinite(self.difference)
        if special.any():
            self.difference[special] = np.where(holds[special], 0.0, np.inf)
            self.magnitude[special & holds] = 0.0
            self.excess[special] = np.where(holds[special], 0.0, np.inf)

    def needed(self) -> tuple[float, float]:
        """The smallest atol at the given rtol, and rtol at the given atol, that let all elements hold.

        Solves `difference <= atol + rtol * magnitude` for each; a few units in the last place of every term are
        added, so that the result, put back into the formula in float64, does let them hold.
        """
        slack = 4 * float(np.finfo(np.float64).eps)
        farther = self.difference * (1 + slack)
        atol = np.max(farther - (self.tolerance.rtol * (1 - slack)) * self.magnitude)
        rest = farther - self.tolerance.atol * (1 - slack)
        rtol = np.fmax.reduce(rest / self.magnitude)  # infinite where nothing of nothing is asked; 0 / 0 is no matter
        return _or_infinite(atol), _or_infinite(rtol * (1 + slack))


def _or_infinite(value: np.float64) -> float:
    return float(value) if np.isfinite(value) else math.inf


def _judge_special(
    holds: NDArray[np.bool_],
    unequal: NDArray[np.bool_],
    a: NDArray[Any],
    e: NDArray[Any],
    criterion: Criterion,
) -> NDArray[np.bool_]:
    """`holds` with NaN and infinities judged by what the criterion allows."""
    nan_a, inf_a = np.isnan(a), np.isinf(a) & ~np.isnan(a)
    if not (nan_a.any() or inf_a.any()):
        return holds
    nan_ok = (np.isnan(e) if criterion.nan else np.zeros_like(nan_a)) & (~unequal if criterion.bitwise else True)
    inf_ok = (a == e) if criterion.inf else np.zeros_like(inf_a)
    return np.where(nan_a, nan_ok, np.where(inf_a, inf_ok, holds))


def _collect(
    a: NDArray[Any],
    e: NDArray[Any],
    unequal: NDArray[np.bool_],
    violating: NDArray[np.bool_],
    distance: _Distance,
    offset: int,
) -> Measurement:
    at = np.flatnonzero(violating)
    different = int(np.count_nonzero(unequal))
    largest = float(np.max(distance.difference, initial=0.0))
    if not at.size:
        return Measurement(unequal=different, max_difference=largest)

    def mismatch(i: int) -> Mismatch:
        return Mismatch(offset + i, a[i].item(), e[i].item(), float(distance.difference[i]), float(distance.allowed[i]))

    needed_atol, needed_rtol = distance.needed()
    return Measurement(
        unequal=different,
        violating=int(at.size),
        worst=mismatch(int(at[np.argmax(distance.excess[at])])),
        first=tuple(mismatch(int(i)) for i in at[:EXAMPLES]),
        max_difference=largest,
        needed_atol=needed_atol,
        needed_rtol=needed_rtol,
    )


def _collect_texts(a: NDArray[Any], e: NDArray[Any], unequal: NDArray[np.bool_], offset: int) -> Measurement:
    at = np.flatnonzero(unequal)
    if not at.size:
        return Measurement()
    first = tuple(Mismatch(offset + int(i), a.item(i), e.item(i), math.inf, 0.0) for i in at[:EXAMPLES])
    return Measurement(
        unequal=int(at.size),
        violating=int(at.size),
        worst=first[0],
        first=first,
        needed_atol=math.inf,
        needed_rtol=math.inf,
    )


def _count_special(block: NDArray[Any], offset: int) -> Measurement:
    with np.errstate(all="ignore"):
        wide = widen(block)
    nan = np.flatnonzero(np.isnan(wide))
    inf = np.flatnonzero(np.isinf(wide) & ~np.isnan(wide))
    return Measurement(
        nan=int(nan.size),
        inf=int(inf.size),
        nan_at=offset + int(nan[0]) if nan.size else None,
        inf_at=offset + int(inf[0]) if inf.size else None,
    )


def _worse(a: Mismatch | None, b: Mismatch | None) -> Mismatch | None:
    if a is None or b is None:
        return a or b
    return b if _excess(b) > _excess(a) else a


def _excess(mismatch: Mismatch) -> float:
    excess = mismatch.difference - mismatch.allowed
    return math.inf if math.isnan(excess) else excess


def _earlier(a: int | None, b: int | None) -> int | None:
    return min((x for x in (a, b) if x is not None), default=None)

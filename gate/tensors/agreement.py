"""Two sets of one model output in, numbers for a criterion out: agreement of decisions, cosine, differences.

Nothing is broadcast and nothing passes for want of data: other shapes, no samples and questions that have only one
answer are errors. Numbers that NaN went into are NaN, so that callers who write `not (x <= allowed)` fail. Work is
done in blocks: memory does not grow with the outputs.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gate.errors import GateError
from gate.tensors.compare import EXAMPLES, Criterion, Measurement, compare
from gate.tensors.dtypes import dtype_name, is_number, is_real, widen
from gate.tensors.tolerance import Tolerance
from gate.tensors.weightset import Array

Metric = Literal["argmax", "topk", "sign", "threshold"]

BLOCK_ELEMENTS = 64 * 1024
"""Elements looked at in one go: their float64 copies (512 KiB) stay in the core's cache."""
_MOST_INDICES = 10
_TEXT = "SUO"


@dataclass(frozen=True)
class Disagreement:
    """One decision that differs: where in the output (`index` begins with the sample), and both in words."""

    index: tuple[int, ...]
    actual: str
    expected: str


@dataclass(frozen=True)
class Agreement:
    """How many of all decisions are the same; `first` are the first ones that are not, in the order of the samples."""

    agreeing: int
    of: int
    first: tuple[Disagreement, ...]

    @property
    def share(self) -> float:
        """Between 0 and 1; 1 only where all decisions agree."""
        return self.agreeing / self.of


@dataclass(frozen=True)
class Cosine:
    """The smallest cosine over the samples and the sample that has it; NaN where any sample's is."""

    smallest: float
    sample: int


@dataclass(frozen=True)
class Differences:
    """`|actual - expected|` over all elements. `quantile` is None where none was asked for."""

    max: float
    mean: float
    quantile: float | None


@dataclass(frozen=True)
class _Rule:
    """Which of the decisions in the rows of two blocks agree, and what one row decides, in words."""

    agrees: Callable[[Array, Array], NDArray[np.bool_]]
    told: Callable[[Array], str]


def compare_outputs(actual: Array, expected: Array, tolerance: Tolerance) -> Measurement:
    """Element by element, by the formula of `gate.tensors.compare`; integers, bools and texts exactly.

    `violating` counts the elements that do not hold. Dtypes may differ (golden outputs in JSON are float64), numbers
    and texts do not mix. An infinity never holds, and NaN never.
    """
    _refuse(actual, expected)
    texts = [array.dtype.kind in _TEXT for array in (actual, expected)]
    if any(texts) and not all(texts):
        raise GateError(
            f"the outputs are {dtype_name(actual.dtype)} and should be {dtype_name(expected.dtype)}",
            "texts and numbers are not compared: name the outputs that are, or mend the golden outputs",
        )
    if all(texts):
        actual, expected = _as_bytes(actual), _as_bytes(expected)
    return compare(np.ascontiguousarray(actual), np.ascontiguousarray(expected), Criterion(tolerance))


def agreement(actual: Array, expected: Array, metric: Metric, k: int = 5, threshold: float = 0.5) -> Agreement:
    """How often both sides decide the same. A decision that NaN takes part in never agrees.

    - `argmax`: which index of the last axis is largest, for each position of the axes before it. Where several are,
      all of them are the decision: `[1, 1, 0]` agrees with `[2, 2, 0]`, not with `[2, 1, 0]`, though `np.argmax` gives
      0 for all three: who takes the first of equals has not decided.
    - `topk`: which `k` indices of the last axis are largest, in any order. Where equals at the end of these leave a
      choice, both sides must leave the same one. With k = 1 this is `argmax`.
    - `sign`: negative, zero (of either sign) or positive, for each element.
    - `threshold`: `x >= threshold` for each element, in float64 whatever the dtype.

    Raises `GateError` where the answer is known without looking, as that of `argmax` over one class is.
    """
    _refuse(actual, expected)
    _refuse_unreal(actual, expected, f"the agreement of `{metric}`")
    width, rule = _rule(metric, actual.shape, k, threshold)
    a, e = actual.reshape(-1, width), expected.reshape(-1, width)
    grid = actual.shape if width == 1 else actual.shape[:-1]
    agreeing = 0
    first: list[Disagreement] = []
    for rows in _ranges(len(a), max(1, BLOCK_ELEMENTS // width)):
        block_a, block_e = _exact(a[rows]), _exact(e[rows])
        agrees = rule.agrees(block_a, block_e) & ~_any_nan(block_a) & ~_any_nan(block_e)
        agreeing += int(np.count_nonzero(agrees))
        for i in np.flatnonzero(~agrees)[: EXAMPLES - len(first)]:
            place = tuple(int(at) for at in np.unravel_index(rows.start + int(i), grid))
            first.append(Disagreement(place, rule.told(a[rows][i]), rule.told(e[rows][i])))
    return Agreement(agreeing, len(a), tuple(first))


def cosine(actual: Array, expected: Array) -> Cosine:
    """The cosine between both sides' values of one sample, all axes but the first flattened; the smallest of all.

    Two zero vectors have cosine 1, a zero vector and another one 0. NaN or an infinity in a sample makes it NaN, and
    NaN is the smallest of all. Samples that are equal, or equal but for a power of two, have exactly 1.
    """
    _refuse(actual, expected)
    _refuse_unreal(actual, expected, "the cosine")
    samples = actual.shape[0] if actual.ndim else 1
    width = actual.size // samples
    if width == 1:
        raise GateError(
            f"the outputs have the shape {_shown(actual)}, one number for each sample, and its cosine is its sign",
            "ask for `agreement: {metric: sign}`, or for a `tolerance`",
        )
    a, e = actual.reshape(samples, width), expected.reshape(samples, width)
    smallest, sample = math.inf, 0
    for rows in _ranges(samples, max(1, BLOCK_ELEMENTS // width)):
        found = _cosines(a[rows], e[rows])
        at = int(np.argmin(found))  # the first NaN, if there is one
        if not found[at] >= smallest:
            smallest, sample = float(found[at]), rows.start + at
        if math.isnan(smallest):
            break
    return Cosine(smallest, sample)


def differences(actual: Array, expected: Array, q: float | None = None) -> Differences:
    """Of `|actual - expected|` in float64: the largest, the mean, and the quantile `q`.

    The quantile is the smallest difference that at least the share `q` of all elements does not exceed. It is exact
    and takes four more passes, but no memory. One NaN on either side, or one infinity on both, makes all three NaN;
    an infinity on one side makes all three infinite, the quantile too, whatever share it leaves out.
    """
    _refuse(actual, expected)
    if not (is_number(actual.dtype) and is_number(expected.dtype)):
        raise _unreal(actual, expected, "the difference")
    if q is not None and not 0 <= q <= 1:
        raise GateError(f"the quantile {q} is none", "give a share of the elements, between 0 and 1")
    blocks = partial(_distances, actual.reshape(-1), expected.reshape(-1))
    largest = np.float64(0)
    sums = []
    with np.errstate(all="ignore"):
        for block in blocks():
            largest = np.maximum(largest, block.max())
            sums.append(block.sum())
        mean = np.sum(sums) / actual.size
    if not np.isfinite(largest):
        return Differences(float(largest), float(largest), None if q is None else float(largest))
    # As written: 0.07 of 100 elements are seven, and 0.07 * 100 is more than seven.
    rank = 0 if q is None else max(0, math.ceil(Fraction(repr(float(q))) * actual.size) - 1)
    return Differences(float(largest), float(mean), None if q is None else _of_rank(blocks, rank))


def _refuse(actual: Array, expected: Array) -> None:
    if actual.shape != expected.shape:
        raise GateError(
            f"the outputs have the shape {_shown(actual)} and should have {_shown(expected)}",
            "compare outputs for the same inputs, of models with the same outputs: nothing is broadcast",
        )
    if not actual.size:
        raise GateError(
            f"nothing was predicted: the outputs have the shape {_shown(actual)}",
            "give inputs of at least one sample",
        )


def _refuse_unreal(actual: Array, expected: Array, what: str) -> None:
    if not (is_real(actual.dtype) and is_real(expected.dtype)):
        raise _unreal(actual, expected, what)


def _unreal(actual: Array, expected: Array, what: str) -> GateError:
    dtypes = " and ".join(sorted({dtype_name(actual.dtype), dtype_name(expected.dtype)}))
    return GateError(
        f"{what} needs real numbers, and the outputs are {dtypes}",
        "name the outputs that are numbers, or ask for a `tolerance`: it holds texts to be equal",
    )


def _shown(array: Array) -> str:
    return str(tuple(int(length) for length in array.shape))


def _as_bytes(texts: Array) -> Array:
    """Texts of any kind as `bytes` objects: what is equal is equal whatever held it."""
    items = texts.reshape(-1).tolist()
    if not all(isinstance(item, bytes | str) for item in items):
        raise GateError(
            "the outputs are Python objects that are not texts", "name the outputs that are numbers or texts"
        )
    found = np.empty(len(items), np.object_)
    found[:] = [item.encode("utf-8", "surrogateescape") if isinstance(item, str) else item for item in items]
    return found.reshape(texts.shape)


def _ranges(length: int, step: int) -> Iterator[slice]:
    return (slice(low, min(low + step, length)) for low in range(0, length, step))


def _exact(block: Array) -> Array:
    """Numbers that can be put in order, none changed: float64 would make one of two long integers."""
    if block.dtype.kind == "b":
        return block.astype(np.uint8)
    return block if block.dtype.kind in "iu" else widen(block)


def _any_nan(rows: Array) -> NDArray[np.bool_]:
    return np.asarray(np.isnan(rows).any(axis=1), np.bool_)


def _rule(metric: Metric, shape: tuple[int, ...], k: int, threshold: float) -> tuple[int, _Rule]:
    """How many elements each decision is about, and the rule for it."""
    if metric == "sign":
        return 1, _Rule(_signs_agree, lambda row: str(row[0]))
    if metric == "threshold":
        if not math.isfinite(threshold):
            raise GateError(f"the threshold {threshold} decides nothing", "give a finite number")
        return 1, _Rule(partial(_thresholds_agree, threshold), partial(_told_threshold, threshold))
    classes = shape[-1] if len(shape) > 1 else 1
    if classes == 1:
        raise GateError(
            f"`{metric}` has one answer for outputs of the shape {shape}: they are one number for each sample",
            "ask for the agreement of `sign` or `threshold`",
        )
    k = 1 if metric == "argmax" else k
    if not 0 < k < classes:
        raise GateError(
            f"the {k} largest of {classes} were asked for, in outputs of the shape {shape}",
            f"give a `k` between 1 and {classes - 1}",
        )
    return classes, _Rule(partial(_largest_agree, k), partial(_told_largest, k))


def _largest_agree(k: int, a: Array, e: Array) -> NDArray[np.bool_]:
    """Whether every choice of `k` largest in a row of one side is a choice in that of the other."""
    (from_a, above_a), (from_e, above_e) = _largest(k, a), _largest(k, e)
    decided = np.count_nonzero(from_a, axis=1) == k
    same: NDArray[np.bool_] = (from_a == from_e).all(axis=1) & (decided | (above_a == above_e).all(axis=1))
    return same


def _largest(k: int, rows: Array) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """In each row, what is at least the k-th largest value, and what is more."""
    at = rows.shape[1] - k
    limit = np.partition(rows, at, axis=1)[:, at, None]
    return rows >= limit, rows > limit


def _told_largest(k: int, row: Array) -> str:
    rows = _exact(row[None])
    if _any_nan(rows)[0]:
        return f"NaN at index {int(np.flatnonzero(np.isnan(rows[0]))[0])}"
    chosen = np.flatnonzero(_largest(k, rows)[0][0])
    # Largest first; a stable sort of what is negated would not do for unsigned numbers.
    ranked = chosen[::-1][np.argsort(rows[0][chosen[::-1]], kind="stable")][::-1]
    told = ", ".join(str(index) for index in ranked[:_MOST_INDICES]) + ("…" if len(ranked) > _MOST_INDICES else "")
    return told if len(chosen) == k else f"{told} (tied)"


def _signs_agree(a: Array, e: Array) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = (((a > 0) == (e > 0)) & ((a < 0) == (e < 0)))[:, 0]
    return same


def _thresholds_agree(threshold: float, a: Array, e: Array) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = (_reaches(a, threshold) == _reaches(e, threshold))[:, 0]
    return same


def _reaches(values: Array, threshold: float) -> NDArray[np.bool_]:
    reached: NDArray[np.bool_] = values >= (math.ceil(threshold) if values.dtype.kind in "iu" else threshold)
    return reached


def _told_threshold(threshold: float, row: Array) -> str:
    value = _exact(row)
    if np.isnan(value[0]):
        return "NaN"
    return f"{row[0]!s} ({'at least' if _reaches(value, threshold)[0] else 'below'} {threshold:g})"


def _cosines(a: Array, e: Array) -> NDArray[np.float64]:
    """The cosine of each row. Rows are scaled to a largest value of 1, so that no square leaves float64's range."""
    with np.errstate(all="ignore"):
        scale_a, scale_e = _scales(a), _scales(e)
        dot, square_a, square_e = np.zeros((3, len(a)))
        for columns in _ranges(a.shape[1], BLOCK_ELEMENTS):
            x, y = widen(a[:, columns]) / scale_a, widen(e[:, columns]) / scale_e
            dot += (x * y).sum(axis=1)
            square_a += (x * x).sum(axis=1)
            square_e += (y * y).sum(axis=1)
        product = square_a * square_e
        # The root of the product, not the product of the roots: that of equal rows is not always their square.
        found = np.clip(dot / np.sqrt(product), -1, 1)
        return np.where(product == 0, (square_a == square_e).astype(np.float64), found)


def _scales(rows: Array) -> NDArray[np.float64]:
    """The power of two at the largest magnitude of each row, as a column; 1 for a row of zeros."""
    largest = np.zeros(len(rows))
    for columns in _ranges(rows.shape[1], BLOCK_ELEMENTS):
        largest = np.maximum(largest, np.abs(widen(rows[:, columns])).max(axis=1))
    exponent = np.frexp(largest)[1] - 1
    scales = np.where(np.isfinite(largest), np.ldexp(1.0, exponent), largest)
    found: NDArray[np.float64] = np.where(largest == 0, 1.0, scales)[:, None]
    return found


def _distances(a: Array, e: Array) -> Iterator[NDArray[np.float64]]:
    for part in _ranges(a.size, BLOCK_ELEMENTS):
        with np.errstate(all="ignore"):
            found = _distance(a[part], e[part])
        yield found


def _distance(a: Array, e: Array) -> NDArray[np.float64]:
    wide: NDArray[np.float64] = np.abs(widen(a) - widen(e))
    if not (a.dtype.kind in "biu" and e.dtype.kind in "biu" and 8 in {a.dtype.itemsize, e.dtype.itemsize}):
        return wide
    # Two long integers may be neighbours and equal as float64; subtracted modulo 2**64 they are apart.
    x, y = a.astype(np.uint64), e.astype(np.uint64)
    return np.where(wide < 2.0**62, np.where(a > e, x - y, y - x).astype(np.float64), wide)


def _of_rank(blocks: Callable[[], Iterator[NDArray[np.float64]]], rank: int) -> float:
    """The value that has `rank` others before it when all are sorted; none may be negative or NaN.

    Such floats sort as their bits do: sixteen bits a pass, those of the value are counted out, highest first.
    """
    bits, known = 0, 64
    while known:
        known -= 16
        counts = np.zeros(1 << 16, np.int64)
        for block in blocks():
            values = block.view(np.uint64)
            if known < 48:
                values = values[values >> np.uint64(known + 16) == np.uint64(bits)]
            digits = (values >> np.uint64(known)) & np.uint64(0xFFFF)
            counts += np.bincount(digits.astype(np.int64), minlength=1 << 16)
        up_to = np.cumsum(counts)
        digit = int(np.searchsorted(up_to, rank, side="right"))
        rank -= int(up_to[digit] - counts[digit])
        bits = bits << 16 | digit
    return float(np.uint64(bits).view(np.float64))

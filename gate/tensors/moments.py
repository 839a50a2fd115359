"""What the statistics of two tensors prove of their elements, where the values of one are not known.

Were every element within its tolerance, `|a - e| <= atol + rtol * |e|`, then of all n elements together

    |max(a) - max(e)|, |min(a) - min(e)|    <= atol + rtol * max|e|
    |mean(a) - mean(e)|, |std(a) - std(e)|  <= atol + rtol * norm(e) / sqrt(n)
    |norm(a) - norm(e)|                     <= atol * sqrt(n) + rtol * norm(e)

The first holds since an extreme of one is near an element of the other; the mean, since the mean of |e| is at most
norm(e) / sqrt(n) (Cauchy and Schwarz); the others, since std and norm are (semi)norms: the triangle inequality bounds
their difference by that of a - e, and std(a - e) <= norm(a - e) / sqrt(n). So a statistic that is farther apart
proves that some element is beyond its tolerance. One that is not proves nothing. NaN and infinities have to be in the
same places: that only one of both has any proves a difference too.

Statistics are computed in float64, in blocks that are merged; what rounding can add to them is allowed for many times
over, so that it never is a proof.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from gate.tensors.dtypes import dtype_name, is_floating, is_real
from gate.tensors.locked import LOCKED_STATISTICS
from gate.tensors.statistics import statistics
from gate.tensors.tolerance import Tolerance
from gate.tensors.weightset import Tensor

_EPS = float(np.finfo(np.float64).eps)
_TINY = 1e-290
"""Below it, sums of squares and products lose digits."""
_BLOCKS = 512
"""Of `gate.tensors.statistics`, one for each 8192 elements: counted sixteen times over."""


@dataclass(frozen=True)
class Apart:
    """How far a statistic is from the expected one, and how far it can be with every element within tolerance."""

    statistic: str
    difference: float
    possible: float

    @property
    def is_proof(self) -> bool:
        """Whether at least one element is beyond its tolerance."""
        return self.difference > self.possible

    @property
    def ratio(self) -> float:
        """How many times as far as possible."""
        return self.difference / self.possible


@dataclass(frozen=True)
class Moved:
    """What is known of a tensor that has another digest than a lock's.

    `actual` and `expected` have the statistics of both, as far as they are defined; `apart` is how far these are from
    one another. `is_proved`: at least one element is beyond its tolerance. Else nothing is known of that.
    """

    actual: Mapping[str, float]
    expected: Mapping[str, float]
    apart: tuple[Apart, ...]
    is_proved: bool


def moved(actual: Tensor, expected: Tensor, tolerance: Tolerance) -> Moved:
    """Looks at a tensor whose digest is not the one of `expected`, which is of a lock.

    Integers, bools and texts are compared exactly, so that another digest of the same dtype is proof enough. Raises
    `UnreadableError`.
    """
    told = expected.locked.statistics if expected.locked else {}
    is_exact = not is_floating(actual.dtype) and dtype_name(actual.dtype) == dtype_name(expected.dtype)
    has = is_real(actual.dtype) and is_real(expected.dtype)
    found = statistics(actual.read()) if has else None
    own = {name: value for name in LOCKED_STATISTICS if found and (value := found[name]) is not None}
    apart = tuple(moments_apart(own, told, actual.size, tolerance))
    is_proved = actual.size > 0 and (is_exact or any(each.is_proof for each in apart))
    return Moved(own, told, apart, is_proved)


def moments_apart(
    actual: Mapping[str, float], expected: Mapping[str, float], size: int, tolerance: Tolerance
) -> Iterator[Apart]:
    """The statistics of a lock, for two tensors of one size, as far as both are defined and finite.

    Where one of both has NaN or infinities and the other has none, an infinite difference of `max`.
    """
    if not size or not all("max" in side and "min" in side and "norm" in side for side in (actual, expected)):
        return
    are_finite = [math.isfinite(side["min"]) and math.isfinite(side["max"]) for side in (actual, expected)]
    if not all(are_finite):
        if any(are_finite):
            yield Apart("max", math.inf, _TINY)
        return
    root = math.sqrt(size)
    largest = max(abs(expected["min"]), abs(expected["max"]))
    both = largest + max(abs(actual["min"]), abs(actual["max"]))
    typical = expected["norm"] / root
    rounding = _EPS * (16 * 1024 + size / _BLOCKS)
    bounds = {
        "max": (tolerance.atol + tolerance.rtol * largest, both),
        "min": (tolerance.atol + tolerance.rtol * largest, both),
        "mean": (tolerance.atol + tolerance.rtol * typical, both),
        "std": (tolerance.atol + tolerance.rtol * typical, both),
        "norm": (tolerance.atol * root + tolerance.rtol * expected["norm"], actual["norm"] + expected["norm"]),
    }
    for name, (allowed, scale) in bounds.items():
        a, e = actual.get(name, math.nan), expected.get(name, math.nan)
        possible = allowed * (1 + rounding) + rounding * scale + _TINY
        if math.isfinite(a) and math.isfinite(e) and math.isfinite(possible):
            yield Apart(name, abs(a - e), possible)

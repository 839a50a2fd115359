"""Statistics of one tensor: what a comparison element by element cannot afford or does not need.

One pass in blocks; the central moments of the blocks are merged with the formulas of Pébay, "Formulas for robust,
one-pass parallel computation of covariances and arbitrary-order statistical moments", SAND2008-6212.
"""

import math
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gate.tensors.compare import DETAIL_ELEMENTS
from gate.tensors.dtypes import dtype_name, is_real
from gate.tensors.locked import LOCKED_STATISTICS, Locked

# What may stand in a manifest, in the order of reports.
STATISTICS = ("mean", "std", "min", "max", "norm", "sparsity", "skewness", "kurtosis")


@dataclass(frozen=True)
class Statistics:
    """Population statistics (divisor n) in float64; `None` where undefined.

    `norm` is the Euclidean norm of all elements, `sparsity` the share of elements equal to zero, `kurtosis` the excess
    over a normal distribution's. An empty tensor has none of them but its norm; a constant one has no skewness or
    kurtosis. NaN in the data makes them NaN.
    """

    mean: float | None
    std: float | None
    min: float | None
    max: float | None
    norm: float | None
    sparsity: float | None
    skewness: float | None
    kurtosis: float | None

    def __getitem__(self, name: str) -> float | None:
        value: float | None = getattr(self, name)
        return value


@dataclass(frozen=True)
class _Moments:
    count: int = 0
    mean: float = 0.0
    m2: float = 0.0
    m3: float = 0.0
    m4: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    norm: float = 0.0
    zeros: int = 0

    def __add__(self, other: "_Moments") -> "_Moments":
        if not self.count or not other.count:
            return other if not self.count else self
        na, nb = (
            np.float64(self.count),
            np.float64(other.count),
        )  # numpy's floats overflow to inf, not to an error
        n = na + nb
        delta = np.float64(other.mean) - np.float64(self.mean)
        return _Moments(
            count=self.count + other.count,
            mean=self.mean + delta * nb / n,
            m2=self.m2 + other.m2 + delta**2 * na * nb / n,
            m3=self.m3
            + other.m3
            + delta**3 * na * nb * (na - nb) / n**2
            + 3 * delta * (na * other.m2 - nb * self.m2) / n,
            m4=self.m4
            + other.m4
            + delta**4 * na * nb * (na**2 - na * nb + nb**2) / n**3
            + 6 * delta**2 * (na**2 * other.m2 + nb**2 * self.m2) / n**2
            + 4 * delta * (na * other.m3 - nb * self.m3) / n,
            low=_either_nan(min, self.low, other.low),
            high=_either_nan(max, self.high, other.high),
            norm=math.hypot(self.norm, other.norm),
            zeros=self.zeros + other.zeros,
        )


def locked_statistics(locked: Locked) -> Statistics:
    """Those of a lock, which has no skewness and no kurtosis."""
    told = {name: locked.statistics.get(name) for name in LOCKED_STATISTICS}
    return Statistics(**told, skewness=None, kurtosis=None)


def statistics(array: NDArray[Any]) -> Statistics:
    """The statistics of a C-contiguous array of real numbers; raises `TypeError` for texts and complex numbers."""
    if not is_real(array.dtype):
        raise TypeError(f"statistics need real numbers, not {dtype_name(array.dtype)}")
    flat = array.reshape(-1)
    step = DETAIL_ELEMENTS
    with np.errstate(all="ignore"):
        blocks = (_of_block(flat[low : low + step].astype(np.float64)) for low in range(0, flat.size, step))
        return _finish(reduce(_Moments.__add__, blocks, _Moments()))


def _of_block(x: NDArray[np.float64]) -> _Moments:
    low, high = float(x.min()), float(x.max())
    mean = low if low == high else float(x.mean())
    centred = x - mean
    squares = centred * centred
    return _Moments(
        count=x.size,
        mean=mean,
        m2=float(squares.sum()),
        m3=float((squares * centred).sum()),
        m4=float((squares * squares).sum()),
        low=low,
        high=high,
        norm=_norm(x, max(abs(low), abs(high))),
        zeros=int(x.size - np.count_nonzero(x)),
    )


def _norm(x: NDArray[np.float64], largest: float) -> float:
    """The Euclidean norm, scaled only where squares would leave float64's range."""
    if 1e-150 < largest < 1e150 or not math.isfinite(largest) or largest == 0:
        return math.sqrt(float(np.dot(x, x)))
    scaled = x / largest
    return largest * math.sqrt(float(np.dot(scaled, scaled)))


def _finish(moments: _Moments) -> Statistics:
    n = moments.count
    if not n:
        return Statistics(None, None, None, None, 0.0, None, None, None)
    m2 = np.float64(moments.m2 if moments.low != moments.high else 0.0)
    defined = m2 != 0
    return Statistics(
        mean=float(moments.mean),
        std=float(np.sqrt(m2 / n)),
        min=moments.low,
        max=moments.high,
        norm=moments.norm,
        sparsity=moments.zeros / n,
        skewness=float(np.sqrt(n) * moments.m3 / m2**1.5) if defined else None,
        kurtosis=float(n * moments.m4 / m2**2 - 3) if defined else None,
    )


def _either_nan(choose: Any, a: float, b: float) -> float:
    return math.nan if math.isnan(a) or math.isnan(b) else choose(a, b)

"""What a tolerance would let through: what else than the expected values would be taken for them.

Of large arrays a part is looked at, evenly spread, and `is_whole` says so.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gate.tensors.dtypes import dtype_called, is_number, widen
from gate.tensors.tolerance import Tolerance
from gate.tensors.weightset import Array

MOST = 1024 * 1024
"""Elements that are looked at."""
_CONSTANT = 1e-6
_NOISE = 0.1
"""A standard deviation below this part of the values' size is none."""


@dataclass(frozen=True, eq=False)
class Expected:
    """Expected values of one tensor or output; NaN and infinities among them are passed over."""

    array: Array
    most: int = MOST

    @property
    def is_whole(self) -> bool:
        return self.array.size <= self.most

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """In float64, or complex128, at most `most` of them."""
        flat = self.array.reshape(-1)
        some = widen(flat[:: max(1, -(-flat.size // self.most))])
        return np.asarray(some[np.isfinite(some)])

    @cached_property
    def magnitude(self) -> NDArray[np.float64]:
        return np.abs(self.values)

    @cached_property
    def rms(self) -> float:
        """The root of the mean square: how large values are."""
        return _rms(self.magnitude)

    @cached_property
    def spread(self) -> float:
        """Their standard deviation; of values that are all the same, how large they are."""
        if not self.values.size:
            return 0.0
        found = _rms(np.abs(self.values - self.values.mean()))
        return found if found > _CONSTANT * self.rms else self.rms

    @property
    def mean_magnitude(self) -> float:
        return float(self.magnitude.mean()) if self.magnitude.size else 0.0

    def is_swamped(self, tolerance: Tolerance) -> bool:
        """Whether as much is allowed as the values differ among themselves: any like them would pass."""
        return not tolerance.atol + tolerance.rtol * self.rms < self.spread

    def is_no_noise(self, tolerance: Tolerance) -> bool:
        """Whether more is allowed than a tenth of what the values differ among themselves.

        Casts stay below: int8 with one scale for a tensor moves a value by 1/254 of the largest, some hundredths of
        that.
        """
        return not _NOISE * self.spread > tolerance.atol + tolerance.rtol * self.rms

    def zeros(self, tolerance: Tolerance) -> int:
        """How many elements could be zero without notice: `|e| <= atol + rtol * |e|`."""
        return int(np.count_nonzero(self.magnitude <= tolerance.atol + tolerance.rtol * self.magnitude))

    def passes_as_zeros(self, tolerance: Tolerance) -> bool:
        """Whether a tensor that was never loaded would pass."""
        return bool(self.magnitude.size) and self.zeros(tolerance) == self.magnitude.size

    def passes_rounded(self, dtype: str, tolerance: Tolerance) -> bool:
        """Whether the values would pass after a cast to the narrower `dtype` and back."""
        if self.values.dtype.kind == "c" or not self.values.size:
            return False
        with np.errstate(all="ignore"):
            rounded = self.values.astype(dtype_called(dtype)).astype(np.float64)
            return bool((np.abs(rounded - self.values) <= tolerance.atol + tolerance.rtol * self.magnitude).all())


def passes_constant(expected: Array, tolerance: Tolerance) -> bool:
    """Whether one answer for all samples (the first axis) would pass as the expected one: whether inputs do not count.

    There is one where, for each place of an answer, what is allowed around every sample's value has a number in common.
    """
    if not expected.ndim or not expected.size or not is_number(expected.dtype):
        return True
    rows = widen(expected)
    if rows.dtype.kind == "c":
        return bool((rows == rows[:1]).all())
    with np.errstate(all="ignore"):
        allowed = tolerance.atol + tolerance.rtol * np.abs(rows)
        return bool(((rows - allowed).max(axis=0) <= (rows + allowed).min(axis=0)).all())


def _rms(magnitude: NDArray[np.float64]) -> float:
    largest = float(magnitude.max(initial=0.0))
    return largest * float(np.sqrt(np.mean((magnitude / largest) ** 2))) if largest else 0.0

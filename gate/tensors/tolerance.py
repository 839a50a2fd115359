"""What a tolerance means, and the published one of each dtype (docs/tolerances.md).

An element holds when `|actual - expected| <= atol + rtol * |expected|`, computed in float64. Comparison is always
written so that NaN fails.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Tolerance:
    """`rtol` relative to the expected value, `atol` absolute, both finite and not negative."""

    rtol: float
    atol: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(part) and part >= 0 for part in (self.rtol, self.atol)):
            raise ValueError("rtol and atol must be finite and not negative")

    def __str__(self) -> str:
        return f"rtol={self.rtol:g}, atol={self.atol:g}"


EXACT = Tolerance(0.0, 0.0)

# Weights at rest take part in no arithmetic: what moves them is a cast or another platform's last bit. So rtol is
# a few units in the last place of the dtype (eps = 1.2e-7, 9.8e-4, 7.8e-3), and atol small enough that a weight
# which was never loaded is not taken for one that was. Below 16 bits one unit is 6 % or more: exact.
_PUBLISHED = {
    "float64": Tolerance(1e-9, 1e-12),
    "float32": Tolerance(1e-6, 1e-8),
    "float16": Tolerance(2e-3, 1e-6),
    "bfloat16": Tolerance(1.6e-2, 1e-6),
}
_COMPONENT = {"complex128": "float64", "complex64": "float32"}


@cache
def published_tolerance(*dtypes: np.dtype[Any]) -> Tolerance:
    """The default tolerance of a comparison of `dtypes`: the widest one of theirs; exact for all not in the table."""
    found = [_PUBLISHED.get(_COMPONENT.get(dtype.name, dtype.name), EXACT) for dtype in dtypes]
    return max(found, key=lambda tolerance: tolerance.rtol)

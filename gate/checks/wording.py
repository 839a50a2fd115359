"""How checks put tensors and numbers into words."""

import cmath
import math
from decimal import ROUND_CEILING, Context, Decimal
from typing import Any

import numpy as np

from gate.tensors.dtypes import dtype_name
from gate.tensors.weightset import Tensor

UNSET = "see whether it was loaded and trained, and this file saved after that"
"""What to do about a tensor that looks as it was built."""
NOT_SHIPPED = "the training diverged, or the file is damaged: do not ship it"
"""What to do about NaN and infinities that nobody expects."""
_LONGEST_TEXT = 120


def kind_of(tensor: Tensor) -> str:
    """`float32 [3, 3, 1, 8]`."""
    return f"{dtype_name(tensor.dtype)} {list(tensor.shape)}"


def place(index: int, shape: tuple[int, ...]) -> str:
    """The position of the element with the flat, C-order `index`: `[0, 3, 2]`; `[]` is a scalar's only element."""
    return str([int(i) for i in np.unravel_index(index, shape)]) if shape else "[]"


def number(value: Any) -> str:
    """A value with as many digits as tell it from its neighbours: nine for a float32, up to 17 for a float64.

    Of a text, the beginning.
    """
    if isinstance(value, bytes | str):
        return repr(value[:_LONGEST_TEXT]) + ("…" if len(value) > _LONGEST_TEXT else "")
    if isinstance(value, bool) or not isinstance(value, float):
        return repr(value)
    short = f"{value:.9g}"
    with np.errstate(all="ignore"):
        return short if float(np.float32(value)) == value or float(short) == value else repr(value)


def is_finite(value: object) -> bool:
    """Whether it is no NaN and no infinity."""
    return not isinstance(value, float | complex) or cmath.isfinite(value)


def distance(value: float) -> str:
    """A difference, or what is allowed: nine digits are plenty."""
    return f"{value:.9g}"


def rounded_up(value: float) -> str:
    """A positive number with three digits, rounded up, so that it is enough when somebody copies it."""
    shown = Context(prec=3, rounding=ROUND_CEILING).plus(Decimal(value))
    return f"{float(shown):.3g}" if value <= float(shown) < math.inf else repr(value)


def share(part: int, whole: int) -> str:
    """A percentage that says 100 only when it is all, and 0 only when it is nothing."""
    if part == whole:
        return "100 %"
    percent = 100 * part / whole
    return f"{max(math.floor(percent * 10) / 10, 0.1):g} %" if part else "0 %"

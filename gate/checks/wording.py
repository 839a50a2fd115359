"""How checks put tensors and numbers into words."""

import math
from typing import Any

import numpy as np

from gate.tensors.dtypes import dtype_name
from gate.tensors.weightset import Tensor


def kind_of(tensor: Tensor) -> str:
    """`float32 [3, 3, 1, 8]`."""
    return f"{dtype_name(tensor.dtype)} {list(tensor.shape)}"


def place(index: int, shape: tuple[int, ...]) -> str:
    """The position of the element with the flat, C-order `index`: `[0, 3, 2]`; `[]` is a scalar's only element."""
    return str([int(i) for i in np.unravel_index(index, shape)]) if shape else "[]"


def number(value: Any) -> str:
    """A value as precise as its reader needs: nine digits tell any two float32 apart."""
    if isinstance(value, bool) or not isinstance(value, float | complex):
        return repr(value)
    return f"{value:.9g}"


def rounded_up(value: float) -> str:
    """A positive number with three digits, rounded up, so that it is enough when somebody copies it."""
    if not math.isfinite(value) or value <= 0:
        return f"{value:g}"
    step = 10.0 ** (math.floor(math.log10(value)) - 2)
    shown = f"{math.ceil(value / step) * step:.3g}"
    return shown if float(shown) >= value else f"{math.ceil(value / step + 1) * step:.3g}"


def counted(count: int, noun: str) -> str:
    """`1 tensor`, `12 tensors`, `1,204 tensors`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def share(part: int, whole: int) -> str:
    """A percentage that says 100 only when it is all, and 0 only when it is nothing."""
    if part == whole:
        return "100 %"
    percent = 100 * part / whole
    return f"{min(max(percent, 0.1), 99.9):.1f} %" if part else "0 %"

"""What a dtype is for comparison: a number with a size, or something that is equal or not.

numpy knows bfloat16 and the 8-bit floats only through `ml_dtypes`, as types of kind `V`; the helpers here hide that.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_EXTENDED = ("bfloat16", "float8_", "float6_", "float4_")


@cache
def dtype_name(dtype: np.dtype[Any]) -> str:
    """The name that manifests and reports use; all fixed-width texts are `string`."""
    return "string" if dtype.kind in "SUO" else dtype.name


def dtype_called(name: str) -> np.dtype[Any]:
    """The dtype whose `name` this is, those of `ml_dtypes` too; raises `TypeError` where there is none."""
    import ml_dtypes  # noqa: PLC0415 - ten milliseconds, and only where a process handed names over

    found: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name, name))
    return found


@cache
def is_floating(dtype: np.dtype[Any]) -> bool:
    """Whether values can be NaN, infinite, or near one another: floats of every width, and complex ones."""
    return dtype.kind in "fc" or is_extended_float(dtype)


@cache
def is_extended_float(dtype: np.dtype[Any]) -> bool:
    """Whether the dtype is one of `ml_dtypes`' floats."""
    return dtype.kind in "Vf" and dtype.name.startswith(_EXTENDED)


@cache
def is_number(dtype: np.dtype[Any]) -> bool:
    """Whether values can be put into float64 or complex128 at all."""
    return dtype.kind in "biufc" or is_extended_float(dtype) or dtype.name.startswith(("int", "uint"))


@cache
def is_real(dtype: np.dtype[Any]) -> bool:
    """Whether values are real numbers, which statistics need."""
    return is_number(dtype) and dtype.kind != "c"


def widen(block: NDArray[Any]) -> NDArray[Any]:
    """`block` as float64, or complex128 if it is complex: the arithmetic of every comparison and statistic."""
    return block.astype(np.complex128 if block.dtype.kind == "c" else np.float64)


def finite(block: NDArray[Any]) -> NDArray[np.bool_]:
    """Per element, whether it is neither NaN nor infinite; True for all that is no float."""
    if block.dtype.kind in "fc":
        return np.asarray(np.isfinite(block))
    if not is_floating(block.dtype):
        return np.ones(block.shape, np.bool_)
    if block.dtype.name == "bfloat16":  # the upper half of a float32: all exponent bits set is NaN or infinite
        return np.asarray((block.view(np.uint16) & np.uint16(0x7F80)) != 0x7F80)
    return np.asarray(np.isfinite(block))

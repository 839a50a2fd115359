"""TensorFlow's element types (tensorflow/core/framework/types.proto) as numpy has them."""

from functools import cache
from typing import Any

import numpy as np

TEXT, VARIANT = 7, 21
OPAQUE = {20: "resource", VARIANT: "variant"}
"""What only TensorFlow itself can take out of a file: no numbers."""
OPAQUE_DTYPE = np.dtype("V")

_NUMPY = {
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", TEXT: "O", 8: "complex64", 9: "int64",
    10: "bool", 17: "uint16", 18: "complex128", 19: "float16", 22: "uint32", 23: "uint64",
    # Quantised: integers, whose scale is not in the file.
    11: "int8", 12: "uint8", 13: "int32", 15: "int16", 16: "uint16",
}  # fmt: skip
# One element a byte on disk, however few bits it has.
_EXTENDED = {
    14: "bfloat16", 24: "float8_e5m2", 25: "float8_e4m3fn", 26: "float8_e4m3fnuz", 27: "float8_e4m3b11fnuz",
    28: "float8_e5m2fnuz", 29: "int4", 30: "uint4", 31: "int2", 32: "uint2", 33: "float4_e2m1fn",
}  # fmt: skip
_QUANTISED = {11: "qint8", 12: "quint8", 13: "qint32", 15: "qint16", 16: "quint16"}
_REFERENCE = 100


@cache
def dtype_of(number: int) -> np.dtype[Any] | None:
    """The numpy dtype of a `DataType`: objects (`bytes`) for texts, `OPAQUE_DTYPE` for `OPAQUE`, else None."""
    if number in OPAQUE:
        return OPAQUE_DTYPE
    if number in _EXTENDED:
        import ml_dtypes  # noqa: PLC0415 -- most files need none of it

        found: np.dtype[Any] = np.dtype(getattr(ml_dtypes, _EXTENDED[number]))
        return found
    return np.dtype(_NUMPY[number]) if number in _NUMPY else None


@cache
def type_name(number: int) -> str:
    """What TensorFlow calls the type, where it differs from numpy: `qint8`, `string`, `variant`."""
    if number == TEXT:
        return "string"
    known = OPAQUE.get(number) or _QUANTISED.get(number)
    if known is not None:
        return known
    dtype = dtype_of(number)
    if dtype is not None:
        return dtype.name
    base = dtype_of(number - _REFERENCE)
    return f"reference to {type_name(number - _REFERENCE)}" if base is not None else f"number {number}"

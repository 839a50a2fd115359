"""Numbers of any dtype: their neighbours, and where their sign, exponent and mantissa lie."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gate.tensors.dtypes import dtype_name, is_floating, widen
from gate.tensors.weightset import Array


@dataclass(frozen=True)
class Layout:
    """The bits of a float, counted from the lowest. Formats without a sign or a mantissa have no bits of it."""

    mantissa: int
    exponent: int
    sign: int


def layout(dtype: "np.dtype[Any]") -> Layout | None:
    """How a real float is laid out; None for all else.

    Source: IEEE 754-2019, and ml_dtypes' `finfo` for the formats that it adds.
    """
    if not is_floating(dtype) or dtype.kind == "c" or dtype.itemsize > 8:
        return None
    import ml_dtypes  # noqa: PLC0415 - ten milliseconds

    info: Any = ml_dtypes.finfo(dtype)  # type: ignore[no-untyped-call]
    sign = 1 if float(info.min) < 0 else 0
    return Layout(int(info.nmant), int(info.bits) - sign - int(info.nmant), sign)


def flipped(value: Array, bit: int) -> Array:
    """An array of one element with one of its bits the other way."""
    unsigned = np.dtype(f"u{value.dtype.itemsize}")
    changed: Array = value.view(unsigned) ^ unsigned.type(1 << bit)
    return changed.view(value.dtype)


def neighbour(value: Array, away: bool) -> Array | None:
    """The next number of the dtype, `away` from zero or towards it; None where there is no finite one.

    Floats of one sign are in the order of their bits, read as whole numbers.
    """
    if value.dtype.kind in "biu" or value.dtype.name.startswith(("int", "uint")):
        return _next_integer(value, away)
    unsigned = np.dtype(f"u{value.dtype.itemsize}")
    found = layout(value.dtype)
    if found is None:
        return None
    magnitude = (1 << (found.mantissa + found.exponent)) - 1
    bits = int(value.view(unsigned)[0])
    if not away and not bits & magnitude:
        return None
    moved = np.array([bits + 1 if away else bits - 1], np.uint64).astype(unsigned).view(value.dtype)
    with np.errstate(all="ignore"):
        held = (bits & magnitude) < magnitude if away else True
        return moved if held and bool(np.isfinite(widen(moved)).all()) else None


def _next_integer(value: Array, away: bool) -> Array | None:
    number = int(value[0])
    step = (1 if number >= 0 else -1) * (1 if away else -1)
    return shifted(value, step)


def shifted(value: Array, step: int) -> Array | None:
    """A whole number so much greater; None where the dtype ends before. Of two booleans there is one other."""
    if value.dtype.kind == "b":
        return ~value if step else value.copy()
    number = int(value[0]) + step
    if value.dtype.kind in "iu":
        info = np.iinfo(value.dtype)
        least, most = int(info.min), int(info.max)
    else:
        bits = int("".join(filter(str.isdigit, dtype_name(value.dtype))))
        signed = value.dtype.name.startswith("int")
        least, most = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    return np.array([number]).astype(value.dtype) if least <= number <= most else None


def like(number: complex, dtype: "np.dtype[Any]") -> Array:
    """An array of one element."""
    with np.errstate(all="ignore"):
        return np.array([number]).astype(dtype)

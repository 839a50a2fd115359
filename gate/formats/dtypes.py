"""Element types that numpy lacks, by the names formats use for them; ml_dtypes is imported when one is met."""

from typing import Any

import numpy as np

# Whole-byte types only: how sub-byte ones are packed differs between formats.
EXTENDED = {
    "bfloat16": 2,
    "float8_e4m3fn": 1,
    "float8_e5m2": 1,
    "float8_e4m3": 1,
    "float8_e4m3b11fnuz": 1,
    "float8_e4m3fnuz": 1,
    "float8_e5m2fnuz": 1,
    "float8_e3m4": 1,
    "float8_e8m0fnu": 1,
}


def extended(name: str) -> np.dtype[Any]:
    """The numpy dtype of a name in `EXTENDED`."""
    import ml_dtypes  # noqa: PLC0415 -- most files need none of it

    found: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name))
    return found


def wider_than_ours(dtype: np.dtype[Any]) -> bool:
    """Whether values do not fit the float64 (complex128) of all comparisons: long doubles."""
    return dtype.itemsize > {"f": 8, "c": 16}.get(dtype.kind, dtype.itemsize)

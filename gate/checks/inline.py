"""Values written in a manifest, as an array that a tensor can be compared with."""

from typing import Any

import numpy as np

from gate.tensors.dtypes import dtype_name, is_floating, widen
from gate.tensors.weightset import Array, Tensor


def inline_array(values: Any, tensor: Tensor) -> tuple[Array | None, str]:
    """The manifest's values as an array of the tensor's dtype, or why they cannot be that."""
    shape, items = _flattened(values)
    if shape != tensor.shape:
        return None, f"shape {list(tensor.shape)}, the values in the manifest have {list(shape)}"
    found, said = _sort_of(tensor.dtype), {_sort_of_value(item) for item in items}
    if said and said != {found}:
        return None, f"the tensor holds {found}s, the values in the manifest are {' and '.join(sorted(said))}s"
    try:
        return _cast(items, tensor).reshape(shape), ""
    except (ValueError, OverflowError, UnicodeError):
        return None, f"the values in the manifest do not fit the tensor's dtype, {dtype_name(tensor.dtype)}"


def _flattened(values: Any) -> tuple[tuple[int, ...], list[Any]]:
    """The shape of nested sequences, and their items in C order; the manifest saw to it that they are rectangular."""
    shape: list[int] = []
    items = [values]
    while items and isinstance(items[0], tuple | list):
        shape.append(len(items[0]))
        items = [item for part in items for item in part]
    if not items and not shape:
        shape = [0]
    return tuple(shape), items


def _sort_of(dtype: np.dtype[Any]) -> str:
    return "text" if dtype.kind in "SUO" else "bool" if dtype.kind == "b" else "number"


def _sort_of_value(value: Any) -> str:
    return "text" if isinstance(value, str) else "bool" if isinstance(value, bool) else "number"


def _cast(items: list[Any], tensor: Tensor) -> Array:
    """The items in the tensor's dtype; raises where one of them is not, or not nearly, what it becomes."""
    if tensor.dtype.kind in "SUO":  # as wide as they are: a tensor's width must not cut them off
        if tensor.dtype.kind == "O":
            return np.array([item.encode() for item in items], np.object_)
        texts = [item.encode() for item in items] if tensor.dtype.kind == "S" else items
        return np.array(texts) if texts else np.empty(0, tensor.dtype)
    with np.errstate(all="ignore"):
        if is_floating(tensor.dtype):
            cast = np.array(items, np.float64).astype(tensor.dtype)
            lost = ~np.isfinite(widen(cast)) & np.isfinite(np.array(items, np.float64))
            if lost.any():
                raise OverflowError("a number became infinite")
            return cast
        # Integers one by one: numpy would make float64 of mixed ones, which has no 2**63 - 1.
        whole = [int(item) for item in items]
        if whole != items:
            raise ValueError("a fraction")
        return np.array([tensor.dtype.type(item) for item in whole], tensor.dtype)

"""Tensors in memory, for tests that need no file."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gate.errors import UnreadableError
from gate.tensors.weightset import Group, Tensor


def tensor(name: str, values: Any, dtype: Any = np.float32, group: Group = Group.WEIGHTS) -> Tensor:
    array = np.ascontiguousarray(np.asarray(values, dtype)).reshape(np.shape(values))
    array.flags.writeable = False
    return Tensor(name, array.dtype, array.shape, lambda: array, group)


def tensors(arrays: Mapping[str, Any], dtype: Any = np.float32) -> dict[str, Tensor]:
    return {name: tensor(name, values, dtype) for name, values in arrays.items()}


def broken(name: str, shape: tuple[int, ...] = (3,)) -> Tensor:
    def read() -> Any:
        raise UnreadableError(f"{name} is cut short", "fetch the file again")

    return Tensor(name, np.dtype(np.float32), shape, read)

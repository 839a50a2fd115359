"""A lock as what it is of: tensors by name, without their values."""

from pathlib import Path
from typing import NoReturn

from gate.errors import UnreadableError
from gate.locks.lock import Lock, LockedTensor
from gate.locks.tensor_lines import TEXTS
from gate.tensors.dtypes import dtype_called
from gate.tensors.locked import Locked
from gate.tensors.weightset import Tensor, WeightSet

FORMAT = "lock"


def weights_of(lock: Lock, shown: str, path: Path) -> WeightSet:
    """The tensors of a lock that lies at `path`; each has `Tensor.locked`, and raises `UnreadableError` when read."""
    return WeightSet(shown, FORMAT, {each.name: _tensor(each) for each in lock.tensors}, files=(path,))


def _tensor(locked: LockedTensor) -> Tensor:
    return Tensor(
        name=locked.name,
        dtype=dtype_called("object" if locked.dtype == TEXTS else locked.dtype),
        shape=locked.shape,
        read=_no_values,
        group=locked.group,
        stored_as=locked.stored_as,
        layer=locked.layer,
        variable=locked.variable,
        index=locked.index,
        locked=Locked(locked.digest, {name: each for name, each in locked.statistics.items() if each is not None}),
    )


def _no_values() -> NoReturn:
    raise UnreadableError("a lock holds no values", "use a file, or one from git, as the reference")

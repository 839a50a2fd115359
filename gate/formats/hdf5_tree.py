"""What is known of an HDF5 file after one walk: groups and lazy datasets. Nothing here needs h5py."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gate.tensors.weightset import Array

MAGIC = b"\x89HDF\r\n\x1a\n"
_USER_BLOCKS = (0, 512, 1024, 2048)  # where the signature may stand (§ II.A of the specification)


def is_hdf5(head: bytes) -> bool:
    """Whether the first bytes have the HDF5 signature where the specification allows it."""
    return any(head.startswith(MAGIC, at) for at in _USER_BLOCKS)


@dataclass(frozen=True, slots=True)
class Dataset:
    """What a dataset holds. `extents` are its bytes in the file; `expanded` is what decoding may produce."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    read: Callable[[], Array]
    extents: tuple[tuple[int, int], ...] = ()
    expanded: int = 0
    guessed: bool = False
    """The file does not say that two opaque bytes are a bfloat16."""


@dataclass(eq=False, slots=True)
class Stored:
    """A dataset: where it is, what it holds, how to have it."""

    path: str
    address: int
    data: Dataset
    attribute: Callable[[str], Any] = field(repr=False)


@dataclass(eq=False, slots=True)
class Folder:
    """A group. `children` are in the file's own order by name, datasets and groups together."""

    path: str
    attribute: Callable[[str], Any] = field(repr=False)
    children: "dict[str, Folder | Stored]" = field(default_factory=dict)

    def folder(self, name: str) -> "Folder | None":
        child = self.children.get(name)
        return child if isinstance(child, Folder) else None

    def at(self, path: str) -> "Folder | Stored | None":
        """What is at a relative path, None when nothing is."""
        here: Folder | Stored | None = self
        for part in path.split("/"):
            if part:
                here = here.children.get(part) if isinstance(here, Folder) else None
        return here

    def datasets(self) -> Iterator[Stored]:
        """Every dataset below, in order."""
        stack = [iter(self.children.values())]
        while stack:
            child = next(stack[-1], None)
            if child is None:
                stack.pop()
            elif isinstance(child, Folder):
                stack.append(iter(child.children.values()))
            else:
                yield child

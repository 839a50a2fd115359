"""What is known of an HDF5 file after one walk: groups and lazy datasets. Nothing here needs h5py."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import numpy as np

from gate.formats.mapping import Window, empty
from gate.tensors.weightset import Array

MAGIC = b"\x89HDF\r\n\x1a\n"
USER_BLOCKS = (0, 512, 1024, 2048)  # where the signature may stand (§ II.A of the specification)


def is_hdf5(head: bytes) -> bool:
    """Whether the first bytes have the HDF5 signature where the specification allows it."""
    return any(head.startswith(MAGIC, at) for at in USER_BLOCKS)


class Origin(Protocol):
    """Whatever read a file, as far as its objects need it afterwards."""

    def attribute(self, address: int, path: str, name: str) -> Any:
        """One attribute of the object at an address: None when absent, else what h5py makes of it."""


@dataclass(eq=False, slots=True)
class Dataset:
    """What a dataset holds."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def guessed(self) -> bool:
        """The file does not say that two opaque bytes are a bfloat16."""
        return False

    def read(self) -> Array:
        """Its elements: read-only, C-contiguous, of just that type and shape."""
        raise NotImplementedError


@dataclass(eq=False, slots=True)
class Mapped(Dataset):
    """Data that lies in the file as it is."""

    window: Window
    offset: int

    def read(self) -> Array:
        return self.window.array(self.offset, self.dtype, self.shape)


@dataclass(eq=False, slots=True)
class Opaque(Mapped):
    """The same, of a type that was guessed."""

    @property
    def guessed(self) -> bool:
        return True


@dataclass(eq=False, slots=True)
class Decoded(Dataset):
    """Data that has to be made."""

    reader: Callable[[], Array]
    is_guessed: bool = False

    @property
    def guessed(self) -> bool:
        return self.is_guessed

    def read(self) -> Array:
        return self.reader()


def nothing(dtype: np.dtype[Any], shape: tuple[int, ...], guessed: bool) -> Dataset:
    """A dataset without elements. Refuses dimensions that no array can have."""
    empty(dtype, shape)
    return Decoded(dtype, shape, partial(empty, dtype, shape), guessed)


@dataclass(eq=False, slots=True)
class Stored:
    """A dataset: where it is, what it holds, how to have it."""

    path: str
    address: int
    data: Dataset
    origin: Origin = field(repr=False)

    def attribute(self, name: str) -> Any:
        """One attribute: None when absent, else what h5py makes of it."""
        return self.origin.attribute(self.address, self.path, name)


@dataclass(eq=False, slots=True)
class Folder:
    """A group. `children` are in the file's own order by name, datasets and groups together."""

    path: str
    address: int
    origin: Origin = field(repr=False)
    children: "dict[str, Folder | Stored]" = field(default_factory=dict)

    def attribute(self, name: str) -> Any:
        """One attribute: None when absent, else what h5py makes of it."""
        return self.origin.attribute(self.address, self.path, name)

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

"""The seam between the gate and file formats: what a reader gets (`Source`, `Limits`) and gives (`WeightSet`).

A new format is one module with one `Reader` and one line in `gate.formats.READERS`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from gate.formats.hdf5_tree import Folder
from gate.formats.mapping import MappedFile, Window
from gate.tensors.weightset import WeightSet

if TYPE_CHECKING:
    from gate.formats.zip_members import Members

HEAD_BYTES = 4096
_MIB = 1024**2
_GIB = 1024**3


@dataclass(frozen=True)
class Limits:
    """What reading one file may cost. The defaults fit every model that fits a disk and no bomb.

    Data stored as it is needs no limit: all of it together has to fit the file. What is *expanded* (compressed
    chunks, deflated zip members) may grow to `max_ratio` times the file or to `free_expansion` bytes, whichever is
    more, and never beyond `max_expanded_bytes`.
    """

    max_ratio: int = 200
    free_expansion: int = 256 * _MIB
    max_expanded_bytes: int = 256 * _GIB
    max_chunk_bytes: int = 256 * _MIB
    max_objects: int = 1_000_000
    max_depth: int = 64
    max_members: int = 100_000
    max_directory_bytes: int = 64 * _MIB
    max_config_bytes: int = 64 * _MIB
    max_header_bytes: int = 100_000_000  # the safetensors specification's own
    max_attribute_bytes: int = 64 * _MIB
    small_bytes: int = 64 * 1024
    """Decoded tensors up to this size stay in memory; larger ones go to an unlinked temporary file."""
    piece_bytes: int = 8 * _MIB
    """How much is decoded at a time."""
    scratch: Path | None = None
    """Where temporary files lie; None is the system's folder for them (`TMPDIR`)."""

    def may_expand(self, stored: int) -> int:
        """How many bytes may come out of a file of `stored` bytes."""
        return min(self.max_expanded_bytes, max(self.free_expansion, self.max_ratio * stored))


class Source:
    """One regular, non-empty file about to be read: its first bytes now, its mapping and HDF5 tree on demand."""

    def __init__(self, path: Path, shown: str, limits: Limits, head: bytes) -> None:
        self.path = path
        self.shown = shown
        self.limits = limits
        self.head = head
        self._to_close: list[Callable[[], None]] = []

    @cached_property
    def mapping(self) -> MappedFile:
        mapping = MappedFile(self.path, self.shown)
        self.on_close(mapping.close)
        return mapping

    @cached_property
    def hdf5(self) -> Folder:
        """The tree of the file as HDF5, walked once however many readers ask."""
        return self.open_hdf5(Window(self.mapping), self.shown)

    def open_hdf5(self, window: Window, shown: str) -> Folder:
        """The tree of an HDF5 file in a window; `shown` names it in messages."""
        from gate.formats.hdf5 import Hdf5File  # noqa: PLC0415 -- h5py's tenth of a second, only where it is needed

        file = Hdf5File(window, shown, self.limits)
        self.on_close(file.close)
        return file.root

    @cached_property
    def members(self) -> "Members":
        """The file as a zip archive, listed once."""
        from gate.formats.zip_members import Members  # noqa: PLC0415 -- zip_members needs this module

        return Members(self.mapping, self.shown, self.limits)

    def on_close(self, close: Callable[[], None]) -> None:
        """Have something closed with the rest, last opened first."""
        self._to_close.append(close)

    def close(self) -> None:
        """Let go of everything; arrays that were read stay valid. More than once is once."""
        while self._to_close:
            self._to_close.pop()()


class Reader(ABC):
    """One file format. Readers keep no state; `read` raises nothing but errors of `gate.errors`."""

    key: ClassVar[str]
    """The format's key in `READERS` and in `WeightSet.format`."""
    title: ClassVar[str]
    """What people call it."""

    @abstractmethod
    def recognises(self, source: Source) -> bool:
        """Whether the content is of this format, whatever the file is called. Cheap; damage is found by `read`."""

    @abstractmethod
    def read(self, source: Source) -> WeightSet:
        """All tensors of the file, unread, under the names of docs/names.md, in the file's own order."""

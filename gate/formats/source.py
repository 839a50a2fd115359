"""One file about to be read: what readers share of it, opened at most once."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from gate.formats.hdf5.tree import Folder
from gate.formats.limits import Limits
from gate.formats.mapping import MappedFile, Window
from gate.formats.zip_members import Members

HEAD_BYTES = 4096


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

    def tail(self, length: int) -> bytes:
        """The last bytes of the file."""
        return self.mapping.bytes_at(max(0, self.mapping.size - length), length)

    @cached_property
    def hdf5(self) -> Folder:
        """The tree of the file as HDF5, walked once however many readers ask."""
        return self.open_hdf5(Window(self.mapping), self.shown)

    def open_hdf5(self, window: Window, shown: str) -> Folder:
        """The tree of an HDF5 file in a window; `shown` names it in messages."""
        from gate.formats.hdf5.file import Hdf5File  # noqa: PLC0415 -- only where it is needed

        file = Hdf5File(window, shown, self.limits)
        self.on_close(file.close)
        return file.root

    @cached_property
    def members(self) -> Members:
        """The file as a zip archive, listed once."""
        return Members(self.mapping, self.shown, self.limits)

    def on_close(self, close: Callable[[], None]) -> None:
        """Have something closed with the rest, last opened first."""
        self._to_close.append(close)

    def close(self) -> None:
        """Let go of everything; arrays that were read stay valid. More than once is once."""
        while self._to_close:
            self._to_close.pop()()

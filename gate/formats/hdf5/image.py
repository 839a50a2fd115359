"""The bytes of one HDF5 file, as its metadata is read: within the file, and never much more than the file holds."""

from gate.formats.hdf5.signals import Damaged
from gate.formats.mapping import Window

UNDEFINED = 0xFFFFFFFFFFFFFFFF
"""An address of nothing (§ I.A)."""


class Image:
    """Reads blocks of metadata.

    Blocks of one file never overlap, so reading each once reads less than the file. `unspent` holds every walk to
    that, give or take, however blocks point at each other: no loop over a damaged file is longer.
    """

    __slots__ = ("_end", "_raw", "_start", "length", "unspent", "window")

    def __init__(self, window: Window) -> None:
        self.window = window
        self.length = window.length
        self._raw = window.mapping.raw
        self._start = window.start
        self._end = window.start + window.length
        # Twice, since the end of some blocks is known only when their start was read.
        self.unspent = 2 * self.length + (1 << 20)

    def allow_more(self) -> None:
        """After the walk: room for attributes, of which some are read more than once."""
        self.unspent += 16 * self.length + (1 << 26)

    def peek(self, address: int, most: int) -> bytes:
        """Up to `most` bytes, fewer at the end of the file; what is used of them is to be `spent`."""
        start = self._start + address
        stop = start + most
        return self._raw[start : stop if stop < self._end else self._end]  # noqa: FURB136 -- min() costs a call

    def block(self, address: int, length: int, what: str) -> bytes:
        """Exactly `length` bytes of metadata; `what` names them in messages."""
        if address + length > self.length:
            raise Damaged(f"{what} should be {length} bytes at byte {address}, and the file ends at {self.length}")
        self.spend(length, what)
        start = self._start + address
        return self._raw[start : start + length]

    def signed(self, address: int, length: int, signature: bytes, what: str) -> bytes:
        """A block that starts with a signature."""
        data = self.block(address, length, what)
        if not data.startswith(signature):
            raise Damaged(f"there is no {what} at byte {address}")
        return data

    def spend(self, length: int, what: str) -> None:
        """Count what is read."""
        self.unspent -= length
        if self.unspent < 0:
            raise Damaged(f"{what} is one of too many: they are more than the whole file")


def number(data: bytes, at: int, width: int) -> int:
    """An unsigned number of `width` bytes at `at`."""
    if at + width > len(data):
        raise Damaged("a number is cut short")
    return int.from_bytes(data[at : at + width], "little")

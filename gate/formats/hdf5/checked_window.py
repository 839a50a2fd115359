"""What HDF5 reads of a file's metadata, looked at before HDF5 believes it.

HDF5 1.14 walks a global heap (§ III.E of the specification, where texts of attributes lie) by the sizes written in it,
and a free object of size zero keeps it walking for ever. So every heap is checked as it passes.
"""

import struct
from typing import Any

from gate.formats.mapping import Window

_HEAP = b"GCOL\x01"  # HDF5 looks at no more of it
_OBJECT = struct.Struct("<HH4xQ")
_FIRST = 16  # signature, version, collection size: all sizes are eight bytes in files with eight-byte lengths


class CheckedWindow(Window):
    """A window through which no broken global heap is read."""

    def __init__(self, window: Window) -> None:
        super().__init__(window.mapping, window.start, window.length)

    def readinto(self, buffer: Any, /) -> int:
        at = self._position
        count = super().readinto(buffer)
        around = self.bytes_at(max(0, at - 4), count + 8)
        found = around.find(_HEAP)
        while found >= 0:
            self._check(max(0, at - 4) + found)
            found = around.find(_HEAP, found + 1)
        return count

    def _check(self, start: int) -> None:
        size = int.from_bytes(self.bytes_at(start + 8, 8), "little")
        heap = self.bytes_at(start, min(size, 1 << 32))
        at = _FIRST
        while at + _OBJECT.size <= len(heap):
            index, _, length = _OBJECT.unpack_from(heap, at)
            step = length if index == 0 else _OBJECT.size + length + -length % 8
            # A size of zero stays here, one beyond the heap wraps around to before it.
            if step < _OBJECT.size or step > len(heap) - at:
                raise OSError("a global heap never ends")
            at += step

"""Fractal heaps (§ III.G): where groups and objects keep links and attributes when they have many."""

from struct import Struct

from gate.formats.hdf5.btree2 import records
from gate.formats.hdf5.checksum import Checksums
from gate.formats.hdf5.image import UNDEFINED, Image, number
from gate.formats.hdf5.signals import Damaged, Unsupported

_HEADER = Struct("<4sBHHBI12QHQQHHQHI")
_MANAGED, _HUGE = 0, 1
_HUGE_RECORD = 24
_CHECKED = 0x02


class FractalHeap:
    """One heap: objects by the identifiers that records of a B-tree have."""

    def __init__(self, image: Image, address: int, checksums: Checksums) -> None:
        self._image = image
        self._address = address
        self._checksums = checksums
        head = image.signed(address, _HEADER.size, b"FRHP\x00", "fractal heap")
        _, _, _, filtered, flags, self._largest, *numbers = _HEADER.unpack(head)
        if filtered:
            raise Unsupported("a fractal heap with filters")
        checksums.expect(head, address)
        checksums.verify()
        self._huge_tree = numbers[1]
        self._width, self._first, self._largest_block, bits, _, self._root, self._rows, _ = numbers[12:]
        if not (
            0 < self._width <= 1 << 16
            and _is_power(self._first)
            and _is_power(self._largest_block)
            and self._first <= self._largest_block <= 1 << 32
            and 8 <= bits <= 64
            and self._rows <= bits
        ):
            raise Damaged(f"the fractal heap at byte {address} makes no sense")
        self._offset_bytes = (bits + 7) // 8
        self._length_bytes = min(
            (self._largest_block.bit_length() - 1 + 7) // 8, max(1, (self._largest.bit_length() + 7) // 8)
        )
        # Blocks double from row to row; from this row on they are indirect.
        self._direct_rows = self._largest_block.bit_length() - self._first.bit_length() + 2
        self._frame = 5 + 8 + self._offset_bytes + (4 if flags & _CHECKED else 0)
        self._checked = bool(flags & _CHECKED)
        self._verified: set[int] = set()
        self._indirects: dict[int, bytes] = {}
        self._huge: dict[int, tuple[int, int]] | None = None

    def object(self, identifier: bytes) -> bytes:
        """The bytes of one object."""
        return self.located(identifier)[0]

    def located(self, identifier: bytes) -> tuple[bytes, int]:
        """The bytes of one object, and where they are."""
        kind = number(identifier, 0, 1)
        if kind >> 6:
            raise Damaged("an identifier in a fractal heap is of another version")
        kind = kind >> 4 & 3
        if kind == _HUGE:
            return self._huge_object(number(identifier, 1, len(identifier) - 1 if len(identifier) < 9 else 8))
        if kind != _MANAGED:
            raise Unsupported("a tiny object in a fractal heap")
        offset = number(identifier, 1, self._offset_bytes)
        length = number(identifier, 1 + self._offset_bytes, self._length_bytes)
        block, start, size = self._block(offset)
        if not self._frame <= offset - start <= size - length:
            raise Damaged(f"an object at {offset} of the fractal heap at byte {self._address} does not fit its block")
        at = block + offset - start
        return self._image.block(at, length, "an object in a fractal heap"), at

    def _block(self, offset: int) -> tuple[int, int, int]:
        """The direct block around an offset: where it is, the offset of its start, its size."""
        if self._rows == 0:
            return self._direct(self._root, 0, self._first)
        address, start, rows = self._root, 0, self._rows
        # Each turn goes to a block that is smaller, so it ends.
        while True:
            row, column, begin, size = self._place(offset - start)
            if row >= rows:
                raise Damaged(f"the fractal heap at byte {self._address} ends before {offset}")
            children = self._indirect(address, start, rows)
            direct = min(rows, self._direct_rows) * self._width
            place = row * self._width + column
            address = number(children, 8 * place, 8)
            start += begin
            if place < direct:
                return self._direct(address, start, size)
            rows = size.bit_length() - (self._first * self._width).bit_length() + 1
            if rows < 1:
                raise Damaged(f"the fractal heap at byte {self._address} makes no sense")

    def _place(self, offset: int) -> tuple[int, int, int, int]:
        """Row, column, start and size of the block around an offset within an indirect block."""
        row_bytes = self._first * self._width
        row = (offset // row_bytes).bit_length()
        size = self._first << max(0, row - 1)
        begin = row_bytes << (row - 1) if row else 0
        column = (offset - begin) // size
        return row, column, begin + column * size, size

    def _indirect(self, address: int, start: int, rows: int) -> bytes:
        children = self._indirects.get(address)
        if children is None:
            length = 5 + 8 + self._offset_bytes + 8 * rows * self._width + 4
            data = self._image.signed(address, length, b"FHIB\x00", "block of a fractal heap")
            self._verify(data, address, start)
            children = self._indirects[address] = data[13 + self._offset_bytes : -4]
        return children

    def _direct(self, address: int, start: int, size: int) -> tuple[int, int, int]:
        if address in self._verified:
            return address, start, size
        if address == UNDEFINED:
            raise Damaged(f"the fractal heap at byte {self._address} has no block at {start}")
        data = self._image.signed(address, size, b"FHDB\x00", "block of a fractal heap")
        if self._checked:
            at = self._frame - 4
            # The sum is over the whole block, with zeros in place of itself.
            zeroed = data[:at] + bytes(4) + data[self._frame :]
            self._verify(zeroed + data[at : self._frame], address, start)
        else:
            self._refuse_other_owner(data, address, start)
        self._verified.add(address)
        return address, start, size

    def _verify(self, data: bytes, address: int, start: int) -> None:
        self._refuse_other_owner(data, address, start)
        self._checksums.expect(data, address)

    def _refuse_other_owner(self, data: bytes, address: int, start: int) -> None:
        if number(data, 5, 8) != self._address or number(data, 13, self._offset_bytes) != start:
            raise Damaged(f"the block of a fractal heap at byte {address} is of another heap")

    def _huge_object(self, key: int) -> tuple[bytes, int]:
        if self._huge is None:
            self._huge = {
                number(each, 16, 8): (number(each, 0, 8), number(each, 8, 8))
                for each in records(self._image, self._huge_tree, 1, _HUGE_RECORD, self._checksums)
            }
        if key not in self._huge:
            raise Damaged(f"the fractal heap at byte {self._address} has no huge object {key}")
        at, length = self._huge[key]
        return self._image.block(at, length, "a huge object in a fractal heap"), at


def _is_power(value: int) -> bool:
    return value > 0 and value & (value - 1) == 0

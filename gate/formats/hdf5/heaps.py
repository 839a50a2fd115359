"""Heaps: names of links in local ones (§ III.D), texts of attributes in global ones (§ III.E)."""

from struct import Struct

from gate.formats.hdf5.image import UNDEFINED, Image
from gate.formats.hdf5.signals import Damaged

_LOCAL = Struct("<8xQQQ")
_OBJECT = Struct("<HH4xQ")
_COLLECTION = Struct("<4sB3xQ")
_KEPT = 16
_NEAR = 256
LONGEST_NAME = 0xFFFF


def local_heap(image: Image, address: int) -> bytes:
    """The data of a local heap."""
    head = image.peek(address, _NEAR)
    if not head.startswith(b"HEAP\0") or len(head) < _LOCAL.size:
        raise Damaged(f"there is no heap of names at byte {address}")
    size, _, data = _LOCAL.unpack_from(head)
    image.spend(_LOCAL.size, "the heap of its names")
    near = data - address
    if _LOCAL.size <= near <= _NEAR and near + size <= len(head):  # as HDF5 writes small ones
        image.spend(size, "the heap of its names")
        return head[near : near + size]
    return image.block(data, size, "the heap of its names")


def name_at(heap: bytes, offset: int) -> bytes:
    """The name at an offset of a local heap."""
    end = heap.find(b"\0", offset, offset + LONGEST_NAME + 1)
    if end < 0:
        raise Damaged(f"a name at {offset} of its heap of {len(heap)} bytes does not end")
    return heap[offset:end]


class GlobalHeaps:
    """Objects of global heap collections, the last few collections kept."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self._collections: dict[int, dict[int, tuple[int, int]]] = {}

    def object(self, address: int, index: int, length: int) -> bytes:
        """`length` bytes of object `index` in the collection at `address`."""
        if length == 0 or address in {0, UNDEFINED}:
            return b""
        place, size = self._collection(address).get(index, (0, -1))
        if length > size:
            raise Damaged(f"the global heap at byte {address} has no {length} bytes as its object {index}")
        return self._image.block(place, length, "a text")

    def _collection(self, address: int) -> dict[int, tuple[int, int]]:
        found = self._collections.get(address)
        if found is None:
            found = self._read(address)
            if len(self._collections) >= _KEPT:
                del self._collections[next(iter(self._collections))]
            self._collections[address] = found
        return found

    def _read(self, address: int) -> dict[int, tuple[int, int]]:
        signature, version, size = _COLLECTION.unpack(self._image.block(address, _COLLECTION.size, "a global heap"))
        if signature != b"GCOL" or version != 1:
            raise Damaged(f"there is no global heap at byte {address}")
        data = self._image.block(address, size, "a global heap")
        found: dict[int, tuple[int, int]] = {}
        at = _COLLECTION.size
        while at + _OBJECT.size <= size:
            index, _, length = _OBJECT.unpack_from(data, at)
            step = length if index == 0 else _OBJECT.size + length + -length % 8
            if step < _OBJECT.size or step > size - at:
                raise Damaged(f"the global heap at byte {address} never ends")
            if index == 0:
                break  # free space is last
            if index in found:
                raise Damaged(f"the global heap at byte {address} has its object {index} twice")
            found[index] = (address + at + _OBJECT.size, length)
            at += step
        return found

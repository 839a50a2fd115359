"""Version 2 B-trees (§ III.A.2): the records of a tree, whatever they mean."""

from struct import Struct
from typing import NamedTuple

from gate.formats.hdf5.checksum import Checksums
from gate.formats.hdf5.image import UNDEFINED, Image, number
from gate.formats.hdf5.signals import Damaged

_HEADER = Struct("<4sBBIHHBBQHQI")
_FRAME = 10  # signature, version, type and checksum of a node
_DEEPEST = 32


class _Level(NamedTuple):
    """What nodes of one depth hold at most, and how wide their numbers are."""

    most: int
    total: int
    pointer: int
    width: int


def records(image: Image, address: int, kind: int, length: int, checksums: Checksums) -> list[bytes]:
    """All records of the tree at `address`, each of `length` bytes, in no promised order."""
    head = image.signed(address, _HEADER.size, b"BTHD\x00", "B-tree")
    checksums.expect(head, address)
    checksums.verify()
    _, _, found_kind, node, found_length, depth, _, _, root, used, total, _ = _HEADER.unpack(head)
    if found_kind != kind or found_length != length or depth > _DEEPEST or node < _FRAME + length:
        raise Damaged(f"the B-tree at byte {address} is none of its kind")
    if root == UNDEFINED:
        return []
    levels = _levels(node, length, depth)
    found: list[bytes] = []
    seen = {root}
    pending = [(root, used, depth)]
    while pending:
        at, count, level = pending.pop()
        if count > levels[level].most:
            raise Damaged(f"the node of a B-tree at byte {at} has too many records")
        width = levels[level].width
        pointers = 0 if level == 0 else (count + 1) * levels[level].pointer
        data = image.signed(
            at, _FRAME + count * length + pointers, b"BTIN\x00" if level else b"BTLF\x00", "node of a B-tree"
        )
        checksums.expect(data, at)
        found.extend(data[6 + place * length : 6 + (place + 1) * length] for place in range(count))
        for place in range(count + 1 if level else 0):
            start = 6 + count * length + place * levels[level].pointer
            child = number(data, start, 8)
            if child in seen:
                raise Damaged(f"a B-tree leads twice to byte {child}")
            seen.add(child)
            pending.append((child, number(data, start + 8, width), level - 1))
    if len(found) != total:
        raise Damaged(f"the B-tree at byte {address} has {len(found)} records and says {total}")
    return found


def _levels(node: int, length: int, depth: int) -> list[_Level]:
    most = (node - _FRAME) // length
    width = _bytes_for(most)
    levels = [_Level(most, most, 0, width)]
    for level in range(1, depth + 1):
        below = levels[-1]
        pointer = 8 + width + (_bytes_for(below.total) if level > 1 else 0)
        most = (node - _FRAME - pointer) // (length + pointer)
        levels.append(_Level(most, (most + 1) * below.total + most, pointer, width))
    return levels


def _bytes_for(count: int) -> int:
    return max(1, (count.bit_length() + 7) // 8)

"""Where the chunks of a dataset are: version 1 B-trees (§ III.A.1), and the simple indexes of version 4 layouts."""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gate.formats.hdf5.checksum import Checksums
from gate.formats.hdf5.image import UNDEFINED, Image, number
from gate.formats.hdf5.layouts import IMPLICIT, SINGLE, TREE, Layout
from gate.formats.hdf5.signals import Damaged

_NODE = 24
_WORD = 8


@dataclass(frozen=True, slots=True)
class Chunks:
    """All chunks that were written, one row each."""

    places: NDArray[np.uint64]
    """In the grid of chunks, row-major."""
    starts: NDArray[np.uint64]
    sizes: NDArray[np.uint64]
    masks: NDArray[np.uint32]

    def fill(self, count: int) -> bool:
        """Whether each of the `count` places of the grid has one chunk."""
        return len(self.places) == count == len(np.unique(self.places))


def chunks(image: Image, layout: Layout, shape: tuple[int, ...], filtered: bool, checksums: Checksums) -> Chunks:
    """The chunks of one dataset; none at all when it was never written."""
    chunk_bytes = prod(layout.chunk) * layout.width
    grid = [-(-length // step) for length, step in zip(shape, layout.chunk, strict=True)]
    if layout.address == UNDEFINED:
        return _table(np.empty(0, np.uint64), np.empty(0, np.uint64), 0, 0)
    if layout.indexed_by == TREE:
        return _tree(image, layout, grid)
    if layout.indexed_by == SINGLE:
        size = layout.length if filtered else chunk_bytes
        return _table(np.zeros(1, np.uint64), np.array([layout.address], np.uint64), size, layout.mask)
    if layout.indexed_by == IMPLICIT:
        if layout.address + prod(grid) * chunk_bytes > image.length:
            raise Damaged(f"its chunks start at byte {layout.address} and end beyond the file")
        places = np.arange(prod(grid), dtype=np.uint64)
        return _table(places, places * np.uint64(chunk_bytes) + np.uint64(layout.address), chunk_bytes, 0)
    return _fixed_array(image, layout, prod(grid), filtered, checksums)


def _table(places: NDArray[np.uint64], starts: NDArray[np.uint64], size: int, mask: int) -> Chunks:
    count = len(starts)
    return Chunks(places, starts, np.full(count, size, np.uint64), np.full(count, mask, np.uint32))


def _tree(image: Image, layout: Layout, grid: list[int]) -> Chunks:
    """All leaves of a B-tree. Levels fall towards the leaves and no node is met twice, so every walk ends."""
    root, rank = layout.address, len(grid)
    key = np.dtype([("size", "<u4"), ("mask", "<u4"), ("offsets", "<u8", (rank + 1,)), ("child", "<u8")])
    found: list[NDArray[Any]] = []
    seen = {root}
    pending: list[tuple[int, int | None]] = [(root, None)]
    while pending:
        address, expected = pending.pop()
        head = image.signed(address, _NODE, b"TREE\x01", "node of a chunk index")
        level, used = head[5], number(head, 6, 2)
        if expected is not None and level != expected:
            raise Damaged(f"its chunk index has a node of level {level} at byte {address} in place of {expected}")
        data = image.block(address + _NODE, used * key.itemsize, "node of a chunk index")
        entries = np.frombuffer(data, key)
        if level == 0:
            found.append(entries)
            continue
        for child in entries["child"].tolist():
            if child in seen:
                raise Damaged(f"its chunk index leads twice to byte {child}")
            seen.add(child)
            pending.append((child, level - 1))
    entries = np.concatenate(found) if found else np.empty(0, key)
    places = np.zeros(len(entries), np.uint64)
    for axis, (count, step) in enumerate(zip((*grid, 1), (*layout.chunk, layout.width), strict=True)):
        at, rest = np.divmod(entries["offsets"][:, axis].astype(np.uint64), np.uint64(step))
        if rest.any() or (at >= count).any():
            raise Damaged("its chunk index has a chunk that is not in its grid")
        places = places * np.uint64(count) + at
    return Chunks(
        places,
        entries["child"].astype(np.uint64),
        entries["size"].astype(np.uint64),
        entries["mask"].astype(np.uint32),
    )


def _fixed_array(image: Image, layout: Layout, expected: int, filtered: bool, checksums: Checksums) -> Chunks:
    """A fixed array (§ VII.C): an address for every chunk, in pages when they are many."""
    head = image.signed(layout.address, 28, b"FAHD\x00", "fixed array of chunks")
    checksums.expect(head, layout.address)
    checksums.verify()
    client, width, page_bits = head[5], head[6], head[7]
    count, address = number(head, 8, 8), number(head, 16, 8)
    extra = width - _WORD - 4 if filtered else 0
    if client != filtered or count != expected or page_bits > 63 or not (1 <= extra <= 8 if filtered else width == 8):
        raise Damaged(f"its fixed array of chunks at byte {layout.address} makes no sense")
    if address == UNDEFINED:
        return _table(np.empty(0, np.uint64), np.empty(0, np.uint64), 0, 0)
    page = 1 << page_bits
    if count <= page:
        data = image.signed(address, 14 + count * width + 4, b"FADB\x00", "block of a fixed array")
        checksums.expect(data, address)
        entries = data[14:-4]
    else:
        pages = -(-count // page)
        bitmap = (pages + 7) // 8
        head = image.signed(address, 14 + bitmap + 4, b"FADB\x00", "block of a fixed array")
        checksums.expect(head, address)
        pieces: list[bytes] = []
        at = address + len(head)
        for place in range(pages):
            here = min(page, count - place * page)
            if head[14 + place // 8] >> (7 - place % 8) & 1:
                data = image.block(at, here * width + 4, "page of a fixed array")
                checksums.expect(data, at)
                pieces.append(data[:-4])
            else:
                pieces.append(b"\xff" * (here * width))
            at += page * width + 4
        entries = b"".join(pieces)
    table = np.frombuffer(entries, np.uint8).reshape(count, width)
    starts = np.ascontiguousarray(table[:, :_WORD]).view("<u8").reshape(count).astype(np.uint64)
    written = starts != UNDEFINED
    places = np.arange(count, dtype=np.uint64)[written]
    if not filtered:
        return _table(places, starts[written], prod(layout.chunk) * layout.width, 0)
    sizes = np.zeros((count, _WORD), np.uint8)
    sizes[:, :extra] = table[:, _WORD : _WORD + extra]
    masks = np.ascontiguousarray(table[:, _WORD + extra :]).view("<u4").reshape(count)
    return Chunks(
        places,
        starts[written],
        sizes.view("<u8").reshape(count)[written].astype(np.uint64),
        masks[written].astype(np.uint32),
    )

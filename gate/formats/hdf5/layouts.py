"""Data layout messages (§ IV.A.2.i): where the bytes of a dataset are."""

from struct import Struct, error, unpack_from
from typing import NamedTuple

from gate.formats.hdf5.image import UNDEFINED, number
from gate.formats.hdf5.signals import Damaged, Unsupported

COMPACT, CONTIGUOUS, CHUNKED, VIRTUAL = 0, 1, 2, 3

# How the chunks of a version 4 layout are found; TREE is that of version 3.
TREE, SINGLE, IMPLICIT, FIXED_ARRAY = 0, 1, 2, 3

_PLAIN = Struct("<BBQQ")
_SINGLE_FILTERED = 0x02


class Layout(NamedTuple):
    """One decoded layout."""

    kind: int
    address: int
    """Of contiguous data in the file, of compact data in the message, of the chunks' index."""
    length: int
    """Of contiguous and compact data, and of a single filtered chunk."""
    chunk: tuple[int, ...] = ()
    """The dimensions of a chunk, in elements."""
    width: int = 0
    """Of one element of a chunk."""
    indexed_by: int = TREE
    mask: int = 0
    """Filters that a single chunk skipped."""
    page_bits: int = 0
    """Of a fixed array."""


def layout(body: bytes) -> Layout:
    """Versions 3 and 4; the older ones are of the previous century."""
    try:
        version, kind = body[0], body[1]
        if version in {1, 2}:
            raise Unsupported(f"a layout of version {version}")
        if version not in {3, 4} or kind > VIRTUAL or (kind == VIRTUAL and version == 3):
            raise Damaged(f"its layout has class {kind} and version {version}")
        if kind == CONTIGUOUS:
            _, _, address, length = _PLAIN.unpack_from(body)
            return Layout(kind, address, length)
        if kind == COMPACT:
            length = number(body, 2, 2)
            if 4 + length > len(body):
                raise Damaged("its data is cut short")
            return Layout(kind, 4, length)
        if kind == VIRTUAL:
            return Layout(kind, UNDEFINED, 0)
        return _chunked(body) if version == 3 else _indexed(body)
    except (error, IndexError) as problem:
        raise Damaged("its layout is cut short") from problem


def _chunked(body: bytes) -> Layout:
    rank = body[2]
    address = number(body, 3, 8)
    *chunk, width = unpack_from(f"<{_ranked(rank)}I", body, 11)
    return Layout(CHUNKED, address, 0, tuple(chunk), width)


def _indexed(body: bytes) -> Layout:
    flags, rank, encoded = body[2], _ranked(body[3]), body[4]
    if not 1 <= encoded <= 8:
        raise Damaged(f"its chunks have dimensions of {encoded} bytes")
    if flags & ~_SINGLE_FILTERED:
        raise Unsupported("chunks at the edge without filters")
    *chunk, width = (number(body, 5 + encoded * place, encoded) for place in range(rank))
    at = 5 + encoded * rank
    index = body[at]
    at += 1
    length = mask = page_bits = 0
    if index == SINGLE:
        if flags & _SINGLE_FILTERED:
            length, mask = number(body, at, 8), number(body, at + 8, 4)
            at += 12
    elif index == FIXED_ARRAY:
        page_bits = body[at]
        at += 1
    elif index in {4, 5}:
        raise Unsupported("chunks of a dataset that can grow, in the newest form")
    elif index != IMPLICIT:
        raise Damaged(f"its chunks have an index of type {index}")
    return Layout(CHUNKED, number(body, at, 8), length, tuple(chunk), width, index, mask, page_bits)


def _ranked(rank: int) -> int:
    if not 1 <= rank <= 33:
        raise Damaged(f"its chunks have {rank} dimensions")
    return rank

"""Filter pipelines (§ IV.A.2.l), and their way back: from the stored bytes of a chunk to its elements."""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gate.formats.hdf5 import refusals
from gate.formats.hdf5.checksum import fletcher32
from gate.formats.hdf5.image import number
from gate.formats.hdf5.refusals import DEFLATE, FLETCHER32, SHUFFLE
from gate.formats.hdf5.signals import Damaged, Unsupported

_OWN_NAME = 256
"""Filters from this number on have their name in version 2 too."""
_MOST = 32
_SUM = 4


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter and its parameters."""

    number: int
    values: tuple[int, ...]


def pipeline(body: bytes) -> tuple[Filter, ...]:
    """The filters of a message, in the order in which they were applied."""
    version, count = number(body, 0, 1), number(body, 1, 1)
    if version not in {1, 2} or count > _MOST:
        raise Damaged(f"its filters have version {version} and are {count}")
    at = 8 if version == 1 else 2
    found: list[Filter] = []
    for _ in range(count):
        identifier = number(body, at, 2)
        at += 2
        length = 0
        if version == 1 or identifier >= _OWN_NAME:
            length = number(body, at, 2)
            at += 2
        values = number(body, at + 2, 2)
        at += 4 + length + (-length % 8 if version == 1 else 0)
        if at + 4 * values > len(body):
            raise Damaged("its filters are cut short")
        found.append(Filter(identifier, tuple(number(body, at + 4 * place, 4) for place in range(values))))
        at += 4 * values + (4 if version == 1 and values % 2 else 0)
    return tuple(found)


def checked(filters: tuple[Filter, ...], where: str) -> tuple[Filter, ...]:
    """The same, when they are built in and stacked soundly; some are left to libhdf5."""
    numbers = [each.number for each in filters]
    refusals.refuse_odd_filters(where, numbers)
    for each in filters:
        if each.number not in {DEFLATE, SHUFFLE, FLETCHER32}:
            raise Unsupported(f"the filter {refusals.FILTERS[each.number]}")
        if each.number == SHUFFLE and len(each.values) != 1:
            raise Damaged("its shuffle filter does not say how")
    return filters


def decoded(stored: NDArray[np.uint8], filters: tuple[Filter, ...], mask: int, length: int, where: str) -> memoryview:
    """The `length` bytes of one chunk. Bit n of `mask` is set where filter n was skipped."""
    refusals.refuse_grown_chunk(where, len(stored), length)
    applied = [each for place, each in enumerate(filters) if not mask >> place & 1]
    data = stored.data
    while applied:
        last = applied.pop()
        if last.number == FLETCHER32:
            data = _verified(data)
        elif last.number == DEFLATE:
            sums = sum(_SUM for each in applied if each.number == FLETCHER32)
            data = _inflated(data, length + sums, where)
        else:
            data = _unshuffled(data, last.values[0])
    if len(data) != length:
        raise Damaged(f"a chunk of {length} bytes has {len(data)}")
    return data


def _inflated(data: memoryview, length: int, where: str) -> memoryview:
    inflate = zlib.decompressobj()
    try:
        found = inflate.decompress(data, length + 1)
    except zlib.error as problem:
        raise Damaged(f"a compressed chunk is damaged ({problem})") from problem
    if len(found) > length:
        raise refusals.bomb(where, length)
    if not inflate.eof:
        raise Damaged("a compressed chunk is cut short")
    return memoryview(found)


def _verified(data: memoryview) -> memoryview:
    if len(data) < _SUM:
        raise Damaged("a chunk is shorter than its checksum")
    data, said = data[:-_SUM], int.from_bytes(data[-_SUM:], "little")
    found = fletcher32(data)
    # HDF5 before 1.6.3 swapped the bytes of each half on some machines.
    swapped = (found & 0xFF00FF) << 8 | found >> 8 & 0xFF00FF
    if said not in {found, swapped}:
        raise Damaged("a chunk does not have its checksum")
    return data


def _unshuffled(data: memoryview, width: int) -> memoryview:
    """First bytes of all elements stand together, then the second ones; what is no whole element stays behind."""
    count = len(data) // width if width else 0
    if width <= 1 or count <= 1:
        return data
    found = np.empty(len(data), np.uint8)
    whole = count * width
    found[:whole].reshape(count, width)[:] = np.frombuffer(data[:whole], np.uint8).reshape(width, count).T
    found[whole:] = data[whole:]
    return found.data

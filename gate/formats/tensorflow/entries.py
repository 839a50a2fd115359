"""The records of a `.index` (tensorflow/core/protobuf/tensor_bundle.proto): the header, and an entry per tensor.

Names are the keys; values are protocol buffers. What is said twice, or cannot be, is damage (`WireError`).
"""

import re
from typing import NamedTuple

from gate.formats.tensorflow.wire import WireError, fields, int32, int64, messages, part, uint64, varints

MAX_RANK = 32
_SLICES = 7
_NUMBER = rb"([\x80-\xff]{0,8}[\x00-\x7f])"
_AFTER_SHAPE = re.compile(
    rb"(?:\x18" + _NUMBER + rb")?(?:\x20" + _NUMBER + rb")?(?:\x28" + _NUMBER + rb")?(?:\x35(.{4}))?", re.DOTALL
)

Extent = tuple[int, int]
"""Start and length along one axis; a length of `WHOLE` is all of it."""
WHOLE = -1


class Header(NamedTuple):
    """BundleHeaderProto, and the parts of its VersionDef that say who may read."""

    num_shards: int
    big_endian: bool
    min_reader: int
    refused_readers: tuple[int, ...]


class Entry(NamedTuple):
    """BundleEntryProto. A tensor with `slices` has its data under other keys, in parts."""

    type: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc: int
    slices: tuple[tuple[Extent, ...], ...]


def header(record: bytes) -> Header:
    """The header: the record under the empty key."""
    num_shards = endianness = min_reader = 0
    refused: list[int] = []
    for number, _, value in fields(record):
        if number == 1:
            num_shards = int32(value)
        elif number == 2:
            endianness = int32(value)
        elif number == 3:
            for inner, _, what in fields(part(value)):
                if inner == 2:
                    min_reader = int32(what)
                elif inner == 3:
                    refused += varints(what)
    if endianness not in {0, 1}:
        raise WireError(f"byte order {endianness}")
    return Header(num_shards, endianness == 1, min_reader, tuple(refused))


class EntryParser:
    """Takes the entries of one index apart; shapes repeat, so each is looked at once.

    All of them together may name `max_slices` parts of tensors.
    """

    def __init__(self, max_slices: int) -> None:
        self._shapes: dict[bytes, tuple[int, ...]] = {}
        self._slices_left = max_slices

    def entry(self, record: bytes) -> Entry:
        """The entry that a record's value is."""
        # As TensorFlow writes it, type and shape first and numbers in order, without a parser's cost.
        if len(record) > 3 and record[0] == 0x08 and record[2] == 0x12 and not (record[1] | record[3]) & 0x80:
            end = 4 + record[3]
            found = _AFTER_SHAPE.fullmatch(record, end)
            if found and end <= len(record):
                shard, offset, size, crc = found.groups(b"")
                return Entry(
                    record[1],
                    self._shape(record[4:end]),
                    _number(shard),
                    _number(offset),
                    _number(size),
                    int.from_bytes(crc, "little"),
                    (),
                )
        return self._unusual_entry(record)

    def _unusual_entry(self, record: bytes) -> Entry:
        kind = shard = offset = size = crc = seen = 0
        shape: tuple[int, ...] = ()
        slices: list[tuple[Extent, ...]] = []
        for number, _, value in fields(record):
            if number == 1:
                kind = int32(value)
            elif number == 2:
                shape = self._shape(bytes(part(value)))
            elif number == 3:
                shard = int32(value)
            elif number == 4:
                offset = int64(value)
            elif number == 5:
                size = int64(value)
            elif number == 6:
                crc = uint64(value)
            elif number == _SLICES:
                slices.append(self._slice(part(value)))
                continue
            else:
                continue
            if seen >> number & 1:
                raise WireError(f"field {number} twice")
            seen |= 1 << number
        return Entry(kind, shape, shard, offset, size, crc, tuple(slices))

    def _shape(self, data: bytes) -> tuple[int, ...]:
        known = self._shapes.get(data)
        if known is None:
            known = self._shapes[data] = _shape(data)
        return known

    def _slice(self, data: memoryview) -> tuple[Extent, ...]:
        self._slices_left -= 1
        if self._slices_left < 0:
            raise WireError("too many parts")
        return _slice(data)


def _number(digits: bytes) -> int:
    """A varint below 2**63, already cut out; nothing is 0."""
    value = 0
    for digit in reversed(digits):
        value = value << 7 | digit & 0x7F
    return value


def _shape(data: bytes) -> tuple[int, ...]:
    """TensorShapeProto: one message a dimension; a dimension that says nothing is 0."""
    shape: list[int] = []
    for number, _, value in fields(data):
        if number == 3 and uint64(value):
            raise WireError("a shape of unknown rank")
        if number == 2:
            length = 0
            for inner, _, what in fields(part(value)):
                if inner == 1:
                    length = int64(what)
            shape.append(length)
            if length < 0 or len(shape) > MAX_RANK:
                raise WireError("a shape that no tensor has")
    return tuple(shape)


def _slice(data: memoryview) -> tuple[Extent, ...]:
    """TensorSliceProto: an extent per axis; one that gives no length is the whole axis."""
    extents: list[Extent] = []
    for extent in messages(data, 1):
        start, length = 0, WHOLE
        for number, _, value in fields(extent):
            if number == 1:
                start = int64(value)
            elif number == 2:
                length = int64(value)
                if length < 0:
                    raise WireError("a slice of negative length")
        if start < 0 or len(extents) == MAX_RANK:
            raise WireError("a slice that no tensor has")
        extents.append((start, length))
    return tuple(extents)

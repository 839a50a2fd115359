"""Tensor bundles, written from the specification alone: no TensorFlow, and nothing of the reader.

`write_bundle(prefix, arrays)` writes `prefix.index` and its shards. What is to be wrong is made wrong between
`records_of` and `save`: records and shards are plain data.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

TYPES = {
    "float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int16": 5, "int8": 6, "object": 7, "complex64": 8, "int64": 9,
    "bool": 10, "bfloat16": 14, "uint16": 17, "complex128": 18, "float16": 19, "uint32": 22, "uint64": 23,
    "float8_e5m2": 24, "float8_e4m3fn": 25, "float8_e4m3fnuz": 26, "float8_e4m3b11fnuz": 27, "float8_e5m2fnuz": 28,
    "int4": 29, "uint4": 30, "int2": 31, "uint2": 32, "float4_e2m1fn": 33,
}  # fmt: skip
MAGIC = 0xDB4775248B80FB57


@cache
def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return table


def crc32c(data: bytes) -> int:
    """The Castagnoli checksum, byte by byte."""
    table = _crc_table()
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[crc & 0xFF ^ byte]
    return crc ^ 0xFFFFFFFF


def masked(data: bytes) -> int:
    """The checksum as LevelDB stores it."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) & 0xFFFFFFFF


def varint(number: int) -> bytes:
    """A number of seven bits a byte; negative ones as 64 bits."""
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def number_field(number: int, value: int) -> bytes:
    """A varint field; like every proto3 writer, none for 0."""
    return varint(number << 3) + varint(value) if value else b""


def bytes_field(number: int, value: bytes) -> bytes:
    """A length-delimited field."""
    return varint(number << 3 | 2) + varint(len(value)) + value


Slice = tuple[tuple[int, int], ...]


@dataclass
class Record:
    """One entry of an index."""

    key: bytes
    type: int
    shape: tuple[int, ...] = ()
    shard: int = 0
    offset: int = 0
    size: int = 0
    crc: int = 0
    slices: tuple[Slice, ...] = ()
    more: bytes = b""
    """Fields to append, right or wrong."""

    def encoded(self) -> bytes:
        dims = b"".join(bytes_field(2, number_field(1, axis)) for axis in self.shape)
        crc = b"\x35" + struct.pack("<I", self.crc) if self.crc else b""
        return (
            number_field(1, self.type)
            + bytes_field(2, dims)
            + number_field(3, self.shard)
            + number_field(4, self.offset)
            + number_field(5, self.size)
            + crc
            + b"".join(bytes_field(7, slice_proto(extents)) for extents in self.slices)
            + self.more
        )


@dataclass
class Files:
    """A bundle before it is written."""

    records: list[Record]
    shards: list[bytearray]
    big_endian: bool = False
    num_shards: int | None = None
    version: bytes = field(default_factory=lambda: number_field(1, 1))

    @property
    def header(self) -> bytes:
        count = len(self.shards) if self.num_shards is None else self.num_shards
        return number_field(1, count) + number_field(2, int(self.big_endian)) + bytes_field(3, self.version)

    def record(self, key: str) -> Record:
        return next(record for record in self.records if record.key == key.encode())


def slice_proto(extents: Slice) -> bytes:
    """TensorSliceProto; an axis that is whole (length -1) says nothing."""
    found = b""
    for start, length in extents:
        said = b"" if length < 0 else number_field(1, start) + varint(2 << 3) + varint(length)
        found += bytes_field(1, said)
    return found


def slice_key(name: bytes, extents: Slice) -> bytes:
    """The key of a part, in ordered code."""
    key = b"\0"
    for byte in name:
        key += {0: b"\0\xff", 0xFF: b"\xff\0"}.get(byte, bytes((byte,)))
    key += b"\0\1" + bytes((1, len(extents)) if extents else (0,))
    for number in (number for extent in extents for number in extent):
        key += signed_code(number)
    return key


def signed_code(number: int) -> bytes:
    """A sign bit, as many more of it as bytes follow, its opposite, the number."""
    for length in range(1, 11):
        if -(1 << 7 * length - 1) <= number < 1 << 7 * length - 1:
            sign = "1" if number >= 0 else "0"
            bits = format(number & (1 << 7 * length - 1) - 1, f"0{7 * length - 1}b")
            header = sign * length + ("0" if sign == "1" else "1")
            return int(header + bits, 2).to_bytes(length, "big")
    raise ValueError(number)


def text_data(texts: Sequence[bytes], big_endian: bool = False) -> tuple[bytes, int]:
    """The bytes of a string tensor, and their checksum."""
    order = ">" if big_endian else "<"
    lengths = b"".join(struct.pack(f"{order}I", len(text)) for text in texts)
    stored = struct.pack(f"{order}I", masked(lengths))
    content = b"".join(texts)
    return b"".join(varint(len(text)) for text in texts) + stored + content, masked(lengths + stored + content)


def number_data(array: Array, big_endian: bool = False) -> bytes:
    """The bytes of a tensor of numbers."""
    data = np.ascontiguousarray(array).tobytes()
    if not big_endian:
        return data
    width = array.dtype.itemsize // (2 if array.dtype.kind == "c" else 1)
    return b"".join(data[at : at + width][::-1] for at in range(0, len(data), width))


def records_of(
    arrays: Mapping[str, Array],
    shards: int = 1,
    *,
    big_endian: bool = False,
    align: int = 1,
    parts: Mapping[str, Sequence[Slice]] | None = None,
) -> Files:
    """The records of `arrays`, dealt to the shards in turn; those in `parts` are cut as given."""
    files = Files([], [bytearray() for _ in range(shards)], big_endian)

    def put(key: bytes, array: Array) -> None:
        shard = len(files.records) % shards
        data = files.shards[shard]
        data += b"\0" * (-len(data) % align)
        if array.dtype == object:
            content, crc = text_data(array.reshape(-1).tolist(), big_endian)
        else:
            content = number_data(array, big_endian)
            crc = masked(content)
        kind = TYPES[array.dtype.name]
        files.records.append(Record(key, kind, array.shape, shard, len(data), len(content), crc))
        data += content

    for name, array in arrays.items():
        cuts = (parts or {}).get(name)
        if cuts is None:
            put(name.encode(), array)
            continue
        for cut in cuts:
            box = tuple(slice(start, start + length) if length >= 0 else slice(None) for start, length in cut)
            put(slice_key(name.encode(), cut), array[box])
        files.records.append(Record(name.encode(), TYPES[array.dtype.name], array.shape, slices=tuple(cuts)))
    return files


def table(records: Sequence[tuple[bytes, bytes]], *, block_bytes: int = 4096, interval: int = 16) -> bytes:
    """A LevelDB table of records that are in order."""
    out = bytearray()
    index: list[tuple[bytes, bytes]] = []
    pending: list[tuple[bytes, bytes]] = []

    def put(block: bytes, compression: int = 0) -> bytes:
        start = len(out)
        whole = block + bytes((compression,))
        out.extend(whole + struct.pack("<I", masked(whole)))
        return varint(start) + varint(len(block))

    for record in records:
        pending.append(record)
        if sum(len(key) + len(value) for key, value in pending) >= block_bytes:
            index.append((pending[-1][0], put(block_of(pending, interval))))
            pending = []
    if pending:
        index.append((pending[-1][0], put(block_of(pending, interval))))
    metaindex = put(block_of([], interval))
    handles = metaindex + put(block_of(index, 1))
    return bytes(out) + handles.ljust(40, b"\0") + struct.pack("<Q", MAGIC)


def block_of(records: Sequence[tuple[bytes, bytes]], interval: int) -> bytes:
    """The content of one block: keys without what they share with the key before."""
    out = bytearray()
    restarts = [0]
    last = b""
    for number, (key, value) in enumerate(records):
        shared = 0
        if number % interval:
            while shared < min(len(key), len(last)) and key[shared] == last[shared]:
                shared += 1
        elif number:
            restarts.append(len(out))
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    return bytes(out) + struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))


def index_bytes(files: Files, **layout: int) -> bytes:
    """The `.index`; records are put into order."""
    entries = sorted((record.key, record.encoded()) for record in files.records)
    return table([(b"", files.header), *entries], **layout)


def shard_path(prefix: Path, number: int, count: int) -> Path:
    """Where a shard lies."""
    return prefix.with_name(f"{prefix.name}.data-{number:05}-of-{count:05}")


def save(prefix: Path, files: Files, **layout: int) -> Path:
    """Write the bundle; the path of its index."""
    index = prefix.with_name(f"{prefix.name}.index")
    index.write_bytes(index_bytes(files, **layout))
    for number, data in enumerate(files.shards):
        shard_path(prefix, number, len(files.shards)).write_bytes(data)
    return index


def write_bundle(prefix: Path, arrays: Mapping[str, Array], shards: int = 1) -> Path:
    """A bundle as TensorFlow writes it; the path of its index."""
    return save(prefix, records_of(arrays, shards))


def texts(*values: bytes) -> Array:
    """A string tensor as the reader gives it."""
    array = np.empty(len(values), object)
    array[:] = values
    return array


def moved(record: Record, **changes: Any) -> Record:
    """A record with other fields."""
    return replace(record, **changes)

"""Fills tensors of a tensor bundle: the bytes in its shards, and their checksums in its index, which is written anew.

In come the path of a copy's index and a value per tensor, by its key in the index.

Twins: Keras 3's `model.export` stores most variables twice, under `variables/N` and `_all_variables/N`, and the gate's
reader lists those once that are the same bit for bit. Tried with TensorFlow 2.21 and Keras 3.15: the two keys are of
two objects, and `tf.saved_model.load` makes two variables of them. Functions and signatures use the one in `variables`;
nothing but the list reads the other, which keeps its value when the first is assigned. No key is of two objects, and
`tf.saved_model.save` stores nothing twice. So each key is restored into its own variable: who wants no variable of a
load without a tag fills twins too, each like its partner.
"""

import struct
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gate.errors import UnreadableError
from gate.formats.limits import Limits
from gate.formats.pointers import TABLE_MAGIC
from gate.formats.tensorflow import slices, table
from gate.formats.tensorflow.checksum import crc32c, masked
from gate.formats.tensorflow.entries import Entry, EntryParser, header
from gate.formats.tensorflow.object_graph import KEY, parse_object_graph
from gate.formats.tensorflow.types import OPAQUE, TEXT, dtype_of
from gate.formats.tensorflow.wire import FIXED32, FIXED64, VARINT, Value, fields
from gate.formats.text import decoded_text

BLOCK_BYTES = 4 << 20
"""How much is written at a time."""
_TABLE_BLOCK = 4096
_CRC = 6
_SUFFIX = ".index"

Records = dict[bytes, bytes]
Number = int | float | bool | NDArray[Any]
"""One for all elements, or an array of the shape."""
_Content = tuple[int, tuple[int, ...], int, int]
"""Type, shape, length and checksum: equal for equal tensors."""


def fill(path: Path, values: Mapping[str, Number]) -> set[str]:
    """Fill tensors of the bundle whose index is at `path`; the keys that are not there."""
    bundle = _Bundle(path)
    left = set(values)
    for key, entry in bundle.entries.items():
        name = decoded_text(key)
        if name in left and not key.startswith(slices.PREFIX):
            bundle.fill(key, entry, values[name])
            left.discard(name)
    path.write_bytes(_table(bundle.records))
    return left


def twins(path: Path, listed: Collection[str]) -> dict[str, str]:
    """Keys of numbers that are not `listed`, each with a listed one of the same type, shape and bytes.

    Of several, the one is taken that its object calls the same, and each once as far as they go.
    """
    bundle = _Bundle(path)
    called = bundle.full_names()
    partners: dict[_Content, list[str]] = defaultdict(list)
    lonely: list[tuple[str, _Content]] = []
    for key, entry in bundle.entries.items():
        dtype = dtype_of(entry.type)
        if key.startswith(slices.PREFIX) or not entry.size or dtype is None or entry.type in {TEXT, *OPAQUE}:
            continue
        name = decoded_text(key)
        content = (entry.type, entry.shape, entry.size, entry.crc)
        if name in listed:
            partners[content].append(name)
        else:
            lonely.append((name, content))
    free = {content: list(names) for content, names in partners.items()}
    found: dict[str, str] = {}
    for name, content in lonely:
        chosen = next((each for each in free.get(content, []) if called.get(each) == called.get(name)), None)
        if chosen is not None:
            found[name] = chosen
            free[content].remove(chosen)
    for name, content in lonely:
        if name not in found and content in partners:
            found[name] = free[content].pop(0) if free[content] else partners[content][0]
    return found


class _Bundle:
    """The index of a bundle: its records, which may be changed, and what they say."""

    def __init__(self, path: Path) -> None:
        limits = Limits()
        self.path = path
        self.records: Records = dict(table.records(memoryview(path.read_bytes()), path.name, limits))
        self.header = header(self.records[b""])
        parse = EntryParser(limits.max_objects).entry
        self.entries = {key: parse(value) for key, value in self.records.items() if key}

    def fill(self, key: bytes, entry: Entry, value: Number) -> None:
        """Fill one tensor, or each of its parts."""
        if entry.slices:
            for extents in entry.slices:
                part = slices.key_of(key, extents)
                self.fill(part, self.entries[part], _part(value, extents))
            return
        dtype = dtype_of(entry.type)
        if dtype is None or entry.type == TEXT or entry.type in OPAQUE:
            raise UnreadableError(
                f"{self.path.name}: {decoded_text(key)!r} holds no numbers to tag",
                "this is a defect of weight-gate: please report it",
            )
        big = self.header.big_endian
        if isinstance(value, np.ndarray):
            blocks = _array_blocks(value, big)
        else:
            blocks = _blocks(_element(value, dtype, big), entry.size)
        crc = 0
        with self._shard(entry.shard).open("r+b") as shard:
            shard.seek(entry.offset)
            for block in blocks:
                shard.write(block)
                crc = crc32c(block, crc)
        self.records[key] = _with_checksum(self.records[key], masked(crc))

    def full_names(self) -> dict[str, str]:
        """What the objects of a TF2 checkpoint call their values, by key."""
        entry = self.entries.get(KEY.encode())
        if entry is None or entry.type != TEXT or entry.shape != ():
            return {}
        with self._shard(entry.shard).open("rb") as shard:
            shard.seek(entry.offset)
            data = shard.read(entry.size)
        at = next(number for number, byte in enumerate(data) if byte < 0x80) + 1 + 4  # its length, a checksum
        graph = parse_object_graph(data[at:], self.path.name, Limits())
        return {each.key: each.full_name for node in graph for each in node.attributes}

    def _shard(self, number: int) -> Path:
        prefix = self.path.name.removesuffix(_SUFFIX)
        return self.path.with_name(f"{prefix}.data-{number:05}-of-{self.header.num_shards:05}")


def _element(value: Number, dtype: np.dtype[Any], big_endian: bool) -> bytes:
    """One element as it lies in a shard."""
    data = np.full(1, value, dtype).tobytes()
    width = len(data) // (2 if dtype.kind == "c" else 1)
    return b"".join(data[at : at + width][::-1] for at in range(0, len(data), width)) if big_endian else data


def _part(value: Number, extents: slices.Box) -> Number:
    """What belongs into one part of a tensor that is stored in several."""
    if not isinstance(value, np.ndarray):
        return value
    box = slices.placed(extents, value.shape) or ()
    return np.ascontiguousarray(value[tuple(slice(start, start + length) for start, length in box)])


def _array_blocks(values: NDArray[Any], big_endian: bool) -> Iterator[memoryview]:
    """The bytes of an array as they lie in a shard."""
    data = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
    width = values.dtype.itemsize // (2 if values.dtype.kind == "c" else 1)
    step = BLOCK_BYTES // (2 * width) * (2 * width)
    for start in range(0, data.size, step):
        block = data[start : start + step]
        yield memoryview((block.reshape(-1, width)[:, ::-1] if big_endian else block).tobytes())


def _blocks(element: bytes, length: int) -> Iterator[memoryview]:
    """`length` bytes of one element over and over."""
    whole = memoryview(element * min(length // len(element), BLOCK_BYTES // len(element)))
    for start in range(0, length, max(1, len(whole))):
        yield whole[: length - start]


def _with_checksum(record: bytes, crc: int) -> bytes:
    """A BundleEntryProto with another checksum."""
    kept = b"".join(_field(number, kind, value) for number, kind, value in fields(record) if number != _CRC)
    return kept + _field(_CRC, FIXED32, crc)


def _field(number: int, kind: int, value: Value) -> bytes:
    tag = _varint(number << 3 | kind)
    if isinstance(value, memoryview):
        return tag + _varint(len(value)) + bytes(value)
    if kind == VARINT:
        return tag + _varint(value)
    return tag + value.to_bytes(8 if kind == FIXED64 else 4, "little")


def _varint(number: int) -> bytes:
    digits = bytearray()
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*digits, number))


@dataclass
class _Writer:
    out: bytearray

    def block(self, records: list[tuple[bytes, bytes]]) -> bytes:
        """Append one block of records without shared prefixes; its handle."""
        start = len(self.out)
        for key, value in records:
            self.out += b"\0" + _varint(len(key)) + _varint(len(value)) + key + value
        self.out += struct.pack("<II", 0, 1)  # one restart, at the start
        length = len(self.out) - start
        self.out += b"\0"  # not compressed
        self.out += struct.pack("<I", masked(crc32c(memoryview(self.out)[start:])))
        return _varint(start) + _varint(length)


def _table(records: Records) -> bytes:
    """The LevelDB table of records (leveldb doc/table_format.md), keys ascending."""
    writer = _Writer(bytearray())
    index: list[tuple[bytes, bytes]] = []
    pending: list[tuple[bytes, bytes]] = []
    size = 0
    for key in sorted(records):
        pending.append((key, records[key]))
        size += len(key) + len(records[key])
        if size >= _TABLE_BLOCK:
            index.append((key, writer.block(pending)))
            pending, size = [], 0
    if pending:
        index.append((pending[-1][0], writer.block(pending)))
    handles = writer.block([]) + writer.block(index)
    footer = handles.ljust(40, b"\0") + TABLE_MAGIC
    return bytes(writer.out) + footer

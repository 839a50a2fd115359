"""Tensor bundles, `PREFIX.index` and `PREFIX.data-SSSSS-of-NNNNN`: how TensorFlow stores the tensors of a checkpoint.

By tensorflow/core/util/tensor_bundle/tensor_bundle.cc and tensorflow/core/protobuf/tensor_bundle.proto. The index is
read and judged whole when a bundle is opened. Data is mapped, and compared with its CRC32C when it is first read.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from types import MappingProxyType

import numpy as np

from gate.errors import UnreadableError
from gate.formats.limits import Limits
from gate.formats.mapping import MappedFile
from gate.formats.pointers import refuse_pointer
from gate.formats.seam import guard
from gate.formats.source import HEAD_BYTES
from gate.formats.tensorflow import slices, table
from gate.formats.tensorflow.entries import Entry, EntryParser, Header, header
from gate.formats.tensorflow.opaque import Opaque
from gate.formats.tensorflow.shards import Shard, open_shards
from gate.formats.tensorflow.tensors import OTHER_SAVE, Numbers, Span, Stored, SwappedNumbers
from gate.formats.tensorflow.texts import CHECKSUM_BYTES, ByteOrder, Texts
from gate.formats.tensorflow.types import OPAQUE, TEXT, dtype_of, type_name
from gate.formats.tensorflow.wire import WireError
from gate.formats.text import decoded_text, quoted, size

SUFFIX = ".index"
READER_VERSION = 1  # kTensorBundleVersion of tensor_bundle.cc: what this module can read
MAX_PADDING = 4096  # zeros before a tensor: writers may align
_MOST_BYTES = 1 << 63

OnClose = Callable[[Callable[[], None]], None]


@dataclass(frozen=True)
class Bundle:
    """An open bundle: its tensors by key, in the index' order (that of the keys' bytes); its files, the index first.

    Parts of partitioned tensors are no tensors. Keys that are no UTF-8 have escapes.
    """

    shown: str
    tensors: Mapping[str, Stored]
    files: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.tensors)

    def __iter__(self) -> Iterator[Stored]:
        return iter(self.tensors.values())

    def text(self, key: str) -> bytes | None:
        """The one text under `key` (an object graph, say), verified; None where no such thing is."""
        stored = self.tensors.get(key)
        if not isinstance(stored, Texts) or stored.shape != ():
            return None
        found: bytes = stored.read().item()
        return found


def open_bundle(path: Path, shown: str, limits: Limits, on_close: OnClose) -> Bundle:
    """The bundle whose index is at `path`; `shown` names it in messages, `on_close` gets what is to be closed.

    Raises errors of `gate.errors`, and nothing else: whatever is wrong with the index, missing shards, pointers in
    their places, tensors that end beyond a shard, overlap, or leave bytes to nobody.
    """
    if not path.name.endswith(SUFFIX):
        raise UnreadableError(
            f"{shown} is the index of a TensorFlow checkpoint under another name, so its data cannot be found",
            f"give the path of the file PREFIX{SUFFIX}, beside PREFIX.data-00000-of-00001",
        )
    with guard(f"{shown} cannot be read as the index of a TensorFlow checkpoint"):
        mapping = MappedFile(path, shown)
        on_close(mapping.close)
        refuse_pointer(mapping.bytes_at(0, HEAD_BYTES), shown)
        data = mapping.array(0, np.dtype(np.uint8), (mapping.size,)).data
        index = _Index(data, shown, limits)
        shards = open_shards(path, shown, index.header.num_shards, on_close)
        tensors = _Tensors(index, shards, limits).all()
    return Bundle(shown, MappingProxyType(tensors), (path, *(shard.path for shard in shards)))


class _Index:
    """The header, and the entries of tensors and of parts of tensors by their keys."""

    def __init__(self, file: memoryview, shown: str, limits: Limits) -> None:
        self.shown = shown
        self.entries: dict[bytes, Entry] = {}
        self.parts: dict[bytes, Entry] = {}
        records = table.records(file, shown, limits)
        key, value = next(records, (b"nothing", b""))
        if key:
            raise self.damaged("it has no header")
        self.header = self._header(value)
        parse = EntryParser(limits.max_objects).entry
        shards = self.header.num_shards
        for key, value in records:
            try:
                entry = parse(value)
            except WireError as error:
                raise self.damaged(f"{quoted(key)} has {error}") from error
            if not 0 <= entry.shard < shards:
                raise self.damaged(f"{quoted(key)} is in shard {entry.shard} of {shards}")
            if key.startswith(slices.PREFIX):
                self.parts[key] = entry
            else:
                self.entries[key] = entry

    def _header(self, record: bytes) -> Header:
        try:
            found = header(record)
        except WireError as error:
            raise self.damaged(f"its header has {error}") from error
        if found.num_shards < 1:
            raise self.damaged(f"its header asks for {found.num_shards} shards")
        if found.min_reader > READER_VERSION or READER_VERSION in found.refused_readers:
            raise UnreadableError(
                f"{self.shown} is of a newer version of the format ({found.min_reader}) than this one reads",
                "save the checkpoint with an older TensorFlow, or use a newer weight-gate",
            )
        return found

    def damaged(self, what: str) -> UnreadableError:
        return UnreadableError(f"{self.shown} is damaged: {what}", OTHER_SAVE)


class _Tensors:
    """Turns entries into tensors, and sees to it that each has bytes of its own."""

    def __init__(self, index: _Index, shards: tuple[Shard, ...], limits: Limits) -> None:
        self.index = index
        self.shards = shards
        self.limits = limits
        self.order: ByteOrder = "big" if index.header.big_endian else "little"
        self.spans: list[list[tuple[int, int, str]]] = [[] for _ in shards]

    def all(self) -> dict[str, Stored]:
        tensors: dict[str, Stored] = {}
        parts = dict(self.index.parts)
        for key, entry in self.index.entries.items():
            name = _name(key)
            if name in tensors:
                raise self.index.damaged(f"two of its names are shown as {quoted(name)}")
            tensors[name] = self._assembled(key, name, entry, parts) if entry.slices else self._stored(name, entry)
        if parts:
            raise self.index.damaged(f"{quoted(next(iter(parts)))} is part of no tensor")
        for shard, spans in zip(self.shards, self.spans, strict=True):
            self._refuse_overlaps(shard, spans)
        return tensors

    def _stored(self, name: str, entry: Entry) -> Stored:
        """A tensor that lies in one place."""
        kind, shape = entry.type, entry.shape
        dtype = dtype_of(kind)
        if dtype is None:
            raise self.index.damaged(f"{quoted(name)} is of a type that TensorFlow does not store: {type_name(kind)}")
        shard = self.shards[entry.shard]
        offset, length = entry.offset, entry.size
        if offset < 0 or length < 0 or entry.crc >> 32:
            raise self.index.damaged(f"{quoted(name)} lies at byte {offset}, {length} long")
        if offset + length > shard.size:
            raise UnreadableError(
                f"{shard.shown} is cut short or of another save: {quoted(name)} ends at byte {offset + length} "
                f"of {shard.size}",
                OTHER_SAVE,
            )
        span = Span(name, shard, offset, length, entry.crc)
        if length:
            self.spans[entry.shard].append((offset, offset + length, name))
        if kind == TEXT or kind in OPAQUE:
            return self._special(span, kind, shape)
        if prod(shape) * dtype.itemsize != length:
            raise self.index.damaged(
                f"{quoted(name)} needs {size(prod(shape) * dtype.itemsize)} for its shape and has {size(length)}"
            )
        if not length and prod(max(1, axis) for axis in shape) * dtype.itemsize >= _MOST_BYTES:
            raise self.index.damaged(f"{quoted(name)} has a shape that no tensor has")
        if self.order == "big" and dtype.itemsize > 1:
            return SwappedNumbers(span, kind, dtype, shape, self.limits)
        return Numbers(span, kind, dtype, shape)

    def _special(self, span: Span, kind: int, shape: tuple[int, ...]) -> Stored:
        # The least that each element takes: the length of a text, or of a variant and its checksum.
        least = 1 if kind == TEXT else 1 + CHECKSUM_BYTES
        count = prod(shape)
        if count * least > span.size or prod(max(1, axis) for axis in shape) * 8 >= _MOST_BYTES:
            raise self.index.damaged(f"{quoted(span.key)} has {count:,} elements in {size(span.size)}")
        if kind == TEXT:
            return Texts(span, shape, self.order, self.limits)
        return Opaque(span, kind, shape, self.order)

    def _assembled(self, key: bytes, name: str, entry: Entry, parts: dict[bytes, Entry]) -> Stored:
        """A tensor whose parts lie under keys of their own; takes them out of `parts`."""
        dtype = dtype_of(entry.type)
        if dtype is None or entry.type in OPAQUE:
            raise self.index.damaged(f"{quoted(name)} is in parts, and of type {type_name(entry.type)}")
        found: list[tuple[slices.Box, Stored]] = []
        for extents in entry.slices:
            box = slices.placed(extents, entry.shape)
            part = parts.pop(slices.key_of(key, extents), None)
            if box is None or part is None:
                raise self.index.damaged(f"{quoted(name)} has a part that is outside of it or not there")
            if part.type != entry.type or part.slices or part.shape != tuple(length for _, length in box):
                raise self.index.damaged(f"{quoted(name)} has a part of another type or shape")
            found.append((box, self._stored(name, part)))
        fault = slices.fault([box for box, _ in found], entry.shape)
        wrong = self.index.damaged(f"{quoted(name)} {fault}") if fault else None
        return slices.Assembled(name, entry.type, dtype, entry.shape, found, self.limits, wrong)

    def _refuse_overlaps(self, shard: Shard, spans: list[tuple[int, int, str]]) -> None:
        at = 0
        for start, end, name in sorted(spans):
            if start < at:
                raise self.index.damaged(f"{quoted(name)} and the tensor before it claim the same bytes")
            if start > at:
                self._refuse_gap(shard, at, start)
            at = end
        self._refuse_gap(shard, at, shard.size)

    def _refuse_gap(self, shard: Shard, start: int, end: int) -> None:
        if end - start >= MAX_PADDING or (end > start and shard.bytes_at(start, end - start).any()):
            raise UnreadableError(
                f"{shard.shown} has {size(end - start)} at byte {start} that belong to no tensor of {self.index.shown}",
                OTHER_SAVE,
            )


def _name(key: bytes) -> str:
    try:
        return key.decode()
    except UnicodeDecodeError:
        return decoded_text(key)

"""One dataset through libhdf5: its checks when the file is opened, its bytes when they are asked for.

Contiguous, filterless, internal data is mapped at `Dataset.id.get_offset()`. Chunked data is decoded chunk by chunk.
Anything that would make HDF5 leave the file (external storage, virtual datasets), run a plug-in (filters that are not
built in) or follow a pointer (variable length, references) is refused.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from h5py import h5d, h5s, h5t

from gate.errors import UnreadableError
from gate.formats.dtypes import wider_than_ours
from gate.formats.hdf5 import refusals
from gate.formats.hdf5.ledger import Ledger
from gate.formats.hdf5.tree import Dataset, Decoded, Mapped, Opaque, nothing
from gate.formats.limits import Limits
from gate.formats.mapping import Window
from gate.formats.seam import DAMAGED, guard
from gate.formats.spool import decoded, kept
from gate.formats.text import quoted, text_of
from gate.tensors.weightset import Array

# HDF5's encoding of a type -> numpy's: a file has thousands of datasets and few types.
TypeCache = dict[bytes, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class _Declared:
    """One dataset with elements, as its header declares it."""

    identifier: Any  # h5py's
    dtype: np.dtype[Any]  # the tensor's
    stored: np.dtype[Any]  # the bytes' in the file
    shape: tuple[int, ...]
    guessed: bool
    window: Window
    path: str
    ledger: Ledger

    @property
    def where(self) -> str:
        """What it is called in messages, file first."""
        return f"{self.ledger.shown}: {quoted(self.path)}"

    @property
    def limits(self) -> Limits:
        return self.ledger.limits

    @property
    def length(self) -> int:
        """Bytes of data."""
        return prod(self.shape) * self.dtype.itemsize

    def decoded(self, expanded: int, fill: Callable[[Array], None], *, shared: bool) -> Dataset:
        """A dataset that `fill` decodes."""
        self.ledger.expand(expanded)

        def read() -> Array:
            return decoded(self.dtype, self.shape, fill, self.limits)

        return Decoded(self.dtype, self.shape, kept(read) if shared else read, self.guessed)


def dataset(
    identifier: Any, attribute: Callable[[str], Any], window: Window, path: str, ledger: Ledger, types: TypeCache
) -> Dataset:
    """Check one dataset and describe it."""
    where = f"{ledger.shown}: {quoted(path)}"
    dtype, stored, guessed = _dtype(identifier, attribute, where, types)
    if identifier.shape is None:  # H5S_NULL: a type and no elements
        return nothing(dtype, (0,), guessed)
    shape = tuple(int(length) for length in identifier.shape)
    plist = identifier.get_create_plist()
    layout = plist.get_layout()
    if plist.get_external_count():
        raise refusals.external_storage(where, plist.get_external(0)[0])
    if layout == h5d.VIRTUAL:
        raise refusals.virtual(where)
    declared = _Declared(identifier, dtype, stored, shape, guessed, window, path, ledger)
    if declared.length == 0:
        return nothing(dtype, shape, guessed)
    if layout == h5d.CHUNKED:
        return _chunked(declared)
    if layout == h5d.COMPACT:
        return _compact(declared)
    if layout != h5d.CONTIGUOUS:
        raise UnreadableError(f"{where} has an unknown storage layout", DAMAGED)
    return _contiguous(declared)


def _contiguous(d: _Declared) -> Dataset:
    offset = d.identifier.get_offset()
    # Storage, not only the offset: HDF5 has offsets for data that it never allocated.
    if offset is None or d.identifier.get_storage_size() == 0:
        raise refusals.never_written(d.where)
    if offset + d.length > d.window.length:
        raise refusals.cut_short(d.where, d.length, offset, d.window.length)
    d.ledger.claim(offset, d.length, d.path)
    if d.stored.kind == "V" or d.stored.isnative:
        return (Opaque if d.guessed else Mapped)(d.dtype, d.shape, d.window, offset)

    def fill(target: Array) -> None:
        source = d.window.array(offset, d.stored, d.shape).reshape(-1)
        flat = target.reshape(-1)
        step = max(1, d.limits.piece_bytes // d.dtype.itemsize)
        for start in range(0, source.size, step):
            flat[start : start + step] = source[start : start + step]

    return d.decoded(d.length, fill, shared=True)


def _compact(d: _Declared) -> Dataset:
    if d.length > d.limits.small_bytes:
        raise refusals.too_large_to_be_compact(d.where)

    def fill(target: Array) -> None:
        with guard(d.where):
            _read_block(d.identifier, d.stored, target, None)

    return d.decoded(d.length, fill, shared=False)


def _chunked(d: _Declared) -> Dataset:
    plist = d.identifier.get_create_plist()
    filters = [plist.get_filter(index)[0] for index in range(plist.get_nfilters())]
    refusals.refuse_odd_filters(d.where, filters)
    chunk = tuple(int(length) for length in plist.get_chunk())
    chunk_bytes = prod(chunk) * d.dtype.itemsize
    if len(chunk) != len(d.shape) or min(chunk) < 1:
        raise UnreadableError(f"{d.where} has chunks of another rank than its own", DAMAGED)
    refusals.refuse_big_chunks(d.where, chunk_bytes, d.limits)
    expected = prod(-(-length // step) for length, step in zip(d.shape, chunk, strict=True))
    # Every chunk costs an index entry of at least eight bytes, so more than this cannot be there.
    if expected > d.window.length // 8:
        raise refusals.never_written(d.where)
    chunks = _chunk_table(d.identifier)
    grid = {tuple(offset) for offset, _, _, _ in chunks}
    if len(grid) != expected or any(
        at % step or at >= length for offset in grid for at, step, length in zip(offset, chunk, d.shape, strict=True)
    ):
        raise refusals.never_written(d.where)

    def fill(target: Array) -> None:
        with guard(d.where):
            for offset, mask, start, stored_bytes in chunks:
                _refuse_bomb(d.window, filters, mask, start, stored_bytes, chunk_bytes, d.where)
                block = tuple(
                    slice(at, min(at + step, length)) for at, step, length in zip(offset, chunk, d.shape, strict=True)
                )
                _read_block(d.identifier, d.stored, target, block)

    starts = np.array([start for _, _, start, _ in chunks], np.uint64)
    d.ledger.claim_chunks(starts, np.array([length for _, _, _, length in chunks], np.uint64), d.path)
    # Edge chunks are decoded whole.
    return d.decoded(expected * chunk_bytes, fill, shared=True)


def _chunk_table(identifier: Any) -> list[tuple[tuple[int, ...], int, int, int]]:
    """(position, filters skipped, byte offset, stored bytes) of every chunk that was written."""
    table: list[tuple[tuple[int, ...], int, int, int]] = []

    def add(info: Any) -> None:
        table.append((tuple(info.chunk_offset), info.filter_mask, int(info.byte_offset), int(info.size)))

    if hasattr(identifier, "chunk_iter"):
        identifier.chunk_iter(add)
    else:  # an h5py built on HDF5 before 1.12.3; this walks the index once per chunk
        for index in range(identifier.get_num_chunks()):
            add(identifier.get_chunk_info(index))
    return table


def _refuse_bomb(
    window: Window, filters: list[int], mask: int, start: int, stored: int, chunk_bytes: int, where: str
) -> None:
    """Inflate a chunk into nothing before HDF5 does it into memory: HDF5 doubles its buffer until the stream ends."""
    refusals.refuse_grown_chunk(where, stored, chunk_bytes)
    if refusals.DEFLATE not in filters or mask & (1 << filters.index(refusals.DEFLATE)):
        return
    inflate = zlib.decompressobj()
    room = chunk_bytes + chunk_bytes // 8 + 65536  # what earlier filters may have added
    step = 1024 * 1024
    for at in range(start, start + stored, step):
        data = window.bytes_at(at, min(step, start + stored - at))
        while data and not inflate.eof:
            room -= len(inflate.decompress(data, step))
            data = inflate.unconsumed_tail
            if room < 0:
                raise refusals.bomb(where, chunk_bytes)


def _read_block(identifier: Any, stored: np.dtype[Any], target: Array, block: tuple[slice, ...] | None) -> None:
    """Have HDF5 decode one block into `target`; its type stays the file's, the byte order becomes ours."""
    shape = target.shape if block is None else tuple(part.stop - part.start for part in block)
    buffer = np.empty(shape, stored)
    space = identifier.get_space()
    if block is not None and shape:
        space.select_hyperslab(tuple(part.start for part in block), shape)
    memory = h5s.create_simple(shape) if shape else h5s.create(h5s.SCALAR)
    identifier.read(memory, space, buffer, h5t.py_create(stored, logical=True))
    if stored.kind == "V":
        buffer = buffer.view(target.dtype)
    target[... if block is None else block] = buffer


def _dtype(
    identifier: Any, attribute: Callable[[str], Any], where: str, types: TypeCache
) -> tuple[np.dtype[Any], np.dtype[Any], bool]:
    """(the tensor's dtype, the dtype of the bytes in the file, whether the first was guessed)."""
    kind = identifier.get_type()
    encoded = kind.encode()
    stored = types.get(encoded)
    if stored is None:
        stored = types[encoded] = _numpy_type(kind, where)
    if stored.kind == "V":
        dtype, guessed = refusals.opaque(stored.itemsize, text_of(attribute("dtype")), where)
        return dtype, stored, guessed
    return stored.newbyteorder("="), stored, False


def _numpy_type(kind: Any, where: str) -> np.dtype[Any]:
    stored: np.dtype[Any] = kind.dtype
    if (
        isinstance(kind, h5t.TypeReferenceID | h5t.TypeVlenID)
        or stored.hasobject
        or (isinstance(kind, h5t.TypeStringID) and kind.is_variable_str())
    ):
        raise refusals.variable_or_reference(where)
    if stored.metadata:
        stored = np.dtype(stored.str)
    odd = stored.itemsize == 0 or stored.kind not in "biufcSV" or stored.subdtype or stored.names
    if odd or wider_than_ours(stored):
        raise refusals.odd_elements(where, str(stored))
    if stored.kind != "V" and not kind.equal(h5t.py_create(stored, logical=True)):
        raise refusals.odd_number(where)
    return stored

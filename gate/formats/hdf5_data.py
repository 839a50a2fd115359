"""One HDF5 dataset: its checks when the file is opened, its bytes when they are asked for.

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

from gate.errors import UnreadableError, UnsafeFileError
from gate.formats.dtypes import EXTENDED, extended, wider_than_ours
from gate.formats.hdf5_tree import Dataset
from gate.formats.limits import Limits
from gate.formats.mapping import Window, empty
from gate.formats.seam import DAMAGED, guard
from gate.formats.spool import decoded, kept
from gate.formats.text import quoted, size, text_of
from gate.tensors.weightset import Array

# Identifiers of § IV.A.2.l of the specification; 32000 is h5py's LZF.
_DEFLATE, _SHUFFLE, _FLETCHER32, _LZF = 1, 2, 3, 32000
_FILTERS = {
    _DEFLATE: "deflate",
    _SHUFFLE: "shuffle",
    _FLETCHER32: "fletcher32",
    4: "szip",
    5: "nbit",
    6: "scaleoffset",
    _LZF: "lzf",
}


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
    where: str
    limits: Limits

    @property
    def length(self) -> int:
        """Bytes of data."""
        return prod(self.shape) * self.dtype.itemsize

    def decoder(self, fill: Callable[[Array], None]) -> Callable[[], Array]:
        """A reader that has `fill` decode the data."""
        return lambda: decoded(self.dtype, self.shape, fill, self.limits)


def dataset(
    identifier: Any, attribute: Callable[[str], Any], window: Window, where: str, limits: Limits, types: TypeCache
) -> Dataset:
    """Check one dataset and describe it. `where` names it in messages, file first."""
    dtype, stored, guessed = _dtype(identifier, attribute, where, types)
    if identifier.shape is None:  # H5S_NULL: a type and no elements
        return Dataset(dtype, (0,), lambda: empty(dtype, (0,)), guessed=guessed)
    shape = tuple(int(length) for length in identifier.shape)
    length = prod(shape) * dtype.itemsize
    plist = identifier.get_create_plist()
    layout = plist.get_layout()
    if plist.get_external_count():
        raise UnsafeFileError(
            f"{where} keeps its data in another file, {quoted(plist.get_external(0)[0])}",
            "save the model again with its data inside, or do not trust the file",
        )
    if layout == h5d.VIRTUAL:
        raise UnsafeFileError(
            f"{where} is a virtual dataset, made of other files' data",
            "save the model again with its data inside, or do not trust the file",
        )
    if length == 0:
        empty(dtype, shape)  # refuses dimensions that no array can have
        return Dataset(dtype, shape, lambda: empty(dtype, shape), guessed=guessed)
    declared = _Declared(identifier, dtype, stored, shape, guessed, window, where, limits)
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
        raise _never_written(d.where)
    if offset + d.length > d.window.length:
        raise UnreadableError(
            f"{d.where} should hold {size(d.length)} at byte {offset}, and the file ends at {d.window.length}",
            "the file is cut short: fetch it again",
        )
    extents = ((offset, d.length),)
    if d.stored.kind == "V" or d.stored.isnative:
        return Dataset(d.dtype, d.shape, lambda: d.window.array(offset, d.dtype, d.shape), extents, 0, d.guessed)

    def fill(target: Array) -> None:
        source = d.window.array(offset, d.stored, d.shape).reshape(-1)
        flat = target.reshape(-1)
        step = max(1, d.limits.piece_bytes // d.dtype.itemsize)
        for start in range(0, source.size, step):
            flat[start : start + step] = source[start : start + step]

    return Dataset(d.dtype, d.shape, kept(d.decoder(fill)), extents, d.length, d.guessed)


def _compact(d: _Declared) -> Dataset:
    if d.length > d.limits.small_bytes:  # the format's own bound is 64 KiB less a header
        raise UnreadableError(f"{d.where} is too large for the compact layout it declares", DAMAGED)

    def fill(target: Array) -> None:
        with guard(d.where):
            _read_block(d.identifier, d.stored, target, None)

    return Dataset(d.dtype, d.shape, d.decoder(fill), (), d.length, d.guessed)


def _chunked(d: _Declared) -> Dataset:
    plist = d.identifier.get_create_plist()
    filters = _filters(plist, d.where)
    chunk = tuple(int(length) for length in plist.get_chunk())
    chunk_bytes = prod(chunk) * d.dtype.itemsize
    if len(chunk) != len(d.shape) or min(chunk) < 1:
        raise UnreadableError(f"{d.where} has chunks of another rank than its own", DAMAGED)
    if chunk_bytes > d.limits.max_chunk_bytes:
        raise UnsafeFileError(
            f"{d.where} is stored in chunks of {size(chunk_bytes)}; {size(d.limits.max_chunk_bytes)} is the limit",
            "save the model again without compression or with smaller chunks",
        )
    expected = prod(-(-length // step) for length, step in zip(d.shape, chunk, strict=True))
    # Every chunk costs an index entry of at least eight bytes, so more than this cannot be there.
    if expected > d.window.length // 8:
        raise _never_written(d.where)
    chunks = _chunk_table(d.identifier)
    grid = {tuple(offset) for offset, _, _, _ in chunks}
    if len(grid) != expected or any(
        at % step or at >= length for offset in grid for at, step, length in zip(offset, chunk, d.shape, strict=True)
    ):
        raise _never_written(d.where)

    def fill(target: Array) -> None:
        with guard(d.where):
            for offset, mask, start, stored_bytes in chunks:
                _refuse_bomb(d.window, filters, mask, start, stored_bytes, chunk_bytes, d.where)
                block = tuple(
                    slice(at, min(at + step, length)) for at, step, length in zip(offset, chunk, d.shape, strict=True)
                )
                _read_block(d.identifier, d.stored, target, block)

    extents = tuple((start, length) for _, _, start, length in chunks)
    # Edge chunks are decoded whole.
    return Dataset(d.dtype, d.shape, kept(d.decoder(fill)), extents, expected * chunk_bytes, d.guessed)


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


def _filters(plist: Any, where: str) -> list[int]:
    filters = [plist.get_filter(index)[0] for index in range(plist.get_nfilters())]
    for number in filters:
        if number not in _FILTERS:
            raise UnsafeFileError(
                f"{where} needs filter {number}, which is not built into HDF5",
                "save the model again uncompressed or with gzip",
            )
    after = filters[filters.index(_DEFLATE) + 1 :] if _DEFLATE in filters else []
    if len(set(filters)) != len(filters) or any(number != _FLETCHER32 for number in after):
        raise UnsafeFileError(
            f"{where} stacks filters as no program does: {', '.join(_FILTERS[number] for number in filters)}",
            "save the model again uncompressed or with gzip",
        )
    return filters


def _refuse_bomb(
    window: Window, filters: list[int], mask: int, start: int, stored: int, chunk_bytes: int, where: str
) -> None:
    """Inflate a chunk into nothing before HDF5 does it into memory: HDF5 doubles its buffer until the stream ends."""
    # Filters but deflate grow nothing by much; the stored form of a chunk is never far above the chunk.
    if stored > chunk_bytes + chunk_bytes // 8 + 65536:
        raise UnsafeFileError(f"{where} stores a chunk of {size(chunk_bytes)} in {size(stored)}", DAMAGED)
    if _DEFLATE not in filters or mask & (1 << filters.index(_DEFLATE)):
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
                raise UnsafeFileError(
                    f"{where}: a compressed chunk expands beyond its declared {size(chunk_bytes)}",
                    "this is a decompression bomb: do not trust the file",
                )


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
        dtype, guessed = _opaque(stored, attribute, where)
        return dtype, stored, guessed
    return stored.newbyteorder("="), stored, False


def _numpy_type(kind: Any, where: str) -> np.dtype[Any]:
    stored: np.dtype[Any] = kind.dtype
    if (
        isinstance(kind, h5t.TypeReferenceID | h5t.TypeVlenID)
        or stored.hasobject
        or (isinstance(kind, h5t.TypeStringID) and kind.is_variable_str())
    ):
        raise UnsafeFileError(
            f"{where} holds references or values of variable length, which tensors never do",
            "save the model again, or do not trust the file",
        )
    if stored.metadata:
        stored = np.dtype(stored.str)
    odd = stored.itemsize == 0 or stored.kind not in "biufcSV" or stored.subdtype or stored.names
    if odd or wider_than_ours(stored):
        raise UnreadableError(f"{where} has elements of type {quoted(str(stored))}", "only numbers can be compared")
    if stored.kind != "V" and not kind.equal(h5t.py_create(stored, logical=True)):
        raise UnreadableError(
            f"{where} is stored in a number type that numpy does not have", "save the model again as float32"
        )
    return stored


def _opaque(stored: np.dtype[Any], attribute: Callable[[str], Any], where: str) -> tuple[np.dtype[Any], bool]:
    """What opaque bytes are: h5py writes every ml_dtypes type so, and Keras names it in an attribute, or nowhere."""
    name = text_of(attribute("dtype"))
    if name is None and stored.itemsize == 2:
        return extended("bfloat16"), True  # the only two-byte type that numpy lacks
    if name not in EXTENDED or EXTENDED[name] != stored.itemsize:
        said = f"says {quoted(name)}" if name else "does not say which type they are"
        raise UnreadableError(
            f"{where} holds opaque elements of {stored.itemsize} bytes and {said}",
            "save the model again as .weights.h5 or safetensors, which name the type",
        )
    return extended(name), False


def _never_written(where: str) -> UnreadableError:
    return UnreadableError(
        f"{where} was declared and never written, or only in part", "the save was cut short: save the model again"
    )

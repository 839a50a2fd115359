"""One dataset: its checks when the file is opened, its bytes when they are asked for.

Contiguous data without filters is mapped where it lies, chunks are decoded one by one. What would lead out of the file
(external storage, virtual datasets), run a plug-in (filters that are not built in) or follow a pointer (variable
length, references) is refused.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from struct import Struct
from typing import Any

import numpy as np

from gate.errors import UnreadableError
from gate.formats.hdf5 import refusals
from gate.formats.hdf5.checksum import Checksums
from gate.formats.hdf5.chunks import Chunks, chunks
from gate.formats.hdf5.dataspaces import Shape, shape
from gate.formats.hdf5.datatypes import Datatype, datatype
from gate.formats.hdf5.filters import Filter, checked, decoded, pipeline
from gate.formats.hdf5.headers import DATASPACE, DATATYPE, EXTERNAL, FILTERS, LAYOUT, Header, header
from gate.formats.hdf5.heaps import local_heap, name_at
from gate.formats.hdf5.image import UNDEFINED, Image, number
from gate.formats.hdf5.layouts import CHUNKED, COMPACT, CONTIGUOUS, VIRTUAL, Layout, layout
from gate.formats.hdf5.ledger import Ledger
from gate.formats.hdf5.signals import Damaged, Unsupported
from gate.formats.hdf5.tree import Dataset, Decoded, Mapped, Opaque, nothing
from gate.formats.limits import Limits
from gate.formats.seam import DAMAGED, guard
from gate.formats.spool import decoded as spooled
from gate.formats.spool import kept
from gate.formats.text import quoted, text_of
from gate.tensors.weightset import Array

_SHARED = 0x02
_COMMITTED = 2
_ADDRESS = Struct("<Q")
_ALIKE = 28
"""So much of a header tells where in it the address of the data is, or leaves few choices: `_PLACES`."""
_PLACES = 8


class Datasets:
    """Checks and describes the datasets of one file. A file has thousands of datasets and few types and shapes."""

    def __init__(self, image: Image, ledger: Ledger, checksums: Checksums) -> None:
        self.image = image
        self.ledger = ledger
        self.limits: Limits = ledger.limits
        self.checksums = checksums
        self._usual: dict[bytes, tuple[np.dtype[Any], Shape, int]] = {}
        self._places: dict[bytes, list[tuple[int, int, int]]] = {}

    def dataset(self, found: Header, attribute: Callable[[str], Any], path: str) -> Dataset:
        """One dataset by its messages. `attribute` reads its attributes, `path` names it."""
        single = found.single
        kind = self._datatype(found)
        dtype, guessed = self._tensor_type(kind, attribute, path)
        dimensions = shape(single[DATASPACE].own)
        if dimensions is None:  # a type and no elements
            return nothing(dtype, (0,), guessed)
        if EXTERNAL in single:
            raise refusals.external_storage(self._where(path), self._external(single[EXTERNAL].own))
        if LAYOUT not in single:
            raise Damaged("it has no layout")
        message = single[LAYOUT]
        where = layout(message.own)
        if where.kind == VIRTUAL:
            raise refusals.virtual(self._where(path))
        length = prod(dimensions) * dtype.itemsize
        if length == 0:
            return nothing(dtype, dimensions, guessed)
        stored = dtype if kind.dtype is None or kind.dtype.kind == "V" else kind.dtype
        declared = _Declared(self, stored, dtype, dimensions, length, guessed, path)
        if where.kind == CHUNKED:
            return declared.chunked(where, single[FILTERS].own if FILTERS in single else None)
        if FILTERS in single and pipeline(single[FILTERS].own):
            raise Damaged("it has filters and no chunks")
        if where.kind == COMPACT:
            return declared.compact(message.position + where.address, where.length)
        return declared.contiguous(where)

    def usual(self, head: bytes, address: int, path: str) -> Dataset | None:
        """The quick way for nearly every dataset: its header is like an earlier one but for the address of the data.

        `head` is the first `USUAL` bytes of the header. None when there was no such header, or the address is none.
        """
        for at, end, tail in self._places.get(head[:_ALIKE], ()):
            found = self._usual.get(head[:at] + head[at + 8 : end - tail])
            if found is not None:
                dtype, shape, length = found
                offset = _ADDRESS.unpack_from(head, at)[0]
                image = self.image
                if offset + length > image.length or end > len(head):
                    return None  # and the slow way says why
                image.spend(end, "its header")
                if tail:
                    self.checksums.expect(head[:end], address)
                self.ledger.claim(offset, length, path)
                return Mapped(dtype, shape, image.window, offset)
        return None

    def remember(self, head: bytes, address: int, found: Header, data: Dataset) -> None:
        """Have headers like this one read the quick way."""
        if type(data) is not Mapped or found.length > len(head) or found.continued:
            return
        if data.dtype.kind == "V" or found.single[DATATYPE].flags & _SHARED:
            return
        tail = 0 if head[0] == 1 else 4  # a checksum
        at = found.single[LAYOUT].position - address + 2
        places = self._places.setdefault(head[:_ALIKE], [])
        if (at, found.length, tail) not in places:
            if len(places) >= _PLACES:
                return
            places.append((at, found.length, tail))
        key = head[:at] + head[at + 8 : found.length - tail]
        self._usual[key] = (data.dtype, data.shape, prod(data.shape) * data.dtype.itemsize)

    def _where(self, path: str) -> str:
        return f"{self.ledger.shown}: {quoted(path)}"

    def _datatype(self, found: Header) -> Datatype:
        message = found.single[DATATYPE]
        body = message.body
        if message.flags & _SHARED:
            body = self._committed(body)
        return datatype(body)

    def _committed(self, body: bytes) -> bytes:
        """A type that is an object of its own (§ IV.A.2, shared messages): h5py has them, Keras does not."""
        version, kind = number(body, 0, 1), number(body, 1, 1)
        if version not in {2, 3} or kind not in {0, _COMMITTED}:
            raise Unsupported("a message that is shared in another way")
        named = header(self.image, number(body, 2, 8), self.checksums)
        if DATATYPE not in named.single:
            raise Damaged("its type is not where it should be")
        return named.single[DATATYPE].own

    def _tensor_type(self, kind: Datatype, attribute: Callable[[str], Any], path: str) -> tuple[np.dtype[Any], bool]:
        if kind.points:
            raise refusals.variable_or_reference(self._where(path))
        stored = kind.dtype
        if stored is None:
            where = self._where(path)
            raise refusals.odd_number(where) if kind.number else refusals.odd_elements(where, kind.what)
        if kind.encoded:
            raise refusals.odd_elements(self._where(path), f"{kind.what}, not ASCII before NULs")
        if stored.kind == "V":
            return refusals.opaque(stored.itemsize, text_of(attribute("dtype")), self._where(path))
        return stored.newbyteorder("="), False

    def _external(self, body: bytes) -> bytes:
        """The name of the first other file (§ IV.A.2.h)."""
        heap = local_heap(self.image, number(body, 8, 8))
        return name_at(heap, number(body, 16, 8))


@dataclass(frozen=True, slots=True)
class _Declared:
    """One dataset with elements, as its header declares it."""

    file: Datasets
    stored: np.dtype[Any]
    dtype: np.dtype[Any]
    shape: Shape
    length: int
    guessed: bool
    path: str

    @property
    def where(self) -> str:
        return f"{self.file.ledger.shown}: {quoted(self.path)}"

    def contiguous(self, place: Layout) -> Dataset:
        image = self.file.image
        if place.kind != CONTIGUOUS or place.address == UNDEFINED or place.length == 0:
            raise refusals.never_written(self.where)
        if place.length != self.length:
            raise Damaged(f"it declares {self.length} bytes and has {place.length}")
        offset = place.address
        if offset + self.length > image.length:
            raise refusals.cut_short(self.where, self.length, offset, image.length)
        self.file.ledger.claim(offset, self.length, self.path)
        if self.stored.isnative:
            kind = Opaque if self.guessed else Mapped
            return kind(self.dtype, self.shape, image.window, offset)
        return self._decoded(self.length, lambda target: self._swap(offset, target), shared=True)

    def _swap(self, offset: int, target: Array) -> None:
        source = self.file.image.window.array(offset, self.stored, self.shape).reshape(-1)
        flat = target.reshape(-1)
        step = max(1, self.file.limits.piece_bytes // self.dtype.itemsize)
        for start in range(0, source.size, step):
            flat[start : start + step] = source[start : start + step]

    def compact(self, offset: int, length: int) -> Dataset:
        if self.length > self.file.limits.small_bytes:
            raise refusals.too_large_to_be_compact(self.where)
        if length != self.length:
            raise Damaged(f"it declares {self.length} bytes and has {length}")
        return self._decoded(self.length, lambda target: self._swap(offset, target), shared=False)

    def chunked(self, place: Layout, filters: bytes | None) -> Dataset:
        applied = checked(pipeline(filters), self.where) if filters is not None else ()
        chunk_bytes = prod(place.chunk) * place.width
        if len(place.chunk) != len(self.shape) or min(place.chunk, default=0) < 1:
            raise UnreadableError(f"{self.where} has chunks of another rank than its own", DAMAGED)
        if place.width != self.dtype.itemsize:
            raise Damaged(f"its elements have {self.dtype.itemsize} bytes, and {place.width} in its chunks")
        refusals.refuse_big_chunks(self.where, chunk_bytes, self.file.limits)
        expected = prod(-(-length // step) for length, step in zip(self.shape, place.chunk, strict=True))
        image = self.file.image
        # Every chunk costs an index entry of at least eight bytes, so more than this cannot be there.
        if expected > image.length // 8:
            raise refusals.never_written(self.where)
        table = chunks(image, place, self.shape, bool(applied), self.file.checksums)
        if not table.fill(expected):
            raise refusals.never_written(self.where)
        beyond = np.flatnonzero((table.starts >= image.length) | (table.sizes > image.length - table.starts))
        if len(beyond):
            first = int(beyond[0])
            raise refusals.cut_short(self.where, int(table.sizes[first]), int(table.starts[first]), image.length)
        self.file.ledger.claim_chunks(table.starts, table.sizes, self.path)

        def fill(target: Array) -> None:
            with guard(self.where):
                self._decode(table, place.chunk, applied, chunk_bytes, target)

        # Edge chunks are decoded whole.
        return self._decoded(expected * chunk_bytes, fill, shared=True)

    def _decode(
        self, table: Chunks, chunk: Shape, filters: tuple[Filter, ...], chunk_bytes: int, target: Array
    ) -> None:
        window = self.file.image.window
        grid = [-(-length // step) for length, step in zip(self.shape, chunk, strict=True)]
        for place, start, size, mask in zip(
            table.places.tolist(), table.starts.tolist(), table.sizes.tolist(), table.masks.tolist(), strict=True
        ):
            raw = window.array(start, np.dtype(np.uint8), (size,))
            data = decoded(raw, filters, mask, chunk_bytes, self.where)
            block = np.frombuffer(data, self.stored).reshape(chunk)
            offset: list[int] = []
            for count, step in zip(reversed(grid), reversed(chunk), strict=True):
                place, at = divmod(place, count)  # noqa: PLW2901
                offset.insert(0, at * step)
            inside = tuple(min(step, length - at) for at, step, length in zip(offset, chunk, self.shape, strict=True))
            goal = tuple(slice(at, at + step) for at, step in zip(offset, inside, strict=True))
            target[goal] = block[tuple(slice(0, step) for step in inside)]

    def _decoded(self, expanded: int, fill: Callable[[Array], None], *, shared: bool) -> Dataset:
        self.file.ledger.expand(expanded)

        def read() -> Array:
            return spooled(self.dtype, self.shape, fill, self.file.limits)

        return Decoded(self.dtype, self.shape, kept(read) if shared else read, self.guessed)

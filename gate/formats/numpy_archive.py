"""`.npz`: a zip of `.npy` arrays (numpy/lib/npyio.py). Names are the keys as they are. Nothing is ever unpickled."""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from gate.errors import UnreadableError
from gate.formats.interface import Reader
from gate.formats.limits import Limits
from gate.formats.mapping import MappedFile, empty
from gate.formats.numpy_array import HEADER_LIMIT, ArrayHeader, header
from gate.formats.seam import DAMAGED
from gate.formats.source import Source
from gate.formats.spool import decoded, kept, spooled
from gate.formats.text import quoted, size
from gate.formats.zip_members import SIGNATURES, Member, Members
from gate.tensors.weightset import Array, Tensor, WeightSet

_SUFFIX = ".npy"
GUESSED_BFLOAT16 = "two-byte opaque elements were read as bfloat16: .npz does not name their type"


class NumpyArchive(Reader):
    """`np.savez("m.npz", **arrays)` and `np.savez_compressed`."""

    key = "npz"
    title = "NumPy .npz"

    def recognises(self, source: Source) -> bool:
        if not source.head.startswith(SIGNATURES):
            return False
        names = source.members.by_name
        return all(name.endswith(_SUFFIX) for name in names)

    def read(self, source: Source) -> WeightSet:
        source.members.refuse_expansion(iter(source.members.by_name.values()))
        tensors: dict[str, Tensor] = {}
        guessed = False
        for member in source.members.by_name.values():
            name = member.name.removesuffix(_SUFFIX)
            where = f"{source.shown}: {quoted(name)}"
            head = header(source.members.head(member, HEADER_LIMIT), where)
            length = prod(head.shape) * head.stored.itemsize
            if head.offset + length != member.length:
                raise UnreadableError(
                    f"{where} declares {size(length)} of data and has {size(max(0, member.length - head.offset))}",
                    DAMAGED,
                )
            if length == 0:
                empty(head.dtype, head.shape)  # refuses dimensions that no array can have
            guessed |= head.guessed
            read = _reader(source.members, member, head, source.limits)
            tensors[name] = Tensor(name, head.dtype, head.shape, read, stored_as=member.name)
        notes = (GUESSED_BFLOAT16,) if guessed else ()
        return WeightSet(source.shown, self.key, tensors, notes, source.close, (), source.members.checksums())


def _reader(members: Members, member: Member, head: ArrayHeader, limits: Limits) -> Callable[[], Array]:
    in_order = not head.fortran or sum(length > 1 for length in head.shape) < 2
    ready = in_order and head.stored.isnative

    def raw(dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
        if not member.deflated:
            return members.mapping.array(member.start + head.offset, dtype, shape)
        mapped = MappedFile.of(spooled(members.pieces(member), member.length, limits), members.shown)
        return mapped.array(head.offset, dtype, shape)

    def converted() -> Array:
        source = raw(head.stored, head.shape[::-1] if head.fortran else head.shape)
        source = source.T if head.fortran else source
        return decoded(head.dtype, head.shape, lambda target: _copy(source, target, limits), limits)

    if prod(head.shape) == 0:
        return lambda: empty(head.dtype, head.shape)
    if not ready:
        return kept(converted)
    if member.deflated:
        return kept(lambda: raw(head.dtype, head.shape))
    return lambda: raw(head.dtype, head.shape)


def _copy(source: Array, target: Array, limits: Limits) -> None:
    """Copy with another order of axes or bytes. Both sides are mapped files, so nothing piles up in memory."""
    if source.ndim == 0 or source.nbytes <= limits.piece_bytes:
        target[...] = source
        return
    step = max(1, limits.piece_bytes * source.shape[0] // source.nbytes)
    for start in range(0, source.shape[0], step):
        target[start : start + step] = source[start : start + step]

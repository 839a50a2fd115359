"""`.safetensors`, by its specification (github.com/huggingface/safetensors, README "Format"); every rule is enforced.

Eight bytes of header length, a JSON header, then the data: offsets in order of the data, without holes or overlaps,
covering it exactly. Names are the keys as they are, in the header's order. Data is mapped.
"""

from functools import partial
from math import prod
from typing import Any

import numpy as np

from gate.errors import UnreadableError
from gate.formats.dtypes import EXTENDED, extended
from gate.formats.interface import Reader
from gate.formats.mapping import empty
from gate.formats.source import Source
from gate.formats.strict_json import parsed
from gate.formats.text import quoted, size
from gate.tensors.weightset import Tensor, WeightSet

_DTYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8",
    "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8", "C64": "<c8", "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz",
}  # fmt: skip
_SUB_BYTE = {"F4", "F6_E2M3", "F6_E3M2", "I4", "U4"}
_AGAIN = "the file is damaged: fetch or save it again"


class Safetensors(Reader):
    """`safetensors.numpy.save_file(arrays, "m.safetensors")`."""

    key = "safetensors"
    title = "safetensors"

    def recognises(self, source: Source) -> bool:
        head = source.head
        length = int.from_bytes(head[:8], "little")
        return len(head) >= 10 and head[8:9] == b"{" and length <= 1 << 48

    def read(self, source: Source) -> WeightSet:
        header, start = _header(source)
        header.pop("__metadata__", None)
        end = source.mapping.size - start
        spans: list[tuple[int, int, str]] = []
        tensors: dict[str, Tensor] = {}
        for name, said in header.items():
            where = f"{source.shown}: {quoted(name)}"
            dtype, shape, begin, stop = _entry(said, where)
            spans.append((begin, stop, name))
            if stop > end:
                raise UnreadableError(
                    f"{where} ends at byte {stop} of {end} bytes of data", "the file is cut short: fetch it again"
                )
            if prod(shape) == 0:
                empty(dtype, shape)  # refuses dimensions that no array can have
            read = partial(source.mapping.array, start + begin, dtype, shape)
            tensors[name] = Tensor(name, dtype, shape, read, stored_as=name)
        _refuse_holes(spans, end, source.shown)
        return WeightSet(source.shown, self.key, tensors, (), source.close)


def _header(source: Source) -> tuple[dict[str, Any], int]:
    length = int.from_bytes(source.head[:8], "little")
    limit = source.limits.max_header_bytes
    if length > limit:
        raise UnreadableError(
            f"{source.shown}: the safetensors header is {size(length)} long; {size(limit)} is the limit", _AGAIN
        )
    if 8 + length > source.mapping.size:
        raise UnreadableError(f"{source.shown} is cut short inside its header", "fetch the file again")
    value = parsed(source.mapping.bytes_at(8, length), f"{source.shown}: the safetensors header", limit)
    if not isinstance(value, dict):
        raise UnreadableError(f"{source.shown}: the safetensors header is not an object", _AGAIN)
    metadata = value.get("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise UnreadableError(f"{source.shown}: __metadata__ is not a table of texts", _AGAIN)
    return value, 8 + length


def _entry(said: Any, where: str) -> tuple[np.dtype[Any], tuple[int, ...], int, int]:
    if not isinstance(said, dict) or set(said) != {"dtype", "shape", "data_offsets"}:
        raise UnreadableError(f"{where} lacks dtype, shape or data_offsets", _AGAIN)
    shape, offsets = said["shape"], said["data_offsets"]
    if (
        not _naturals(shape)
        or len(shape) > 32
        or not _naturals(offsets)
        or len(offsets) != 2
        or offsets[0] > offsets[1]
    ):
        raise UnreadableError(f"{where} has a shape or offsets that no tensor has", _AGAIN)
    dtype = _dtype(said["dtype"], where)
    begin, stop = offsets
    length = prod(shape) * dtype.itemsize
    if stop - begin != length:
        raise UnreadableError(f"{where} needs {size(length)} for its shape and has {size(stop - begin)}", _AGAIN)
    return dtype, tuple(shape), begin, stop


def _naturals(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 1 << 63 for value in values)


def _dtype(name: Any, where: str) -> np.dtype[Any]:
    if isinstance(name, str) and name in _SUB_BYTE:
        raise UnreadableError(
            f"{where} is of type {name}, which packs values into parts of bytes", "save it in a type of whole bytes"
        )
    found = _DTYPES.get(name) if isinstance(name, str) else None
    if found is None:
        raise UnreadableError(f"{where} is of the unknown type {quoted(str(name))}", "save it in another type")
    return extended(found) if found in EXTENDED else np.dtype(found)


def _refuse_holes(spans: list[tuple[int, int, str]], end: int, shown: str) -> None:
    at = 0
    for begin, stop, name in sorted(spans):
        if begin != at:
            what = "overlaps the tensor before it" if begin < at else f"leaves a hole of {size(begin - at)}"
            raise UnreadableError(f"{shown}: {quoted(name)} {what}", _AGAIN)
        at = stop
    if at != end:
        raise UnreadableError(f"{shown} has {size(end - at)} after its last tensor", _AGAIN)

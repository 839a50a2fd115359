"""Example inputs and golden outputs: a `.npz`, `.npy` or `.json` in, arrays by name out; the content decides which.

Files come from pull requests: nothing is unpickled, and no file may expand beyond the limits. What a model makes of
the arrays is the matter of `gate.tensors.model_inputs`.
"""

import math
from itertools import chain
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from gate.errors import GateError, UnreadableError, UnsafeFileError
from gate.formats import strict_json
from gate.formats.limits import Limits
from gate.formats.numpy_archive import NumpyArchive
from gate.formats.numpy_array import HEADER_LIMIT, MAGIC, header
from gate.formats.pointers import missing, refuse_pointer
from gate.formats.seam import DAMAGED, guard
from gate.formats.source import HEAD_BYTES, Source
from gate.formats.text import printable, quoted, size
from gate.formats.zip_members import SIGNATURES
from gate.tensors.weightset import Array

JSON_BYTES = 8 * 1024**2
"""The longest JSON file: as Python objects it takes about ten times its length."""
MOST_AXES = 32
_FORMATS = "give arrays: a .npz (np.savez), a .npy (np.save) or a .json of nested lists"
_JSON_HINT = "write one list of numbers, truth values or texts for each array, or save the arrays with np.savez"


def read_arrays(path: Path, shown: str, limits: Limits = Limits()) -> dict[str, Array]:  # noqa: B008 -- frozen
    """The arrays of a file by name, in its order; a file that holds one array without a name has it under `""`.

    Arrays of `.npz` and `.npy` keep their dtypes; they are read-only and may be mapped. JSON is a list (one array) or
    an object of lists: whole numbers become int64 (uint64 where that is too short), numbers float64, truth values
    bool, texts objects of `str`. There is at least one array, and none is without elements. Raises `MissingFileError`,
    `UnsafeFileError` or `UnreadableError`; `shown` is what they call the file.
    """
    shown = printable(shown)
    with guard(f"{shown} cannot be read", "check the path and its permissions"):
        source = Source(path, shown, limits, _head(path, shown))
    try:
        with guard(f"{shown} cannot be read as arrays", _FORMATS):
            arrays = _read(source)
    finally:
        source.close()
    if not arrays:
        raise UnreadableError(f"{shown} holds no arrays", _FORMATS)
    for name, array in arrays.items():
        if not array.size:
            raise UnreadableError(
                f"{_place(shown, name)} holds no elements: its shape is {array.shape}", "give at least one sample"
            )
    return arrays


def _head(path: Path, shown: str) -> bytes:
    if path.is_dir():
        raise UnreadableError(f"{shown} is a folder", _FORMATS)
    if not path.exists():
        raise missing(path, shown)
    if not path.is_file():
        raise UnreadableError(f"{shown} is not a regular file", _FORMATS)
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        raise UnreadableError(f"{shown} is empty", "the file was never written or its download failed")
    return head


def _read(source: Source) -> dict[str, Array]:
    refuse_pointer(source.head, source.shown)
    if source.head.startswith(SIGNATURES):
        return _archive(source)
    if source.head.startswith(MAGIC):
        return {"": _single(source)}
    if source.head.startswith(b"\x80") and source.head[1:2] in b"\x02\x03\x04\x05":
        raise UnsafeFileError(f"{source.shown} is a Python pickle, which runs code when read", _FORMATS)
    if source.head.lstrip()[:1] in {b"[", b"{"}:
        return _json(source)
    raise UnreadableError(
        f"{source.shown} is neither NumPy arrays nor JSON: it starts with {quoted(source.head[:16])}", _FORMATS
    )


def _archive(source: Source) -> dict[str, Array]:
    reader = NumpyArchive()
    if not reader.recognises(source):
        raise UnreadableError(f"{source.shown} is a zip archive, and not of NumPy arrays alone", _FORMATS)
    weights = reader.read(source)
    for verify in weights.checksums.values():  # of the arrays that are mapped; the others' are compared on reading
        verify()
    return {tensor.name: tensor.read() for tensor in weights}


def _single(source: Source) -> Array:
    mapping, shown = source.mapping, source.shown
    head = header(mapping.bytes_at(0, HEADER_LIMIT), shown)
    length = prod(head.shape) * head.stored.itemsize
    if head.offset + length != mapping.size:
        raise UnreadableError(
            f"{shown} declares {size(length)} of data and has {size(max(0, mapping.size - head.offset))}", DAMAGED
        )
    array = mapping.array(head.offset, head.stored, head.shape[::-1] if head.fortran else head.shape)
    # No copy where the file has the order of bytes and axes that memory has.
    ordered = np.asarray(array.T if head.fortran else array, head.dtype, order="C")
    ordered.flags.writeable = False
    return ordered


def _json(source: Source) -> dict[str, Array]:
    if source.mapping.size > JSON_BYTES:
        raise UnreadableError(
            f"{source.shown} is {size(source.mapping.size)} of JSON; {size(JSON_BYTES)} is the limit",
            "save the arrays with np.savez",
        )
    value = strict_json.parsed(source.mapping.bytes_at(0, JSON_BYTES), source.shown, JSON_BYTES)
    named = value if isinstance(value, dict) else {"": value}
    return {name: _array(item, _place(source.shown, name)) for name, item in named.items()}


def _array(value: Any, where: str) -> Array:
    """The array that nested lists of one length on every level are."""
    items: list[Any] = [value]
    shape: list[int] = []
    while any(isinstance(item, list) for item in items):
        lengths = {len(item) if isinstance(item, list) else None for item in items}
        if len(lengths) > 1:
            raise _ragged(where, len(shape), lengths)
        shape.append(len(items[0]))
        if len(shape) > MOST_AXES:
            raise UnreadableError(f"{where} is nested more than {MOST_AXES} lists deep", _JSON_HINT)
        items = list(chain.from_iterable(items))
    return _filled(items, where).reshape(shape)


def _ragged(where: str, depth: int, lengths: set[int | None]) -> GateError:
    if None in lengths:
        what = "some items are lists and others are not"
    else:
        low, *_, high = sorted(length for length in lengths if length is not None)
        what = f"some lists have {low} items and others {high}"
    return UnreadableError(f"{where} is no array: on level {depth} {what}", "fill the shorter ones up to one length")


def _filled(items: list[Any], where: str) -> Array:
    """One array of items that are all numbers, all truth values or all texts."""
    kinds = set(map(type, items))
    if kinds == {bool}:
        return np.array(items, np.bool_)
    if kinds == {str}:
        texts = np.empty(len(items), np.object_)  # a fixed width would be that of the longest for all
        texts[:] = items
        return texts
    if kinds == {int}:
        return _integers(items, where)
    if kinds <= {int, float}:
        return _floats(items, where)
    words = {int: "numbers", float: "numbers", bool: "truth values", str: "texts", type(None): "null", dict: "objects"}
    found = sorted({words[kind] for kind in kinds})
    raise UnreadableError(f"{where} is no array: it holds {' and '.join(found)}", _JSON_HINT)


def _integers(items: list[int], where: str) -> Array:
    low, high = min(items), max(items)
    if low >= -(2**63) and high < 2**63:
        return np.array(items, np.int64)
    if low >= 0 and high < 2**64:
        return np.array(items, np.uint64)
    raise UnreadableError(
        f"{where} holds integers that no integer of 64 bits can be", "write them as texts or fractions"
    )


def _floats(items: list[int | float], where: str) -> Array:
    for item in items:
        if isinstance(item, int) and abs(item) > 2**53:
            raise UnreadableError(
                f"{where} mixes fractions with integers that float64 cannot hold", "save the arrays with np.savez"
            )
        if not math.isfinite(item):
            raise UnreadableError(
                f"{where} holds NaN or an infinity, which JSON has no number for",
                "mend the data, or save the arrays with np.savez if it is meant",
            )
    return np.array(items, np.float64)


def _place(shown: str, name: str) -> str:
    return f"{shown}: {quoted(name)}" if name else shown

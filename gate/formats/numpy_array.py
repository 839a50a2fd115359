"""The `.npy` format (numpy/lib/format.py, versions 1.0 to 3.0): its header, read without numpy.load or pickle."""

import ast
import re
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from gate.errors import UnreadableError, UnsafeFileError
from gate.formats.dtypes import extended, wider_than_ours
from gate.formats.seam import DAMAGED, guard
from gate.formats.text import quoted

MAGIC = b"\x93NUMPY"
HEADER_LIMIT = 65536
"""How much of a file to offer `header`. numpy's own bound on the text is 10,000."""
_DESCR = re.compile(r"[<>|=]?[?a-zA-Z]\d{0,9}")
_USUAL = re.compile(
    r"\{'descr': '([^'\\]{1,20})', 'fortran_order': (True|False), 'shape': "
    r"\(((?:\d{1,20},|\d{1,20}(?:, \d{1,20})+)?)\), \} *\n"
)
PICKLE_HINT = "it runs code when read: save plain arrays (np.savez with dtype, without allow_pickle)"


@dataclass(frozen=True)
class ArrayHeader:
    """What a `.npy` says of its array. `stored` has the file's byte order; data starts at `offset`."""

    dtype: np.dtype[Any]
    stored: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool
    offset: int
    guessed: bool


def header(data: bytes, where: str) -> ArrayHeader:
    """The header at the start of `data`; `where` names the array in messages."""
    text, offset = _text(data, where)
    with guard(f"{where}: the header of the array is damaged"):
        value = _value(text)
    if not isinstance(value, dict) or set(value) != {"descr", "fortran_order", "shape"}:
        raise UnreadableError(f"{where}: the header of the array is damaged", DAMAGED)
    shape, fortran, descr = value["shape"], value["fortran_order"], value["descr"]
    if (
        not isinstance(shape, tuple)
        or not all(type(length) is int and length >= 0 for length in shape)
        or len(shape) > 32
        or not isinstance(fortran, bool)
    ):
        raise UnreadableError(f"{where} declares a shape that no array has", DAMAGED)
    dtype, stored, guessed = _dtype(descr, where)
    return ArrayHeader(dtype, stored, shape, fortran, offset, guessed)


def _value(text: str) -> Any:
    """The Python literal that the header is; the form that numpy writes without a parser's cost."""
    usual = _USUAL.fullmatch(text)
    if usual is None:
        return ast.literal_eval(text.strip())
    descr, fortran, shape = usual.groups()
    lengths = tuple(int(length) for length in shape.replace(",", " ").split())
    return {"descr": descr, "fortran_order": fortran == "True", "shape": lengths}


def _text(data: bytes, where: str) -> tuple[str, int]:
    version = data[6:8]
    if not data.startswith(MAGIC) or version not in {b"\x01\x00", b"\x02\x00", b"\x03\x00"}:
        raise UnreadableError(f"{where} is not a .npy array", "save plain arrays with np.savez")
    prefix = struct.Struct("<H" if version == b"\x01\x00" else "<I")
    start = 8 + prefix.size
    with guard(f"{where}: the header of the array is damaged"):
        length = prefix.unpack_from(data, 8)[0]
        if start + length > len(data):
            raise UnreadableError(f"{where}: the header of the array is cut short or too long", DAMAGED)
        text = data[start : start + length].decode("utf-8" if version == b"\x03\x00" else "latin-1")
    return text, start + length


def _dtype(descr: Any, where: str) -> tuple[np.dtype[Any], np.dtype[Any], bool]:
    if isinstance(descr, str) and descr.lstrip("<>|=").startswith("O"):
        raise UnsafeFileError(f"{where} holds pickled Python objects", PICKLE_HINT)
    if isinstance(descr, list) and re.search(r"'[<>|=]?O\d*'", repr(descr)):
        raise UnsafeFileError(f"{where} holds pickled Python objects", PICKLE_HINT)
    if not isinstance(descr, str) or not _DESCR.fullmatch(descr):
        raise UnreadableError(f"{where} has elements of type {quoted(str(descr))}", "save plain arrays of numbers")
    with guard(f"{where} has elements of type {quoted(descr)}", "save plain arrays of numbers"):
        stored = np.dtype(descr)
    if stored.kind == "V" and stored.itemsize == 2:
        # What numpy writes for ml_dtypes.bfloat16; it has no name for it.
        return extended("bfloat16"), extended("bfloat16"), True
    if stored.kind not in "biufcSU" or stored.itemsize == 0 or wider_than_ours(stored):
        raise UnreadableError(
            f"{where} has elements of type {quoted(descr)}",
            "save plain arrays of numbers, and 8-bit floats as safetensors",
        )
    return stored.newbyteorder("="), stored, False

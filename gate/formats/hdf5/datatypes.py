"""Datatype messages (§ IV.A.2.d): numpy's dtype for what is a number, text or opaque, and words for what is not."""

from dataclasses import dataclass
from functools import lru_cache
from struct import Struct, error
from typing import Any

import numpy as np

from gate.formats.hdf5.signals import Damaged

_FIXED, _FLOAT, _STRING, _OPAQUE, _COMPOUND, _REFERENCE, _ENUM, _VARIABLE, _ARRAY = 0, 1, 3, 5, 6, 7, 8, 9, 10
_NAMES = {2: "time", 4: "bit field", 6: "compound", 8: "enumeration", 10: "array", 11: "complex"}

_HEAD = Struct("<BBBBI")
_INTEGER = Struct("<HH")
_REAL = Struct("<HHBBBBI")
_MEMBER = Struct("<IB3xII16x")  # version 1: offset, dimensions, permutation, reserved

# Bit offset, precision, exponent's place and width, mantissa's place and width, bias; and the place of the sign.
_IEEE = {
    2: ((0, 16, 10, 5, 0, 10, 15), 15),
    4: ((0, 32, 23, 8, 0, 23, 127), 31),
    8: ((0, 64, 52, 11, 0, 52, 1023), 63),
}
_LARGEST = 0x7FFFFFFF


@dataclass(frozen=True, slots=True)
class Datatype:
    """One decoded type."""

    what: str
    """In words."""
    dtype: np.dtype[Any] | None = None
    """As the bytes lie in the file; None for what numpy lacks."""
    points: bool = False
    """References, and what has a variable length."""
    number: bool = False
    """A number in a form that is not numpy's, when `dtype` is None."""
    text: bool = False
    """Text: of the fixed length of `dtype`, or, where that is None, of variable length."""
    padding: int = 1
    """How text ends: 0 at the first NUL, 1 before trailing NULs, 2 before trailing spaces."""
    encoded: bool = False
    """Text that is not ASCII before trailing NULs, numpy's only kind."""


@lru_cache(128)  # a file has thousands of objects and few types
def datatype(body: bytes) -> Datatype:
    """The type that a message describes."""
    try:
        return _decoded(body)
    except (error, IndexError) as problem:
        raise Damaged("its datatype is cut short") from problem


def _decoded(body: bytes) -> Datatype:
    first, bits, more, most, size = _HEAD.unpack_from(body)
    kind, version = first & 15, first >> 4
    if not 1 <= version <= 5 or kind > 11:
        raise Damaged(f"its datatype has class {kind} and version {version}")
    if not 0 < size <= _LARGEST:
        raise Damaged(f"its datatype has {size} bytes")
    flags = bits | more << 8 | most << 16
    if kind == _FIXED:
        return _fixed(body, flags, size)
    if kind == _FLOAT:
        return _real(body, flags, size)
    if kind == _STRING:
        return _text(flags, size)
    if kind == _COMPOUND:
        return _compound(body, version, flags, size)
    if kind == _ENUM:
        return _enumeration(body, version, flags, size)
    return _other(kind, flags, size)


def _other(kind: int, flags: int, size: int) -> Datatype:
    if kind == _OPAQUE:
        return Datatype(f"opaque, {size} bytes", np.dtype(f"V{size}"))
    if kind == _REFERENCE:
        return Datatype("reference", points=True)
    if kind == _VARIABLE:
        is_text = flags & 15 == 1
        return Datatype("text of variable length" if is_text else "variable length", points=True, text=is_text)
    return Datatype(_NAMES[kind])


def _fixed(body: bytes, flags: int, size: int) -> Datatype:
    offset, precision = _INTEGER.unpack_from(body, 8)
    what = f"integer of {size} bytes"
    if size not in {1, 2, 4, 8} or offset or precision != 8 * size or flags & ~9:
        return Datatype(what, number=True)
    return Datatype(what, np.dtype(f"{'>' if flags & 1 else '<'}{'i' if flags & 8 else 'u'}{size}"))


def _real(body: bytes, flags: int, size: int) -> Datatype:
    layout = _REAL.unpack_from(body, 8)
    what = f"float of {size} bytes"
    # Bit 0 is the byte order, bit 5 an implied leading one; no padding; the second byte is the place of the sign.
    wanted = _IEEE.get(size)
    if wanted is None or layout != wanted[0] or flags & ~1 != 0x20 | wanted[1] << 8:
        return Datatype(what, number=True)
    return Datatype(what, np.dtype(f"{'>' if flags & 1 else '<'}f{size}"))


def _text(flags: int, size: int) -> Datatype:
    padding = flags & 15
    if padding > 2:
        raise Damaged("its text is padded in a way that the format does not have")
    return Datatype(f"text of {size} bytes", np.dtype(f"S{size}"), text=True, padding=padding, encoded=flags != 1)


def _compound(body: bytes, version: int, flags: int, size: int) -> Datatype:
    """A complex number is `r` and `i` of one float type, as h5py writes it; nothing else is a number."""
    if flags & 0xFFFF != 2:
        return Datatype("compound")
    at = 8
    parts: list[np.dtype[Any]] = []
    for index, name in enumerate((b"r\0", b"i\0")):
        if body[at : at + 2] != name:
            return Datatype("compound")
        at += 2 if version >= 3 else 8
        if version >= 3:
            width = (size.bit_length() + 7) // 8
            offset = int.from_bytes(body[at : at + width], "little")
            at += width
        else:
            offset, dimensions = _MEMBER.unpack_from(body, at)[:2] if version == 1 else (*_offset(body, at), 0)
            at += _MEMBER.size if version == 1 else 4
            if dimensions:
                return Datatype("compound")
        if body[at] & 15 != _FLOAT:
            return Datatype("compound")
        part = datatype(body[at : at + 20]).dtype
        if part is None or part.itemsize < 4 or offset != index * part.itemsize:
            return Datatype("compound")
        parts.append(part)
        at += 20
    if parts[0] != parts[1] or size != 2 * parts[0].itemsize:
        return Datatype("compound")
    return Datatype("complex", np.dtype(f"{parts[0].byteorder.replace('=', '<')}c{size}"))


def _offset(body: bytes, at: int) -> tuple[int]:
    return (int.from_bytes(body[at : at + 4], "little"),)


def _enumeration(body: bytes, version: int, flags: int, size: int) -> Datatype:
    """A boolean is the signed bytes FALSE = 0 and TRUE = 1, as h5py writes it; nothing else is a number."""
    other = Datatype("enumeration")
    if flags & 0xFFFF != 2 or size != 1 or body[8] & 15 != _FIXED or datatype(body[8:20]).dtype != np.int8:
        return other
    names = (b"FALSE\0", b"TRUE\0")
    padded = [name if version >= 3 else name.ljust(8, b"\0") for name in names]
    one, two = (b"".join(order) for order in (padded, padded[::-1]))
    rest = body[20:]
    if rest.startswith((one + b"\0\1", two + b"\1\0")):
        return Datatype("boolean", np.dtype(bool))
    return other

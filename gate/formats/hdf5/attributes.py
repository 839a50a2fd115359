"""Attribute messages (§ IV.A.2.m): texts and plain numbers, as h5py would give them."""

from math import prod
from struct import Struct
from typing import Any

import numpy as np

from gate.formats.hdf5.dataspaces import shape
from gate.formats.hdf5.datatypes import Datatype, datatype
from gate.formats.hdf5.headers import Message
from gate.formats.hdf5.heaps import GlobalHeaps
from gate.formats.hdf5.signals import Damaged, Unsupported

_HEAD = Struct("<BBHHH")
_POINTER = Struct("<IQI")


class NotText(Exception):  # noqa: N818 -- becomes an error with names in it
    """The attribute is of a type that nobody asks for."""


class TooLarge(Exception):  # noqa: N818
    """The attribute is larger than the limit."""


def attribute(messages: list[Message], name: bytes, heaps: GlobalHeaps, most: int) -> Any:
    """The value of the attribute of that name: None when there is none, else what h5py's low level makes of it."""
    for message in messages:
        body = message.own
        version, flags, *sizes = _HEAD.unpack_from(body)
        if not 1 <= version <= 3:
            raise Damaged(f"an attribute has version {version}")
        at = 9 if version == 3 else 8
        if body[at : at + sizes[0]].split(b"\0", 1)[0] != name:
            continue
        if version > 1 and flags:
            raise Unsupported("an attribute with a shared type")
        parts: list[bytes] = []
        for size in sizes:
            parts.append(body[at : at + size])
            at += size + (-size % 8 if version == 1 else 0)
        if at > len(body):
            raise Damaged("an attribute is cut short")
        return _value(datatype(parts[1]), shape(parts[2]), parts[1], body[at:], heaps, most)
    return None


def _value(
    kind: Datatype, dimensions: tuple[int, ...] | None, encoded: bytes, data: bytes, heaps: GlobalHeaps, most: int
) -> Any:
    if dimensions is None or 0 in dimensions:
        return np.empty(0)
    count = prod(dimensions)
    if kind.text and kind.dtype is None:
        if encoded[1] & 15 != 1 or int.from_bytes(encoded[4:8], "little") != _POINTER.size:
            raise Damaged("an attribute's text of variable length makes no sense")
        return _variable(count, data, heaps, most).reshape(dimensions)
    if kind.dtype is None or kind.dtype.kind not in "Siuf":
        raise NotText
    if count * kind.dtype.itemsize > most:
        raise TooLarge
    if count * kind.dtype.itemsize > len(data):
        raise Damaged("an attribute is cut short")
    values = np.frombuffer(data, kind.dtype, count).reshape(dimensions)
    if kind.text and kind.padding != 1:
        return np.array([_ended(value, kind.padding) for value in values.ravel().tolist()], values.dtype).reshape(
            dimensions
        )
    return values


def _variable(count: int, data: bytes, heaps: GlobalHeaps, most: int) -> np.ndarray[Any, Any]:
    if count * _POINTER.size > len(data):
        raise Damaged("an attribute is cut short")
    values = np.empty(count, object)
    for place in range(count):
        length, address, index = _POINTER.unpack_from(data, place * _POINTER.size)
        most -= length
        if most < 0:
            raise TooLarge
        values[place] = heaps.object(address, index, length).split(b"\0", 1)[0]
    return values


def _ended(value: bytes, padding: int) -> bytes:
    return value.split(b"\0", 1)[0] if padding == 0 else value.rstrip(b" ")

"""The protocol buffer wire format (protobuf.dev/programming-guides/encoding), read without schemas and without copies.

`fields` walks one message; the fields that nobody wants cost little. Helpers turn values into what a `.proto` says
they are; they raise `WireError` for a value that cannot be that. Groups are refused: proto3 has none.
"""

import struct
from collections.abc import Container, Iterator

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
"""The wire types."""
Value = int | memoryview
"""An unsigned number (VARINT, FIXED64, FIXED32), or the bytes of a LENGTH field where they lie."""

_FIXED64 = struct.Struct("<Q")
_FIXED32 = struct.Struct("<I")
_DOUBLE = struct.Struct("<d")
_FLOAT = struct.Struct("<f")
_MASK32 = (1 << 32) - 1


class WireError(ValueError):
    """The bytes are no message, or a field is not of its type. Callers say which message of which file."""


def fields(  # noqa: C901, PLR0912 -- one loop: calls cost more than all of it
    message: memoryview | bytes, wanted: Container[int] | None = None
) -> Iterator[tuple[int, int, Value]]:
    """(field number, wire type, value) of each field, or of those in `wanted`, in the message's order.

    All are checked to be whole. A message in a field is walked by calling this again.
    """
    view = message if isinstance(message, memoryview) else memoryview(message)
    at, end = 0, len(view)
    value: Value
    try:
        while at < end:
            tag = view[at]
            at += 1
            if tag & 0x80:
                tag, at = varint(view, at - 1)
            kind = tag & 7
            number = tag >> 3
            if not 8 <= tag <= _MASK32:
                raise WireError(f"field number {number}")
            if kind == VARINT:
                value = view[at]
                at += 1
                if value & 0x80:
                    value, at = varint(view, at - 1)
            elif kind == LENGTH:
                length = view[at]
                at += 1
                if length & 0x80:
                    length, at = varint(view, at - 1)
                start = at
                at += length
                if at > end:
                    raise WireError(f"field {number} ends beyond its message")
                if wanted is not None and number not in wanted:
                    continue
                value = view[start:at]
            elif kind == FIXED32:
                (value,) = _FIXED32.unpack_from(view, at)
                at += 4
            elif kind == FIXED64:
                (value,) = _FIXED64.unpack_from(view, at)
                at += 8
            else:
                raise WireError(f"wire type {kind}")
            if wanted is None or number in wanted:
                yield number, kind, value
    except (IndexError, struct.error):
        raise WireError("the message is cut short") from None


def varint(data: memoryview | bytes, at: int) -> tuple[int, int]:
    """The number at `at`, below 2**64, and where it ends. `IndexError` where the data ends before it."""
    byte = data[at]
    at += 1
    value = byte & 0x7F
    shift = 7
    while byte & 0x80:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if shift > 63 and (shift > 70 or value >> 64):
            raise WireError("a number longer than 64 bits")
    return value, at


def messages(message: memoryview | bytes, wanted: int) -> Iterator[memoryview]:
    """Each message (or text) in the field `wanted`."""
    for _, _, value in fields(message, (wanted,)):
        yield part(value)


def uint64(value: Value) -> int:
    """The value as `uint64`, `fixed32` or `fixed64`."""
    if isinstance(value, memoryview):
        raise WireError("bytes where a number should be")
    return value


def int64(value: Value) -> int:
    """The value as `int64`."""
    number = uint64(value)
    return number if number < 1 << 63 else number - (1 << 64)


def int32(value: Value) -> int:
    """The value as `int32` or an enum: the lower half, as protobuf takes it."""
    number = uint64(value) & _MASK32
    return number if number < 1 << 31 else number - (1 << 32)


def boolean(value: Value) -> bool:
    """The value as `bool`."""
    return uint64(value) != 0


def float32(value: Value) -> float:
    """The value as `float`."""
    found: float = _FLOAT.unpack(_FIXED32.pack(uint64(value) & _MASK32))[0]
    return found


def float64(value: Value) -> float:
    """The value as `double`."""
    found: float = _DOUBLE.unpack(_FIXED64.pack(uint64(value)))[0]
    return found


def part(value: Value) -> memoryview:
    """The value as the bytes of a message, a text or `bytes`: a view, valid while its file is mapped."""
    if not isinstance(value, memoryview):
        raise WireError("a number where bytes should be")
    return value


def text(value: Value) -> str:
    """The value as `string`: UTF-8, with escapes for what is none."""
    return str(part(value), "utf-8", "backslashreplace")


def varints(value: Value) -> list[int]:
    """One occurrence of a repeated varint field, packed or not, as `uint64`s."""
    if not isinstance(value, memoryview):
        return [value]
    found: list[int] = []
    at, end = 0, len(value)
    try:
        while at < end:
            number = value[at]
            at += 1
            if number & 0x80:
                number, at = varint(value, at - 1)
            found.append(number)
    except IndexError:
        raise WireError("a list of numbers is cut short") from None
    return found


def floats(value: Value) -> list[float]:
    """One occurrence of a repeated `float` field, packed or not."""
    return [float32(value)] if not isinstance(value, memoryview) else _unpacked(_FLOAT, value)


def doubles(value: Value) -> list[float]:
    """One occurrence of a repeated `double` field, packed or not."""
    return [float64(value)] if not isinstance(value, memoryview) else _unpacked(_DOUBLE, value)


def _unpacked(number: struct.Struct, value: memoryview) -> list[float]:
    if len(value) % number.size:
        raise WireError("a list of numbers is cut short")
    return [found for (found,) in number.iter_unpack(value)]

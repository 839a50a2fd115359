"""The wire format against Google's own parser."""

import struct
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, empty_pb2, unknown_fields
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.formats.tensorflow import wire
from gate.formats.tensorflow.wire import WireError, fields
from support.bundles import bytes_field, number_field, varint

int64 = st.integers(-(1 << 63), (1 << 63) - 1)
int32 = st.integers(-(1 << 31), (1 << 31) - 1)
uint64 = st.integers(0, (1 << 64) - 1)


@given(uint64, int64, st.floats(allow_nan=False), st.binary(max_size=300), st.text(max_size=100))
def test_every_scalar(positive: int, negative: int, double: float, data: bytes, text: str) -> None:
    said = descriptor_pb2.UninterpretedOption(
        positive_int_value=positive,
        negative_int_value=negative,
        double_value=double,
        string_value=data,
        aggregate_value=text,
    )
    found = {number: value for number, _, value in fields(said.SerializeToString())}
    assert wire.uint64(found[4]) == positive
    assert wire.int64(found[5]) == negative
    assert wire.float64(found[6]) == double
    assert bytes(wire.part(found[7])) == data
    assert wire.text(found[8]) == text


@given(st.lists(int32, max_size=20), st.lists(st.text(max_size=5), max_size=5))
def test_repeated_fields_packed_or_not(numbers: list[int], texts: list[str]) -> None:
    said = descriptor_pb2.SourceCodeInfo.Location(path=numbers, leading_detached_comments=texts)
    loose = b"".join(varint(1 << 3) + varint(number) for number in numbers)
    for data in (said.SerializeToString(), loose + b"".join(bytes_field(6, text.encode()) for text in texts)):
        found = [wire.int32(n) for number, _, value in fields(data) if number == 1 for n in wire.varints(value)]
        assert found == numbers
        assert [wire.text(part) for part in wire.messages(data, 6)] == texts


@given(st.lists(st.floats(width=32, allow_nan=False), max_size=10))
def test_floats(numbers: list[float]) -> None:
    for code, packed, single in (("f", wire.floats, wire.float32), ("d", wire.doubles, wire.float64)):
        data = struct.pack(f"<{len(numbers)}{code}", *numbers)
        assert packed(memoryview(data)) == numbers
        for number in numbers:
            value = int.from_bytes(struct.pack(f"<{code}", number), "little")
            assert single(value) == number
            assert packed(value) == [number]
    with pytest.raises(WireError):
        wire.floats(memoryview(b"abcde"))


def parsed_by_google(data: bytes) -> list[tuple[int, int, Any]]:
    """Every field of a message whose type has none."""
    return [
        (field.field_number, field.wire_type, field.data)
        for field in unknown_fields.UnknownFieldSet(empty_pb2.Empty.FromString(data))
    ]


message = st.lists(
    st.one_of(
        st.tuples(st.integers(1, 70), uint64).map(lambda pair: varint(pair[0] << 3) + varint(pair[1])),
        st.tuples(st.integers(1, 70), st.binary(max_size=200)).map(lambda pair: bytes_field(*pair)),
        st.tuples(st.integers(1, 70), st.binary(min_size=4, max_size=4)).map(lambda p: varint(p[0] << 3 | 5) + p[1]),
        st.tuples(st.integers(1, 70), st.binary(min_size=8, max_size=8)).map(lambda p: varint(p[0] << 3 | 1) + p[1]),
    )
).map(b"".join)


@given(message)
def test_unknown_messages(data: bytes) -> None:
    found = [(number, kind, bytes(v) if isinstance(v, memoryview) else v) for number, kind, v in fields(data)]
    assert found == parsed_by_google(data)
    some = [(number, kind) for number, kind, _ in fields(data, range(1, 71, 2))]
    assert some == [(number, kind) for number, kind, _ in found if number % 2]


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.binary(max_size=40), st.tuples(message, st.data()).map(lambda pair: pair[0])), st.data())
def test_damage_is_an_error_or_what_google_reads(data: bytes, dice: st.DataObject) -> None:
    if data:
        at = dice.draw(st.integers(0, len(data) - 1))
        data = data[:at] + bytes((data[at] ^ 1 << dice.draw(st.integers(0, 7)),)) + data[at + 1 :]
        data = data[: dice.draw(st.integers(0, len(data)))]
    try:
        found = [(number, kind, bytes(v) if isinstance(v, memoryview) else v) for number, kind, v in fields(data)]
    except WireError:
        return
    assert found == parsed_by_google(data)


@pytest.mark.parametrize(
    "data",
    [
        b"\x08",  # a number that is not there
        b"\x08\x80",
        b"\x0d\0\0\0",  # three bytes of four
        b"\x09\0\0\0\0\0\0\0",
        b"\x0a\x02a",  # longer than the message
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x0b\x0c",  # a group
        b"\x0e",
        b"\x00\x00",  # field 0
        b"\x08" + b"\xff" * 9 + b"\x02",  # beyond 64 bits
        b"\x08" + b"\x80" * 10 + b"\x01",
        b"\xff\xff\xff\xff\xff\xff\xff\x01\x00",  # a field number beyond 29 bits
    ],
)
def test_what_is_no_message(data: bytes) -> None:
    with pytest.raises(WireError):
        list(fields(data))


def test_values_of_another_type_are_errors() -> None:
    for wrong in (wire.uint64, wire.int64, wire.int32, wire.boolean, wire.float32, wire.float64):
        with pytest.raises(WireError):
            wrong(memoryview(b"ab"))
    for unfit in (wire.part, wire.text):
        with pytest.raises(WireError):
            unfit(3)
    with pytest.raises(WireError):
        wire.varints(memoryview(b"\x80"))


def test_nothing_is_copied() -> None:
    data = memoryview(bytes_field(1, b"x" * 1000))
    ((_, _, value),) = fields(data)
    assert isinstance(value, memoryview)
    assert value.obj is data.obj


def test_text_that_is_none_has_escapes() -> None:
    assert wire.text(memoryview(b"a\xff")) == "a\\xff"
    assert number_field(1, 0) == b""

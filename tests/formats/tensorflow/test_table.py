"""LevelDB tables: what the test writer writes is read back; everything else is refused."""

import random
import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.errors import UnreadableError
from gate.formats.limits import Limits
from gate.formats.tensorflow.table import records
from support.bundles import MAGIC, block_of, masked, table, varint

Records = list[tuple[bytes, bytes]]

some = st.dictionaries(st.binary(max_size=40), st.binary(max_size=200), min_size=1).map(lambda d: sorted(d.items()))
RECORDS: Records = [(b"", b"header"), *((f"layer_{i:03}/kernel".encode(), bytes((i,)) * 20) for i in range(100))]


def read(data: bytes, limits: Limits = Limits()) -> Records:  # noqa: B008 -- frozen
    return list(records(memoryview(data), "m.index", limits))


@settings(max_examples=200, deadline=None)
@given(some, st.integers(1, 500), st.integers(1, 20))
def test_records_come_back(written: Records, block_bytes: int, interval: int) -> None:
    assert read(table(written, block_bytes=block_bytes, interval=interval)) == written


def test_every_flipped_bit_is_noticed() -> None:
    data = table(RECORDS[:12], block_bytes=100, interval=4)
    for at in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[at] ^= 1 << bit
            with pytest.raises(UnreadableError):
                read(bytes(damaged))


def test_every_cut_is_noticed() -> None:
    data = table(RECORDS[:12], block_bytes=100)
    for length in range(len(data)):
        with pytest.raises(UnreadableError):
            read(data[:length])


def with_checksums(blocks: list[bytes], index: Records | None = None, compression: int = 0) -> bytes:
    """A table of any blocks, each with a checksum that is right."""
    out = b""
    handles = []
    for block in blocks:
        handles.append(varint(len(out)) + varint(len(block)))
        whole = block + bytes((compression,))
        out += whole + struct.pack("<I", masked(whole))
    entries = [(b"\xff" * (i + 1), handle) for i, handle in enumerate(handles[:-1])] if index is None else index
    whole = block_of(entries, 1) + b"\0"
    index_handle = varint(len(out)) + varint(len(whole) - 1)
    out += whole + struct.pack("<I", masked(whole))
    return out + (handles[-1] + index_handle).ljust(40, b"\0") + struct.pack("<Q", MAGIC)


EMPTY = block_of([], 16)


def record(shared: int, key: bytes, value: bytes = b"") -> bytes:
    return varint(shared) + varint(len(key)) + varint(len(value)) + key + value


def block(content: bytes, *restarts: int) -> bytes:
    return content + struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "keys out of order": (lambda: with_checksums([block(record(0, b"b") + record(0, b"a"), 0), EMPTY]), "order"),
    "a key twice": (lambda: with_checksums([block(record(0, b"a") + record(1, b""), 0), EMPTY]), "order"),
    "a key twice in two blocks": (lambda: with_checksums([block_of([(b"a", b"")], 16)] * 2 + [EMPTY]), "order"),
    "keys not where the index says": (
        lambda: with_checksums(
            [block_of([(b"a", b"")], 16), block_of([(b"b", b"")], 16), EMPTY],
            [(b"c", varint(0) + varint(12)), (b"d", varint(17) + varint(12))],
        ),
        "wrong block",
    ),
    "an index key below its block": (
        lambda: with_checksums([block_of([(b"b", b"")], 16), EMPTY], [(b"a", varint(0) + varint(12))]),
        "does not hold",
    ),
    "one block twice": (
        lambda: with_checksums(
            [block_of([(b"a", b"")], 16), EMPTY], [(b"a", varint(0) + varint(12)), (b"b", varint(0) + varint(12))]
        ),
        "follow one another",
    ),
    "a block that no index names": (
        lambda: with_checksums([block_of([(b"a", b"")], 16), EMPTY, EMPTY], [(b"a", varint(0) + varint(12))]),
        "follow one another",
    ),
    "an empty block": (lambda: with_checksums([EMPTY, EMPTY]), "does not hold"),
    "records in the metaindex": (
        lambda: with_checksums([block_of([(b"a", b"")], 16), block_of([(b"filter", b"")], 16)]),
        "does not write",
    ),
    "more shared than there is": (
        lambda: with_checksums([block(record(0, b"a") + record(5, b"b"), 0), EMPTY]),
        "ends beyond",
    ),
    "a value beyond the block": (
        lambda: with_checksums([block(varint(0) + varint(1) + varint(90) + b"a", 0), EMPTY]),
        "ends beyond",
    ),
    "a restart inside a key": (
        lambda: with_checksums([block(record(0, b"a") + record(1, b"b"), 0, 4), EMPTY]),
        "inside a key",
    ),
    "a restart between records": (lambda: with_checksums([block(record(0, b"abcdef"), 0, 3), EMPTY]), "outside"),
    "no restarts": (lambda: with_checksums([block(record(0, b"a")), EMPTY]), "no restarts"),
    "no first restart": (lambda: with_checksums([block(record(0, b"a"), 4), EMPTY]), "start with a restart"),
    "more restarts than bytes": (
        lambda: with_checksums([record(0, b"a") + struct.pack("<I", 1 << 31), EMPTY]),
        "no restarts",
    ),
    "a handle with more behind it": (
        lambda: with_checksums([block_of([(b"a", b"")], 16), EMPTY], [(b"a", varint(0) + varint(12) + b"\0")]),
        "cannot be right",
    ),
    "a handle beyond the file": (
        lambda: with_checksums([block_of([(b"a", b"")], 16), EMPTY], [(b"a", varint(0) + varint(1 << 40))]),
        "should end at",
    ),
    "compressed": (lambda: with_checksums([block_of([(b"a", b"")], 16), EMPTY], compression=1), "Snappy"),
    "compressed otherwise": (lambda: with_checksums([block_of([(b"a", b"")], 16), EMPTY], compression=4), "method 4"),
    "of another program": (lambda: b"x" * 200, "is not the index"),
    "nothing": (lambda: b"", "is not the index"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_tables(case: str) -> None:
    make, said = HOSTILE[case]
    with pytest.raises(UnreadableError, match=said) as caught:
        read(make())
    assert caught.value.hint


def test_the_blocks_of_these_tests_are_right() -> None:
    assert read(with_checksums([block_of([(b"a", b"1")], 16), block_of([(b"\xff\xff", b"2")], 16), EMPTY])) == [
        (b"a", b"1"),
        (b"\xff\xff", b"2"),
    ]


def test_shared_beginnings_do_not_multiply() -> None:
    long = b"k" * 60_000
    content = record(0, long) + b"".join(record(60_000, bytes((i // 250, i % 250))) for i in range(20_000))
    with pytest.raises(UnreadableError, match="of names"):
        read(with_checksums([block(content, 0), EMPTY]))


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(max_objects=50), "more than 50 records"),
        (Limits(max_directory_bytes=500), "a block of"),
        (Limits(max_name_bytes=10), "a name of"),
    ],
)
def test_limits(limits: Limits, said: str) -> None:
    with pytest.raises(UnreadableError, match=said):
        read(table(RECORDS), limits)


def test_random_bytes_under_right_checksums() -> None:
    dice = random.Random(5)
    plain = block_of(RECORDS[:20], 4)
    for _ in range(2000):
        content = bytearray(plain)
        for _ in range(dice.choice((1, 2, 5))):
            content[dice.randrange(len(content))] = dice.choice((0, 1, 127, 128, 255, dice.randrange(256)))
        try:
            found = read(with_checksums([bytes(content), EMPTY]))
        except UnreadableError:
            continue
        assert [key for key, _ in found] == sorted({key for key, _ in found})

"""Tensor bundles, written by the tests' own writer, read back: every type, shape, key and layout."""

import gc
import math
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gate.errors import GateError, UnreadableError
from gate.formats.limits import Limits
from gate.formats.tensorflow import entries, slices
from gate.formats.tensorflow.bundle import Bundle, open_bundle
from gate.formats.tensorflow.checksum import crc32c
from gate.formats.tensorflow.entries import EntryParser
from gate.formats.tensorflow.wire import WireError
from support import bundles
from support.bundles import Array, Record, number_field, records_of, save, shard_path, slice_key, texts, write_bundle

KINDS = [
    np.float16, np.float32, np.float64, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32,
    np.uint64, np.bool_, np.complex64, np.complex128, ml_dtypes.bfloat16, ml_dtypes.float8_e5m2,
    ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e4m3fnuz, ml_dtypes.float8_e4m3b11fnuz, ml_dtypes.float8_e5m2fnuz,
    ml_dtypes.int4, ml_dtypes.uint4, ml_dtypes.int2, ml_dtypes.uint2, ml_dtypes.float4_e2m1fn,
]  # fmt: skip


def opened(index: Path, limits: Limits = Limits()) -> Bundle:  # noqa: B008 -- frozen
    return open_bundle(index, index.name, limits, lambda close: None)


def same(found: Array, written: Array) -> None:
    assert found.dtype == written.dtype
    assert found.shape == written.shape
    assert not found.flags.writeable
    assert found.flags.c_contiguous
    if written.dtype == object:
        assert found.tolist() == written.tolist()
    else:
        assert found.tobytes() == written.tobytes()


def all_kinds(seed: int = 0) -> dict[str, Array]:
    random = np.random.default_rng(seed)
    arrays: dict[str, Array] = {}
    for kind in KINDS:
        dtype = np.dtype(kind)
        narrow = {"int4": 16, "uint4": 16, "int2": 4, "uint2": 4, "float4_e2m1fn": 16, "bool": 2}.get(dtype.name, 256)
        data = random.integers(0, narrow, (2, 3 * dtype.itemsize), np.uint8)
        arrays[f"of/{dtype.name}"] = data.view(dtype)
    arrays["scalar"] = np.array(3.5, np.float32)
    arrays["empty"] = np.zeros((0,), np.int64)
    arrays["no/width"] = np.zeros((3, 0, 2), np.float32)
    arrays["texts"] = texts(b"", b"a\0b\0", b"\xff\xfe", b"x" * 300, "ü".encode()).reshape(5, 1)
    arrays["text"] = texts(b"one").reshape(())
    arrays["no/texts"] = np.empty((0, 4), object)
    return arrays


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("align", [1, 64])
def test_every_kind_of_tensor(tmp_path: Path, shards: int, big_endian: bool, align: int) -> None:
    arrays = all_kinds()
    bundle = opened(save(tmp_path / "m", records_of(arrays, shards, big_endian=big_endian, align=align)))
    assert list(bundle.tensors) == sorted(arrays)
    assert len(bundle) == len(arrays)
    for stored in bundle:
        stored.verify()
        same(stored.read(), arrays[stored.key])
    assert bundle.files == (tmp_path / "m.index", *(shard_path(tmp_path / "m", i, shards) for i in range(shards)))
    assert bundle.text("text") == b"one"
    assert bundle.text("texts") is bundle.text("scalar") is bundle.text("nothing") is None


keys = st.binary(min_size=1, max_size=30).filter(lambda key: not key.startswith(b"\0"))
some_arrays = st.one_of(
    hnp.arrays(
        hnp.scalar_dtypes()
        .filter(lambda dtype: dtype.kind in "biufc" and dtype.itemsize <= 16)
        .map(lambda d: d.newbyteorder("="))
        .filter(lambda dtype: dtype.name in bundles.TYPES),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    ),
    st.lists(st.binary(max_size=10), max_size=5).map(lambda values: texts(*values)),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(keys, some_arrays, max_size=12), st.integers(1, 3), st.integers(20, 300), st.integers(1, 5))
def test_any_bundle_reads_back(
    tmp_path: Path, written: dict[bytes, Array], shards: int, block_bytes: int, interval: int
) -> None:
    names = {key.decode("utf-8", "backslashreplace"): key for key in written}
    if len(names) < len(written):
        return
    files = records_of({str(number): array for number, array in enumerate(written.values())}, shards)
    for record, key in zip(files.records, written, strict=True):
        record.key = key
    bundle = opened(save(tmp_path / "m", files, block_bytes=block_bytes, interval=interval))
    assert [names[stored.key] for stored in bundle] == sorted(written)
    for stored in bundle:
        same(stored.read(), written[names[stored.key]])


def test_names_as_they_come(tmp_path: Path) -> None:
    """An empty prefix, colons and spaces in it; without tensors, hence with an empty shard."""
    for prefix in ("", "a:b", "a b.index", "ü", "*?[x]"):
        index = write_bundle(tmp_path / f"{prefix}x", {"a": np.ones(3, np.float32)})
        for path in (index, shard_path(tmp_path / f"{prefix}x", 0, 1)):
            path.rename(path.with_name(path.name.replace("x.", ".", 1) if prefix == "" else path.name))
        index = tmp_path / ".index" if prefix == "" else index
        assert opened(index).tensors["a"].read().tolist() == [1, 1, 1]
    assert len(opened(write_bundle(tmp_path / "none", {}))) == 0


def test_quantised_types_are_integers_that_say_what_they_are(tmp_path: Path) -> None:
    files = records_of({"a": np.arange(4, dtype=np.int8), "b": np.arange(4, dtype=np.uint16)})
    files.record("a").type, files.record("b").type = 11, 16
    bundle = opened(save(tmp_path / "m", files))
    assert [(s.dtype.name, s.type_name, s.read().tolist()) for s in bundle] == [
        ("int8", "qint8", [0, 1, 2, 3]),
        ("uint16", "quint16", [0, 1, 2, 3]),
    ]


def variant(*messages: bytes) -> tuple[bytes, int]:
    """The bytes of a variant tensor, and their checksum."""
    data = covered = b""
    for message in messages:
        covered += len(message).to_bytes(8, "little") + message
        check = bundles.masked(covered).to_bytes(4, "little")
        covered += check
        data += bundles.varint(len(message)) + message + check
    return data, bundles.masked(covered)


def test_variants_are_listed_and_verified_and_not_read(tmp_path: Path) -> None:
    files = records_of({"a": np.ones(2, np.float32), "b": np.zeros(0, np.int8)})
    data, crc = variant(b"state of an iterator", b"", b"x" * 200)
    record = files.record("b")
    record.type, record.shape, record.size, record.crc = 21, (3,), len(data), crc
    record.offset = len(files.shards[0])
    files.shards[0] += data
    stored = opened(save(tmp_path / "m", files)).tensors["b"]
    assert stored.opaque
    assert stored.type_name == "variant"
    stored.verify()
    with pytest.raises(UnreadableError, match="only TensorFlow can read"):
        stored.read()
    for at in range(8, len(files.shards[0])):
        damaged = bytearray(files.shards[0])
        damaged[at] ^= 4
        shard_path(tmp_path / "m", 0, 1).write_bytes(damaged)
        with pytest.raises(UnreadableError, match="'b'"):
            opened(tmp_path / "m.index").tensors["b"].verify()


GRID: dict[str, list[bundles.Slice]] = {
    "rows": [((0, 2), (0, -1)), ((2, 1), (0, -1)), ((3, 4), (0, -1))],
    "columns, the last first": [((0, -1), (3, 3)), ((0, -1), (0, 3))],
    "one part that is all": [((0, -1), (0, -1))],
    "tiles": [((0, 3), (0, 2)), ((0, 3), (2, 4)), ((3, 4), (0, 5)), ((3, 4), (5, 1))],
    "a part of nothing": [((0, 7), (0, 6)), ((7, 0), (0, -1))],
}


@pytest.mark.parametrize("cut", GRID)
@pytest.mark.parametrize("kind", [np.float32, ml_dtypes.bfloat16, object])
@pytest.mark.parametrize("big_endian", [False, True])
def test_partitioned_variables(tmp_path: Path, cut: str, kind: Any, big_endian: bool) -> None:
    whole = np.arange(42).reshape(7, 6)
    array = texts(*(str(i).encode() for i in range(42))).reshape(7, 6) if kind is object else whole.astype(kind)
    arrays = {"after": np.ones(3, np.float32), "part\0ed\xff": array, "before": np.zeros(2, np.int8)}
    files = records_of(arrays, 2, parts={"part\0ed\xff": GRID[cut]}, big_endian=big_endian)
    bundle = opened(save(tmp_path / "m", files))
    assert set(bundle.tensors) == set(arrays)
    for stored in bundle:
        stored.verify()
        same(stored.read(), arrays[stored.key])


def test_a_large_partitioned_variable_is_in_no_memory(tmp_path: Path) -> None:
    array = np.arange(40_000, dtype=np.float32).reshape(400, 100)
    files = records_of({"a": array}, parts={"a": [((0, 150), (0, -1)), ((150, 250), (0, -1))]})
    stored = opened(save(tmp_path / "m", files), Limits(small_bytes=100, scratch=tmp_path)).tensors["a"]
    read = stored.read()
    same(read, array)
    assert type(read.base).__name__ in {"ndarray", "mmap"}
    assert stored.read() is read  # while somebody holds it
    assert len(list(tmp_path.iterdir())) == 2
    gone = weakref.ref(read)
    del read
    gc.collect()
    assert gone() is None


@given(st.binary(max_size=20), st.lists(st.tuples(st.integers(0, 1 << 62), st.integers(-1, 1 << 62)), max_size=4))
def test_keys_of_parts(name: bytes, extents: bundles.Slice) -> None:
    assert slices.key_of(name, tuple(extents)) == slice_key(name, tuple(extents))


@given(st.integers(-(1 << 63), (1 << 63) - 1), st.integers(-(1 << 63), (1 << 63) - 1))
def test_ordered_code_is_ordered(one: int, other: int) -> None:
    a, b = (slices.key_of(b"", ((number, 0),)) for number in (one, other))
    assert (a < b) == (one < other)
    assert bundles.signed_code(one) in a


def cut_at_random(dice: st.DataObject, shape: tuple[int, ...], left: int) -> list[bundles.Slice]:
    """Boxes that make up a shape: cut in two, again and again."""
    boxes: list[bundles.Slice] = [tuple((0, length) for length in shape)]
    for _ in range(left):
        box = boxes.pop(dice.draw(st.integers(0, len(boxes) - 1)))
        axis = dice.draw(st.integers(0, len(shape) - 1))
        start, length = box[axis]
        at = dice.draw(st.integers(0, length))
        boxes += [(*box[:axis], (s, n), *box[axis + 1 :]) for s, n in ((start, at), (start + at, length - at))]
    return boxes


@settings(deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=3).map(tuple), st.integers(0, 6), st.data())
def test_parts_cover_or_do_not(shape: tuple[int, ...], cuts: int, dice: st.DataObject) -> None:
    boxes = cut_at_random(dice, shape, cuts)
    assert slices.fault(boxes, shape) == ""
    at = dice.draw(st.integers(0, len(boxes) - 1))
    axis = dice.draw(st.integers(0, len(shape) - 1))
    start, length = boxes[at][axis]
    boxes[at] = (
        *boxes[at][:axis],
        dice.draw(st.sampled_from([(start + 1, length), (start, length + 1)])),
        *boxes[at][axis + 1 :],
    )
    counted = np.zeros([length + 2 for length in shape], int)
    for box in boxes:
        counted[tuple(slice(s, s + n) for s, n in box)] += 1
    inside = counted[tuple(slice(0, length) for length in shape)]
    wrong = bool((inside != 1).any() or counted.sum() != math.prod(shape))
    placed = [slices.placed(box, shape) for box in boxes]
    found = None in placed or slices.fault([box for box in placed if box is not None], shape) != ""
    assert found == wrong or (found and math.prod(n for _, n in boxes[at]) == 0)


def test_a_checksum_is_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gate.formats.tensorflow import tensors

    stored = opened(write_bundle(tmp_path / "m", {"a": np.ones(100, np.float32)})).tensors["a"]
    computed: list[int] = []

    def counting(data: Array) -> int:
        computed.append(len(data))
        return crc32c(data)

    monkeypatch.setattr(tensors, "crc32c", counting)
    for _ in range(3):
        stored.read()
        stored.verify()
    assert computed == [400]


def test_threads_may_read_at_once(tmp_path: Path) -> None:
    arrays = {str(i): np.full((1000,), i, np.int32) for i in range(20)} | {"t": texts(*[b"abc"] * 1000)}
    bundle = opened(write_bundle(tmp_path / "m", arrays))
    wrong: list[str] = []

    def work() -> None:
        wrong.extend(s.key for s in bundle for _ in range(5) if s.read().tolist() != arrays[s.key].tolist())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_arrays_outlive_the_file_and_nothing_else_does(tmp_path: Path) -> None:
    index = write_bundle(tmp_path / "m", {"a": np.arange(9.0), "b": np.arange(3.0), "t": texts(b"x")})
    closers: list[Callable[[], None]] = []
    bundle = open_bundle(index, "m.index", Limits(), closers.append)
    array = bundle.tensors["a"].read()
    for close in closers:
        close()
    assert array.sum() == 36
    del array
    gc.collect()
    for close in closers:
        close()
    with pytest.raises(GateError, match="closed"):
        bundle.tensors["b"].read()


def test_too_many_texts(tmp_path: Path) -> None:
    stored = opened(write_bundle(tmp_path / "m", {"t": texts(*[b""] * 1000)}), Limits(max_text_bytes=30_000)).tensors[
        "t"
    ]
    with pytest.raises(UnreadableError, match="1,000 texts"):
        stored.read()


@given(
    st.builds(
        Record,
        key=st.just(b"k"),
        type=st.integers(0, 200),
        shape=st.lists(st.integers(0, 1 << 40), max_size=4).map(tuple),
        shard=st.integers(0, 1 << 30),
        offset=st.integers(0, (1 << 63) - 1),
        size=st.integers(0, (1 << 63) - 1),
        crc=st.integers(0, (1 << 32) - 1),
        more=st.sampled_from([b"", number_field(9, 7), b"\x52\x01x"]),
    )
)
def test_the_usual_entry_is_read_as_any_other(record: Record) -> None:
    parser = EntryParser(10)
    found = parser.entry(record.encoded())
    assert found == (
        record.type, record.shape, record.shard, record.offset, record.size, record.crc, ()
    )  # fmt: skip
    assert found == parser._unusual_entry(record.encoded())


@given(st.binary(max_size=60))
def test_any_bytes_are_an_entry_or_an_error(data: bytes) -> None:
    outcomes = []
    for parse in (EntryParser(10).entry, EntryParser(10)._unusual_entry, entries.header):
        try:
            outcomes.append(str(parse(data)))
        except WireError:
            outcomes.append("error")
    assert outcomes[0] == outcomes[1]

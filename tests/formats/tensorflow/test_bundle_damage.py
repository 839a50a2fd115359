"""Bundles that are damaged, incomplete, of two saves, or hostile: an error that says so, and nothing else."""

import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gate.errors import GateError, MissingFileError, UnreadableError
from gate.formats.limits import Limits
from gate.formats.tensorflow.bundle import Bundle, open_bundle
from support.bundles import (
    Files,
    Record,
    bytes_field,
    number_field,
    records_of,
    save,
    shard_path,
    slice_key,
    texts,
    varint,
    write_bundle,
)
from support.cli import ROOT

ARRAYS = {
    "a/kernel": np.arange(12, dtype=np.float32).reshape(3, 4),
    "b/kernel": np.arange(12, 24, dtype=np.float32).reshape(3, 4),
    "c/scale": np.array(2.0),
    "d/words": texts(b"one", b"", b"three"),
    "e/part": np.arange(10, dtype=np.int64),
}
PARTS = {"e/part": [((0, 4),), ((4, 6),)]}


def opened(index: Path) -> Bundle:
    return open_bundle(index, index.name, Limits(), lambda close: None)


def example(shards: int = 1) -> Files:
    return records_of(ARRAYS, shards, parts=PARTS)


Break = Callable[[Files], Any]


def set_to(key: str, **changes: Any) -> Break:
    def change(files: Files) -> None:
        for name, value in changes.items():
            setattr(files.record(key), name, value)

    return change


def part(files: Files, number: int) -> Record:
    return next(r for r in files.records if r.key == slice_key(b"e/part", PARTS["e/part"][number]))


def without_part(files: Files) -> None:
    files.records.remove(part(files, 1))


def set_part(**changes: Any) -> Break:
    def change(files: Files) -> None:
        for name, value in changes.items():
            setattr(part(files, 1), name, value)

    return change


def overlapping(files: Files) -> None:
    files.record("b/kernel").offset = files.record("a/kernel").offset + 4


def twice(files: Files) -> None:
    a, b = files.record("a/kernel"), files.record("b/kernel")
    b.offset, b.crc = a.offset, a.crc


def dropped(files: Files) -> None:
    files.records.remove(files.record("b/kernel"))


def set_file(**changes: Any) -> Break:
    def change(files: Files) -> None:
        for name, value in changes.items():
            setattr(files, name, value)

    return change


OPENING: dict[str, tuple[Break, str]] = {
    "a shape that needs more": (set_to("a/kernel", shape=(3, 5)), "needs 60 bytes for its shape and has 48 bytes"),
    "a shape that needs less": (set_to("a/kernel", shape=(3,)), "needs 12 bytes"),
    "another type": (set_to("a/kernel", type=2), "needs 96 bytes"),
    "a huge dimension": (set_to("a/kernel", shape=(1 << 62, 4)), "needs"),
    "a huge dimension beside 0": (set_to("a/kernel", shape=(1 << 62, 1 << 62, 0), size=0), "shape that no tensor has"),
    "huge texts": (set_to("d/words", shape=(1 << 40,)), "elements in"),
    "huge texts beside 0": (set_to("d/words", shape=(1 << 62, 0, 9)), "elements in"),
    "more texts than bytes": (set_to("d/words", shape=(30,)), "30 elements"),
    "a negative dimension": (set_to("a/kernel", shape=(-3, -4)), "a shape that no tensor has"),
    "too many dimensions": (set_to("a/kernel", shape=(1,) * 33), "a shape that no tensor has"),
    "an unknown rank": (set_to("a/kernel", more=b"", shape=()), "needs 4 bytes"),
    "no type": (set_to("a/kernel", type=0), "does not store: number 0"),
    "an unknown type": (set_to("a/kernel", type=77), "does not store: number 77"),
    "a reference type": (set_to("a/kernel", type=101), "does not store: reference to float32"),
    "beyond the shard": (set_to("c/scale", offset=10_000), "ends at byte 10008 of"),
    "a negative offset": (set_to("c/scale", offset=-8), "at byte -8"),
    "a negative size": (set_to("c/scale", size=-8), "-8 long"),
    "an enormous offset": (set_to("c/scale", offset=(1 << 63) - 1), "ends at byte"),
    "in a shard that is not": (set_to("c/scale", shard=1), "in shard 1 of 1"),
    "in a negative shard": (set_to("c/scale", shard=-1), "in shard -1 of 1"),
    "on another's bytes": (overlapping, "claim the same bytes"),
    "another's bytes again": (twice, "claim the same bytes"),
    "a tensor left out of the index": (dropped, "48 bytes at byte 48 that belong to no tensor"),
    "a field twice": (set_to("b/kernel", more=number_field(4, 9)), "field 4 twice"),
    "a checksum of 64 bits": (set_to("a/kernel", crc=0, more=number_field(6, 1 << 40)), "lies at byte"),
    "a number instead of a shape": (set_to("c/scale", more=number_field(7, 3)), "a number where bytes should be"),
    "not a message": (set_to("c/scale", more=b"\x0b"), "wire type 3"),
    "a part that is not there": (without_part, "a part that is outside of it or not there"),
    "a part of another shape": (set_part(shape=(5,), size=40), "part of another type or shape"),
    "a part of another type": (set_part(type=2), "part of another type or shape"),
    "a part in parts": (set_part(slices=(((0, 1),),)), "part of another type or shape"),
    "a part outside": (set_to("e/part", shape=(9,)), "outside of it"),
    "parts of another rank": (set_to("e/part", shape=(10, 1)), "outside of it"),
    "parts of nothing": (set_to("e/part", slices=()), "needs 80 bytes"),
    "one part twice": (set_to("e/part", slices=(((0, 4),), ((0, 4),))), "outside of it or not there"),
    "a part left over": (set_to("e/part", slices=(((0, 4),),), shape=(4,)), "part of no tensor"),
    "a part that starts below 0": (set_to("e/part", slices=(((-1, 4),),)), "a slice that no tensor has"),
    "parts of a variant": (set_to("e/part", type=21), "of type variant"),
    "no shards": (set_file(num_shards=0), "asks for 0 shards"),
    "negative shards": (set_file(num_shards=-1), "asks for -1 shards"),
    "more shards": (
        set_file(num_shards=2),
        "shard m.data-00000-of-00002 of m.index is not there; the index asks for 2",
    ),
    "many shards": (set_file(num_shards=(1 << 31) - 1), "is not there"),
    "another byte order": (set_file(big_endian=3), "byte order 3"),
    "a newer format": (set_file(version=number_field(1, 9) + number_field(2, 2)), "newer version of the format"),
    "a format that excludes us": (set_file(version=bytes_field(3, varint(1))), "newer version of the format"),
    "a header that is none": (set_file(version=b"\x0b"), "its header has"),
    "bytes after the last tensor": (lambda files: files.shards[0].extend(b"more"), "belong to no tensor"),
    "many zeros after the last tensor": (lambda files: files.shards[0].extend(bytes(5000)), "belong to no tensor"),
}


@pytest.mark.parametrize("case", OPENING)
def test_what_opening_refuses(tmp_path: Path, case: str) -> None:
    change, said = OPENING[case]
    files = example()
    change(files)
    with pytest.raises(UnreadableError) as caught:
        opened(save(tmp_path / "m", files))
    assert said in caught.value.reason
    assert caught.value.hint
    assert str(caught.value).isprintable()


def test_parts_with_a_gap_are_an_error_of_that_tensor_alone(tmp_path: Path) -> None:
    """TF1 leaves such gaps in the slots of optimizers: the weights beside them can be read."""
    files = example()
    set_to("e/part", shape=(11,))(files)
    bundle = opened(save(tmp_path / "m", files))
    with pytest.raises(UnreadableError, match="has parts that leave gaps or overlap"):
        bundle.tensors["e/part"].read()
    bundle.tensors["e/part"].verify()
    assert np.array_equal(bundle.tensors["a/kernel"].read(), ARRAYS["a/kernel"])


def test_an_index_without_a_header(tmp_path: Path) -> None:
    from support.bundles import table

    write_bundle(tmp_path / "m", ARRAYS)
    for records in ([(b"a", b"")], []):
        (tmp_path / "m.index").write_bytes(table(records))
        with pytest.raises(UnreadableError, match="no header"):
            opened(tmp_path / "m.index")


def test_a_rank_that_is_unknown(tmp_path: Path) -> None:
    files = records_of({})
    files.records.append(Record(b"a", 1))
    files.records[0].encoded = lambda: number_field(1, 1) + bytes_field(2, number_field(3, 1))  # type: ignore[method-assign]
    with pytest.raises(UnreadableError, match="unknown rank"):
        opened(save(tmp_path / "m", files))


READING: dict[str, tuple[Break, str, str]] = {
    "another checksum": (set_to("a/kernel", crc=1), "a/kernel", "its checksum does not match"),
    "no checksum": (set_to("a/kernel", crc=0), "a/kernel", "its checksum does not match"),
    "another offset": (
        lambda files: (set_to("a/kernel", offset=48)(files), set_to("b/kernel", offset=0)(files)),
        "b/kernel",
        "its checksum does not match",
    ),
    "a part": (set_part(crc=3), "e/part", "its checksum does not match"),
    "texts": (set_to("d/words", crc=3), "d/words", "its checksum does not match"),
    "fewer texts": (set_to("d/words", shape=(2,)), "d/words", "do not fill"),
    "more texts": (set_to("d/words", shape=(4,)), "d/words", "do not fill"),
}


@pytest.mark.parametrize("case", READING)
def test_what_reading_refuses(tmp_path: Path, case: str) -> None:
    change, key, said = READING[case]
    files = example()
    change(files)
    bundle = opened(save(tmp_path / "m", files))
    for act in (bundle.tensors[key].read, bundle.tensors[key].verify, bundle.tensors[key].read):
        with pytest.raises(UnreadableError) as caught:
            act()
        assert said in caught.value.reason
        assert "m.data-00000-of-00001" in caught.value.reason
        assert key in caught.value.reason
    assert bundle.tensors["c/scale"].read() == 2.0


def test_exchanged_shards(tmp_path: Path) -> None:
    halves = {"a": np.arange(6.0), "b": np.arange(6.0, 12.0)}
    index = write_bundle(tmp_path / "m", halves, shards=2)
    one, other = (shard_path(tmp_path / "m", number, 2) for number in range(2))
    data = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(data)
    for stored in opened(index):
        with pytest.raises(UnreadableError, match=r"m.data-0000[01]-of-00002: '[ab]' is not what was saved"):
            stored.read()


@pytest.mark.parametrize("number", [0, 1])
def test_a_missing_shard(tmp_path: Path, number: int) -> None:
    index = write_bundle(tmp_path / "m", ARRAYS, shards=2)
    shard_path(tmp_path / "m", number, 2).unlink()
    with pytest.raises(MissingFileError, match=f"shard m.data-0000{number}-of-00002 of m.index is not there: fetch"):
        opened(index).text("x")
    shard_path(tmp_path / "m", 2, 3).write_bytes(b"")
    with pytest.raises(MissingFileError, match="the index asks for 2, and beside it lie shards of 3"):
        opened(index)


def test_cut_shards(tmp_path: Path) -> None:
    index = write_bundle(tmp_path / "m", ARRAYS)
    shard = shard_path(tmp_path / "m", 0, 1)
    data = shard.read_bytes()
    for length in range(len(data)):
        shard.write_bytes(data[:length])
        with pytest.raises(UnreadableError, match="cut short or of another save"):
            opened(index)


def test_pointers_and_other_things_in_place_of_files(tmp_path: Path) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    index = write_bundle(tmp_path / "m", ARRAYS)
    shard = shard_path(tmp_path / "m", 0, 1)
    data = shard.read_bytes()
    shard.write_bytes(pointer)
    with pytest.raises(MissingFileError, match=r"m.data-00000-of-00001 is a Git LFS pointer"):
        opened(index)
    shard.unlink()
    shard.mkdir()
    with pytest.raises(UnreadableError, match=r"m.data-00000-of-00001"):
        opened(index)
    shard.rmdir()
    shard.symlink_to(tmp_path / "nowhere")
    with pytest.raises(MissingFileError, match="is not there"):
        opened(index)
    shard.unlink()
    shard.write_bytes(data)
    index.write_bytes(pointer)
    with pytest.raises(MissingFileError, match=r"m.index is a Git LFS pointer"):
        opened(index)
    index.write_bytes(b"")
    with pytest.raises(UnreadableError, match=r"m.index"):
        opened(index)


def test_an_index_under_another_name(tmp_path: Path) -> None:
    index = write_bundle(tmp_path / "m", ARRAYS)
    with pytest.raises(UnreadableError, match="under another name"):
        opened(index.rename(tmp_path / "m.idx"))


def test_hostile_names_are_quoted(tmp_path: Path) -> None:
    name = "x\r::error::\x1b[31m" + "y" * 500
    files = records_of({name: np.ones(3, np.float32)})
    files.records[0].crc ^= 1
    with pytest.raises(UnreadableError) as caught:
        opened(save(tmp_path / "m", files)).tensors[name].read()
    assert caught.value.reason.isprintable()
    assert len(caught.value.reason) < 300


def test_names_that_would_be_shown_alike(tmp_path: Path) -> None:
    files = records_of({"a": np.ones(1), "b": np.ones(1)})
    files.records[0].key, files.records[1].key = b"\xff", b"\\xff"
    with pytest.raises(UnreadableError, match="two of its names"):
        opened(save(tmp_path / "m", files))


def outcome(index: Path) -> dict[str, bytes] | None:
    """All that was read, or None for a gate error; anything else fails."""
    try:
        bundle = opened(index)
        return {stored.key: repr(stored.read().tolist()).encode() for stored in bundle}
    except GateError as error:
        if not (error.reason and error.hint and str(error).isprintable()):
            pytest.fail(f"unfit for a report: {error!r}")
        return None


@pytest.mark.parametrize("where", ["index", "shard"])
def test_flipped_bits(tmp_path: Path, where: str) -> None:
    """Each is noticed: every bit of both files belongs to a record or a tensor."""
    index = save(tmp_path / "m", example(), block_bytes=200)
    path = index if where == "index" else shard_path(tmp_path / "m", 0, 1)
    data = path.read_bytes()
    assert outcome(index) is not None
    dice = random.Random(where)
    for _ in range(300):
        damaged = bytearray(data)
        for at in dice.sample(range(len(data)), dice.choice((1, 1, 2, 8))):
            damaged[at] ^= 1 << dice.randrange(8)
        path.write_bytes(damaged)
        assert outcome(index) is None


def test_damaged_entries_under_right_checksums(tmp_path: Path) -> None:
    """An index that was made to be wrong: an error, or tensors whose checksums match."""
    dice = random.Random(3)
    right = outcome(save(tmp_path / "m", example()))
    assert right is not None
    for _ in range(400):
        files = example()
        victim = dice.choice(files.records)
        data = bytearray(victim.encoded())
        for _ in range(dice.choice((1, 1, 3))):
            data[dice.randrange(len(data))] = dice.choice((0, 1, 8, 127, 128, 255, dice.randrange(256)))
        wrong = bytes(data)
        victim.encoded = lambda wrong=wrong: wrong  # type: ignore[method-assign,misc]
        found = outcome(save(tmp_path / "m", files))
        assert found is None or set(found) == set(right)


def test_many_parts_along_several_axes_take_no_time(tmp_path: Path) -> None:
    side = 40
    array = np.zeros((side, side), np.int8)
    cuts = [((i, 1), (j, 1)) for i in range(side) for j in range(side)]
    files = records_of({"a": array}, parts={"a": cuts})
    start = time.perf_counter()
    with pytest.raises(UnreadableError, match="1,600 parts along several axes"):
        opened(save(tmp_path / "m", files)).tensors["a"].read()
    assert time.perf_counter() - start < 2


def test_a_wide_index_is_quick(tmp_path: Path) -> None:
    """20,000 tensors; the bound is wide, since machines differ."""
    empty = np.zeros((0,), np.float32)
    files = records_of({f"model/layer_{i:05}/kernel/.ATTRIBUTES/VARIABLE_VALUE": empty for i in range(20_000)})
    index = save(tmp_path / "m", files)
    taken = []
    for _ in range(3):
        start = time.process_time()
        assert len(opened(index)) == 20_000
        taken.append(time.process_time() - start)
    assert min(taken) < 1


CODE = """
import sys
from pathlib import Path
from gate.formats.limits import Limits
from gate.formats.tensorflow.bundle import open_bundle
def private():
    return int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0]) // 1024
bundle = open_bundle(Path(sys.argv[1]), "m.index", Limits(scratch=Path(sys.argv[2])), lambda close: None)
before = private()
total = sum(float(stored.read()[::1024].sum()) for stored in bundle)
print(private() - before, total)
"""


@pytest.mark.parametrize("kind", ["mapped", "in parts", "big-endian"])
def test_private_memory_stays_flat(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import crc32c

    from support import bundles

    monkeypatch.setattr(bundles, "crc32c", crc32c.crc32c)
    array = np.ones((8192, 4096), np.float32)
    parts: dict[str, Any] = {"a": [((0, 1000), (0, -1)), ((1000, 7192), (0, -1))]} if kind == "in parts" else {}
    files = records_of({"a": array.astype(">f4") if kind == "big-endian" else array}, parts=parts)
    files.big_endian = kind == "big-endian"
    index = save(tmp_path / "m", files)
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(index), str(tmp_path)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    grown, total = done.stdout.split()
    assert int(grown) < 48
    assert float(total) == 4096 * 8

"""Copies filled with tags: read again by the gate's own readers, every tensor is just its tag; originals are untouched.

What Keras and TensorFlow make of them is in `test_tagged_loads.py`.
"""

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import ml_dtypes
import numpy as np
import pytest

from gate.errors import GateError
from gate.formats import open_weights
from gate.runtime import tagged_bundle, tagged_hdf5
from gate.runtime.tagged_copy import Fill, copy_artifact, fill, prefix, twins
from support import files
from support.bundles import moved, records_of, save, shard_path, texts, write_bundle
from support.graphs import Object, Saved, values_of, variable
from support.tagging import tag_and_read

Arrays = Mapping[str, Any]
BF16 = ml_dtypes.bfloat16


def some(dtype: Any, *shape: int) -> Any:
    return np.random.default_rng(1).integers(0, 2, shape).astype(dtype)


EVERY_HDF5 = {
    f"layer_{number}/kernel": some(dtype, 3, number + 1)
    for number, dtype in enumerate(["f4", "f8", "f2", "i1", "u1", "i2", "u4", "i8", "?", "c8", "c16", BF16])
} | {"scalar/kernel": np.float32(3), "empty/kernel": np.zeros((0, 3), "f4"), "flat/kernel": some("f4", 1000)}
EVERY_BUNDLE = (
    EVERY_HDF5
    | {
        f"narrow/{name}": some(getattr(ml_dtypes, name), 5)
        for name in ("float8_e5m2", "float8_e4m3fn", "float8_e4m3fnuz", "int4", "uint4", "int2", "float4_e2m1fn")
    }
    | {"words": texts(b"one", b"", b"three" * 100), "u/16": some("u2", 3), "u/64": some("u8", 2, 2)}
)


@pytest.mark.parametrize("key", ["keras", "weights.h5", "weights.json", "h5", "h5-weights"])
def test_every_format_and_dtype(key: str, tmp_path: Path) -> None:
    path = files.write(key, tmp_path, EVERY_HDF5)
    copy = tag_and_read(path, tmp_path / "copy")
    assert copy.name == path.name


@pytest.mark.parametrize("block", [1, 24, 100, 1000])
def test_blocks_make_up_the_whole(block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tagged_hdf5, "BLOCK_BYTES", block)
    monkeypatch.setattr(tagged_bundle, "BLOCK_BYTES", max(16, block))
    arrays = {"a/kernel": some("f4", 5, 7, 3), "b/kernel": some(BF16, 11, 3), "c/kernel": some("f8", 40)}
    tag_and_read(files.write("weights.h5", tmp_path, arrays), tmp_path / "hdf5")
    tag_and_read(write_bundle(tmp_path / "m", arrays), tmp_path / "bundle")


def test_a_deflated_archive_with_assets(tmp_path: Path) -> None:
    path = files.write_keras(tmp_path / "m.keras", files.example(), zipfile.ZIP_DEFLATED)
    trap = tmp_path / "trap.h5"
    trap.write_bytes(b"no HDF5")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("assets/", "")
        archive.writestr("assets/words.txt", "the cat\n" * 1000)
        archive.write(trap, "assets/trap.h5")
    copy = tag_and_read(path, tmp_path / "copy")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(copy) as new:
        assert new.testzip() is None
        assert new.namelist() == old.namelist()
        for name in old.namelist():
            assert (new.read(name) == old.read(name)) == (name != "model.weights.h5")
            assert new.getinfo(name).compress_type == zipfile.ZIP_STORED
    assert [each.name for each in copy.parent.iterdir()] == [copy.name]


def test_a_sharded_archive(tmp_path: Path) -> None:
    arrays = files.example()
    files.write_sharded(tmp_path / "model.weights.json", arrays)
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(files.config(files.tree(arrays))))
        for each in sorted(tmp_path.glob("model*")):
            archive.write(each, each.name)
    tag_and_read(tmp_path / "m.keras", tmp_path / "copy")


def hdf5(path: Path, put: Callable[[Any], None]) -> Path:
    with h5py.File(path, "w") as file:
        put(file.create_group("layers/dense/vars"))
    return path


def test_how_datasets_are_stored(tmp_path: Path) -> None:
    data = some("f4", 300, 40)

    def put(group: Any) -> None:
        group.create_dataset("0", data=data, chunks=(7, 40), compression="gzip", shuffle=True, fletcher32=True)
        group.create_dataset("1", data=data, chunks=(301, 9), maxshape=(None, 40), compression="lzf")
        group.create_dataset("2", data=data.astype(">f8"))
        group.create_dataset("3", data=data.astype(">i2"), chunks=True)
        opaque = group.create_dataset("4", data=data.astype(BF16).view("V2"), chunks=(13, 13), compression="gzip")
        opaque.attrs["dtype"] = "bfloat16"
        group.create_dataset("5", data=np.array(3.0, BF16).view("V2"))  # nothing says which type
        group.create_dataset("6", data=np.array([b"one", b"two"]))
        group.create_dataset("7", data=np.array(5, ml_dtypes.float8_e4m3fn).view("V1")).attrs["dtype"] = "float8_e4m3fn"
        compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        compact.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple((4,))
        small = h5py.h5d.create(group.id, b"8", h5py.h5t.IEEE_F32LE, space, compact)
        small.write(h5py.h5s.ALL, h5py.h5s.ALL, np.ones(4, "f4"))

    path = hdf5(tmp_path / "m.weights.h5", put)
    copy = tag_and_read(path, tmp_path / "copy")
    with h5py.File(copy) as file:
        group = file["layers/dense/vars"]
        assert group["2"].dtype == ">f8"
        assert group["6"][()].tolist() == [b"one", b"two"]
        for key in ("0", "1", "2", "3", "8"):
            assert len(np.unique(group[key][()])) == 1
        assert len(np.unique(group["4"][()].view("u2"))) == 1


@pytest.mark.parametrize("name", [b"layers\\dense\\vars\\0", b"\xff\xfe", "ünï☃".encode(), b"a b:0", b"x.y", b"\\xff"])
def test_odd_names(name: bytes, tmp_path: Path) -> None:
    def put(group: Any) -> None:
        group[name] = some("f4", 3)
        group[b"other"] = some("f4", 3)

    tag_and_read(hdf5(tmp_path / "m.weights.h5", put), tmp_path / "copy")


def test_files_of_keras_on_windows(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m.weights.h5", "w") as file:
        for number in range(2):
            key = f"layers\\dense_{number}/vars" if number else "layers\\dense/vars"
            file.create_group(key)["0"] = some("f4", 3)
    tag_and_read(tmp_path / "m.weights.h5", tmp_path / "copy")


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("shards", [1, 3])
def test_every_type_of_a_bundle(shards: int, big_endian: bool, tmp_path: Path) -> None:
    arrays = dict(sorted(EVERY_BUNDLE.items()))
    save(tmp_path / "m", records_of(arrays, shards, big_endian=big_endian, align=64))
    copy = tag_and_read(tmp_path / "m", tmp_path / "copy")
    assert copy == tmp_path / "copy" / "m"


def test_a_tensor_in_parts(tmp_path: Path) -> None:
    arrays = {"rows": some("f4", 7, 6), "tiles": some(BF16, 4, 4), "whole": some("i8", 3)}
    rows = [((0, 3), (0, -1)), ((3, 4), (0, -1))]
    tiles = [((0, 2), (0, 4)), ((2, 2), (0, 1)), ((2, 2), (1, 3))]
    save(tmp_path / "m", records_of(arrays, 2, parts={"rows": rows, "tiles": tiles}))
    tag_and_read(tmp_path / "m", tmp_path / "copy")


def test_an_index_of_many_blocks(tmp_path: Path) -> None:
    arrays = {f"{'scope/' * 20}{number:05}": some("f4", number % 3 + 1) for number in range(3000)}
    write_bundle(tmp_path / "m", arrays)
    tag_and_read(tmp_path / "m", tmp_path / "copy")


def test_entries_that_say_less_or_more(tmp_path: Path) -> None:
    """A field that nobody knows, fields out of order, no checksum."""
    arrays = {"a": some("f4", 3), "b": some("f4", 4)}
    bundle = records_of(arrays)
    bundle.records[0] = moved(bundle.records[0], more=b"\x78\x05")
    bundle.records[1] = moved(bundle.records[1], size=0, more=b"\x28\x10")
    index = save(tmp_path / "m", bundle)
    tag_and_read(tmp_path / "m", tmp_path / "copy")
    bundle.records[0] = moved(bundle.records[0], crc=0)
    save(tmp_path / "m", bundle)
    copy = copy_artifact("checkpoint", [index, shard_path(tmp_path / "m", 0, 1)], tmp_path / "other")
    fill("checkpoint", copy, [Fill("a", 1 << 19)])
    with open_weights(copy) as weights:
        assert weights.tensors["a"].read().tolist() == [1 << 19] * 3
        assert weights.tensors["b"].read().tolist() == arrays["b"].tolist()


def test_a_prefix_that_is_empty(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    write_bundle(tmp_path / "real" / "x", files.example())
    for each in (tmp_path / "real").iterdir():
        each.rename(each.with_name(each.name[1:]))
    copy = tag_and_read(tmp_path / "real", tmp_path / "copy")
    assert copy == tmp_path / "copy"
    assert prefix(copy) == f"{copy}/"
    assert sorted(each.name for each in copy.iterdir()) == [".data-00000-of-00001", ".index"]


def test_what_lies_beside_a_checkpoint(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    for step in (1, 2):
        write_bundle(real / f'm"{step}', files.example())
        (real / f'm"{step}.meta').write_bytes(b"graph %d" % step)
    (real / "checkpoint").write_text(f'model_checkpoint_path: "{real}/m\\"2"\n')
    copy = tag_and_read(real / 'm"1', tmp_path / "copy")
    assert (tmp_path / "copy" / 'm"1.meta').read_bytes() == b"graph 1"
    assert len(list(copy.parent.iterdir())) == 4
    assert prefix(copy) == str(copy)
    with open_weights(copy.parent) as weights:  # its `checkpoint` file names the copy, and nothing of the original
        assert weights.files[0] == copy.with_name('m"1.index')
    assert str(real) not in (tmp_path / "copy" / "checkpoint").read_text()


MODEL = [Object([("a", 1), ("b", 2)]), Object([("kernel", 3)]), Object([("kernel", 4)]),
         variable("a/kernel", "a/kernel"), variable("b/kernel", "b/kernel")]  # fmt: skip


def test_what_belongs_to_a_saved_model(tmp_path: Path) -> None:
    folder = Saved(MODEL, assets=["deep/words.txt"]).write(tmp_path / "real" / "1")
    inside = ["assets/deep/words.txt", "assets.extra/note.txt", "fingerprint.pb", "keras_metadata.pb"]
    for name in [*inside, ".git/config", "notes.txt", "variables/other.index"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    copy = tag_and_read(folder, tmp_path / "copy")
    assert copy == tmp_path / "copy" / "1"
    found = {str(each.relative_to(copy)) for each in copy.rglob("*") if each.is_file()}
    variables = {"variables/variables.index", "variables/variables.data-00000-of-00001"}
    assert found == {*inside, *variables, "saved_model.pb"}


def test_a_saved_model_without_variables(tmp_path: Path) -> None:
    folder = Saved([Object()]).write(tmp_path / "m")
    assert (tag_and_read(folder, tmp_path / "copy") / "saved_model.pb").is_file()


COPIED = [
    Object([("layers", 1), ("_all_variables", 2)]),
    Object([("0", 3), ("1", 4), ("2", 5)], container=True), Object([("0", 9), ("1", 10), ("2", 11)], container=True),
    Object([("kernel", 6)]), Object([("kernel", 7)]), Object([("kernel", 8)]),
    *(variable(f"layers/{number}/kernel", f"{name}/kernel") for number, name in enumerate("abc")),
    *(variable(f"_all_variables/{number}", f"{name}/kernel") for number, name in enumerate("cba")),
]  # fmt: skip


@pytest.mark.parametrize("equal", [False, True])
def test_twins_are_found_by_bytes_then_by_name(equal: bool, tmp_path: Path) -> None:
    keys = [each.key or "" for each in COPIED[6:]]
    values = values_of(COPIED)
    values |= {keys[5 - at]: values[keys[at]] for at in range(3)}
    if equal:
        values = dict.fromkeys(keys, np.zeros(3, np.float32))
    folder = Saved(COPIED, values=values).write(tmp_path / "m")
    with open_weights(folder) as weights:
        listed = {each.stored_as for each in weights}
        found = twins(weights.format, weights.files, listed)
    assert listed == set(keys[:3])
    assert found == {keys[3]: keys[2], keys[4]: keys[1], keys[5]: keys[0]}
    tag_and_read(folder, tmp_path / "copy")


def test_twins_of_none(tmp_path: Path) -> None:
    path = files.write("keras", tmp_path, files.example())
    assert twins("keras", [path], set()) == {}
    assert twins("saved_model", [Saved([Object()]).write(tmp_path / "m") / "saved_model.pb"], set()) == {}
    index = write_bundle(tmp_path / "c", {"a": some("f4", 3), "b": some("f4", 3), "e": some("f4", 0), "w": texts(b"x")})
    assert twins("checkpoint", [index], {"a", "b"}) == {}
    assert twins("checkpoint", [index], {"a"}) == {"b": "a"}


@pytest.mark.parametrize("key", ["keras", "weights.h5", "weights.json", "h5"])
def test_a_key_that_is_not_there(key: str, tmp_path: Path) -> None:
    path = files.write(key, tmp_path, files.example())
    with open_weights(path) as weights:
        copy = copy_artifact(weights.format, weights.files, tmp_path / "copy")
        for wrong in ("nothing/here", f"{next(iter(weights)).stored_as}/more", "layers"):
            with pytest.raises(GateError, match="lacks 1 of the tensors"):
                fill(weights.format, copy, [Fill(wrong, 3)])


def test_texts_are_refused(tmp_path: Path) -> None:
    write_bundle(tmp_path / "m", {"a": texts(b"x")})
    copy = copy_artifact("checkpoint", [tmp_path / "m.index", shard_path(tmp_path / "m", 0, 1)], tmp_path / "copy")
    with pytest.raises(GateError, match="no numbers to tag"):
        fill("checkpoint", copy, [Fill("a", 3)])
    path = hdf5(tmp_path / "m.weights.h5", lambda group: group.create_dataset("0", data=np.array([b"one"])))
    copy = copy_artifact("weights.h5", [path], tmp_path / "copy")
    with pytest.raises(GateError, match="no numbers to tag"):
        fill("weights.h5", copy, [Fill("layers/dense/vars/0", 3)])
    with pytest.raises(GateError, match="cannot be tagged"):
        fill("npz", path, [])


def test_a_file_that_may_only_be_read_and_links(tmp_path: Path) -> None:
    path = files.write("weights.h5", tmp_path, files.example())
    path.chmod(0o400)
    link = tmp_path / "link.weights.h5"
    link.symlink_to(path)
    copy = tag_and_read(link, tmp_path / "copy")
    assert not copy.is_symlink()

"""Example inputs and golden outputs: what NumPy and JSON write comes back, everything else is refused in words."""

import io
import json
import os
import pickle
import random
import zipfile
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gate.errors import GateError, MissingFileError, UnreadableError, UnsafeFileError
from gate.formats.example_data import JSON_BYTES, read_arrays
from gate.formats.limits import Limits

ARRAYS: dict[str, Any] = {
    "image": np.arange(24, dtype=np.float32).reshape(4, 2, 3),
    "tokens": np.array([[1, 2], [3, 4]], np.int32),
    "mask": np.array([True, False]),
    "words": np.array(["a", "über"]),
    "bytes": np.array([b"a", b"bc"]),
    "half": np.array([1.5], np.float16),
    "big/endian": np.array([1, 2, 3], ">i8"),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "scalar": np.array(7.5),
    "odd": np.array([np.nan, np.inf, -0.0]),
    "large": np.random.default_rng(0).standard_normal((300, 100)),
}


def written(path: Path, data: bytes | str) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def read(path: Path) -> dict[str, Any]:
    return read_arrays(path, path.name)


def from_json(tmp_path: Path, text: str) -> dict[str, Any]:
    return read(written(tmp_path / "data.json", text))


def same(found: Any, wanted: Any) -> None:
    assert found.dtype == wanted.dtype.newbyteorder("=")
    assert found.shape == wanted.shape
    assert found.tobytes() == wanted.astype(found.dtype).tobytes()


# NumPy


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path: Path, save: Any) -> None:
    save(tmp_path / "data.npz", **ARRAYS)
    found = read(tmp_path / "data.npz")
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        same(found[name], array)


@pytest.mark.parametrize("name", ARRAYS)
def test_npy(tmp_path: Path, name: str) -> None:
    np.save(tmp_path / "data.npy", ARRAYS[name])
    found = read(tmp_path / "data.npy")
    assert list(found) == [""]
    same(found[""], ARRAYS[name])
    assert found[""].flags.c_contiguous
    assert not found[""].flags.writeable


def test_npy_of_bfloat16(tmp_path: Path) -> None:
    array = np.array([1.5, -2.0], ml_dtypes.bfloat16)
    np.save(tmp_path / "data.npy", array.view("V2"))
    same(read(tmp_path / "data.npy")[""], array)


numeric = (
    hnp.integer_dtypes(endianness="?") | hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64)) | hnp.boolean_dtypes()
)


@given(hnp.arrays(numeric, hnp.array_shapes(min_dims=0)), st.booleans())
def test_every_array_comes_back(tmp_path_factory: pytest.TempPathFactory, array: Any, fortran: bool) -> None:
    path = tmp_path_factory.mktemp("npy") / "data.npy"
    np.save(path, np.asarray(array, order="F" if fortran else "C"))
    same(read(path)[""], array)


def test_the_content_decides_not_the_suffix(tmp_path: Path) -> None:
    data = io.BytesIO()
    np.save(data, ARRAYS["image"])
    same(read(written(tmp_path / "data.json", data.getvalue()))[""], ARRAYS["image"])
    same(read(written(tmp_path / "data.npz", "[1.5]"))[""], np.array([1.5]))


def test_arrays_outlive_the_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", **ARRAYS)
    found = read(tmp_path / "data.npz")
    (tmp_path / "data.npz").unlink()
    same(found["large"], ARRAYS["large"])


class Bomb:
    def __reduce__(self) -> Any:
        return os.mkdir, ("exploded",)


@pytest.mark.parametrize("suffix", ["npy", "npz", "pkl"])
def test_nothing_is_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    monkeypatch.chdir(tmp_path)
    bomb, path = np.array([Bomb()], np.object_), tmp_path / f"data.{suffix}"
    if suffix == "npy":
        np.save(path, bomb, allow_pickle=True)
    elif suffix == "npz":
        np.savez(path, bomb=bomb)
    else:
        path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(UnsafeFileError, match="pickle"):
        read(path)
    assert not (tmp_path / "exploded").exists()


def test_an_archive_may_not_expand_for_ever(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "data.npz", zeros=np.zeros(10_000_000))
    with pytest.raises(UnsafeFileError):
        read_arrays(tmp_path / "data.npz", "data.npz", Limits(free_expansion=1_000_000))


def test_a_damaged_archive_is_seen_where_it_is_mapped(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", large=ARRAYS["large"])
    data = bytearray((tmp_path / "data.npz").read_bytes())
    data[len(data) // 2] ^= 1
    with pytest.raises(UnreadableError, match="fails its checksum"):
        read(written(tmp_path / "data.npz", bytes(data)))


def test_other_archives(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.writestr("image.png", b"x")
    with pytest.raises(UnreadableError, match="zip archive, and not of NumPy arrays alone") as caught:
        read(tmp_path / "data.zip")
    assert "np.savez" in caught.value.hint


def test_a_declared_size_is_not_believed(tmp_path: Path) -> None:
    data = io.BytesIO()
    np.lib.format.write_array_header_1_0(data, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)})
    with pytest.raises(UnreadableError, match=r"declares 7\.3 TiB of data and has 64 bytes"):
        read(written(tmp_path / "data.npy", data.getvalue() + bytes(64)))


def test_nothing_may_follow_the_array(tmp_path: Path) -> None:
    np.save(tmp_path / "data.npy", np.ones(8))
    with pytest.raises(UnreadableError, match="declares 64 bytes of data and has 65 bytes"):
        read(written(tmp_path / "data.npy", (tmp_path / "data.npy").read_bytes() + b"x"))


# JSON

leaves = {
    "int64": st.integers(-(2**63), 2**63 - 1),
    "float64": st.floats(allow_nan=False, allow_infinity=False),
    "bool": st.booleans(),
    "object": st.text(st.characters(exclude_categories=["Cs"])),
}


@given(st.sampled_from(list(leaves)), hnp.array_shapes(max_dims=4, max_side=3), st.data())
def test_json_lists_are_arrays(tmp_path_factory: pytest.TempPathFactory, dtype: str, shape: Any, data: Any) -> None:
    count = int(np.prod(shape))
    items = data.draw(st.lists(leaves[dtype], min_size=count, max_size=count))
    wanted = np.empty(count, dtype)
    wanted[:] = items
    wanted = wanted.reshape(shape)
    path = written(tmp_path_factory.mktemp("json") / "data.json", json.dumps({"x": wanted.tolist(), "y": [1]}))
    found = read(path)
    assert list(found) == ["x", "y"]
    assert found["x"].dtype == dtype
    assert found["x"].shape == tuple(shape)
    assert found["x"].tolist() == wanted.tolist()


def test_json_without_names(tmp_path: Path) -> None:
    found = from_json(tmp_path, " \n[[1, 2], [3, 4]]")
    assert list(found) == [""]
    same(found[""], np.array([[1, 2], [3, 4]]))


def test_json_numbers(tmp_path: Path) -> None:
    found = from_json(tmp_path, '{"mixed": [1, 0.5, 1e3], "long": [0, 18446744073709551615], "scalar": 3}')
    same(found["mixed"], np.array([1, 0.5, 1000]))
    same(found["long"], np.array([0, 2**64 - 1], np.uint64))
    same(found["scalar"], np.array(3))


@pytest.mark.parametrize(("text", "said"), [
    ("[[1, 2], [3]]", "on level 1 some lists have 1 items and others 2"),
    ("[[1, 2], 3]", "on level 1 some items are lists and others are not"),
    ("[[[1], [2]], [[3], [4, 5]]]", "on level 2 some lists have 1 items and others 2"),
    ("[[], [1]]", "some lists have 0 items and others 1"),
    ("[1, NaN]", "holds NaN or an infinity"),
    ("[1.5, Infinity]", "holds NaN or an infinity"),
    ("[-Infinity]", "holds NaN or an infinity"),
    ("[1e999]", "holds NaN or an infinity"),
    ("[1, true]", "holds numbers and truth values"),
    ('[1, "a"]', "holds numbers and texts"),
    ("[1.5, null]", "holds null and numbers"),
    ('[{"x": 1}]', "holds objects"),
    ('{"x": {"y": [1]}}', "'x' is no array: it holds objects"),
    ("[18446744073709551616]", "no integer of 64 bits"),
    ("[-1, 18446744073709551615]", "no integer of 64 bits"),
    ("[1" + "0" * 400 + "]", "no integer of 64 bits"),
    ("[0.5, 9007199254740993]", "integers that float64 cannot hold"),
    ("[0.5, 1" + "0" * 400 + "]", "integers that float64 cannot hold"),
    ("[" * 40 + "1" + "]" * 40, "more than 32 lists deep"),
    ("[" * 100_000 + "]" * 100_000, "is not valid JSON"),
    ("[1" + "0" * 5000 + "]", "is not valid JSON"),
    ("[1, 2", "is not valid JSON"),
    ("[1] [2]", "is not valid JSON"),
    ('{"x": [1], "x": [2]}', "has the key 'x' twice"),
    ("{}", "holds no arrays"),
    ("[]", r"holds no elements: its shape is \(0,\)"),
    ("[[], []]", r"holds no elements: its shape is \(2, 0\)"),
    ('{"x": [1], "y": []}', "'y' holds no elements"),
    ("1.5", "neither NumPy arrays nor JSON"),
    ("x,y\n1,2\n", "neither NumPy arrays nor JSON: it starts with b'x,y"),
    (b"\xff[1]", "neither NumPy arrays nor JSON"),
    (b'["\xff"]', "is not valid JSON"),
])  # fmt: skip
def test_what_is_no_array_is_refused(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(UnreadableError, match=said) as caught:
        read(written(tmp_path / "data.json", text))
    assert caught.value.reason.startswith("data.json")
    assert caught.value.hint
    assert str(caught.value).isprintable()


def test_json_is_for_small_data(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match=r"of JSON; 8\.0 MiB is the limit") as caught:
        from_json(tmp_path, "[1" + " " * JSON_BYTES + "]")
    assert "np.savez" in caught.value.hint


# Files


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"data\.npz does not exist"):
        read(tmp_path / "data.npz")
    with pytest.raises(UnreadableError, match="is a folder"):
        read(tmp_path)
    with pytest.raises(UnreadableError, match="is empty"):
        read(written(tmp_path / "data.npy", b""))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnreadableError, match="not a regular file"):
        read(tmp_path / "pipe")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    with pytest.raises(MissingFileError, match="Git LFS pointer"):
        read(written(tmp_path / "lfs.npz", pointer))


def test_arrays_without_elements(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=np.ones((0, 3)))
    with pytest.raises(UnreadableError, match=r"'x' holds no elements: its shape is \(0, 3\)"):
        read(tmp_path / "data.npz")
    np.save(tmp_path / "data.npy", np.ones((2, 0)))
    with pytest.raises(UnreadableError, match=r"data\.npy holds no elements"):
        read(tmp_path / "data.npy")
    np.savez(tmp_path / "none.npz")
    with pytest.raises(UnreadableError, match="holds no arrays"):
        read(tmp_path / "none.npz")


def test_names_are_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError) as caught:
        read_arrays(written(tmp_path / "d", json.dumps({"a\r::error::x": [1, "b"]})), "evil\n::error::y")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("suffix", ["npz", "npy", "json", "compressed"])
def test_cut_and_damaged_files_are_refused_or_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "data"
    small = {name: array for name, array in ARRAYS.items() if name != "large"}
    with path.open("wb") as file:
        if suffix == "npy":
            np.save(file, small["image"])
        elif suffix == "json":
            file.write(json.dumps({"x": small["image"].tolist(), "y": ["a", "b"]}).encode())
        else:
            (np.savez if suffix == "npz" else np.savez_compressed)(file, **small)
    data, dice = path.read_bytes(), random.Random(suffix)
    for length in range(0, len(data), max(1, len(data) // 100)):
        with pytest.raises(GateError):
            read(written(path, data[:length]))
    for _ in range(200):
        damaged = bytearray(data)
        for _ in range(dice.choice((1, 2, 8))):
            damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
        said = ""
        try:
            assert all(array.size for array in read(written(path, bytes(damaged))).values())
        except GateError as error:
            said = str(error)
        assert said.isprintable()

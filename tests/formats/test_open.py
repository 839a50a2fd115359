"""What stands in a weight file's place is named, with what to do about it."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from gate.errors import GateError, MissingFileError, UnreadableError, UnsafeFileError
from gate.formats import open_weights
from support.files import example, write, write_npz

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 12345\n" % (b"0" * 64)
TABLE_MAGIC = bytes.fromhex("57fb808b247547db")
DVC = b"outs:\n- md5: 00000000000000000000000000000000\n  size: 1\n  path: m.keras\n"


def refused(path: Path) -> GateError:
    with pytest.raises(GateError) as caught:
        open_weights(path)
    assert caught.value.reason
    assert caught.value.hint
    assert str(caught.value).isprintable()
    return caught.value


@pytest.mark.parametrize(
    ("content", "kind", "reason", "hint"),
    [
        (LFS, MissingFileError, "Git LFS pointer", "lfs: true"),
        (DVC, MissingFileError, "DVC pointer", "dvc pull"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", MissingFileError, "web page", "download"),
        (b"", UnreadableError, "is empty", "never written"),
        (b"hello\r\n::error::x\x1b[31m", UnreadableError, r"starts with b'hello\\r\\n::error::'", "readable are"),
        (b"\x00" * 64 + TABLE_MAGIC, UnreadableError, "under another name", "PREFIX.index"),
        (pickle.dumps({"a": 1}), UnsafeFileError, "pickle", "readable are"),
        (b"PK\x03\x04", UnreadableError, "zip archive without its end", "fetch"),
        (b"\x89HDF\r\n\x1a\n", UnreadableError, "HDF5", "damaged"),
    ],
)  # fmt: skip
def test_other_content(tmp_path: Path, content: bytes, kind: type[GateError], reason: str, hint: str) -> None:
    path = tmp_path / "m.keras"
    path.write_bytes(content)
    error = refused(path)
    assert type(error) is kind
    assert reason.replace("\\\\", "\\") in error.reason
    assert hint in error.hint


def test_nothing_there(tmp_path: Path) -> None:
    error = refused(tmp_path / "m.keras")
    assert type(error) is MissingFileError
    (tmp_path / "m.keras.dvc").write_bytes(DVC)
    assert "dvc pull" in refused(tmp_path / "m.keras").hint
    (tmp_path / "link").symlink_to("nowhere")
    assert "link" in refused(tmp_path / "link").reason
    (tmp_path / "ckpt.index").write_bytes(b"x")
    assert "index of a TensorFlow checkpoint" in refused(tmp_path / "ckpt").reason
    (tmp_path / "lost.data-00000-of-00001").write_bytes(b"x")
    assert "a checkpoint without its index" in refused(tmp_path / "lost").reason


def test_folders(tmp_path: Path) -> None:
    assert "folder" in refused(tmp_path).reason
    (tmp_path / "saved_model.pbtxt").touch()
    assert "a SavedModel written as text" in refused(tmp_path).reason
    (tmp_path / "saved_model.pb").write_bytes(b"\x12\x7f")
    assert "is no SavedModel, or is damaged" in refused(tmp_path).reason


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "regular file" in refused(tmp_path / "pipe").reason


def test_single_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "plain.npy", np.zeros(3))
    assert "without a name" in refused(tmp_path / "plain.npy").reason
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    error = refused(tmp_path / "objects.npy")
    assert type(error) is UnsafeFileError
    assert "pickled Python objects" in error.reason


def test_pickles_inside_an_archive(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", good=np.zeros(2), bad=np.array([print], dtype=object))
    error = refused(tmp_path / "m.npz")
    assert type(error) is UnsafeFileError
    assert "'bad' holds pickled Python objects" in error.reason


def test_what_it_is_called_in_messages(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"^models/m\.keras does not exist"):
        open_weights(tmp_path / "m.keras", shown="models/m.keras")
    with pytest.raises(MissingFileError) as caught:
        open_weights(tmp_path / "m.keras", shown="x\r::error::y")
    assert "\r" not in str(caught.value)
    with open_weights(write("npz", tmp_path, example()), shown="m") as weights:
        assert weights.path == "m"


def test_an_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 300)
    assert type(refused(path)) in {MissingFileError, UnreadableError}


def test_hdf5_of_somebody_else(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["table"] = np.zeros(3)
    assert "not as Keras lays weights out" in refused(tmp_path / "data.h5").reason
    with h5py.File(tmp_path / "matlab.h5", "w", userblock_size=512) as file:
        file["table"] = np.zeros(3)
    assert "MATLAB" in refused(tmp_path / "matlab.h5").reason


def test_an_archive_of_other_things(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(write_npz(tmp_path / "m.zip", {"a": np.zeros(2)}), "a") as archive:
        archive.writestr("readme.txt", "hello")
    assert "neither a Keras model nor NumPy arrays" in refused(tmp_path / "m.zip").reason

"""Zip archives that ask for more than their members: each is refused, by class and in words."""

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gate.errors import GateError, UnreadableError, UnsafeFileError
from gate.formats import Limits, open_weights
from support.files import example, hdf5_bytes, write_keras, write_npz


def read_all(path: Path, limits: Limits) -> None:
    with open_weights(path, limits=limits) as weights:
        for tensor in weights:
            tensor.read()


def refused(path: Path, **limits: Any) -> GateError:
    with pytest.raises(GateError) as caught:
        read_all(path, Limits(**limits))
    assert caught.value.hint
    assert str(caught.value).isprintable()
    return caught.value


def add(path: Path, name: str, data: bytes = b"x", change: Callable[[zipfile.ZipInfo], None] = lambda _: None) -> Path:
    with zipfile.ZipFile(path, "a") as archive:
        info = zipfile.ZipInfo(name)
        change(info)
        archive.writestr(info, data)
    return path


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../evil", "points out of the archive"),
        ("/etc/passwd", "points out of the archive"),
        ("assets/../../x", "points out of the archive"),
        ("C:/x", "points out of the archive"),
        ("assets\\..\\..\\x", "points out of the archive"),
        ("evil.py", "does not belong into a Keras .keras file"),
        ("model.weights.h5\r::error::x", "does not belong"),
    ],
)
def test_names(tmp_path: Path, name: str, reason: str) -> None:
    error = refused(add(write_keras(tmp_path / "m.keras", example()), name))
    assert type(error) is UnsafeFileError
    assert reason in error.reason


def test_assets_are_expected(tmp_path: Path) -> None:
    path = add(write_keras(tmp_path / "m.keras", example()), "assets/layers/text_vectorization/vocabulary.txt")
    with open_weights(path) as weights:
        assert len(weights) == 8


def test_twice(tmp_path: Path) -> None:
    path = write_keras(tmp_path / "m.keras", example())
    with pytest.warns(UserWarning, match="Duplicate name"):
        add(path, "config.json", b"{}")
    assert "is there twice" in refused(path).reason


def test_a_symbolic_link(tmp_path: Path) -> None:
    def link(info: zipfile.ZipInfo) -> None:
        info.create_system = 3
        info.external_attr = 0o120777 << 16

    path = add(write_keras(tmp_path / "m.keras", example()), "assets/x", b"/etc/passwd", link)
    assert "is a link or a device" in refused(path).reason


def patched(path: Path, name: bytes, offset: int, value: bytes, where: bytes = b"PK\x01\x02", fixed: int = 46) -> Path:
    """Overwrite bytes of one member's record in the central directory (or its local header)."""
    data = bytearray(path.read_bytes())
    at = data.index(name, data.index(where) if where == b"PK\x01\x02" else 0)
    while data[at - fixed : at - fixed + 4] != where:
        at = data.index(name, at + 1)
    data[at - fixed + offset : at - fixed + offset + len(value)] = value
    path.write_bytes(data)
    return path


def test_encrypted(tmp_path: Path) -> None:
    path = patched(write_keras(tmp_path / "m.keras", example()), b"config.json", 8, b"\x01\x00")
    assert "is encrypted" in refused(path).reason


def test_another_method(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.npz", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a.npy", b"x" * 1000)
    assert "method 12" in refused(tmp_path / "m.npz").reason


def test_overlap(tmp_path: Path) -> None:
    """Two directory entries for one local header, the heart of every overlapping bomb."""
    path = write_npz(tmp_path / "m.npz", {"aa": np.zeros(4), "bb": np.zeros(4)})
    data = path.read_bytes()
    second = data.index(b"PK\x03\x04", 4)
    first_name = data.replace(b"bb.npy", b"aa.npy")  # its own header has to agree
    path.write_bytes(first_name)
    patched(path, b"aa.npy", 42, struct.pack("<I", 0))
    assert "twice" in refused(path).reason
    path.write_bytes(data)
    patched(path, b"aa.npy", 20, struct.pack("<II", second + 60, second + 60))
    error = refused(path)
    assert type(error) is UnsafeFileError
    assert "overlap" in error.reason


def test_a_header_that_disagrees(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "m.npz", {"aa": np.zeros(4)})
    patched(path, b"aa.npy", 30, b"zz.npy", b"PK\x03\x04", 30)
    assert "in its own header" in refused(path).reason


def test_a_bomb_by_ratio(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "m.npz", {"a": np.zeros(1 << 22)}, zipfile.ZIP_DEFLATED)
    assert "of archive declare" in refused(path, free_expansion=1 << 20).reason


def test_a_member_that_expands_beyond_its_word(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "m.npz", {"a": np.zeros(1 << 20)}, zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("a.npy").file_size
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.zeros(100))
    said = len(buffer.getvalue())
    patched(path, b"a.npy", 24, struct.pack("<I", said))
    assert size > said
    assert isinstance(refused(path), UnreadableError)


def test_checksums_of_what_is_decompressed(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "m.npz", {"a": np.zeros(1 << 16)}, zipfile.ZIP_DEFLATED)
    patched(path, b"a.npy", 16, b"\x00\x00\x00\x01")
    assert "fails its checksum" in refused(path).reason
    path = write_keras(tmp_path / "m.keras", example())
    patched(path, b"config.json", 16, b"\x00\x00\x00\x01")
    assert "fails its checksum" in refused(path).reason


def test_missing_members(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    assert "has no model.weights.h5" in refused(tmp_path / "m.keras").reason
    with zipfile.ZipFile(tmp_path / "n.keras", "w") as archive:
        archive.writestr("model.weights.h5", hdf5_bytes(example()))
    assert "has no config.json" in refused(tmp_path / "n.keras").reason


@pytest.mark.parametrize("config", ["{", "[" * 100_000, "null", '{"class_name": 1}', '{"config": []}', "\ud800"])
def test_a_damaged_architecture(tmp_path: Path, config: str) -> None:
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("config.json", config.encode("utf-8", "surrogatepass"))
        archive.writestr("model.weights.h5", hdf5_bytes(example()))
    try:
        with open_weights(tmp_path / "m.keras") as weights:
            assert len(weights) == 8
    except UnreadableError as error:
        assert "config.json is not valid JSON" in error.reason  # noqa: PT017


def test_a_large_architecture(tmp_path: Path) -> None:
    assert "is the limit" in refused(write_keras(tmp_path / "m.keras", example()), max_config_bytes=100).reason
    assert "zip directory" in refused(write_keras(tmp_path / "m.keras", example()), max_directory_bytes=10).reason
    assert "members" in refused(write_keras(tmp_path / "m.keras", example()), max_members=2).reason

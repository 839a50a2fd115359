"""HDF5 files that ask for more than their data (docs/formats.md): each is refused, by class and in words."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5py import h5d, h5p, h5s, h5t

from gate.errors import GateError, UnreadableError, UnsafeFileError
from gate.formats import Limits, open_weights
from gate.formats.hdf5.signals import Unsupported
from gate.formats.hdf5.tree import MAGIC, Folder
from gate.formats.hdf5.walk import Walk

Write = Callable[[Any], None]


@pytest.fixture(params=["own reader", "libhdf5"], autouse=True)
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the gate reads itself and what it leaves to libhdf5 are refused alike."""
    if request.param == "libhdf5":

        def unsupported(walk: Walk) -> Folder:
            raise Unsupported

        monkeypatch.setattr(Walk, "tree", unsupported)
    return str(request.param)


def build(path: Path, write: Write) -> Path:
    with h5py.File(path, "w") as file:
        file.create_group("vars").attrs["name"] = "model"
        file["layers/dense/vars/0"] = np.arange(6, dtype="f4").reshape(2, 3)
        write(file)
    return path


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


def soft(file: Any) -> None:
    file["layers/alias"] = h5py.SoftLink("/layers/dense")


def external(file: Any) -> None:
    file["layers/other"] = h5py.ExternalLink("/etc/passwd", "/x")


def hard(file: Any) -> None:
    file["layers/dense_1/vars/0"] = file["layers/dense/vars/0"]


def cycle(file: Any) -> None:
    file["layers/dense/up"] = file["layers"]


def external_storage(file: Any) -> None:
    file.create_dataset("layers/dense/vars/1", (4,), "f4", external=[("/etc/passwd", 0, 16)])


def virtual(file: Any) -> None:
    layout = h5py.VirtualLayout((3,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (3,))
    file.create_virtual_dataset("layers/dense/vars/1", layout)


def variable_length(file: Any) -> None:
    file["layers/dense/vars/1"] = ["text"]


def ragged(file: Any) -> None:
    file.create_dataset("layers/dense/vars/1", (2,), h5py.vlen_dtype("f4"))


def reference(file: Any) -> None:
    file.create_dataset("layers/dense/vars/1", (1,), h5py.ref_dtype)[0] = file["layers"].ref


def region(file: Any) -> None:
    file.create_dataset("layers/dense/vars/1", (1,), h5py.regionref_dtype)


def big_chunk(file: Any) -> None:
    file.create_dataset("layers/dense/vars/1", (1 << 30,), "f4", chunks=((1 << 30) - 1,), compression="gzip")


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (soft, "'layers/alias' is a soft link to '/layers/dense'"),
        (external, "'layers/other' is an external link to '/x' in '/etc/passwd'"),
        (hard, "are the same object"),
        (cycle, "are the same object"),
        (external_storage, "keeps its data in another file"),
        (virtual, "is a virtual dataset"),
        (variable_length, "variable length"),
        (ragged, "variable length"),
        (reference, "references"),
        (region, "references"),
        (big_chunk, "stored in chunks of 4.0 GiB"),
    ],
)
def test_refused_as_unsafe(tmp_path: Path, write: Write, reason: str) -> None:
    error = refused(build(tmp_path / "m.weights.h5", write))
    assert type(error) is UnsafeFileError
    assert reason in error.reason


def never(file: Any) -> None:
    file.create_dataset("layers/dense/vars/1", (4, 4), "f4")


def never_chunked(file: Any) -> None:
    file.create_dataset("layers/dense/vars/1", (4, 4), "f4", chunks=(2, 2))


def in_part(file: Any) -> None:
    file.create_dataset("layers/dense/vars/1", (4, 4), "f4", chunks=(2, 2))[:2] = 1


def endless(file: Any) -> None:
    file.create_dataset("layers/dense/vars/1", (1 << 60,), "f4", chunks=(1,))


@pytest.mark.parametrize("write", [never, never_chunked, in_part, endless])
def test_never_written(tmp_path: Path, write: Write) -> None:
    error = refused(build(tmp_path / "m.weights.h5", write))
    assert type(error) is UnreadableError
    assert "never written, or only in part" in error.reason


def table(file: Any) -> None:
    file["layers/dense/vars/1"] = np.zeros(2, [("a", "f4"), ("b", "i4")])


def enumeration(file: Any) -> None:
    file.create_dataset("layers/dense/vars/1", (2,), h5py.enum_dtype({"a": 1}, "i1"))[:] = 1


def opaque_byte(file: Any) -> None:
    file["layers/dense/vars/1"] = np.zeros(2, "V1")


def opaque_wrong(file: Any) -> None:
    file["layers/dense/vars/1"] = np.zeros(2, "V4")
    file["layers/dense/vars/1"].attrs["dtype"] = "bfloat16"


def odd_float(file: Any) -> None:
    kind = h5t.IEEE_F32LE.copy()
    kind.set_ebias(100)
    data = h5d.create(file.id, b"layers/dense/vars/1", kind, h5s.create_simple((2,)))
    data.write(h5s.ALL, h5s.ALL, np.zeros(2, "f4"), kind)


@pytest.mark.parametrize("write", [table, enumeration, opaque_byte, opaque_wrong, odd_float])
def test_types_that_are_no_numbers(tmp_path: Path, write: Write) -> None:
    assert type(refused(build(tmp_path / "m.weights.h5", write))) is UnreadableError


def test_a_named_type_is_no_tensor(tmp_path: Path) -> None:
    def write(file: Any) -> None:
        file["layers/type"] = np.dtype("f4")

    assert "neither a group nor a dataset" in refused(build(tmp_path / "m.weights.h5", write)).reason


def test_a_filter_that_is_not_built_in(tmp_path: Path) -> None:
    def write(file: Any) -> None:
        layout = h5p.create(h5p.DATASET_CREATE)
        layout.set_chunk((4,))
        layout.set_filter(307, h5py.h5z.FLAG_OPTIONAL, (9,))  # bzip2
        h5d.create(file.id, b"layers/dense/vars/1", h5t.NATIVE_FLOAT, h5s.create_simple((4,)), layout).write(
            h5s.ALL, h5s.ALL, np.zeros(4, "f4")
        )

    error = refused(build(tmp_path / "m.weights.h5", write))
    assert type(error) is UnsafeFileError
    assert "filter 307" in error.reason


def test_depth_and_count(tmp_path: Path) -> None:
    def deep(file: Any) -> None:
        file.create_group("/".join(["layers", *(["g"] * 80)]))

    def many(file: Any) -> None:
        for index in range(60):
            file.create_group(f"layers/g{index}")

    assert "nest deeper than 64" in refused(build(tmp_path / "deep.h5", deep)).reason
    assert "more than 50 objects" in refused(build(tmp_path / "many.h5", many), max_objects=50).reason


def test_zeros_that_expand(tmp_path: Path) -> None:
    """A few kilobytes that declare gigabytes, each dataset for itself within every limit."""

    def write(file: Any) -> None:
        for index in range(8):
            file.create_dataset(
                f"layers/dense/vars/{index + 1}", (1 << 22,), "f4", chunks=(1 << 20,), compression="gzip"
            )[:] = 0

    path = build(tmp_path / "m.weights.h5", write)
    assert "of file declare more than" in refused(path, free_expansion=1 << 26).reason


def test_a_chunk_that_inflates_beyond_its_size(tmp_path: Path) -> None:
    import zlib

    def write(file: Any) -> None:
        data = file.create_dataset("layers/dense/vars/1", (1024,), "u1", chunks=(1024,), compression="gzip")
        data.id.write_direct_chunk((0,), zlib.compress(bytes(50_000_000)))

    error = refused(build(tmp_path / "m.weights.h5", write))
    assert type(error) is UnsafeFileError
    assert "expands beyond its declared" in error.reason


def test_a_chunk_of_rubbish(tmp_path: Path) -> None:
    def write(file: Any) -> None:
        data = file.create_dataset("layers/dense/vars/1", (1024,), "u1", chunks=(1024,), compression="gzip")
        data.id.write_direct_chunk((0,), b"rubbish")

    assert type(refused(build(tmp_path / "m.weights.h5", write))) is UnreadableError


def test_two_datasets_on_the_same_bytes(tmp_path: Path, reader: str) -> None:
    def write(file: Any) -> None:
        file["layers/dense/vars/1"] = np.arange(6, dtype="f4")

    path = build(tmp_path / "m.weights.h5", write)
    with h5py.File(path) as file:
        first, second = (file[f"layers/dense/vars/{index}"].id.get_offset() for index in (0, 1))
    data = path.read_bytes()
    old = second.to_bytes(8, "little")
    assert data.count(old) == 1
    path.write_bytes(data.replace(old, (first + 8).to_bytes(8, "little")))
    error = refused(path)
    assert type(error) is UnsafeFileError
    assert "claim the same bytes" in error.reason
    path.write_bytes(data.replace(old, (len(data) - 4).to_bytes(8, "little")))
    beyond = f"should hold 24 bytes at byte {len(data) - 4}, and the file ends at {len(data)}"
    assert (beyond if reader == "own reader" else "invalid dataset size") in refused(path).reason


def test_a_heap_that_never_ends(tmp_path: Path) -> None:
    """HDF5 1.14 itself walks this one for ever."""
    path = build(tmp_path / "m.weights.h5", lambda file: None)
    data = bytearray(path.read_bytes())
    at = data.index(b"GCOL")
    data[at + 16 : at + 32] = bytes(16)
    path.write_bytes(data)
    assert "never ends" in refused(path).reason


def test_cut_short(tmp_path: Path) -> None:
    path = build(tmp_path / "m.weights.h5", lambda file: None)
    path.write_bytes(path.read_bytes()[:-100])
    assert type(refused(path)) is UnreadableError
    assert path.read_bytes().startswith(MAGIC)

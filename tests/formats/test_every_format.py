"""What is written in any format comes back under the same names, with the same types, shapes and bytes."""

import mmap
import zipfile
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from gate.errors import UnreadableError
from gate.formats import READERS, Limits, open_weights
from support.files import WRITERS, Arrays, example, write, write_keras, write_keras_weights, write_npz, write_sharded

TYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8", ml_dtypes.bfloat16]


def check(path: Path, expected: Arrays, **kwargs: Any) -> str:
    """Assert that the file holds just these arrays, in this order; its format."""
    with open_weights(path, **kwargs) as weights:
        assert list(weights.tensors) == list(expected)
        for tensor in weights:
            array, wanted = tensor.read(), np.asarray(expected[tensor.name])
            assert tensor.dtype == array.dtype == wanted.dtype
            assert tensor.shape == array.shape == wanted.shape
            assert array.tobytes() == wanted.tobytes()
            assert array.flags.c_contiguous
            assert not array.flags.writeable
            assert array.dtype.isnative
        return weights.format


@pytest.mark.parametrize("key", WRITERS)
def test_a_small_model(tmp_path: Path, key: str) -> None:
    found = check(write(key, tmp_path, example()), example())
    assert found == ("h5" if key == "h5-weights" else key)
    assert found in READERS


@pytest.mark.parametrize("key", WRITERS)
@pytest.mark.parametrize("dtype", TYPES, ids=lambda dtype: np.dtype(dtype).name)
def test_every_type(tmp_path: Path, key: str, dtype: Any) -> None:
    kernel = np.arange(12).reshape(3, 4).astype(dtype)
    check(write(key, tmp_path, {"a/kernel": kernel, "a/bias": kernel[0]}), {"a/kernel": kernel, "a/bias": kernel[0]})


@pytest.mark.parametrize("key", WRITERS)
def test_scalars_and_nothing(tmp_path: Path, key: str) -> None:
    arrays: dict[str, Any] = {
        "a/kernel": np.zeros((0, 4), np.float32),
        "a/bias": np.zeros((), np.float64),
        "b/embeddings": np.zeros((3, 0, 2), np.int64),
    }
    check(write(key, tmp_path, arrays), arrays)


@pytest.mark.parametrize("key", [key for key in WRITERS if key != "h5-weights"])
def test_a_model_without_weights(tmp_path: Path, key: str) -> None:
    check(write(key, tmp_path, {}), {})


@pytest.mark.parametrize("key", WRITERS)
def test_nested_layers_in_the_models_order(tmp_path: Path, key: str) -> None:
    arrays: dict[str, Any] = {
        f"outer/inner/dense_{index}/kernel": np.full((2, 2), index, np.float32) for index in range(12)
    }
    arrays["head/kernel"] = np.ones((2, 1), np.float32)
    arrays["head/bias"] = np.ones(1, np.float32)
    check(write(key, tmp_path, arrays), arrays)


@pytest.mark.parametrize("key", WRITERS)
def test_nan_payloads_and_denormals_survive(tmp_path: Path, key: str) -> None:
    bits = np.array([0x7FC00001, 0x7F800001, 0xFFC12345, 1, 0x80000000, 0x7F800000], np.uint32)
    check(write(key, tmp_path, {"a/kernel": bits.view(np.float32)}), {"a/kernel": bits.view(np.float32)})


def base_of(array: Any) -> Any:
    while isinstance(array, np.ndarray) and array.base is not None:
        array = array.base
    return array.obj if isinstance(array, memoryview) else array


@pytest.mark.parametrize("key", WRITERS)
def test_data_is_mapped_and_outlives_the_file(tmp_path: Path, key: str) -> None:
    path = write(key, tmp_path, example())
    weights = open_weights(path)
    array = weights.tensors["conv/kernel"].read()
    assert isinstance(base_of(array), mmap.mmap)
    weights.close()
    weights.close()
    path.unlink()
    assert array.tobytes() == example()["conv/kernel"].tobytes()


def test_deflated_archives(tmp_path: Path) -> None:
    assert check(write_keras(tmp_path / "m.keras", example(), zipfile.ZIP_DEFLATED), example()) == "keras"
    assert check(write_npz(tmp_path / "m.npz", example(), zipfile.ZIP_DEFLATED), example()) == "npz"


def test_a_layer_in_two_shards(tmp_path: Path) -> None:
    for per_shard in (1, 2, 5):
        check(write_sharded(tmp_path / f"m{per_shard}.weights.json", example(), per_shard), example())


def test_numpys_own_archives(tmp_path: Path) -> None:
    big = np.arange(100_000, dtype=">f4").reshape(250, 400)
    arrays: dict[str, Any] = {
        "c": big.astype("<f4"),
        "fortran": np.asfortranarray(big.astype("<f8")),
        "big": big,
        "text": np.array(["é"]),
    }
    expected = {
        name: np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="))) for name, array in arrays.items()
    }
    np.savez(tmp_path / "m.npz", **arrays)
    np.savez_compressed(tmp_path / "c.npz", **arrays)
    check(tmp_path / "m.npz", expected)
    check(tmp_path / "c.npz", expected)


def test_safetensors_own_files(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    arrays = {**example(), "b": np.ones(3, ml_dtypes.bfloat16), "n": np.arange(5), "t": np.array([True])}
    save_file(arrays, tmp_path / "m.safetensors", {"format": "np"})
    with open_weights(tmp_path / "m.safetensors") as weights:
        assert set(weights.tensors) == set(arrays)
        for tensor in weights:
            assert tensor.dtype == arrays[tensor.name].dtype
            assert tensor.read().tobytes() == arrays[tensor.name].tobytes()


@pytest.mark.parametrize("options", [
    {"chunks": (7, 30)}, {"chunks": True, "compression": "gzip"}, {"chunks": (100, 1), "compression": "lzf"},
    {"chunks": (64, 64), "compression": "gzip", "shuffle": True, "fletcher32": True},
])  # fmt: skip
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "V2", "?", "<c8"])
def test_chunks_and_filters_against_h5py(tmp_path: Path, options: dict[str, Any], dtype: str) -> None:
    import h5py

    data = np.random.default_rng(0).integers(0, 2, (200, 250)).astype("u2" if dtype == "V2" else dtype)
    data = data.view("V2") if dtype == "V2" else data
    path = tmp_path / "m.weights.h5"
    with h5py.File(path, "w") as file:
        file.create_group("vars").attrs["name"] = "model"
        file.create_dataset("layers/dense/vars/0", data=data, **options)
    with open_weights(path) as weights:
        array = weights.tensors["dense/kernel"].read()
    with h5py.File(path) as file:
        expected = file["layers/dense/vars/0"][()]
    assert array.dtype.isnative
    assert array.tobytes() == expected.astype(expected.dtype.newbyteorder("=")).tobytes()


def test_big_endian_and_compact_and_null(tmp_path: Path) -> None:
    import h5py
    from h5py import h5d, h5p, h5s, h5t

    path = tmp_path / "m.weights.h5"
    values = np.arange(50_000, dtype=">f8")
    with h5py.File(path, "w") as file:
        group = file.create_group("layers/custom/vars")
        group["big"] = values
        group["null"] = h5py.Empty("f4")
        layout = h5p.create(h5p.DATASET_CREATE)
        layout.set_layout(h5d.COMPACT)
        small = h5d.create(group.id, b"small", h5t.NATIVE_INT32, h5s.create_simple((3,)), layout)
        small.write(h5s.ALL, h5s.ALL, np.array([1, 2, 3], np.int32))
    with open_weights(path) as weights:
        assert weights.tensors["custom/big"].read().tobytes() == values.astype("<f8").tobytes()
        assert weights.tensors["custom/null"].read().shape == (0,)
        assert weights.tensors["custom/small"].read().tolist() == [1, 2, 3]


def test_decoded_data_is_shared_while_it_is_held(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "m.npz", {"a": np.zeros(100_000)}, zipfile.ZIP_DEFLATED)
    with open_weights(path) as weights:
        first = weights.tensors["a"].read()
        assert weights.tensors["a"].read() is first


@pytest.mark.parametrize("key", WRITERS)
def test_reading_after_close_is_an_error(tmp_path: Path, key: str) -> None:
    weights = open_weights(write(key, tmp_path, example()))
    weights.close()
    with pytest.raises(UnreadableError, match="closed"):
        weights.tensors["conv/kernel"].read()


def test_decoding_after_close_is_an_error(tmp_path: Path) -> None:
    import h5py

    path = tmp_path / "m.weights.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("layers/dense/vars/0", data=np.zeros((500, 500)), chunks=True)
    weights = open_weights(path)
    weights.close()
    with pytest.raises(UnreadableError):
        weights.tensors["dense/kernel"].read()


def test_the_files_of_a_sharded_model(tmp_path: Path) -> None:
    with open_weights(write_sharded(tmp_path / "m.weights.json", example(), 4)) as weights:
        assert [path.name for path in weights.files] == [
            "m.weights.json",
            "m_00000.weights.h5",
            "m_00001.weights.h5",
        ]


def test_no_room_for_decoded_data_is_said(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "m.npz", {"a": np.zeros(100_000)}, zipfile.ZIP_DEFLATED)
    with (
        open_weights(path, limits=Limits(scratch=tmp_path / "nowhere")) as weights,
        pytest.raises(UnreadableError, match=r"of decoded data do not fit in .*nowhere") as caught,
    ):
        weights.tensors["a"].read()
    assert "TMPDIR" in caught.value.hint


def test_the_suffix_says_nothing(tmp_path: Path) -> None:
    assert check(write_keras_weights(tmp_path / "m.npz", example()), example()) == "weights.h5"


def test_importing_formats_needs_neither_h5py_nor_ml_dtypes() -> None:
    import subprocess
    import sys

    code = "import sys, gate.formats; print({'h5py', 'ml_dtypes', 'tensorflow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          cwd=Path(__file__).parents[2])  # fmt: skip
    assert done.stdout.strip() == "set()"

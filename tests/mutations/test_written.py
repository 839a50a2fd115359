"""Damaged copies as files: every format holds other values where it should, and only there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from gate.formats import open_weights
from gate.runtime import tagged_bundle, tagged_hdf5
from gate.runtime.tagged_copy import Fill, copy_artifact, fill, prefix
from support import files
from support.bundles import records_of, save, texts

BF16 = ml_dtypes.bfloat16
DTYPES = ["f4", "f8", "f2", "i1", "u1", "i2", "u4", "i8", "?", "c8", "c16", BF16]


def some(dtype: Any, *shape: int, seed: int = 1) -> Any:
    return np.random.default_rng(seed).integers(-1 if np.dtype(dtype).kind in "if" else 0, 2, shape).astype(dtype)


def arrays(seed: int) -> dict[str, Any]:
    made = {f"layer_{at:02}/kernel": some(each, 3, at + 5, seed=seed + at) for at, each in enumerate(DTYPES)}
    scalar = {"scalar/kernel": np.asarray(np.float32(seed)), "empty/kernel": np.zeros((0, 3), "f4")}
    return made | scalar | {"flat/kernel": some("f4", 1000, seed=seed)}


def damaged(path: Path, folder: Path, values: Mapping[str, Any]) -> None:
    """Writes a copy in which `values` are others, and reads it all again."""
    with open_weights(path) as weights:
        keys = {tensor.name: tensor.stored_as for tensor in weights}
        before = {tensor.name: tensor.read().copy() for tensor in weights}
        copy = copy_artifact(weights.format, weights.files, folder)
        fill(weights.format, copy, [Fill(keys[name], array) for name, array in values.items()])
    with open_weights(Path(prefix(copy))) as weights:
        assert weights.tensors.keys() == before.keys()
        for tensor in weights:
            expected = values.get(tensor.name, before[tensor.name])
            assert tensor.dtype == expected.dtype
            assert np.array_equal(tensor.read(), expected), tensor.name
    with open_weights(path) as weights:
        assert all(np.array_equal(tensor.read(), before[tensor.name]) for tensor in weights)


@pytest.mark.parametrize("block", [1, 100, 4 << 20])
@pytest.mark.parametrize("key", ["keras", "weights.h5", "weights.json", "h5", "h5-weights"])
def test_every_format_and_dtype(key: str, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tagged_hdf5, "BLOCK_BYTES", block)
    path = files.write(key, tmp_path, arrays(1))
    damaged(path, tmp_path / "all", arrays(2))
    damaged(path, tmp_path / "one", {"layer_11/kernel": arrays(3)["layer_11/kernel"]})


@pytest.mark.parametrize("block", [32, 4 << 20])
@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("shards", [1, 3])
def test_bundles(shards: int, big_endian: bool, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tagged_bundle, "BLOCK_BYTES", block)
    kept = {"words": texts(b"one", b"", b"three" * 100)}
    save(tmp_path / "m", records_of(dict(sorted((arrays(1) | kept).items())), shards, big_endian=big_endian, align=64))
    damaged(tmp_path / "m", tmp_path / "all", arrays(2))
    damaged(tmp_path / "m", tmp_path / "one", {"layer_04/kernel": arrays(3)["layer_04/kernel"]})


def test_a_tensor_in_parts(tmp_path: Path) -> None:
    made = {"rows": some("f4", 7, 6), "tiles": some(BF16, 4, 4), "whole": some("i8", 3)}
    rows = [((0, 3), (0, -1)), ((3, 4), (0, -1))]
    tiles = [((0, 2), (0, 4)), ((2, 2), (0, 1)), ((2, 2), (1, 3))]
    save(tmp_path / "m", records_of(made, 2, parts={"rows": rows, "tiles": tiles}))
    other = {"rows": some("f4", 7, 6, seed=2), "tiles": some(BF16, 4, 4, seed=2)}
    damaged(tmp_path / "m", tmp_path / "copy", other)

"""Whatever happens to a file: a gate error, or tensors. Nothing else comes out, and nothing runs away."""

import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gate.errors import GateError
from gate.formats import open_weights
from support.files import WRITERS, Arrays, example, write_keras, write_npz


def compressed(path: Path, arrays: Arrays) -> Path:
    import h5py

    with h5py.File(path, "w") as file:
        for index, array in enumerate(arrays.values()):
            file.create_dataset(f"layers/dense/vars/{index}", data=array, compression="gzip", shuffle=True, chunks=True)
    return path


FILES: dict[str, Callable[[Path, Arrays], Path]] = {
    **WRITERS,
    "weights.h5, compressed": compressed,
    "npz, compressed": lambda path, arrays: write_npz(path, arrays, zipfile.ZIP_DEFLATED),
    "keras, compressed": lambda path, arrays: write_keras(path, arrays, zipfile.ZIP_DEFLATED),
}


def survives(path: Path) -> int:
    """How many tensors could be read, -1 for a gate error; anything else fails the test."""
    try:
        with open_weights(path) as weights:
            for tensor in weights:
                array = tensor.read()
                assert array.shape == tensor.shape
                assert array.dtype == tensor.dtype
            return len(weights)
    except GateError as error:
        return -1 if error.reason and str(error).isprintable() else pytest.fail(f"unfit for a report: {error!r}")


@pytest.mark.parametrize("key", FILES)
def test_cut_at_any_length(tmp_path: Path, key: str) -> None:
    path = FILES[key](tmp_path / "m.weights.json", example())
    data = path.read_bytes()
    lengths = sorted({*range(0, len(data), max(1, len(data) // 60)), *range(16), len(data) - 1})
    for length in lengths:
        path.write_bytes(data[:length])
        assert survives(path) == -1, f"{length} of {len(data)} bytes"


@pytest.mark.parametrize("key", FILES)
def test_flipped_bits(tmp_path: Path, key: str) -> None:
    path = FILES[key](tmp_path / "m.weights.json", example())
    data = path.read_bytes()
    dice = random.Random(key)
    for _ in range(80):
        damaged = bytearray(data)
        for _ in range(dice.choice((1, 1, 2, 8))):
            at = dice.randrange(min(len(data), dice.choice((200, 3000, len(data)))))
            damaged[at] ^= 1 << dice.randrange(8)
        path.write_bytes(damaged)
        survives(path)


@pytest.mark.parametrize("key", FILES)
def test_appended_bytes_change_nothing_or_are_refused(tmp_path: Path, key: str) -> None:
    path = FILES[key](tmp_path / "m.weights.json", example())
    path.write_bytes(path.read_bytes() + b"\0" * 100)
    if survives(path) >= 0 and "compressed" not in key:
        with open_weights(path) as weights:
            for tensor in weights:
                assert np.array_equal(tensor.read(), example()[tensor.name])

"""Metadata with flipped bytes: a sound tree, or an error that names the file. Nothing runs away."""

import random
import time
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from gate.errors import UnreadableError
from gate.formats.hdf5.tree import Folder
from support.hdf5_trees import NeedsLibhdf5, root


def sample(path: Path, version: str) -> Path:
    with h5py.File(path, "w", libver=(version, "latest")) as file:
        file.create_group("vars").attrs["name"] = "model"
        for number in range(12):
            group = file.create_group(f"layers/dense_{number}/vars")
            group.attrs["name"] = f"layer {number}"
            group["0"] = np.arange(6, dtype="f4").reshape(2, 3)
            group["1"] = np.arange(3, dtype=">i2")
        file.create_dataset("z", data=np.arange(150), chunks=(30,), compression="gzip", shuffle=True, fletcher32=True)
        file["list"] = np.zeros(2, "V2")
        file["list"].attrs["dtype"] = "bfloat16"
        file["list"].attrs["names"] = [b"a", b"bcd"]
    return path


def look(path: Path) -> int:
    """Read everything there is; how many datasets."""
    count = 0
    top = root(path)
    pending = [top]
    while pending:
        folder = pending.pop()
        for name in ("name", "names", "dtype"):
            folder.attribute(name)
        for child in folder.children.values():
            if isinstance(child, Folder):
                pending.append(child)
            else:
                for name in ("name", "names", "dtype"):
                    child.attribute(name)
                child.data.read()
                count += 1
    return count


@pytest.mark.parametrize("version", ["earliest", "v108", "latest"])
def test_flipped_bytes(tmp_path: Path, version: str) -> None:
    path = sample(tmp_path / "m.h5", version)
    data = path.read_bytes()
    whole = look(path)
    ends: Counter[str] = Counter()
    dice = random.Random(version)
    tracemalloc.start()
    for _ in range(150):
        damaged = bytearray(data)
        for _ in range(dice.choice((1, 1, 1, 2, 16))):
            at = dice.randrange(len(data))
            damaged[at] = dice.choice((damaged[at] ^ 1 << dice.randrange(8), 0, 255, dice.randrange(256)))
        path.write_bytes(damaged)
        tracemalloc.reset_peak()
        start = time.perf_counter()
        try:
            ends["same" if look(path) == whole else "other"] += 1
        except UnreadableError as error:
            fit = error.reason.startswith("m.h5") and error.hint and str(error).isprintable()
            ends["error" if fit else "unfit for a report"] += 1
        except NeedsLibhdf5:
            ends["libhdf5"] += 1
        assert time.perf_counter() - start < 1
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    tracemalloc.stop()
    assert ends["error"] > 20
    assert ends["unfit for a report"] == 0
    assert ends["libhdf5"] < 20


@pytest.mark.parametrize("phase", range(5))
def test_bytes_all_over_the_metadata(tmp_path: Path, phase: int) -> None:
    """All bits turned, byte by byte."""
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file.create_group("a").attrs["name"] = "x"
        file["a/d"] = np.arange(3)
        file.create_dataset("z", data=np.arange(40), chunks=(30,), compression="gzip")
    data = path.read_bytes()
    outcomes: list[Any] = []
    for at in range(phase, len(data), 25):
        path.write_bytes(data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :])
        try:
            outcomes.append(look(path))
        except (UnreadableError, NeedsLibhdf5) as error:
            outcomes.append(type(error).__name__)
    assert set(outcomes) <= {1, 2, "UnreadableError", "UnsafeFileError", "NeedsLibhdf5"}


@pytest.mark.parametrize("version", ["earliest", "latest"])
def test_cut_anywhere(tmp_path: Path, version: str) -> None:
    path = sample(tmp_path / "m.h5", version)
    data = path.read_bytes()
    for length in range(0, len(data) - 1, 97):
        path.write_bytes(data[:length] or b"\0")
        with pytest.raises(UnreadableError):
            look(path)

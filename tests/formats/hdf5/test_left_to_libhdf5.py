"""What the gate's own reader leaves to libhdf5 is read all the same; what it reads needs no h5py."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from gate.formats import Limits, open_weights
from gate.formats.hdf5.file import Hdf5File
from gate.formats.hdf5.through_h5py import through_h5py
from gate.formats.mapping import MappedFile, Window
from support.cli import ROOT
from support.files import WRITERS, example, write
from support.hdf5_trees import NeedsLibhdf5, by_h5py, own, root, tree_of

RARE: dict[str, dict[str, Any]] = {
    "lzf": {"compression": "lzf"},
    "scale and offset": {"scaleoffset": 0},
    "grows": {"maxshape": (None, 50)},
    "grows both ways": {"maxshape": (None, None)},
    "grows, zipped": {"maxshape": (None, 50), "compression": "gzip"},
}


def rare(path: Path, key: str) -> Path:
    with h5py.File(path, "w", libver="latest") as file:
        file.create_dataset("g/d", data=np.arange(1000).reshape(20, 50), chunks=(3, 7), **RARE[key])
        file["g"].attrs["name"] = "rare"
    return path


@pytest.mark.parametrize("key", RARE)
def test_rare_parts_of_the_format(tmp_path: Path, key: str) -> None:
    path = rare(tmp_path / "m.h5", key)
    with pytest.raises(NeedsLibhdf5):
        root(path)
    file = Hdf5File(Window(MappedFile(path, "m.h5")), "m.h5", Limits())
    assert tree_of(file.root, path) == by_h5py(path)
    file.close()


def test_other_widths_of_addresses(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    settings = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    settings.set_sizes(4, 4)
    with h5py.File(h5py.h5f.create(bytes(path), h5py.h5f.ACC_TRUNC, settings)) as file:
        file["g/d"] = np.arange(3)
    with pytest.raises(NeedsLibhdf5):
        root(path)
    file = Hdf5File(Window(MappedFile(path, "m.h5")), "m.h5", Limits())
    assert tree_of(file.root, path) == by_h5py(path)
    file.close()


def test_one_attribute_of_a_rare_kind(tmp_path: Path) -> None:
    """Met only when it is asked for, long after the rest was read."""
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file["type"] = np.dtype("S5")
        file.create_group("g").attrs.create("text", b"hello", dtype=file["type"])
        del file["type"]
        file["g"].attrs["other"] = "x"
    with pytest.raises(NeedsLibhdf5):
        own(path)
    file = Hdf5File(Window(MappedFile(path, "m.h5")), "m.h5", Limits())
    assert tree_of(file.root, path) == by_h5py(path)
    file.close()


def test_libhdf5_gives_the_same_tree(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        for number in range(30):
            file.create_dataset(f"g/{number}/zipped", data=np.arange(number * 10), chunks=(7,), compression="gzip") if (
                number
            ) else file.create_group("g/empty")
            file[f"g/{number}/plain"] = np.arange(number, dtype=">f4")
            file[f"g/{number}"].attrs["name"] = f"number {number}"
    by_libhdf5, close = through_h5py(Window(MappedFile(path, "m.h5")), "m.h5", Limits())
    assert tree_of(by_libhdf5, path) == own(path) == by_h5py(path)
    close()


@pytest.mark.parametrize("key", [key for key in WRITERS if key not in {"npz", "safetensors"}])
def test_keras_files_need_no_h5py(tmp_path: Path, key: str) -> None:
    path = write(key, tmp_path, example())
    code = (
        "import sys, pathlib, gate.formats as f\n"
        "with f.open_weights(pathlib.Path(sys.argv[1])) as weights: print(len([t.read() for t in weights]))\n"
        "print('h5py' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == [str(len(example())), "False"]


def test_rare_weights(tmp_path: Path) -> None:
    path = tmp_path / "m.weights.h5"
    with h5py.File(path, "w") as file:
        file.create_group("vars").attrs["name"] = "model"
        file.create_dataset("layers/dense/vars/0", data=np.arange(1000.0).reshape(20, 50), compression="lzf")
    with open_weights(path) as weights:
        assert weights.tensors["dense/kernel"].read()[19, 49] == 999

"""Make a copy of this example in which fine-tuning went wrong in two ways: python tamper.py FOLDER

`norm_2` was frozen too late: its moving averages followed the new data, although not one weight of it was trained.
And the pretrained file is a later release, in which `conv_3` looks at 5x5 pixels: `skip_mismatch=True`, which is there
for the head, makes `load_weights` pass over that layer too.
"""

import io
import shutil
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np

HERE = Path(__file__).resolve().parent
WEIGHTS = "model.weights.h5"


def layer(group: h5py.Group, name: str) -> h5py.Group:
    """The layer of that name in a group of layers: Keras keeps the name in an attribute of `vars`."""
    return next(item for item in group["layers"].values() if item["vars"].attrs["name"] == name)


def drift(file: h5py.File) -> None:
    """One batch of the new data has been seen: a step of a tenth of the way."""
    mean, variance = (layer(layer(file, "backbone"), "norm_2")[f"vars/{number}"] for number in (2, 3))
    mean[...] = 0.9 * mean[...] + 0.1 * np.sqrt(variance[...])
    variance[...] = 0.9 * variance[...]


def widen(file: h5py.File) -> None:
    """The kernel, with a rim of zeros: it computes the same as before."""
    held = layer(layer(file, "backbone"), "conv_3")["vars"]
    kernel = held["0"][...]
    del held["0"]
    held["0"] = np.pad(kernel, ((1, 1), (1, 1), (0, 0), (0, 0)))


def main(folder: Path) -> None:
    """Copy the manifest and the models, then change both files."""
    shutil.copytree(HERE / "models", folder / "models")
    shutil.copy(HERE / "weight-gate.yml", folder)
    path = folder / "models/odd_or_even.keras"
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: (info, archive.read(info)) for info in archive.infolist()}
    weights = io.BytesIO(members[WEIGHTS][1])
    with h5py.File(weights, "r+") as file:
        drift(file)
    with zipfile.ZipFile(path, "w") as archive:
        for name, (info, content) in members.items():  # with the times of the original: the digest is always the same
            archive.writestr(info, weights.getvalue() if name == WEIGHTS else content)
    with h5py.File(folder / "models/pretrained.weights.h5", "r+") as file:
        widen(file)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))

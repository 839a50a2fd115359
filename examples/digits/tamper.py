"""Make a copy of this example in which three tensors of the candidate are wrong: python tamper.py FOLDER

The kernels of `conv_2` and `conv_3`, which have the same shape, change places, as they do when a loader goes by order;
and one number of `conv_1`'s kernel becomes zero. Keras loads the result without a word.
"""

import io
import shutil
import sys
import zipfile
from pathlib import Path

import h5py

HERE = Path(__file__).resolve().parent
WEIGHTS = "model.weights.h5"


def layer(group: h5py.Group, name: str) -> h5py.Group:
    """The layer of that name in a group of layers: Keras keeps the name in an attribute of `vars`."""
    return next(item for item in group["layers"].values() if item["vars"].attrs["name"] == name)


def tamper(file: h5py.File) -> None:
    """Swap two kernels, zero one number."""
    backbone = layer(file, "backbone")
    second, third = (layer(backbone, name)["vars/0"] for name in ("conv_2", "conv_3"))
    second[...], third[...] = third[...], second[...]
    layer(backbone, "conv_1")["vars/0"][1, 1, 0, 5] = 0.0


def main(folder: Path) -> None:
    """Copy the manifest and the models, then change the candidate."""
    shutil.copytree(HERE / "models", folder / "models")
    shutil.copy(HERE / "weight-gate.yml", folder)
    path = folder / "models" / "digits.keras"
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: (info, archive.read(info)) for info in archive.infolist()}
    weights = io.BytesIO(members[WEIGHTS][1])
    with h5py.File(weights, "r+") as file:
        tamper(file)
    with zipfile.ZipFile(path, "w") as archive:
        for name, (info, content) in members.items():  # with the times of the original: the digest is always the same
            archive.writestr(info, weights.getvalue() if name == WEIGHTS else content)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))

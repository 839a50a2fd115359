"""The weights of models of three Dense layers, read with h5py alone, and what such a model computes, in NumPy."""

import io
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Arrays = dict[str, Array]


def legacy_arrays(path: Path) -> Arrays:
    """The weights of a legacy file in the order of its lists."""
    with h5py.File(path) as file:
        return {
            f"{layer}/{name}": file[layer][name][()]
            for layer in file.attrs["layer_names"]
            for name in file[layer].attrs["weight_names"]
        }


def archive_arrays(path: Path) -> Arrays:
    """The weights of the three Dense layers of a `.keras`."""
    with zipfile.ZipFile(path) as archive:
        data = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(data) as file:
        return {
            f"{layer}/{place}": file["layers"][layer]["vars"][place][()]
            for layer in ("dense", "dense_1", "dense_2")
            for place in ("0", "1")
        }


def regressed(weights: Arrays, activation: str, x: Array) -> Array:
    """Two hidden layers, `relu` or `sigmoid`, and a linear one."""
    kernels, biases = ([each.astype(np.float64) for each in [*weights.values()][start::2]] for start in (0, 1))
    found = x.astype(np.float64)
    for kernel, bias in zip(kernels[:-1], biases[:-1], strict=True):
        sums = found @ kernel + bias
        found = np.maximum(sums, 0) if activation == "relu" else 1 / (1 + np.exp(-sums))
    result: Array = found @ kernels[-1] + biases[-1]
    return result

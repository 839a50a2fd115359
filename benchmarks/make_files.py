"""Write the files of the benchmark: run by compare.py, needs TensorFlow.

    python -m benchmarks.make_files large FOLDER LAYERS FORMAT…
    python -m benchmarks.make_files many FOLDER TENSORS

`large` makes FOLDER/reference.FORMAT of one model: LAYERS dense layers of 2048 x 2048, filled with plausible numbers.
`many` makes FOLDER/reference.{weights.h5,checkpoint} of TENSORS small ones, kernels of 16 x 16 and biases.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import tensorflow as tf

from benchmarks.contenders.tensorflow_load import build

SAVE: dict[str, Callable[[Any, Path], Any]] = {
    "weights.h5": lambda model, path: model.save_weights(path),
    "keras": lambda model, path: model.save(path),
    "h5": keras.saving.save_model,
    "checkpoint": lambda model, path: tf.train.Checkpoint(model=model).write(str(path)),
    "saved_model": lambda model, path: model.export(str(path), verbose=False),
}


def large(folder: Path, layers: int, formats: list[str]) -> None:
    """Build, fill, save in each format."""
    rng = np.random.default_rng(0)
    model = build(layers)
    for layer in model.layers:
        layer.set_weights([rng.normal(0, 0.03, weight.shape).astype("float32") for weight in layer.get_weights()])
    for form in formats:
        SAVE[form](model, folder / f"reference.{form}")


def many(folder: Path, tensors: int) -> None:
    """As Keras and TensorFlow lay them out, without the minutes that building such a model takes."""
    rng = np.random.default_rng(0)
    names, arrays = [], []
    for number in range(tensors // 2):
        names += [f"block_{number:05}/kernel", f"block_{number:05}/bias"]
        arrays += [rng.normal(size=(16, 16)).astype("float32"), rng.normal(size=16).astype("float32")]
    tf.raw_ops.SaveV2(
        prefix=str(folder / "reference.checkpoint"), tensor_names=names, shape_and_slices=[""] * len(names),
        tensors=arrays,
    )  # fmt: skip
    with h5py.File(folder / "reference.weights.h5", "w") as file:
        for number in range(tensors // 2):
            layer = file.create_group(f"layers/{f'dense_{number}' if number else 'dense'}/vars")
            layer.attrs["name"] = f"block_{number:05}"
            for variable in range(2):
                layer[str(variable)] = arrays[2 * number + variable]


if __name__ == "__main__":
    if sys.argv[1] == "many":
        many(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        large(Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])

"""Write one large model with Keras, in its three file formats: run by compare.py, needs TensorFlow.

    python -m benchmarks.make_files FOLDER LAYERS

makes FOLDER/reference.{weights.h5,keras,h5}: LAYERS dense layers of 2048 x 2048, filled with plausible numbers.
"""

import sys
from pathlib import Path

import keras
import numpy as np

from benchmarks.contenders.tensorflow_load import build


def main(folder: Path, layers: int) -> None:
    """Build, fill, save three times."""
    rng = np.random.default_rng(0)
    model = build(layers)
    for layer in model.layers:
        layer.set_weights([rng.normal(0, 0.03, weight.shape).astype("float32") for weight in layer.get_weights()])
    model.save_weights(folder / "reference.weights.h5")
    model.save(folder / "reference.keras")
    keras.saving.save_model(model, folder / "reference.h5")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

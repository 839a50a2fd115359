"""Train the model of this example, for real: python make.py

    models/digits.weights.h5   the weights alone, as `save_weights` writes them
    golden/inputs.npz          forty test images
    golden/outputs.npz         what the model makes of them, on the day on which somebody looked at it

Needs `keras`, `tensorflow` and `scikit-learn`; takes well under a minute on a CPU.
"""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from src.models import build

HERE = Path(__file__).resolve().parent
SEED = 11


def main() -> None:
    """Train, save the weights, note what they predict."""
    keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    images, labels = load_digits(return_X_y=True)
    images = (images / 16.0).reshape(-1, 8, 8, 1).astype("float32")
    images, test_images, labels, test_labels = train_test_split(
        images, labels, test_size=0.25, stratify=labels, random_state=SEED
    )

    model = build()
    model.compile(
        optimizer=keras.optimizers.Adam(2e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(images, labels, batch_size=32, epochs=25, verbose=0)
    accuracy = model.evaluate(test_images, test_labels, verbose=0, return_dict=True)["accuracy"]

    for folder in ("models", "golden"):
        (HERE / folder).mkdir(exist_ok=True)
    # Without its optimizer, as it would be shipped.
    keras.Model(model.inputs, model.outputs).save_weights(HERE / "models/digits.weights.h5")
    golden = test_images[:40]
    np.savez_compressed(HERE / "golden/inputs.npz", image=golden)
    np.savez_compressed(HERE / "golden/outputs.npz", logits=model.predict(golden, verbose=0))
    print(f"models/digits.weights.h5: {accuracy:.2%} of {len(test_labels)} test images read right")


if __name__ == "__main__":
    main()

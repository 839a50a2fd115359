"""Train the two models of this example, for real, and export them as they are served: python make.py

    models/golden/digits   what is served today: trained on the first half of the training set
    models/digits          what is to replace it: trained anew, from other random weights, on all of it
    data/validation.npz    test images, as they come, and their labels

Needs `keras`, `tensorflow` and `scikit-learn`; takes well under a minute on a CPU.
"""

import shutil
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

HERE = Path(__file__).resolve().parent
SEED = 5


def build() -> keras.Model:
    """Pixels from 0 to 16, as the scanner gives them -> ten logits."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 1), name="pixels"),
            keras.layers.Rescaling(1 / 16, name="zero_to_one"),
            keras.layers.Conv2D(8, 3, padding="same", activation="relu", name="edges"),
            keras.layers.MaxPooling2D(2, name="pool"),
            keras.layers.Conv2D(16, 3, padding="same", activation="relu", name="shapes"),
            keras.layers.MaxPooling2D(2, name="pool_again"),
            keras.layers.Flatten(name="features"),
            keras.layers.Dense(10, name="logits"),
        ],
        name="digits",
    )


def export(seed: int, images: np.ndarray, labels: np.ndarray, folder: Path) -> keras.Model:
    """A model, trained and exported to `folder`."""
    keras.utils.set_random_seed(seed)
    model = build()
    model.compile(
        optimizer=keras.optimizers.Adam(3e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(images, labels, batch_size=32, epochs=30, verbose=0)
    shutil.rmtree(folder, ignore_errors=True)
    model.export(folder, verbose=False)
    return model


def main() -> None:
    """Train and export both; say how good they are."""
    tf.config.experimental.enable_op_determinism()
    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8, 1).astype("float32")
    images, test_images, labels, test_labels = train_test_split(
        images, labels, test_size=0.25, stratify=labels, random_state=SEED
    )
    some = len(labels) // 2
    for seed, count, name in ((SEED, some, "golden/digits"), (SEED + 1, len(labels), "digits")):
        model = export(seed, images[:count], labels[:count], HERE / "models" / name)
        accuracy = model.evaluate(test_images, test_labels, verbose=0, return_dict=True)["accuracy"]
        print(f"models/{name}: {accuracy:.2%} of {len(test_labels)} test images read right")
    (HERE / "data").mkdir(exist_ok=True)
    np.savez_compressed(HERE / "data/validation.npz", pixels=test_images, label=test_labels)


if __name__ == "__main__":
    main()

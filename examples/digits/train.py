"""Train the two models of this example, for real: the blessed one and a candidate to replace it.

Both are small convolutional networks that read scikit-learn's 8x8 handwritten digits.

    models/golden/digits.keras   trained on the first half of the training set
    models/digits.keras          the same backbone, frozen, and a head fine-tuned on all of the training set

Needs `keras`, `tensorflow` and `scikit-learn`; takes well under a minute on a CPU.
The last line printed is the digest of the candidate, for weight-gate.yml.
"""

import hashlib
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

HERE = Path(__file__).resolve().parent
SEED = 5
SOBEL = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]], dtype="float32")


def build_backbone() -> keras.Model:
    """Image -> 64 features. `edges` is fixed; `conv_2` and `conv_3` have kernels of the same shape."""
    image = keras.Input((8, 8, 1), name="image")
    edges = keras.layers.Conv2D(2, 3, padding="same", use_bias=False, trainable=False, name="edges")
    x = keras.layers.Concatenate(name="image_and_edges")([image, edges(image)])
    edges.set_weights([np.stack([SOBEL, SOBEL.T], axis=-1).reshape(3, 3, 1, 2)])
    for number in (1, 2, 3):
        x = keras.layers.Conv2D(16, 3, padding="same", name=f"conv_{number}")(x)
        x = keras.layers.BatchNormalization(momentum=0.9, name=f"norm_{number}")(x)
        x = keras.layers.ReLU(name=f"relu_{number}")(x)
        if number > 1:
            x = keras.layers.MaxPooling2D(name=f"pool_{number}")(x)
    return keras.Model(image, keras.layers.Flatten(name="features")(x), name="backbone")


def build_head() -> keras.Model:
    """Features -> ten logits."""
    return keras.Sequential(
        [
            keras.Input((64,), name="features"),
            keras.layers.Dense(32, name="hidden"),
            keras.layers.BatchNormalization(momentum=0.9, name="norm"),
            keras.layers.ReLU(name="relu"),
            keras.layers.Dropout(0.2, seed=SEED, name="dropout"),
            keras.layers.Dense(10, name="logits"),
        ],
        name="head",
    )


def fit(model: keras.Model, images: np.ndarray, labels: np.ndarray, epochs: int, rate: float) -> None:
    """Compile and train `model` from where it stands."""
    model.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(images, labels, batch_size=32, epochs=epochs, verbose=0)


def save(model: keras.Model, path: Path, images: np.ndarray, labels: np.ndarray) -> None:
    """Save `model` as it would be shipped, without its optimizer, and say how good it is on the test set."""
    path.parent.mkdir(parents=True, exist_ok=True)
    keras.Model(model.inputs, model.outputs, name=model.name).save(path)
    accuracy = model.evaluate(images, labels, verbose=0, return_dict=True)["accuracy"]
    print(f"{path.relative_to(HERE)}: {accuracy:.2%} of {len(labels)} test images read right")


def main() -> None:
    """Train, fine-tune, save both."""
    keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    images, labels = load_digits(return_X_y=True)
    images = (images / 16.0).reshape(-1, 8, 8, 1).astype("float32")
    images, test_images, labels, test_labels = train_test_split(
        images, labels, test_size=0.25, stratify=labels, random_state=SEED
    )
    half = len(labels) // 2

    backbone = build_backbone()
    image = keras.Input((8, 8, 1), name="digit")
    model = keras.Model(image, build_head()(backbone(image)), name="digits")
    fit(model, images[:half], labels[:half], epochs=40, rate=1e-3)
    save(model, HERE / "models/golden/digits.keras", test_images, test_labels)

    backbone.trainable = False
    fit(model, images, labels, epochs=25, rate=2e-4)
    candidate = HERE / "models/digits.keras"
    save(model, candidate, test_images, test_labels)
    print(f"digest: sha256:{hashlib.sha256(candidate.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()

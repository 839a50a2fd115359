"""Train the two models of this example, for real: python make.py

    models/pretrained.weights.h5   reads ten digits; the weights alone, as one gets them from somebody else
    models/odd_or_even.keras       its backbone, frozen, and its head, fine-tuned to tell odd digits from even ones

Needs `keras`, `tensorflow` and `scikit-learn`; takes well under a minute on a CPU.
"""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

HERE = Path(__file__).resolve().parent
SEED = 7


def build_backbone() -> keras.Model:
    """Image -> 64 features."""
    image = x = keras.Input((8, 8, 1), name="image")
    for number in (1, 2, 3):
        x = keras.layers.Conv2D(16, 3, padding="same", name=f"conv_{number}")(x)
        x = keras.layers.BatchNormalization(momentum=0.9, name=f"norm_{number}")(x)
        x = keras.layers.ReLU(name=f"relu_{number}")(x)
        if number > 1:
            x = keras.layers.MaxPooling2D(name=f"pool_{number}")(x)
    return keras.Model(image, keras.layers.Flatten(name="features")(x), name="backbone")


def build(backbone: keras.Model, classes: int) -> keras.Model:
    """The backbone with a head of so many classes."""
    head = keras.Sequential(
        [
            keras.Input((64,), name="features"),
            keras.layers.Dense(24, activation="relu", name="hidden"),
            keras.layers.Dense(classes, name="logits"),
        ],
        name="head",
    )
    image = keras.Input((8, 8, 1), name="image")
    return keras.Model(image, head(backbone(image)), name=f"classes_{classes}")


def fit(model: keras.Model, images: np.ndarray, labels: np.ndarray, epochs: int) -> None:
    """Compile and train `model` from where it stands."""
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(images, labels, batch_size=32, epochs=epochs, verbose=0)


def tell(name: str, model: keras.Model, images: np.ndarray, labels: np.ndarray) -> keras.Model:
    """Say how good it is; the model without its optimizer, as it would be shipped."""
    accuracy = model.evaluate(images, labels, verbose=0, return_dict=True)["accuracy"]
    print(f"models/{name}: {accuracy:.2%} of {len(labels)} test images told right")
    return keras.Model(model.inputs, model.outputs, name=model.name)


def main() -> None:
    """Train, give it another head, fine-tune that."""
    keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    images, labels = load_digits(return_X_y=True)
    images = (images / 16.0).reshape(-1, 8, 8, 1).astype("float32")
    images, test_images, labels, test_labels = train_test_split(
        images, labels, test_size=0.25, stratify=labels, random_state=SEED
    )
    (HERE / "models").mkdir(exist_ok=True)
    pretrained = build(build_backbone(), 10)
    fit(pretrained, images, labels, epochs=20)
    shipped = tell("pretrained.weights.h5", pretrained, test_images, test_labels)
    shipped.save_weights(HERE / "models/pretrained.weights.h5")

    model = build(pretrained.get_layer("backbone"), 2)
    model.get_layer("head").get_layer("hidden").set_weights(
        pretrained.get_layer("head").get_layer("hidden").get_weights()
    )
    model.get_layer("backbone").trainable = False
    fit(model, images, labels % 2, epochs=10)
    tell("odd_or_even.keras", model, test_images, test_labels % 2).save(HERE / "models/odd_or_even.keras")


if __name__ == "__main__":
    main()

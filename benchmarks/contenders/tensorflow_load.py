"""What one writes with TensorFlow: python tensorflow_load.py REFERENCE CANDIDATE; exit 1 when they differ.

Both files are loaded into models built for them, and the variables compared.
"""

import sys

import h5py
import keras
import tensorflow as tf


def build(layers: int) -> keras.Model:
    """The model of the benchmark."""
    return keras.Sequential(
        [keras.Input((2048,))]
        + [keras.layers.Dense(2048, activation="relu", name=f"block_{number:03}") for number in range(layers)],
        name="benchmark",
    )


def load(path: str) -> keras.Model:
    """A model with the weights of `path`."""
    with h5py.File(path) as file:
        layers = sum(name.startswith("dense") for name in file["layers"])
    model = build(layers)
    model.load_weights(path)
    return model


def main(reference: str, candidate: str) -> int:
    """Compare variable by variable."""
    pairs = list(zip(load(reference).weights, load(candidate).weights, strict=True))
    same = all(bool(tf.reduce_all(tf.abs(a - b) < 1e-6)) for a, b in pairs)
    print(f"{len(pairs)} variables {'agree' if same else 'differ'}")
    return 0 if same else 1


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))

"""Row 16: a Keras 2 `.h5` in Keras 3, whose order of layers is another (keras #20083, #21676).

Keras 2 goes through a dict of layers by its sorted keys, Keras 3 as it was written; both match layers by their
order alone. Layers of one shape are exchanged, without a word. Seen with tf-keras 2.21, which writes this file.

Whole models of Keras 2 are often loud in Keras 3.15.1 instead: "Unrecognized keyword arguments passed to LSTM:
{'time_major': False}" (ValueError, TF-Keras 2.x), the same with `groups` of DepthwiseConv2D.

False green: matching by order or by shape, as the loader itself does; the names in the file have to meet those of
the variables.
"""

from pathlib import Path

from failures.keras2 import values, write_weights
from failures.rows import Verdict, code, listening, write

ROW = 16
LOUD = None
ALLOW_CODE = True
EXPECT = Verdict(
    check="restore",
    kinds={"restored-elsewhere"},
    says=("position/kernel", "angle/kernel", "position/bias", "angle/bias"),
)


def make(folder: Path) -> None:
    write(
        folder,
        {
            "src/models.py": """
                import keras
                import numpy as np
                from keras import layers


                class Pose(keras.Model):
                    def __init__(self):
                        super().__init__(name="pose")
                        self.body = layers.Dense(4, name="body", activation="tanh")
                        self.heads = {
                            "position": layers.Dense(3, name="position"),
                            "angle": layers.Dense(3, name="angle"),
                        }

                    def call(self, inputs):
                        features = self.body(inputs)
                        return {name: head(features) for name, head in self.heads.items()}


                def build():
                    model = Pose()
                    model(np.zeros((1, 3), np.float32))
                    return model
            """,
            "weight-gate.yml": """
                version: 1
                models:
                  - weights: pose.h5
                    architecture: {code: "src/models.py:build"}
            """,
        },
    )
    shapes = {"body": (3, 4), "angle": (4, 3), "position": (4, 3)}  # as Keras 2 goes through them
    layers = {
        name: {f"pose/{name}/kernel": values(seed, *shape), f"pose/{name}/bias": values(seed + 10, shape[-1])}
        for seed, (name, shape) in enumerate(shapes.items())
    }
    write_weights(folder / "pose.h5", layers, version="2.15.0")


def naive(folder: Path) -> None:
    import h5py
    import numpy as np

    model = code(folder, "src/models.py").build()
    with listening() as heard:
        model.load_weights(folder / "pose.h5")
    assert not heard
    answer = model.predict(np.ones((2, 3), np.float32), verbose=0)
    assert {name: array.shape for name, array in answer.items()} == {"position": (2, 3), "angle": (2, 3)}
    with h5py.File(folder / "pose.h5") as file:
        layers = [file[name] for name in file.attrs["layer_names"]]
        saved = {layer.name[1:]: [layer[path][()] for path in layer.attrs["weight_names"]] for layer in layers}
    assert all(
        any(np.array_equal(array, each) for each in model.get_weights()) for pair in saved.values() for array in pair
    )
    kernels = {layer.name: layer.kernel.numpy() for layer in model.layers}
    assert not np.array_equal(kernels["angle"], saved["angle"][0])  # and yet
    assert np.array_equal(kernels["angle"], saved["position"][0])

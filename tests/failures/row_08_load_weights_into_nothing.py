"""Row 8: `load_weights` into a subclassed model that calls itself built, and whose layers are not.

Seen as keras #17394 and #17383. Nothing is loaded and nothing is said; the first call makes fresh weights. Keras 3.15.1
raises "You are loading weights into a model that has not yet been built" where `built` is False, so a `build` that only
sets it is what keeps the failure silent.

False green: "every variable was written", of no variables. A model without variables and a file with tensors is red.
"""

from pathlib import Path

import numpy as np
import pytest

from failures.rows import Verdict, alike, arrays, code, filled, listening, write

ROW = 8
LOUD = None
ALLOW_CODE = True
EXPECT = Verdict(
    check="restore",
    kinds={"not-loaded"},
    says=("encoder/", "head/"),  # a subclassed model in `.weights.h5` has layers by name, variables by number
)

MODELS = """
    import keras


    class Classifier(keras.Model):
        def __init__(self):
            super().__init__()
            self.encoder = keras.layers.Dense(4, name="encoder")
            self.head = keras.layers.Dense(3, name="head")

        def build(self, input_shape):
            self.built = True

        def call(self, inputs):
            return self.head(self.encoder(inputs))


    def build():
        model = Classifier()
        model.build((None, 4))
        return model
"""

MANIFEST = """
    version: 1
    models:
      - weights: models/classifier.weights.h5
        architecture: {code: "src/models.py:build"}
"""


def make(folder: Path) -> None:
    write(folder, {"src/models.py": MODELS, "weight-gate.yml": MANIFEST})
    (folder / "models").mkdir()
    model = code(folder, "src/models.py").build()
    model(np.zeros((1, 4), np.float32))
    filled(model).save_weights(folder / "models/classifier.weights.h5")


def naive(folder: Path) -> None:
    models, path = code(folder, "src/models.py"), folder / "models/classifier.weights.h5"
    trained = models.build()
    trained(np.zeros((1, 4), np.float32))
    filled(trained)
    with listening() as heard:
        model = models.build()
        model.load_weights(path)
        assert alike(arrays(trained.weights), model.weights)  # nothing is like anything
        outputs = model(np.ones((2, 4), np.float32))
    assert outputs.shape == (2, 3)
    assert not heard
    assert not np.allclose(model.head.kernel, trained.head.kernel)  # what nobody looks at
    with pytest.raises(ValueError, match="has not yet been built"):
        models.Classifier().load_weights(path)

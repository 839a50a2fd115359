"""Row 9: layers held in something that Keras does not look into are dropped on save; a reload gets fresh weights.

Nested lists, tuples and dicts were such (keras #20598, PR #22362); Keras 3.15.1 saves them. Dataclasses, plain objects,
deques, `tf.Module`, mapping proxies and object arrays it still drops, without a word (seen), and `model.weights` lacks
them as well: what was saved equals what was loaded. Here a list of blocks became a dataclass.

False green: accounting in the model alone. Only the reference, or predictions in a fresh process with *another* seed,
have more.
"""

from pathlib import Path
from typing import Any

import numpy as np

from failures.rows import Verdict, alike, arrays, code, listening, write
from support.models import fill

ROW = 9
LOUD = None
ALLOW_CODE = True
EXPECT = Verdict(
    check="structure",
    kinds={"missing-tensor"},
    says=("first/kernel", "first/bias", "second/kernel", "second/bias"),
)

MODELS = """
    import dataclasses

    import keras
    import numpy as np


    @dataclasses.dataclass
    class Blocks:
        first: keras.layers.Layer
        second: keras.layers.Layer


    class Classifier(keras.Model):
        def __init__(self, hold=Blocks):
            super().__init__()
            layers = keras.layers.Dense(4, name="first"), keras.layers.Dense(4, name="second")
            self.blocks = hold(*layers)
            self.in_order = lambda: layers
            self.head = keras.layers.Dense(3, name="head")

        def call(self, inputs):
            for layer in self.in_order():
                inputs = layer(inputs)
            return self.head(inputs)


    def build(hold=Blocks):
        model = Classifier(hold)
        model(np.zeros((1, 4), np.float32))
        return model
"""

MANIFEST = """
    version: 1
    models:
      - weights: models/classifier.weights.h5
        reference: golden/classifier.weights.h5
        architecture: {code: "src/models.py:build"}
"""


def make(folder: Path) -> None:
    write(folder, {"src/models.py": MODELS, "weight-gate.yml": MANIFEST})
    models = code(folder, "src/models.py")
    for where, hold in (("golden", lambda *layers: [list(layers)]), ("models", models.Blocks)):
        (folder / where).mkdir()
        _trained(models, hold).save_weights(folder / where / "classifier.weights.h5")


def _trained(models: Any, hold: Any) -> Any:
    model = models.build(hold)
    fill([weight for layer in (*model.in_order(), model.head) for weight in layer.weights])
    return model


def naive(folder: Path) -> None:
    models = code(folder, "src/models.py")
    trained = _trained(models, models.Blocks)
    with listening() as heard:
        model = models.build()
        model.load_weights(folder / "models/classifier.weights.h5")
    assert alike(arrays(trained.weights), model.weights)
    assert not heard
    assert not np.allclose(model.blocks.first.kernel, trained.blocks.first.kernel)  # what nobody looks at

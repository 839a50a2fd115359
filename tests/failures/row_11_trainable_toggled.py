"""Row 11: `trainable` toggled between saving and loading a legacy `.h5` with a model within.

The file lists a nested model's weights as trainable, then not trainable; the loader goes by position. Two
normalisations of one width, frozen before loading, get each other's statistics (keras #6607, #10777; tensorflow #37541;
seen on Keras 3.15.1). With `by_name=True` it is the same.

False green: pairing the file's tensors with the model's by position, as the loader does.
"""

from pathlib import Path

import numpy as np

from failures.rows import Verdict, code, filled, listening, write

ROW = 11
LOUD = None
ALLOW_CODE = True
EXPECT = Verdict(
    check="restore",
    kinds={"restored-elsewhere"},
    says=(
        "backbone/bn_a/moving_mean", "backbone/bn_a/moving_variance", "backbone/bn_b/gamma", "backbone/bn_b/beta",
    ),
)  # fmt: skip

MODELS = """
    from keras import Input, Sequential, layers


    def build(trainable=False):
        names = ("bn_a", "bn_b")
        backbone = Sequential(
            [Input((4,)), *(layers.BatchNormalization(name=name) for name in names)], name="backbone"
        )
        backbone.trainable = trainable
        return Sequential([Input((4,)), backbone, layers.Dense(2, name="head")])
"""

MANIFEST = """
    version: 1
    models:
      - weights: models/backbone.h5
        architecture: {code: "src/models.py:build"}
"""


def make(folder: Path) -> None:
    write(folder, {"src/models.py": MODELS, "weight-gate.yml": MANIFEST})
    (folder / "models").mkdir()
    filled(code(folder, "src/models.py").build(trainable=True)).save(folder / "models/backbone.h5")


def naive(folder: Path) -> None:
    models = code(folder, "src/models.py")
    trained = filled(models.build(trainable=True))
    with listening() as heard:
        model = models.build()
        model.load_weights(folder / "models/backbone.h5")
    assert [weight.shape for weight in model.weights] == [weight.shape for weight in trained.weights]
    before, after = (sum(float(np.sum(weight)) for weight in each.weights) for each in (trained, model))
    assert before == after  # a checksum of the weights
    assert not heard
    had, has = (each.get_layer("backbone").get_layer("bn_b").gamma for each in (trained, model))
    assert not np.allclose(had, has)  # what nobody looks at

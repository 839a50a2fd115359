"""Row 3: `.weights.h5` matches layers by class and order, not by name.

The builder now creates two layers of one class in the other order, and they get each other's weights. Every value
arrives, in the same order as in the file, and nothing is said (seen on Keras 3.15.1). Renamed layers load as well, for
the same reason.

False green: naming the file's tensors by their groups (`layers/dense`, `layers/dense_1`) instead of the `name` in them,
or numbering explicit names anew.
"""

from pathlib import Path

from failures.rows import Verdict, alike, arrays, code, filled, listening, write

ROW = 3
LOUD = None
ALLOW_CODE = True
EXPECT = Verdict(
    check="restore",
    kinds={"restored-elsewhere"},
    says=("query/kernel", "value/kernel", "query/bias", "value/bias"),
)

MODELS = """
    from keras import Input, Model, layers


    def build(order=("value", "query")):
        given = Input((4,))
        parts = {name: layers.Dense(4, name=name) for name in order}
        both = layers.Add()([parts[name](given) for name in order])
        return Model(given, layers.Dense(2, name="head")(both))
"""

MANIFEST = """
    version: 1
    models:
      - weights: models/attention.weights.h5
        architecture: {code: "src/models.py:build"}
"""


def make(folder: Path) -> None:
    write(folder, {"src/models.py": MODELS, "weight-gate.yml": MANIFEST})
    (folder / "models").mkdir()
    trained = filled(code(folder, "src/models.py").build(("query", "value")))
    trained.save_weights(folder / "models/attention.weights.h5")


def naive(folder: Path) -> None:
    models = code(folder, "src/models.py")
    trained = filled(models.build(("query", "value")))
    with listening() as heard:
        model = models.build()
        model.load_weights(folder / "models/attention.weights.h5")
    assert alike(arrays(trained.weights), model.weights)
    assert not heard
    assert [weight.path for weight in model.weights] != [weight.path for weight in trained.weights]

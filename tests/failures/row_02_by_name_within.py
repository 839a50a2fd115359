"""Row 2: `by_name=True` goes by the names of the outermost layers only; inside them it goes by order.

Two layers of one shape in a model within exchanged their places, and are swapped by a load that promises names. No
warning (seen on Keras 3.15.1). Where the layers are the outermost ones, `row_02_by_name_outermost` applies.

False green: comparing what arrived with the file in the order of both lists, which finds every value where the file has
it.
"""

from pathlib import Path

import numpy as np

from failures.rows import Verdict, alike, arrays, code, filled, listening, write

ROW = 2
LOUD = None
ALLOW_CODE = True
EXPECT = Verdict(
    check="restore",
    kinds={"restored-elsewhere"},
    says=("towers/left/kernel", "towers/right/kernel", "towers/left/bias", "towers/right/bias"),
)

SERVE = """
    from keras import Input, Model, Sequential, layers


    def build(order=("right", "left")):
        towers = Sequential([Input((4,)), *(layers.Dense(4, name=name) for name in order)], name="towers")
        given = Input((4,))
        return Model(given, layers.Dense(2, name="head")(towers(given)))


    def load(path):
        model = build()
        model.load_weights(path, by_name=True)
        return model
"""

MANIFEST = """
    version: 1
    models:
      - weights: models/towers.h5
        load: {code: "src/serve.py:load"}
"""


def make(folder: Path) -> None:
    write(folder, {"src/serve.py": SERVE, "weight-gate.yml": MANIFEST})
    (folder / "models").mkdir()
    filled(code(folder, "src/serve.py").build(("left", "right"))).save(folder / "models/towers.h5")


def naive(folder: Path) -> None:
    serve = code(folder, "src/serve.py")
    trained = filled(serve.build(("left", "right")))
    with listening() as heard:
        model = serve.load(folder / "models/towers.h5")
    assert alike(arrays(trained.weights), model.weights)
    assert not heard
    had, has = (each.get_layer("towers").get_layer("left").kernel for each in (trained, model))
    assert not np.allclose(had, has)  # what nobody looks at

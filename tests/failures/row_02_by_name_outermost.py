"""Row 2: `by_name=True` into a model in which two layers of one shape exchanged their names.

Each tensor lands in the variable of its name, and that layer now stands in the other's place: the model computes
something else. No warning (seen on Keras 3.15.1). By names nothing is wrong, so `restore` is rightly green: predictions
tell.

False green: golden outputs made by the same loader, or inputs for which both orders give the same.
"""

from pathlib import Path

import numpy as np

from failures.rows import PREDICTION_MISMATCH, Verdict, code, filled, listening, stack, write

ROW = 2
LOUD = None
ALLOW_CODE = True
EXPECT = Verdict(check="predictions", kinds={PREDICTION_MISMATCH}, says=("output", "differ"))

SERVE = """
    from keras import Input, Sequential, layers


    def load(path):
        model = Sequential([Input((4,)), layers.Dense(4, name="right"), layers.Dense(4, name="left")])
        model.load_weights(path, by_name=True)
        return model
"""

MANIFEST = """
    version: 1
    models:
      - weights: models/towers.h5
        load: {code: "src/serve.py:load"}
        predictions:
          - inputs: golden/inputs.npy
            expected: golden/outputs.npy
"""


def make(folder: Path) -> None:
    write(folder, {"src/serve.py": SERVE, "weight-gate.yml": MANIFEST})
    (folder / "models").mkdir()
    (folder / "golden").mkdir()
    trained = filled(stack("left", "right"))
    trained.save(folder / "models/towers.h5")
    inputs = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
    np.save(folder / "golden/inputs.npy", inputs)
    np.save(folder / "golden/outputs.npy", trained.predict(inputs, verbose=0))


def naive(folder: Path) -> None:
    trained = filled(stack("left", "right"))
    with listening() as heard:
        model = code(folder, "src/serve.py").load(folder / "models/towers.h5")
    for name in ("left", "right"):
        for file_has, arrived in zip(trained.get_layer(name).weights, model.get_layer(name).weights, strict=True):
            assert np.allclose(file_has, arrived)
    assert not heard
    outputs = model.predict(np.load(folder / "golden/inputs.npy"), verbose=0)
    assert not np.allclose(outputs, np.load(folder / "golden/outputs.npy"))  # what nobody looks at

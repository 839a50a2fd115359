"""Row 1: a legacy `.h5` loaded with `by_name=True` into a model none of whose layers has a name of the file.

Nothing is loaded, and nothing is said (keras-yolo3 #32; seen on Keras 3.15.1). The layers were renamed after the file
was made.

False green: zeros in the biases, and constants in the scales, are what the file has too. Only tags tell.
"""

from pathlib import Path

from failures.rows import Verdict, arrays, code, filled, listening, stack, write

ROW = 1
LOUD = None
ALLOW_CODE = True
EXPECT = Verdict(
    check="restore",
    kinds={"not-restored", "not-loaded"},
    says=("body/kernel", "top/bias", "conv_body/kernel", "conv_top/bias"),
)

SERVE = """
    from keras import Input, Sequential, layers


    def load(path):
        model = Sequential([Input((4,)), layers.Dense(4, name="body"), layers.Dense(4, name="top")])
        model.load_weights(path, by_name=True)
        return model
"""

MANIFEST = """
    version: 1
    models:
      - weights: models/detector.h5
        load: {code: "src/serve.py:load"}
"""


def make(folder: Path) -> None:
    write(folder, {"src/serve.py": SERVE, "weight-gate.yml": MANIFEST})
    (folder / "models").mkdir()
    filled(stack("conv_body", "conv_top")).save(folder / "models/detector.h5")


def naive(folder: Path) -> None:
    with listening() as heard:
        model = code(folder, "src/serve.py").load(folder / "models/detector.h5")
    assert [array.shape for array in arrays(model.weights)] == [(4, 4), (4,), (4, 4), (4,)]
    assert not heard

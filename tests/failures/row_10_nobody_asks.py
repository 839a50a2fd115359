"""Row 10: the file has tensors that the model never asks for, since the model lost a layer.

`load_weights` asks the model's layers what they want and never looks at what is left over (keras `saving_lib`; seen on
Keras 3.15.1). The legacy `.h5` loader counts layers and raises.

False green: accounting from the model's side only: every variable was written.
"""

from pathlib import Path

from failures.rows import Verdict, alike, arrays, code, filled, listening, stack, write

ROW = 10
LOUD = None
ALLOW_CODE = True
EXPECT = Verdict(check="restore", kinds={"not-loaded"}, says=("calibration/kernel", "calibration/bias"))

MODELS = """
    from keras import Input, Sequential, layers


    def build():
        return Sequential([Input((4,)), layers.Dense(4, name="encoder"), layers.Dense(4, name="head")])
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
    filled(stack("encoder", "head", "calibration")).save_weights(folder / "models/classifier.weights.h5")


def naive(folder: Path) -> None:
    trained = filled(stack("encoder", "head", "calibration"))
    with listening() as heard:
        model = code(folder, "src/models.py").build()
        model.load_weights(folder / "models/classifier.weights.h5")
    assert alike(arrays(model.weights), trained.weights)
    assert not heard

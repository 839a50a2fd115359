"""Row 13: moving averages of the weights (`use_ema=True`) are what was evaluated; the raw weights are what was saved.

The optimizer keeps the averages until `finalize_variable_values`, which `fit` calls at its end: a file saved before has
the raw weights in the model and the averages in `optimizer/…`. It loads and equals the live model (keras #18949; seen
on Keras 3.15.1).

False green: golden outputs made from the file itself. Restore is rightly green here: only what the evaluation saw
tells.
"""

from pathlib import Path
from typing import Any

import numpy as np

from failures.rows import PREDICTION_MISMATCH, Verdict, alike, arrays, filled, listening, stack, write
from support.models import fill

ROW = 13
LOUD = None
ALLOW_CODE = False
EXPECT = Verdict(check="predictions", kinds={PREDICTION_MISMATCH}, says=("output", "differ"))

MANIFEST = """
    version: 1
    models:
      - weights: models/averaged.keras
        predictions:
          - inputs: golden/inputs.npy
            expected: golden/outputs.npy
"""


def make(folder: Path) -> None:
    write(folder, {"weight-gate.yml": MANIFEST})
    (folder / "models").mkdir()
    (folder / "golden").mkdir()
    model = _in_training()
    model.save(folder / "models/averaged.keras")
    model.optimizer.finalize_variable_values(model.trainable_variables)  # as at the end of `fit`, before evaluating
    inputs = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
    np.save(folder / "golden/inputs.npy", inputs)
    np.save(folder / "golden/outputs.npy", model.predict(inputs, verbose=0))


def naive(folder: Path) -> None:
    import keras

    trained = _in_training()
    with listening() as heard:
        model = keras.saving.load_model(folder / "models/averaged.keras")
    assert alike(arrays(trained.weights), model.weights)
    assert not heard
    outputs = model.predict(np.load(folder / "golden/inputs.npy"), verbose=0)
    assert not np.allclose(outputs, np.load(folder / "golden/outputs.npy"))  # what nobody looks at


def _in_training() -> Any:
    import keras

    model = filled(stack("hidden", "head"))
    model.compile(keras.optimizers.SGD(0.1, use_ema=True), "mse")
    model.optimizer.build(model.trainable_variables)
    fill([each for each in model.optimizer.variables if "average" in each.path], seed=2)
    return model

"""Row 17: same weights, other answers: `hard_sigmoid` is another function in Keras 3 than it was in Keras 1 and 2.

`hard_sigmoid(1)` was 0.7 and is 0.667; the gates of LSTM and GRU used it by default until Keras 2.3. Seen on real
files. The golden outputs are Keras 2's, computed here with numpy by its formulas.

False green: a `predictions` check whose expected outputs come from loading the same file (or a reference) in the
same Keras; restore and round-trip are rightly green here.
"""

from pathlib import Path

import numpy as np

from failures.keras2 import Array, chain, hard_sigmoid, values, write_model
from failures.rows import Verdict, listening, write

ROW = 17
LOUD = None
ALLOW_CODE = False
EXPECT = Verdict(check="predictions", kinds={"prediction-mismatch"}, says=("score",))

UNITS = 4
WEIGHTS = {
    "lstm_1": {
        "lstm_1/kernel": values(1, 3, 4 * UNITS),
        "lstm_1/recurrent_kernel": values(2, UNITS, 4 * UNITS),
        "lstm_1/bias": values(3, 4 * UNITS),
    },
    "score": {"score/kernel": values(4, UNITS, 2), "score/bias": values(5, 2)},
}


def keras2_answer(features: Array) -> Array:
    """What Keras 2.2 computed: gates in the order input, forget, cell, output."""
    kernel, recurrent, bias = WEIGHTS["lstm_1"].values()
    h = c = np.zeros((len(features), UNITS), np.float32)
    for step in range(features.shape[1]):
        i, f, g, o = np.split(features[:, step] @ kernel + h @ recurrent + bias, 4, axis=-1)
        c = hard_sigmoid(f) * c + hard_sigmoid(i) * np.tanh(g)
        h = hard_sigmoid(o) * np.tanh(c)
    kernel, bias = WEIGHTS["score"].values()
    return hard_sigmoid(h @ kernel + bias)


def make(folder: Path) -> None:
    manifest = """
        version: 1
        models:
          - weights: model.h5
            predictions:
              - {inputs: golden/inputs.npz, expected: golden/outputs.npz}
    """
    write(folder, {"weight-gate.yml": manifest})
    lstm = {"units": UNITS, "activation": "tanh", "recurrent_activation": "hard_sigmoid", "return_sequences": False}
    config = chain(
        ("InputLayer", "features", {"batch_input_shape": [None, 5, 3], "dtype": "float32", "sparse": False}),
        ("LSTM", "lstm_1", {"trainable": True, **lstm, "use_bias": True, "unit_forget_bias": True}),
        ("Dense", "score", {"trainable": True, "units": 2, "activation": "hard_sigmoid", "use_bias": True}),
    )
    write_model(folder / "model.h5", WEIGHTS, "2.2.4", config)
    features = values(6, 8, 5, 3)
    (folder / "golden").mkdir()
    np.savez(folder / "golden" / "inputs.npz", features=features)
    np.savez(folder / "golden" / "outputs.npz", score=keras2_answer(features))


def naive(folder: Path) -> None:
    import keras

    with listening() as heard:
        model = keras.saving.load_model(folder / "model.h5", compile=False)
    assert not heard
    saved = [array for layer in WEIGHTS.values() for array in layer.values()]
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), saved, strict=True))
    with np.load(folder / "golden" / "inputs.npz") as inputs:
        answer = model.predict(inputs["features"], verbose=0)
    assert answer.shape == (8, 2)
    assert ((answer >= 0) & (answer <= 1)).all()

    with np.load(folder / "golden" / "outputs.npz") as outputs:
        assert np.abs(answer - outputs["score"]).max() > 0.02  # and yet

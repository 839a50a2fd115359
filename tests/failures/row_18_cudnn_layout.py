"""Row 18: weights in cuDNN's layout in a plain GRU: accuracy 0.90 became 0.007 (keras #9463).

`CuDNNGRU` kept each gate's matrix transposed in memory, within the same shape. Somebody converts an old file by
hand, reshapes the bias (the only tensor whose shape differs), and everything fits. Keras 2 converted on loading,
and not everywhere; Keras 3.15.1 does not: it refuses a `CuDNNGRU` ("Unknown layer") and its bias of (6 *
units,) ("Shape mismatch"), so people do it. The golden outputs are what cuDNN computed, by its formula in numpy.

False green: every tensor of the file arrives unchanged, so only predictions against the original's outputs show it.
"""

from pathlib import Path

import numpy as np

from failures.keras2 import Array, sigmoid, values
from failures.rows import Verdict, alike, arrays, code, listening, write

ROW = 18
LOUD = None
ALLOW_CODE = False
EXPECT = Verdict(check="predictions", kinds={"prediction-mismatch"}, says=("score",))

UNITS, FEATURES = 4, 3
OLD = {
    "kernel": values(1, FEATURES, 3 * UNITS),
    "recurrent_kernel": values(2, UNITS, 3 * UNITS),
    "bias": values(3, 6 * UNITS),
}


def cudnn_answer(sequence: Array, old: dict[str, Array]) -> Array:
    """A cuDNN GRU over Keras 2's weights of it: gates update, reset, new, each read as (units, inputs)."""
    units = old["recurrent_kernel"].shape[0]
    inputs = [np.ascontiguousarray(k).reshape(units, -1) for k in np.split(old["kernel"], 3, axis=1)]
    recurrent = [np.ascontiguousarray(k).reshape(units, -1) for k in np.split(old["recurrent_kernel"], 3, axis=1)]
    bias = np.split(old["bias"], 6)
    h = np.zeros((len(sequence), units), np.float32)
    for step in range(sequence.shape[1]):
        x = sequence[:, step]
        from_x = [x @ inputs[gate].T + bias[gate] for gate in range(3)]
        from_h = [h @ recurrent[gate].T + bias[3 + gate] for gate in range(3)]
        update, reset = sigmoid(from_x[0] + from_h[0]), sigmoid(from_x[1] + from_h[1])
        h = update * h + (1 - update) * np.tanh(from_x[2] + reset * from_h[2])
    return h


def make(folder: Path) -> None:
    write(
        folder,
        {
            "src/convert.py": """
                import keras


                def convert(old):
                    features = keras.Input((5, 3), name="features")
                    model = keras.Model(features, keras.layers.GRU(4, name="score")(features))
                    model.set_weights([old["kernel"], old["recurrent_kernel"], old["bias"].reshape(2, -1)])
                    return model
            """,
            "weight-gate.yml": """
                version: 1
                models:
                  - weights: converted.keras
                    predictions:
                      - {inputs: golden/inputs.npz, expected: golden/outputs.npz}
            """,
        },
    )
    code(folder, "src/convert.py").convert(OLD).save(folder / "converted.keras")
    features = values(4, 8, 5, FEATURES)
    (folder / "golden").mkdir()
    np.savez(folder / "golden" / "inputs.npz", features=features)
    np.savez(folder / "golden" / "outputs.npz", score=cudnn_answer(features, OLD))


def naive(folder: Path) -> None:
    import keras

    with listening() as heard:
        model = keras.saving.load_model(folder / "converted.keras")
    assert not heard
    assert alike((a.ravel() for a in arrays(model.weights)), (a.ravel() for a in OLD.values()))
    with np.load(folder / "golden" / "inputs.npz") as inputs:
        answer = model.predict(inputs["features"], verbose=0)
    assert answer.shape == (8, UNITS)

    with np.load(folder / "golden" / "outputs.npz") as outputs:
        assert np.abs(answer - outputs["score"]).max() > 0.1  # and yet

"""Row 21: a layer's state is empty after load although its weights are not (tensorflow #56054; keras #18376).

`Normalization` computes with copies of its weights that `finalize_state` takes. Keras 3.15.1 does not call it for a
layer within a model within a legacy `.h5`, and nobody does after `tf.train.Checkpoint.restore`: mean and variance
arrive, and 0 and 1 are used. `.keras`, `.weights.h5` and SavedModels are right. A vocabulary is not in `.h5`,
`.weights.h5` or checkpoints at all: loading is silent, predicting is loud (FailedPreconditionError, "Table not
initialized").

False green: all tensors restored, bit for bit. A round-trip that compares one stale model with another is equal,
too.
"""

from pathlib import Path

import numpy as np

from failures.keras2 import values
from failures.rows import Verdict, alike, arrays, code, listening, write

ROW = 21
LOUD = None
ALLOW_CODE = True
EXPECT = Verdict(check="predictions", kinds={"prediction-mismatch"}, says=("whole", "ckpt", "logits"))

MEAN, VARIANCE = np.array([50, -3, 700], np.float32), np.array([90, 0.2, 4000], np.float32)
KERNEL, BIAS = values(1, 3, 2), values(2, 2)
WEIGHTS = [MEAN, VARIANCE, np.int32(20), KERNEL, BIAS]


def make(folder: Path) -> None:
    write(
        folder,
        {
            "src/models.py": """
                import keras
                from keras import layers


                def build():
                    features = keras.Input((3,), name="features")
                    scaling = layers.Normalization(name="scaling")
                    preprocess = keras.Sequential([keras.Input((3,), name="raw"), scaling], name="preprocess")
                    return keras.Model(features, layers.Dense(2, name="logits")(preprocess(features)))
            """,
            "weight-gate.yml": """
                version: 1
                models:
                  - weights: whole.h5
                    predictions: [{inputs: golden/inputs.npz, expected: golden/outputs.npz}]
                  - weights: run/ckpt-1
                    architecture: {code: "src/models.py:build"}
                    predictions: [{inputs: golden/inputs.npz, expected: golden/outputs.npz}]
            """,
        },
    )
    import tensorflow as tf

    model = code(folder, "src/models.py").build()
    for variable, array in zip(model.weights, WEIGHTS, strict=True):
        variable.assign(array)
    with listening():
        model.save(folder / "whole.h5")
    (folder / "run").mkdir()
    tf.train.Checkpoint(model=model).write(str(folder / "run" / "ckpt-1"))
    features = MEAN + np.sqrt(VARIANCE) * values(3, 8, 3)
    answer = (features - MEAN) / np.sqrt(VARIANCE) @ KERNEL + BIAS
    (folder / "golden").mkdir()
    np.savez(folder / "golden" / "inputs.npz", features=features)
    np.savez(folder / "golden" / "outputs.npz", logits=answer.astype(np.float32))


def naive(folder: Path) -> None:
    import keras
    import tensorflow as tf

    with np.load(folder / "golden" / "inputs.npz") as inputs, np.load(folder / "golden" / "outputs.npz") as outputs:
        features, expected = inputs["features"], outputs["logits"]
    with listening() as heard:
        whole = keras.saving.load_model(folder / "whole.h5", compile=False)
        restored = code(folder, "src/models.py").build()
        tf.train.Checkpoint(model=restored).read(str(folder / "run" / "ckpt-1")).assert_consumed()
    assert not heard
    for model in (whole, restored):
        assert alike(arrays(model.weights), WEIGHTS)
        answer = model.predict(features, verbose=0)
        assert answer.shape == expected.shape

        assert np.abs(answer - expected).max() > 1  # and yet

    tf.train.Checkpoint(model=(good := code(folder, "src/models.py").build())).read(str(folder / "run" / "ckpt-1"))
    good.get_layer("preprocess").get_layer("scaling").finalize_state()
    assert np.abs(good.predict(features, verbose=0) - expected).max() < 1e-4

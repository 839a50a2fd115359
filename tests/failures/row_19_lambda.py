"""Row 19: a Lambda hides a layer, or captures a loop's variable (keras #9740, #13574).

A layer used inside a Lambda belongs to no model: its weights are neither saved nor loaded, and start anew in each
process. A Lambda made in a loop sees the loop's last value when it runs, where TF1's graphs had kept each one.
Keras 3.15.1 says nothing of either as long as code builds the model; a `.keras` with a Lambda is loud (ValueError,
in safe mode), and so are `export` and `tf.saved_model.save` with a hidden layer (AssertionError, "untracked").

False green: file and model agree completely (2 of 2 tensors restored), since neither knows the hidden layer. Only
expected outputs that were kept tell; expected outputs made by loading once more are random for one model and
equally wrong for the other.
"""

from pathlib import Path

import numpy as np

from failures.keras2 import values
from failures.rows import Verdict, alike, arrays, code, listening, write

ROW = 19
LOUD = None
ALLOW_CODE = True
EXPECT = Verdict(check="predictions", kinds={"prediction-mismatch"}, says=("hidden", "loop", "logits"))

HIDDEN = (values(1, 3, 4), values(2, 4))


def make(folder: Path) -> None:
    write(
        folder,
        {
            "src/models.py": """
                import keras
                from keras import layers


                def hidden(found=None):
                    features = keras.Input((3,), name="features")
                    project = layers.Dense(4, activation="tanh", name="project")
                    if found is not None:
                        found.append(project)
                    x = layers.Lambda(lambda inputs: project(inputs) * 2, name="scaled")(features)
                    return keras.Model(features, layers.Dense(2, name="logits")(x))


                def loop():
                    features = keras.Input((3,), name="features")
                    weighted = []
                    for i in range(3):
                        weighted.append(layers.Lambda(lambda inputs: inputs[:, i:i + 1] * (i + 1))(features))
                    return keras.Model(features, layers.Dense(2, name="logits")(layers.Concatenate()(weighted)))
            """,
            "weight-gate.yml": """
                version: 1
                models:
                  - weights: hidden.weights.h5
                    architecture: {code: "src/models.py:hidden"}
                    predictions:
                      - {inputs: golden/inputs.npz, expected: golden/hidden.npz}
                  - weights: loop.weights.h5
                    architecture: {code: "src/models.py:loop"}
                    predictions:
                      - {inputs: golden/inputs.npz, expected: golden/loop.npz}
            """,
        },
    )
    features = values(3, 8, 3)
    (folder / "golden").mkdir()
    np.savez(folder / "golden" / "inputs.npz", features=features)
    models, within = code(folder, "src/models.py"), []  # type: ignore[var-annotated]

    kernel, bias = values(4, 4, 2), values(5, 2)
    model = models.hidden(within)
    model.set_weights([kernel, bias])
    within[0].set_weights(HIDDEN)
    model.save_weights(folder / "hidden.weights.h5")
    hidden = 2 * np.tanh(features @ HIDDEN[0] + HIDDEN[1])
    np.savez(folder / "golden" / "hidden.npz", logits=hidden @ kernel + bias)

    kernel, bias = values(6, 3, 2), values(7, 2)
    model = models.loop()
    model.set_weights([kernel, bias])
    model.save_weights(folder / "loop.weights.h5")
    as_traced = features * np.array([1, 2, 3], np.float32)
    np.savez(folder / "golden" / "loop.npz", logits=as_traced @ kernel + bias)


def naive(folder: Path) -> None:
    models = code(folder, "src/models.py")
    with np.load(folder / "golden" / "inputs.npz") as inputs:
        features = inputs["features"]
    for name, seed in (("hidden", 4), ("loop", 6)):
        model = getattr(models, name)()
        with listening() as heard:
            model.load_weights(folder / f"{name}.weights.h5")
            answer = model.predict(features, verbose=0)
        assert not heard
        assert len(model.weights) == 2
        assert alike(arrays(model.weights), [values(seed, *model.weights[0].shape), values(seed + 1, 2)])
        assert answer.shape == (8, 2)

        with np.load(folder / "golden" / f"{name}.npz") as outputs:
            assert np.abs(answer - outputs["logits"]).max() > 0.1  # and yet

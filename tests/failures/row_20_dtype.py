"""Row 20: a float16 file into a float32 model: `assign` casts, silently (keras #16129, #17362).

The file lost thirteen bits of every weight when it was written; the model that it is loaded into says float32, and
so does whatever is saved from it. The other way round (float32 file, float16 model) infinities appear, with numpy's
RuntimeWarning at most; `tf.train.Checkpoint` is loud both ways (InvalidArgumentError, "does not equal original
dtype").

False green: every value arrives, equal after the cast; a comparison in float64 sees nothing. And a false cause:
float16 tags are not the tags' bits any more once they are float32; "not-restored" would be wrong.
"""

from pathlib import Path

import numpy as np

from failures.keras2 import values
from failures.rows import Verdict, alike, arrays, code, listening, write

ROW = 20
LOUD = None
ALLOW_CODE = True
EXPECT = Verdict(check="restore", kinds={"altered"}, says=("logits/kernel", "logits/bias", "float16", "float32"))


def make(folder: Path) -> None:
    write(
        folder,
        {
            "src/models.py": """
                import keras


                def build(dtype="float32"):
                    features = keras.Input((3,), name="features")
                    x = keras.layers.Dense(4, dtype=dtype, name="body")(features)
                    return keras.Model(features, keras.layers.Dense(2, dtype=dtype, name="logits")(x))
            """,
            "weight-gate.yml": """
                version: 1
                models:
                  - weights: model.weights.h5
                    architecture: {code: "src/models.py:build"}
            """,
        },
    )
    model = code(folder, "src/models.py").build("float16")
    for seed, variable in enumerate(model.weights):
        variable.assign(values(seed, *variable.shape))
    model.save_weights(folder / "model.weights.h5")


def naive(folder: Path) -> None:
    model = code(folder, "src/models.py").build()
    with listening() as heard:
        model.load_weights(folder / "model.weights.h5")
    assert not heard
    trained = [values(seed, *variable.shape) for seed, variable in enumerate(model.weights)]
    assert all(np.allclose(a, b, atol=1e-3) for a, b in zip(arrays(model.weights), trained, strict=True))
    assert alike(arrays(model.weights), [each.astype(np.float16) for each in trained])

    assert {variable.dtype for variable in model.weights} == {"float32"}  # and yet
    assert not alike(arrays(model.weights), trained)

"""Row 24: the same weights loaded twice differ: auto-numbered names decide an order (the mission's own case).

Experts are sorted by their names, which count through the process: `dense_5` is followed by `dense_6` in the first
model, but `dense_10` comes before `dense_6` in the second. `.weights.h5` goes by class and order, so the second
model's experts get each other's weights, and a comparison of `model.weights` one by one finds nothing.

False green: loading once; building the second model in a fresh process only, where numbers start anew; comparing
weights only, since default names are counted anew in the model's order and then agree. Predictions of two builds in
one process tell. (An order that comes from a set of strings changes between processes, with the seed of `hash`: the
gate must not fix PYTHONHASHSEED.)
"""

from pathlib import Path

import numpy as np

from failures.keras2 import values
from failures.rows import Verdict, alike, arrays, code, listening, write

ROW = 24
LOUD = None
ALLOW_CODE = True
EXPECT = Verdict(check="roundtrip", kinds={"loads-differ"}, says=("logits",))


def make(folder: Path) -> None:
    write(
        folder,
        {
            "src/models.py": """
                import keras
                from keras import layers


                def build():
                    features = keras.Input((3,), name="features")
                    kinds = ("relu", "tanh", "sigmoid", "softplus", "elu", "linear")
                    experts = {}
                    for kind in kinds:
                        expert = layers.Dense(4, activation=kind)
                        experts[expert.name] = expert
                    answers = [experts[name](features) for name in sorted(experts)]
                    return keras.Model(features, layers.Dense(2, name="logits")(layers.Concatenate()(answers)))
            """,
            "weight-gate.yml": """
                version: 1
                models:
                  - weights: experts.weights.h5
                    architecture: {code: "src/models.py:build"}
            """,
        },
    )
    import keras

    keras.utils.clear_session()
    model = code(folder, "src/models.py").build()
    for seed, variable in enumerate(model.weights):
        variable.assign(values(seed, *variable.shape))
    model.save_weights(folder / "experts.weights.h5")


def naive(folder: Path) -> None:
    import keras

    keras.utils.clear_session()
    build = code(folder, "src/models.py").build
    first, second = build(), build()
    with listening() as heard:
        first.load_weights(folder / "experts.weights.h5")
        second.load_weights(folder / "experts.weights.h5")
    assert not heard
    saved = [values(seed, *variable.shape) for seed, variable in enumerate(first.weights)]
    assert alike(arrays(first.weights), saved)
    assert alike(arrays(second.weights), saved)
    features = values(99, 8, 3)
    assert first.predict(features, verbose=0).shape == (8, 2)

    assert np.abs(first.predict(features, verbose=0) - second.predict(features, verbose=0)).max() > 0.1  # and yet

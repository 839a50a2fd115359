"""Row 25: one retrained file under another model's name: same names and shapes, no tensor alike (seen on real files).

Keras' own comparison of files says "Comparison successful": it looks at names and shapes.

False green: structure, restore and round-trip are rightly green; only the reference's values tell.
"""

from pathlib import Path

import numpy as np

from failures.rows import Verdict, code, filled, listening, write

ROW = 25
LOUD = None
ALLOW_CODE = False
EXPECT = Verdict(
    check="values",
    kinds={"value-mismatch"},
    says=("body/kernel", "body/bias", "logits/kernel", "logits/bias"),
)


def make(folder: Path) -> None:
    write(
        folder,
        {
            "src/models.py": """
                import keras


                def build():
                    features = keras.Input((3,), name="features")
                    x = keras.layers.Dense(4, activation="relu", name="body")(features)
                    return keras.Model(features, keras.layers.Dense(2, name="logits")(x))
            """,
            "weight-gate.yml": """
                version: 1
                models:
                  - weights: models/pressure.keras
                    reference: golden/pressure.keras
            """,
        },
    )
    build = code(folder, "src/models.py").build
    for name, seed in (("golden/pressure.keras", 1), ("models/pressure.keras", 2)):  # 2 is the temperature's
        (folder / name).parent.mkdir()
        filled(build(), seed).save(folder / name)


def naive(folder: Path) -> None:
    import keras

    with listening() as heard:
        golden, model = (keras.saving.load_model(folder / each / "pressure.keras") for each in ("golden", "models"))
        told = keras.saving.KerasFileEditor(str(folder / "models" / "pressure.keras")).compare(golden)
    assert not heard
    assert told["status"] == "success"
    assert [w.path for w in model.weights] == [w.path for w in golden.weights]
    assert [w.shape for w in model.weights] == [w.shape for w in golden.weights]
    assert model.predict(np.ones((2, 3), np.float32), verbose=0).shape == (2, 2)

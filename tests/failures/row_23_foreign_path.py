"""Row 23: the `checkpoint` file names an absolute path on its author's machine (tensorflow #9146; seen on real files).

`latest_checkpoint` is None then, and the usual loader goes on with a new model. TensorFlow 2.21.0 logs an error,
which scrolls by.

False green: a tagged copy whose `checkpoint` file the gate has mended, or left out where it is a good one. It has
to say in the copy what it says in the original. A path that exists on the gate's machine leads out of the copy:
nothing is tagged, red.
"""

from pathlib import Path

import numpy as np

from failures.rows import Verdict, code, filled, listening, write

ROW = 23
LOUD = "TensorFlow 2.21.0 logs an error: Couldn't match files for checkpoint /home/author/run/model.ckpt-7"
ALLOW_CODE = True
EXPECT = Verdict(
    check="restore",
    kinds={"not-loaded", "load-warning"},
    says=("body/kernel", "body/bias", "logits/kernel", "logits/bias", "/home/author/run/model.ckpt-7"),
)


def make(folder: Path) -> None:
    write(
        folder,
        {
            "src/serve.py": """
                import os

                import keras
                import tensorflow as tf


                def build():
                    features = keras.Input((3,), name="features")
                    x = keras.layers.Dense(4, activation="relu", name="body")(features)
                    return keras.Model(features, keras.layers.Dense(2, name="logits")(x))


                def load(path):
                    model = build()
                    folder = path if os.path.isdir(path) else os.path.dirname(path)
                    latest = tf.train.latest_checkpoint(folder)
                    if latest:
                        tf.train.Checkpoint(model=model).restore(latest).expect_partial()
                    return model
            """,
            "run/checkpoint": """
                model_checkpoint_path: "/home/author/run/model.ckpt-7"
                all_model_checkpoint_paths: "/home/author/run/model.ckpt-7"
            """,
            "weight-gate.yml": """
                version: 1
                models:
                  - weights: run
                    load: {code: "src/serve.py:load"}
            """,
        },
    )
    import tensorflow as tf

    model = filled(code(folder, "src/serve.py").build())
    tf.train.Checkpoint(model=model).write(str(folder / "run" / "model.ckpt-7"))


def naive(folder: Path) -> None:
    serve = code(folder, "src/serve.py")
    with listening() as heard:
        model = serve.load(str(folder / "run"))
    assert LOUD is not None
    assert [text for text in heard if text not in LOUD] == []
    assert heard
    answer = model.predict(np.ones((2, 3), np.float32), verbose=0)
    assert answer.shape == (2, 2)
    assert np.isfinite(answer).all()

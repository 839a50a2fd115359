"""Row 6: a checkpoint restored into another class, whose attributes have other names.

Nothing is restored. TensorFlow says so in log lines, at the moment the restored object dies: after the predictions, at
the end of the process (seen on TensorFlow 2.21). The layers' own names are the same, and a checkpoint does not go by
them.

False green: a gate that pairs by the layers' names, finds all of them, and takes that for restored.
"""

from pathlib import Path

import numpy as np

from failures.rows import Verdict, code, filled, listening, write

ROW = 6
LOUD = None
ALLOW_CODE = True
EXPECT = Verdict(
    check="restore",
    kinds={"not-loaded"},
    says=("encoder/kernel", "encoder/bias", "head/kernel", "head/bias"),
)

TRAINED = """
    import keras


    class Trained(keras.Model):
        def __init__(self):
            super().__init__()
            self.encoder = keras.layers.Dense(4, name="encoder")
            self.head = keras.layers.Dense(3, name="head")

        def call(self, inputs):
            return self.head(self.encoder(inputs))
"""

SERVE = """
    import keras
    import numpy as np
    import tensorflow as tf


    class Classifier(keras.Model):
        def __init__(self):
            super().__init__()
            self.backbone = keras.layers.Dense(4, name="encoder")
            self.top = keras.layers.Dense(3, name="head")

        def call(self, inputs):
            return self.top(self.backbone(inputs))


    def load(path):
        model = Classifier()
        model(np.zeros((1, 4), np.float32))
        tf.train.Checkpoint(model).restore(str(path))
        return model
"""

MANIFEST = """
    version: 1
    models:
      - weights: models/training-1
        load: {code: "src/serve.py:load"}
"""


def make(folder: Path) -> None:
    import tensorflow as tf

    write(folder, {"src/train.py": TRAINED, "src/serve.py": SERVE, "weight-gate.yml": MANIFEST})
    (folder / "models").mkdir()
    model = code(folder, "src/train.py").Trained()
    model(np.zeros((1, 4), np.float32))
    tf.train.Checkpoint(filled(model)).save(str(folder / "models/training"))


def naive(folder: Path) -> None:
    with listening() as heard:
        model = code(folder, "src/serve.py").load(folder / "models/training-1")
        outputs = model(np.ones((2, 4), np.float32))
        said = list(heard)
    assert outputs.shape == (2, 3)
    assert [layer.name for layer in model.layers] == ["encoder", "head"]
    assert not said

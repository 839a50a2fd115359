"""Row 13: a TF1 checkpoint holds raw weights and their moving averages, and the loader reads the raw ones.

Both have the same shapes, and names that differ in their end (tensorpack #880; seen on TensorFlow 2.21). What arrives
is what the file has under these names, and not what the evaluation used.

False green: taking `…/ExponentialMovingAverage` for optimizer state that nobody needs at inference.
"""

from pathlib import Path

import numpy as np

from failures.rows import Verdict, alike, arrays, code, listening, write

ROW = 13
LOUD = None
ALLOW_CODE = True
EXPECT = Verdict(
    check="restore",
    kinds={"not-loaded"},
    says=("dense/kernel/ExponentialMovingAverage", "dense/bias/ExponentialMovingAverage"),
)

SERVE = """
    import tensorflow as tf

    NAMES = ("dense/kernel", "dense/bias")


    def load(path):
        reader = tf.train.load_checkpoint(str(path))
        return {name: tf.Variable(reader.get_tensor(name), name=name) for name in NAMES}
"""

MANIFEST = """
    version: 1
    models:
      - weights: models/digits
        load: {code: "src/serve.py:load"}
"""

RAW = {"dense/kernel": np.arange(1, 9.0).reshape(4, 2), "dense/bias": np.array([11.0, 13.0])}


def make(folder: Path) -> None:
    from tensorflow.compat import v1

    write(folder, {"src/serve.py": SERVE, "weight-gate.yml": MANIFEST})
    (folder / "models").mkdir()
    with v1.Graph().as_default(), v1.Session() as session:
        variables = [v1.get_variable(name, initializer=np.float32(value)) for name, value in RAW.items()]
        averages = v1.train.ExponentialMovingAverage(0.99)
        averages.apply(variables)
        for variable, value in zip(variables, RAW.values(), strict=True):
            session.run([variable.assign(value), averages.average(variable).assign(value / 2 + 1)])
        v1.train.Saver().save(session, str(folder / "models/digits"))


def naive(folder: Path) -> None:
    with listening() as heard:
        variables = code(folder, "src/serve.py").load(folder / "models/digits")
    assert alike(RAW.values(), arrays(variables.values()))
    assert not heard

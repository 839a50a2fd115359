"""Row 12: a TF1 `Saver` over the trainable variables leaves the moving statistics of a batch normalisation out.

The usual order, initialise and then restore, leaves them at zero and one, and every tensor of the file is where it
belongs (tensorflow #3926; seen on TensorFlow 2.21).

False green: initialising the variables before restoring and counting what the file has; asking the graph's own `Saver`,
which knows only what it saves. The graph's variables are the list to hold the file against.
"""

from pathlib import Path
from typing import Any

import numpy as np

from failures.rows import Verdict, listening, write

ROW = 12
LOUD = None
ALLOW_CODE = False
EXPECT = Verdict(check="restore", kinds={"not-restored"}, says=("bn/moving_mean", "bn/moving_variance"))

MANIFEST = """
    version: 1
    models:
      - weights: models/digits
"""

VALUES = {"dense/kernel": np.arange(1, 9.0).reshape(4, 2), "bn/gamma": [2.0, 3.0], "bn/beta": [5.0, 7.0]}
STATISTICS = {"bn/moving_mean": [11.0, 13.0], "bn/moving_variance": [17.0, 19.0]}


def make(folder: Path) -> None:
    from tensorflow.compat import v1

    write(folder, {"weight-gate.yml": MANIFEST})
    (folder / "models").mkdir()
    with v1.Graph().as_default(), v1.Session() as session:
        variables = _graph()
        for name, value in {**VALUES, **STATISTICS}.items():
            session.run(v1.assign(variables[name], value))
        v1.train.Saver(v1.trainable_variables()).save(session, str(folder / "models/digits"))


def naive(folder: Path) -> None:
    from tensorflow.compat import v1

    with listening() as heard, v1.Graph().as_default(), v1.Session() as session:
        saver = v1.train.import_meta_graph(str(folder / "models/digits.meta"))
        session.run(v1.global_variables_initializer())
        saver.restore(session, str(folder / "models/digits"))
        reader = v1.train.load_checkpoint(str(folder / "models/digits"))
        for name in reader.get_variable_to_shape_map():
            assert np.allclose(session.run(f"{name}:0"), reader.get_tensor(name))
        outputs = session.run("outputs:0", {"inputs:0": np.ones((1, 4), np.float32)})
        mean = session.run("bn/moving_mean:0")
    assert outputs.shape == (1, 2)
    assert not heard
    assert not mean.any()  # what nobody looks at


def _graph() -> dict[str, Any]:
    """A layer and a normalisation as they are at inference, in the graph of today."""
    from tensorflow.compat import v1

    def variable(name: str, shape: tuple[int, ...], initial: float, trainable: bool = True) -> Any:
        start = v1.constant_initializer(initial)
        return v1.get_variable(name, shape, initializer=start, trainable=trainable, use_resource=False)

    inputs = v1.placeholder("float32", (None, 4), name="inputs")
    found = {
        "dense/kernel": variable("dense/kernel", (4, 2), 0.5),
        "bn/gamma": variable("bn/gamma", (2,), 1.0),
        "bn/beta": variable("bn/beta", (2,), 0.0),
        "bn/moving_mean": variable("bn/moving_mean", (2,), 0.0, trainable=False),
        "bn/moving_variance": variable("bn/moving_variance", (2,), 1.0, trainable=False),
    }
    kernel, gamma, beta, mean, variance = found.values()
    outputs = v1.nn.batch_normalization(v1.matmul(inputs, kernel), mean, variance, beta, gamma, 1e-3)
    v1.identity(outputs, name="outputs")
    return found

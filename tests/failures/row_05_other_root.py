"""Row 5: `tf.train.Checkpoint(net=model)` restores a file that was written as `Checkpoint(model=model)`.

With `expect_partial()` nothing is restored and nothing is said (tensorflow #43554; seen on TensorFlow 2.21). Without it
there are log lines, when the checkpoint object dies. `assert_existing_objects_matched()` would raise.

False green: reading `status` instead of the variables; a builder whose initialisers are seeded gives "the same" twice.
"""

from pathlib import Path

from failures.rows import Verdict, code, filled, listening, stack, write

ROW = 5
LOUD = None
ALLOW_CODE = True
EXPECT = Verdict(
    check="restore",
    kinds={"not-loaded"},
    says=("encoder/kernel", "encoder/bias", "head/kernel", "head/bias"),
)

SERVE = """
    import tensorflow as tf
    from keras import Input, Sequential, layers


    def load(path):
        model = Sequential([Input((4,)), layers.Dense(4, name="encoder"), layers.Dense(4, name="head")])
        tf.train.Checkpoint(net=model).restore(str(path)).expect_partial()
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

    write(folder, {"src/serve.py": SERVE, "weight-gate.yml": MANIFEST})
    (folder / "models").mkdir()
    tf.train.Checkpoint(model=filled(stack("encoder", "head"))).save(str(folder / "models/training"))


def naive(folder: Path) -> None:
    trained = filled(stack("encoder", "head"))
    with listening() as heard:
        model = code(folder, "src/serve.py").load(folder / "models/training-1")
    assert [weight.shape for weight in model.weights] == [weight.shape for weight in trained.weights]
    assert not heard

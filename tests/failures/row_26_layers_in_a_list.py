"""Row 26: `tf.train.Checkpoint` drops the layers that a Keras 3 model holds in a Python list.

They are not in the file, they are not asked for, and `assert_consumed` and `assert_existing_objects_matched` both
pass.

False green: accounting from the file's side alone; a round-trip in the file's own format, which drops them again on
both sides (two formats compared tell, and so does a reference that has them).
"""

from pathlib import Path

from failures.rows import Verdict, alike, arrays, code, filled, listening, write

ROW = 26
LOUD = None
ALLOW_CODE = True
EXPECT = Verdict(
    check="restore",
    kinds={"not-restored"},
    says=("first/kernel", "first/bias", "second/kernel", "second/bias"),
)


def make(folder: Path) -> None:
    write(
        folder,
        {
            "src/models.py": """
                import keras
                import numpy as np
                from keras import layers


                class Stack(keras.Model):
                    def __init__(self):
                        super().__init__(name="stack")
                        self.stem = layers.Dense(4, name="stem")
                        self.blocks = [layers.Dense(4, name="first"), layers.Dense(4, name="second")]
                        self.head = layers.Dense(2, name="head")

                    def call(self, inputs):
                        x = self.stem(inputs)
                        for block in self.blocks:
                            x = block(x)
                        return self.head(x)


                def build():
                    model = Stack()
                    model(np.zeros((1, 3), np.float32))
                    return model
            """,
            "weight-gate.yml": """
                version: 1
                models:
                  - weights: run/ckpt-1
                    architecture: {code: "src/models.py:build"}
            """,
        },
    )
    import tensorflow as tf

    (folder / "run").mkdir()
    model = filled(code(folder, "src/models.py").build())
    tf.train.Checkpoint(model=model).write(str(folder / "run" / "ckpt-1"))


def naive(folder: Path) -> None:
    import tensorflow as tf

    models = code(folder, "src/models.py")
    trained, model = filled(models.build()), models.build()
    with listening() as heard:
        status = tf.train.Checkpoint(model=model).read(str(folder / "run" / "ckpt-1"))
        status.assert_consumed()
        status.assert_existing_objects_matched()
    assert not heard
    for layer, same in ((model.stem, trained.stem), (model.head, trained.head)):
        assert alike(arrays(layer.weights), arrays(same.weights))

    assert not alike(arrays(model.weights), arrays(trained.weights))  # and yet

"""Row 4: `skip_mismatch=True` leaves the layers that do not fit as they were built (keras PR #8462, #21404).

One warning for all of them, which names one layer, and which a filter in the project's own code keeps from everybody.

False green: a gate that only listens for the warning. And only the layer that it names, where there are more.
"""

from pathlib import Path

from failures.rows import Verdict, alike, code, filled, listening, write

ROW = 4
LOUD = "Keras 3.15.1: UserWarning: A total of 2 objects could not be loaded. Example error message for object"
ALLOW_CODE = True
EXPECT = Verdict(
    check="restore",
    kinds={"not-loaded", "load-warning"},
    says=("hidden/kernel", "hidden/bias", "head/kernel", "head/bias", "could not be loaded"),
)

SERVE = """
    from keras import Input, Sequential, layers


    def build(classes=5):
        sizes = {"stem": 4, "hidden": 2 * classes, "head": classes}
        return Sequential([Input((4,)), *(layers.Dense(units, name=name) for name, units in sizes.items())])


    def load(path):
        model = build()
        model.load_weights(path, skip_mismatch=True)
        return model
"""

MANIFEST = """
    version: 1
    models:
      - weights: models/classifier.weights.h5
        load: {code: "src/serve.py:load"}
"""


def make(folder: Path) -> None:
    write(folder, {"src/serve.py": SERVE, "weight-gate.yml": MANIFEST})
    (folder / "models").mkdir()
    filled(code(folder, "src/serve.py").build(3)).save_weights(folder / "models/classifier.weights.h5")


def naive(folder: Path) -> None:
    serve = code(folder, "src/serve.py")
    trained = filled(serve.build(3))
    with listening() as heard:
        model = serve.load(folder / "models/classifier.weights.h5")
    assert alike(trained.get_layer("stem").weights, model.get_layer("stem").weights)
    assert len(heard) == 1
    assert LOUD is not None
    assert heard[0].startswith(LOUD.partition("UserWarning: ")[2])

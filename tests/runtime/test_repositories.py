"""Repositories as people have them: packages, files beside weights, caches of links, loaders and metrics of one's own.

One run judges them all: TensorFlow is imported once.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from support.cli import run_gate
from support.graphs import ATTRIBUTE, Object, variable, write_checkpoint

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # TensorFlow's own
    pytest.mark.filterwarnings("ignore::UserWarning"),  # Keras' own, on formats that it calls legacy
]

LAYERS = """
from keras import layers as kl

def dense(size, name):
    return kl.Dense(size, name=name)
"""
MODELS = """
import keras
from .layers import dense
from ..words import SIZE

def build():
    return keras.Sequential([keras.Input((4,)), dense(SIZE, "a"), dense(2, "b")])
"""
BUILD = """
import os

import helpers
import keras
import tensorflow as tf
from keras import layers as kl


def build():
    return keras.Sequential([keras.Input((4,)), kl.Dense(helpers.SIZE, name="a"), kl.Dense(2, name="b")])


@keras.saving.register_keras_serializable("repositories")
class Moody(kl.Layer):
    # Nothing that is saved, and another number in each process.
    def __init__(self, **more):
        super().__init__(**more)
        self.mood = int.from_bytes(os.urandom(4), "little") / 2**32

    def call(self, x):
        return x + self.mood


class Counting(keras.Model):
    def __init__(self):
        super().__init__(name="counting")
        self.d, self.e = kl.Dense(3, name="d"), kl.Dense(2, name="e")
        self.step = tf.Variable(3, dtype=tf.int64)

    def call(self, x):
        return self.e(self.d(x))


def counting():
    model = Counting()
    model(tf.zeros((1, 4)))
    return model


def moody():
    given = keras.Input((4,))
    x = kl.Dense(3, name="a")(given)
    return keras.Model(given, {"right": kl.Dense(2, name="b")(x), "moody": Moody(name="mood")(x)})
"""
SERVE = """
import json
from pathlib import Path

import keras
import tensorflow as tf


def beside(path):
    folder = Path(path).parent
    assert folder.joinpath("labels.txt").read_text().split() == ["cat", "dog"]
    assert json.loads(folder.joinpath("config.json").read_text()) == {"size": 3}
    return keras.saving.load_model(path, compile=False)


def folder_beside(path):
    assert Path(path).parent.joinpath("labels.txt").read_text().split() == ["cat", "dog"]
    return tf.saved_model.load(path)


def latest_beside(path):
    assert Path(path).joinpath("labels.txt").read_text().split() == ["cat", "dog"]
    from build import build
    model = build()
    tf.train.Checkpoint(net=model).read(tf.train.latest_checkpoint(path)).expect_partial()
    return model


def alike(path):
    return [tf.Variable(each, name="w") for each in keras.saving.load_model(path, compile=False).weights]


def holds(outputs, data):
    return True


def ratio(outputs, data):
    return 0.5
"""
COUNTING = [
    Object([("d", 1), ("e", 2), ("step", 3)]), Object([("_kernel", 4), ("bias", 5)]),
    Object([("_kernel", 6), ("bias", 7)]), variable("step", "Variable"), variable("d/_kernel", "d/kernel"),
    variable("d/bias", "d/bias"), variable("e/_kernel", "e/kernel"), variable("e/bias", "e/bias"),
]  # fmt: skip
"""A model that is the root itself, and does not say so: TensorFlow before 2.4."""
COUNTED = {f"step{ATTRIBUTE}": np.array(7)} | {
    f"{name}{ATTRIBUTE}": np.linspace(-1, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    for name, shape in {"d/_kernel": (4, 3), "d/bias": (3,), "e/_kernel": (3, 2), "e/bias": (2,)}.items()
}
ENTRIES: dict[str, dict[str, Any]] = {
    "package": {"weights": "m.weights.h5", "architecture": {"code": "src/zoo/models.py:build"}},
    "helpers": {"weights": "m.weights.h5", "architecture": {"code": "build.py:build"}},
    "neighbours": {"weights": "served/m.h5", "load": {"code": "serve.py:beside"}},
    "folder": {"weights": "served/saved", "load": {"code": "serve.py:folder_beside"}},
    "latest": {"weights": "served/steps", "load": {"code": "serve.py:latest_beside"}},
    "alike": {"weights": "served/m.h5", "load": {"code": "serve.py:alike"}},
    "counted": {"weights": "counted", "architecture": {"keras": "m.keras"}},
    "counting": {"weights": "counting", "architecture": {"code": "build.py:counting"}},
    "logarithm": {"weights": "logarithm.keras"},
    "two": {"weights": "two.keras", "roundtrip": ["saved_model"]},
    "named": {"weights": "named.keras", "roundtrip": ["saved_model"]},
    "called otherwise": {
        "weights": "named.keras",
        "reference": "other.keras",
        "tensors": [{"match": "**", "expect": "any"}],
        "roundtrip": False,
        "predictions": [{"expected": "reference", "tolerance": {"rtol": 0, "atol": 1e6}}],
    },
    "frequencies": {"weights": "frequencies.keras", "roundtrip": ["saved_model"]},
    "cached folder": {"weights": "../hub/snapshot/saved"},
    "cached shards": {"weights": "../hub/snapshot/s.weights.json", "architecture": {"keras": "m.keras"}},
    "cached file": {"weights": "../hub/snapshot/m.keras"},
    "narrowed": {
        "weights": "moody.weights.h5",
        "architecture": {"code": "build.py:moody"},
        "predictions": [
            {"inputs": "inputs.npz", "outputs": ["right"], "expected": "right.npz"},
        ],
    },
    "no number": {
        "weights": "m.keras",
        "predictions": [{"inputs": "inputs.npz", "metric": {"code": "serve.py:holds", "at_least": 0.5}}],
    },
    "a number": {
        "weights": "m.keras",
        "predictions": [{"inputs": "inputs.npz", "metric": {"code": "serve.py:ratio", "at_least": 0.5}}],
    },
}


def cached(files: Path, hub: Path) -> None:
    """The files of a folder as a Hugging Face cache keeps them: links into a folder of blobs."""
    (hub / "blobs").mkdir(parents=True)
    for file in files.rglob("*"):
        if file.is_file():
            blob = hub / "blobs" / hashlib.sha256(file.read_bytes()).hexdigest()
            shutil.copyfile(file, blob)
            link = hub / "snapshot" / file.relative_to(files)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(os.path.relpath(blob, link.parent))


def make(folder: Path, hub: Path) -> None:
    import keras
    import tensorflow as tf
    from keras import layers as kl

    keras.backend.clear_session()
    (folder / "src" / "zoo").mkdir(parents=True)
    for name, text in {
        "src/__init__.py": "", "src/words.py": "SIZE = 3\n", "src/zoo/__init__.py": "", "src/zoo/layers.py": LAYERS,
        "src/zoo/models.py": MODELS, "helpers.py": "SIZE = 3\n", "build.py": BUILD, "serve.py": SERVE,
    }.items():  # fmt: skip
        (folder / name).write_text(text, "utf-8")
    model = keras.Sequential([keras.Input((4,)), kl.Dense(3, name="a"), kl.Dense(2, name="b")])
    model.save(folder / "m.keras")
    model.save_weights(folder / "m.weights.h5")
    served = folder / "served"
    for place in (served, served / "steps"):
        place.mkdir()
        (place / "labels.txt").write_text("cat\ndog\n", "utf-8")
    (served / "config.json").write_text('{"size": 3}', "utf-8")
    model.save(served / "m.h5")
    model.export(served / "saved", verbose=False)
    tf.train.Checkpoint(net=model).save(str(served / "steps" / "ckpt"))
    tf.train.Checkpoint(step=tf.Variable(7, dtype=tf.int64), epoch=tf.Variable(2), net=model).write(
        str(folder / "counted")
    )
    write_checkpoint(folder / "counting", COUNTING, COUNTED)
    given = keras.Input((4,))
    keras.Model(given, keras.ops.log(-1 - keras.ops.abs(kl.Dense(2, name="d")(given)))).save(folder / "logarithm.keras")
    for name, names in {"two": (None, None), "named": ("zed", "alpha"), "other": ("x", "y")}.items():
        first, second = (keras.Input((4,), name=each) for each in names)
        joined = kl.Concatenate()([kl.Dense(2, name="p")(first), kl.Dense(2, name="q")(second)])
        keras.Model([second, first], kl.Dense(2, name="o")(joined)).save(folder / f"{name}.keras")
    words = kl.TextVectorization(output_mode="tf_idf")
    words.adapt(np.array(["the quick fox", "the dog", "quick quick"]))
    given = keras.Input((), dtype="string")
    keras.Model(given, kl.Dense(2, name="o")(words(given))).save(folder / "frequencies.keras")
    inputs = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
    np.savez(folder / "inputs.npz", inputs)
    given = keras.Input((4,))
    x = kl.Dense(3, name="a")(given)
    right = keras.Model(given, kl.Dense(2, name="b")(x))
    right.save_weights(folder / "moody.weights.h5")
    np.savez(folder / "right.npz", right=np.asarray(right(inputs)))
    downloaded = hub.parent / "downloaded"
    model.export(downloaded / "saved", verbose=False)
    model.save(downloaded / "m.keras")
    model.save_weights(downloaded / "s.weights.json", max_shard_size=6e-8)
    cached(downloaded, hub)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    """By model and check what the report has."""
    folder = tmp_path_factory.mktemp("repositories") / "project"
    folder.mkdir()
    hub = folder.parent / "hub"
    make(folder, hub)
    entries = [{"name": name, **said} for name, said in ENTRIES.items()]
    manifest = yaml.safe_dump({"version": 1, "models": entries}, sort_keys=False)
    (folder / "weight-gate.yml").write_text(manifest, "utf-8")
    before = {file: file.read_bytes() for file in folder.parent.rglob("*") if file.is_file()}
    found = run_gate("check", "--allow-code", "--root", hub, cwd=folder)
    assert found.returncode == 4, found.stdout + found.stderr
    assert {file: file.read_bytes() for file in before} == before
    report = json.loads((folder / "weight-gate-reports" / "report.json").read_text("utf-8"))
    return {model["name"]: {check["check"]: check for check in model["checks"]} for model in report["models"]}


def proved(model: Mapping[str, Mapping[str, Any]], tensors: int = 4) -> str:
    """What the report says, of a model of which everything arrived and nothing is found."""
    told = {name: (check["outcome"], check["summary"], check["findings"]) for name, check in model.items()}
    assert {outcome for outcome, _, _ in told.values()} == {"passed"}, told
    assert told["restore"][1].startswith(f"{tensors} of {tensors} tensors restored, 100 % of bytes; ")
    return str(told["roundtrip"][1])


@pytest.mark.parametrize("name", ["package", "helpers"])
def test_code_of_the_repository_imports_its_own(judged: Mapping[str, Any], name: str) -> None:
    assert "predictions of 4 samples identical" in proved(judged[name])


@pytest.mark.parametrize("name", ["neighbours", "folder", "latest"])
def test_a_loader_finds_what_lies_beside_the_weights(judged: Mapping[str, Any], name: str) -> None:
    assert "loaded again from another path: " in proved(judged[name])


def test_variables_of_one_name_are_all_there(judged: Mapping[str, Any]) -> None:
    """None hides another; that a list calls them all `w` is no reason to believe that they are right."""
    found = judged["alike"]
    assert "4 variables identical" in found["roundtrip"]["summary"]
    assert "4 of 4 variables written by the load" in found["restore"]["summary"]
    reasons = {each["tensor"]: each["reason"] for each in found["restore"]["findings"]}
    assert {name: reason.partition(",")[0] for name, reason in reasons.items()} == {
        "a/kernel": "it landed in w", "a/bias": "it landed in w~2", "b/kernel": "it landed in w~3",
        "b/bias": "it landed in w~4",
    }  # fmt: skip


def test_counters_beside_a_model_need_no_variable(judged: Mapping[str, Any]) -> None:
    assert "predictions of 4 samples identical" in proved(judged["counted"])
    assert "6 tensors (4 weights, 2 metrics)" in judged["counted"]["read"]["summary"]


def test_a_counter_of_an_old_model_is_restored_and_not_compared(judged: Mapping[str, Any]) -> None:
    assert "predictions of 4 samples identical" in proved(judged["counting"])


def test_a_model_that_takes_logarithms_is_not_predicted_with(judged: Mapping[str, Any]) -> None:
    nothing = "predictions not compared (log of made-up inputs: NaN and infinities alone)"
    assert f"another path, keras: 2 variables identical, {nothing}" in proved(judged["logarithm"], 2)


@pytest.mark.parametrize("name", ["two", "named"])
def test_inputs_are_told_apart_in_every_graph(judged: Mapping[str, Any], name: str) -> None:
    assert "saved_model: 6 variables identical, predictions of 4 samples within tolerance" in proved(judged[name], 6)


def test_made_up_inputs_of_two_models_are_the_same_or_an_error(judged: Mapping[str, Any]) -> None:
    found = judged["called otherwise"]["predictions"]
    assert found["outcome"] == "error"
    (reason,) = [each["reason"] for each in found["findings"]]
    assert reason == (
        "the reference cannot be compared: made-up inputs go by names, and it takes x (float32 [8, 4]), "
        "y (float32 [8, 4]) instead of alpha (float32 [8, 4]), zed (float32 [8, 4])"
    )


def test_what_a_saved_model_has_as_a_constant_is_shown_by_predictions(judged: Mapping[str, Any]) -> None:
    assert "2 variables identical, 1 constant in the graph, which predictions show, predictions of 4 samples" in (
        proved(judged["frequencies"], 3)
    )


@pytest.mark.parametrize("name", ["cached folder", "cached shards", "cached file"])
def test_links_of_a_cache_lead_to_its_files(judged: Mapping[str, Any], name: str) -> None:
    assert "predictions of 4 samples identical" in proved(judged[name])


def test_outputs_that_are_asked_for_narrow_no_round_trip(judged: Mapping[str, Any]) -> None:
    found = judged["narrowed"]
    assert found["predictions"]["outcome"] == "passed"
    reasons = [(each["kind"], each["reason"]) for each in found["roundtrip"]["findings"]]
    assert ("loads-differ", "loaded again from another path: 9 of 9 elements differ in the output moody") in reasons
    assert not [reason for _, reason in reasons if "output right" in reason]


def test_true_is_no_number_of_a_metric(judged: Mapping[str, Any]) -> None:
    found = judged["no number"]["predictions"]
    assert found["outcome"] == "error"
    assert [each["reason"] for each in found["findings"]] == ["serve.py:holds returns a bool, no number"]
    assert judged["a number"]["predictions"]["outcome"] == "passed"

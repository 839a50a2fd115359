"""Healthy models are green, in every format that can save them, by the gate's own loaders; broken builders are red.

One run judges many models: TensorFlow is imported once for all of them. What is red here is so for a reason that
stands beside it: a fault of Keras or TensorFlow that the gate is there to tell.
"""

import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from support import models, own_models
from support.cli import run_gate
from support.models import variables_of

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # TensorFlow's own
    pytest.mark.filterwarnings("ignore::UserWarning"),  # Keras' own, on formats that it calls legacy
]

BUILDERS = {**models.MODELS, **own_models.MODELS}
OWN_CLASSES = own_models.OWN_CLASSES | {
    "custom", "alike", "attributes", "containers", "attributes_within", "containers_within",
}  # fmt: skip
"""Models with classes of a user's own, which only their code can build."""

RESTORED = re.compile(
    r"([\d,]+) of \1 tensors? restored, 100 % of bytes; ([\d,]+) of \2 variables? written by the load"
)


@dataclass(frozen=True)
class Judged:
    """One model of a report: outcomes and summaries by check, and its findings."""

    outcomes: Mapping[str, str]
    summaries: Mapping[str, str]
    findings: tuple[Mapping[str, Any], ...]

    @property
    def proved(self) -> bool:
        """Green, since everything arrived, and nothing was loaded but what arrived."""
        return set(self.outcomes.values()) == {"passed"} and bool(RESTORED.match(self.summaries["restore"]))

    @property
    def predicted(self) -> bool:
        """Whether predictions were compared too, each time it was loaded."""
        return "not compared" not in self.summaries.get("roundtrip", "")

    @property
    def certain(self) -> bool:
        """Whether names told of every tensor which variable is its own."""
        return "no name tells" not in self.summaries["restore"]

    def tensors(self, kind: str) -> set[str]:
        return {each["tensor"] for each in self.findings if each["kind"] == kind}


def check(folder: Path, entries: list[dict[str, Any]]) -> tuple[int, dict[str, Judged]]:
    """`weight-gate check --allow-code` on a manifest of these models; the exit code, and what the report has."""
    manifest = {"version": 1, "models": entries}
    (folder / "weight-gate.yml").write_text(yaml.safe_dump(manifest, sort_keys=False), encoding="utf-8")
    found = run_gate("check", "--allow-code", cwd=folder)
    report = json.loads((folder / "weight-gate-reports" / "report.json").read_text(encoding="utf-8"))
    judged = {
        model["name"]: Judged(
            {each["check"]: each["outcome"] for each in model["checks"]},
            {each["check"]: each["summary"] for each in model["checks"]},
            tuple(finding for each in model["checks"] for finding in each["findings"]),
        )
        for model in report["models"]
    }
    return found.returncode, judged


def settle(model: Any) -> None:
    """Values that are nobody's initial ones, and with which every model computes numbers."""
    random = np.random.default_rng(1)
    for variable in variables_of(model):
        variable.assign(random.uniform(0.1, 0.9, variable.shape) if "float" in variable.dtype else 1)


class Zoo:
    """Writes models into a folder; `entries` are what a manifest has of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: list[dict[str, Any]] = []
        (folder / "src").mkdir()
        for module in (models, own_models):
            shutil.copy(str(module.__file__), folder / "src")

    def add(self, name: str, *kinds: str, **more: Any) -> None:
        """A model in files of these kinds. `more` are keys of their entries."""
        import keras

        keras.backend.clear_session()
        model = BUILDERS[name]()
        settle(model)
        (self.folder / name).mkdir()
        if name not in OWN_CLASSES:
            model.save(self.folder / name / "m.keras")
        for kind in kinds:
            said: dict[str, Any] = {"name": f"{name} {kind}", "weights": f"{name}/{self.save(model, name, kind)}"}
            if kind not in {"keras", "h5", "export", "saved"} or (name in OWN_CLASSES and kind in {"keras", "h5"}):
                said["architecture"] = self.architecture(name)
            self.entries.append({**said, **more})

    def architecture(self, name: str) -> dict[str, str]:
        file = "own_models" if name in own_models.MODELS else "models"
        return {"code": f"src/{file}.py:{name}"} if name in OWN_CLASSES else {"keras": f"{name}/m.keras"}

    def save(self, model: Any, name: str, kind: str) -> str:
        import tensorflow as tf

        folder = self.folder / name
        optimizer = getattr(model, "optimizer", None)
        saves: dict[str, tuple[str, Callable[[], Any]]] = {
            "keras": ("m.keras", lambda: model.save(folder / "m.keras")),
            "weights": ("m.weights.h5", lambda: model.save_weights(folder / "m.weights.h5")),
            "shards": ("s.weights.json", lambda: model.save_weights(folder / "s.weights.json", max_shard_size=4e-6)),
            "h5": ("m.h5", lambda: model.save(folder / "m.h5")),
            "root": ("root", lambda: tf.train.Checkpoint(model).write(str(folder / "root"))),
            "held": ("held-1", lambda: tf.train.Checkpoint(model=model).save(str(folder / "held"))),
            "net": ("net", lambda: tf.train.Checkpoint(net=model).write(str(folder / "net"))),
            "both": ("both", lambda: tf.train.Checkpoint(a=optimizer, model=model).write(str(folder / "both"))),
            "export": ("export", lambda: model.export(folder / "export", verbose=False)),
            "saved": ("saved", lambda: tf.saved_model.save(model, str(folder / "saved"))),
        }
        file, write = saves[kind]
        write()
        return file


# Every model of the zoo, in its own file and in one that is loaded into a model; every format twice at least.
KERAS_OWN = {
    "convolutions": ["weights"], "sequences": ["held"], "cells": ["weights"], "past_ten": ["root", "h5", "export"],
    "normalised": ["net", "saved"], "nested": ["held", "saved"], "nested_default": ["shards", "h5"],
    "shared": ["h5"], "precisions": ["shards"], "vocabulary": ["held", "export"], "odd_names": ["root"],
    "mobilenet": ["weights"],
}  # fmt: skip
USERS_OWN = {
    "custom": "weights", "alike": "weights", "attributes": "root", "containers": "weights",
    "attributes_within": "held", "containers_within": "weights",
}  # fmt: skip
# Variables in odd places: each of these was red once, in this format.
ODD = {
    "transformer": ["root"], "twice": ["held"], "encoder": ["keras", "root"], "tied": ["weights"], "draws": ["keras"],
    "stateful": ["root"], "nested_outputs": ["keras"], "frequencies": ["keras", "net"], "augmented": ["export"],
}  # fmt: skip
# With the state of their optimizers.
OPTIMIZERS = {
    "adam": ["keras", "both"],
    "momentum": ["weights"],
    "averaged": ["keras"],
    "loss_scaled": ["keras", "net"],
}
ONCE = {
    "sequences held", "cells weights", "nested held", "vocabulary held", "odd_names root", "mobilenet weights",
    "custom weights", "containers weights", "attributes_within held", "containers_within weights",
}  # fmt: skip
"""Not saved again: others in these formats are."""


TABLE = "table"


def table(folder: Path) -> None:
    """A SavedModel with a table that has grown, whose entries are tensors of its checkpoint."""
    import tensorflow as tf

    module = tf.Module()
    module.words = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
    module.words.insert(["the", "quick"], [1, 2])
    module.scale = tf.Variable(3.0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="words")])  # type: ignore[untyped-decorator]
    def scaled(words: Any) -> Any:
        return {"scaled": module.scale * tf.cast(module.words.lookup(words), tf.float32)}

    module.scaled = scaled
    tf.saved_model.save(module, str(folder), signatures=scaled)


@pytest.fixture(scope="module")
def green(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, Judged]]:
    """One run over all that has to be green."""
    zoo = Zoo(tmp_path_factory.mktemp("green"))
    for name, kinds in KERAS_OWN.items():
        zoo.add(name, *(["keras"] if name != "shared" else []), *kinds)
    for name, kind in USERS_OWN.items():
        zoo.add(name, "keras", kind)
    for name, kinds in ODD.items():
        zoo.add(name, *kinds)
    for name, kinds in OPTIMIZERS.items():
        zoo.add(name, *kinds, groups={"optimizer": "compare"})
    table(zoo.folder / TABLE)
    zoo.entries.append({"name": TABLE, "weights": TABLE})
    return check(zoo.folder, [{**each, "roundtrip": False} if each["name"] in ONCE else each for each in zoo.entries])


def test_every_healthy_model_is_green_and_proved(green: tuple[int, dict[str, Judged]]) -> None:
    code, judged = green
    assert {name: each.summaries for name, each in judged.items() if not each.proved} == {}
    assert code == 0
    assert {name.split()[0] for name in judged} == {*BUILDERS, TABLE} - {"weightless"}


def test_names_tell_the_variable_of_every_tensor(green: tuple[int, dict[str, Judged]]) -> None:
    assert [name for name, each in green[1].items() if not each.certain] == []


def test_they_predict_the_same_each_time(green: tuple[int, dict[str, Judged]]) -> None:
    unpredicted = {name: each.summaries["roundtrip"] for name, each in green[1].items() if not each.predicted}
    # Keras leaves augmentation on in what it exports.
    assert unpredicted.keys() == {"draws keras", "augmented export", "stateful root"}
    assert all("its outputs are others from one call to the next" in each for each in unpredicted.values())


def test_what_is_not_proved_is_said(green: tuple[int, dict[str, Judged]]) -> None:
    """Tables carry no tag; a tensor that two layers saved is restored if both copies are the same."""
    summaries = {name: each.summaries["restore"] for name, each in green[1].items()}
    assert {name for name, each in summaries.items() if "2 tensors of lookup tables not proved" in each} == {TABLE}
    twice = {name for name, each in summaries.items() if "stored twice, bit for bit the same" in each}
    assert twice == {"tied weights", "frequencies keras", "loss_scaled keras"}


# What is red, and rightly: faults of Keras and TensorFlow that the gate is there to tell, and builders that changed
# since their file was written.

CELL = ("kernel", "recurrent_kernel", "bias")
BUILDER = """
from keras import Input, Sequential
from keras import layers as kl

def stack(*names):
    return Sequential([Input((4,)), *(kl.Dense(4, name=name) for name in names)])

def right():
    return stack("one", "two", "three")

def swapped():
    return stack("one", "three", "two")

def dropped():
    return stack("one", "three")

def renamed():
    return stack("one", "zwei", "three")
"""
FILES = ("m.weights.h5", "ckpt")


@pytest.fixture(scope="module")
def red(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, Judged]]:
    """One run over all that has to be red, and models without weights."""
    import tensorflow as tf

    zoo = Zoo(tmp_path_factory.mktemp("red"))
    zoo.add("shared", "keras")
    zoo.add("cells", "net")
    zoo.add("precisions", "h5")
    zoo.add("vocabulary", "h5")
    zoo.add("weightless", "keras", "weights")
    (zoo.folder / "build.py").write_text(BUILDER, encoding="utf-8")
    known: dict[str, Any] = {}
    exec(BUILDER, known)
    model = known["right"]()
    settle(model)
    model.save_weights(zoo.folder / "m.weights.h5")
    tf.train.Checkpoint(model=model).write(str(zoo.folder / "ckpt"))
    zoo.entries += [
        {"name": f"{way} {file}", "weights": file, "architecture": {"code": f"build.py:{way}"}, "roundtrip": False}
        for way in ("right", "swapped", "dropped", "renamed")
        for file in FILES
    ]
    return check(zoo.folder, zoo.entries)


def test_a_layer_of_two_models_within_is_not_found_again(red: tuple[int, dict[str, Judged]]) -> None:
    """Keras saves it once."""
    assert red[1]["shared keras"].tensors("load-failed") == {None}


def test_checkpoints_leave_out_what_a_model_holds_in_lists(red: tuple[int, dict[str, Judged]]) -> None:
    """failures.md, row 26."""
    lost = {f"rnn/stacked_rnn_cells/{cell}/{of}" for cell in ("lstm_cell", "upper") for of in CELL}
    assert red[1]["cells net"].tensors("not-restored") == lost


def test_legacy_hdf5_has_no_bfloat16(red: tuple[int, dict[str, Judged]]) -> None:
    assert red[1]["precisions h5"].tensors("load-failed") == {None}


def test_legacy_hdf5_has_no_vocabulary(red: tuple[int, dict[str, Judged]]) -> None:
    """All weights arrive, and the model cannot predict."""
    found = red[1]["vocabulary h5"]
    assert found.outcomes["restore"] == "passed"
    assert found.outcomes["roundtrip"] == "failed"
    assert "a part of it is empty: Table not initialized" in found.summaries["roundtrip"]


def test_without_weights_there_is_nothing_to_restore(red: tuple[int, dict[str, Judged]]) -> None:
    for kind in ("keras", "weights"):
        found = red[1][f"weightless {kind}"]
        assert found.summaries["restore"] == "0 of 0 tensors restored; 0 of 0 variables written by the load"
        assert set(found.outcomes.values()) == {"passed"}


@pytest.mark.parametrize("file", FILES)
def test_the_builder_of_the_file_is_green(red: tuple[int, dict[str, Judged]], file: str) -> None:
    assert red[1][f"right {file}"].proved


@pytest.mark.parametrize("file", FILES)
def test_layers_in_another_order(red: tuple[int, dict[str, Judged]], file: str) -> None:
    found = red[1][f"swapped {file}"]
    assert found.tensors("restored-elsewhere") == {"two/kernel", "two/bias", "three/kernel", "three/bias"}
    told = {each["tensor"]: (each["reason"], *each["details"]) for each in found.findings}
    assert told["two/kernel"] == (
        "it landed in three/kernel, not in two/kernel",
        "swapped: two/kernel holds what the file has as three/kernel",
    )


@pytest.mark.parametrize("file", FILES)
def test_a_layer_less(red: tuple[int, dict[str, Judged]], file: str) -> None:
    found = red[1][f"dropped {file}"]
    assert found.tensors("restored-elsewhere") == {"two/kernel", "two/bias"}
    assert found.tensors("not-loaded") == {"three/kernel", "three/bias"}


@pytest.mark.parametrize("file", FILES)
def test_a_layer_of_another_name(red: tuple[int, dict[str, Judged]], file: str) -> None:
    found = red[1][f"renamed {file}"]
    assert found.tensors("restored-elsewhere") == {"two/kernel", "two/bias"}
    reasons = {each["tensor"]: each["reason"] for each in found.findings}
    assert "it landed in zwei/kernel, a variable of another name" in reasons["two/kernel"]


def test_the_run_is_red(red: tuple[int, dict[str, Judged]]) -> None:
    code, judged = red
    assert code == 1
    green = {"weightless keras", "weightless weights", *(f"right {file}" for file in FILES)}
    assert {name for name, each in judged.items() if set(each.outcomes.values()) == {"passed"}} == green

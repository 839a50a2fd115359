"""Pairs of real models of which the answer is known."""

import json
import re
from collections import Counter

import numpy as np
import pytest

from corpus.arrays import archive_arrays, legacy_arrays
from corpus.models import (
    GUESSLANG,
    IDAES_2,
    IDAES_13,
    MUSICNN,
    REGRESSOR_NAMES,
    REGRESSORS,
    SOFC,
    SURROGATE,
    SURROGATE_KERAS,
)
from corpus.packages import Corpus
from support.cli import run_gate

pytestmark = pytest.mark.corpus


def states(table: str) -> list[str]:
    """What `diff` says of each tensor."""
    return list(by_name(table).values())


def by_name(table: str) -> dict[str, str]:
    states = "identical|differs|shape differs|missing|unexpected"
    return dict(re.findall(rf"^(\S+)\s+({states})\s+float32", table, re.MULTILINE))


@pytest.mark.parametrize("name", REGRESSOR_NAMES)
def test_weights_file_and_its_twin_agree_bit_for_bit(name: str, corpus: Corpus) -> None:
    """The weights file has no layer names, only positions; default names are paired in the model's order."""
    weights = corpus(IDAES_13, f"{REGRESSORS}/{name}.weights.h5")
    result = run_gate("diff", weights.with_name(f"{name}.keras"), weights, "--identical")
    assert result.returncode == 0, result.stdout + result.stderr
    assert states(result.stdout) == ["identical"] * 6
    assert "6 of 6 tensors, 100 % of bytes compared; 6 bit for bit equal" in result.stdout


@pytest.mark.parametrize("name", REGRESSOR_NAMES)
def test_every_tensor_of_a_retrained_model_differs(name: str, corpus: Corpus) -> None:
    """Ten releases later and in another format: the same six tensors, all with other numbers."""
    old = corpus(IDAES_2, f"{REGRESSORS}/{name}.h5")
    new = corpus(IDAES_13, f"{REGRESSORS}/{name}.keras")
    result = run_gate("diff", old, new)
    assert result.returncode == 1, result.stdout + result.stderr
    assert states(result.stdout) == ["differs"] * 6
    assert re.search(r"PASSED\s+structure", result.stdout)
    assert re.search(r"FAILED\s+values", result.stdout)

    # The gate pairs each tensor with the one that h5py finds in its place: the largest difference is the same.
    told = [float(row.split()[-1]) for row in result.stdout.splitlines() if re.match(r"dense\S* +differs ", row)]
    pairs = list(zip(legacy_arrays(old).values(), archive_arrays(new).values(), strict=True))
    expected = [np.abs(theirs.astype(np.float64) - mine).max() for mine, theirs in pairs]
    np.testing.assert_allclose(told, expected, rtol=1e-8)
    # How far they are apart in all, as corpus.md has it: 0.30 to 4.15.
    for mine, theirs in pairs:
        distance = np.linalg.norm(theirs.astype(np.float64) - mine) / np.linalg.norm(mine.astype(np.float64))
        assert 0.295 < distance < 4.155


def test_one_model_under_the_name_of_another_is_red(corpus: Corpus) -> None:
    """Same names, same shapes, no tensor alike."""
    relu = corpus(IDAES_13, f"{REGRESSORS}/T_data_1_10_10_2_relu.weights.h5")
    result = run_gate("diff", relu, relu.with_name("T_data_1_10_10_2_sigmoid.weights.h5"))
    assert result.returncode == 1, result.stdout + result.stderr
    assert "differs" in states(result.stdout)


def test_a_model_of_another_shape_is_red(corpus: Corpus) -> None:
    one_input = corpus(IDAES_13, f"{REGRESSORS}/T_data_1_10_10_2_relu.weights.h5")
    result = run_gate("diff", one_input, one_input.with_name("PT_data_2_10_10_2_relu.weights.h5"))
    assert result.returncode == 1, result.stdout + result.stderr
    assert "[1, 10]" in result.stdout
    assert "[2, 10]" in result.stdout


@pytest.mark.parametrize("turned", [False, True])
def test_a_saved_model_and_its_keras_file_agree_bit_for_bit(turned: bool, corpus: Corpus) -> None:
    """Two formats, two releases, TF 2.8 and Keras 2.15; no rule brings the names together."""
    pair = [corpus(IDAES_2, SURROGATE), corpus(IDAES_13, SURROGATE_KERAS)]
    result = run_gate("diff", *(reversed(pair) if turned else pair), "--identical")
    assert result.returncode == 0, result.stdout + result.stderr
    layers = ("dense", "dense_1", "dense_2")
    assert by_name(result.stdout) == {f"{layer}/{name}": "identical" for layer in layers for name in ("kernel", "bias")}
    assert "6 of 6 tensors, 100 % of bytes compared; 6 bit for bit equal" in result.stdout


def test_metrics_of_other_formats_are_not_guessed(corpus: Corpus) -> None:
    """Both have total and count of three metrics, under names that nothing brings together: red when asked for."""
    result = run_gate("diff", corpus(IDAES_2, SURROGATE), corpus(IDAES_13, SURROGATE_KERAS), "--group", "metrics")
    assert result.returncode == 1, result.stdout + result.stderr
    assert Counter(states(result.stdout)) == {"identical": 6, "missing": 6, "unexpected": 6}


def test_another_saved_model_is_red(corpus: Corpus) -> None:
    """Both are a chain of Dense layers, three against five: three have the same name, none the same shape."""
    result = run_gate("diff", corpus(IDAES_2, SURROGATE), corpus(IDAES_2, SOFC))
    assert result.returncode == 1, result.stdout + result.stderr
    assert Counter(states(result.stdout)) == {"shape differs": 6, "unexpected": 4}


RESHAPED = {
    "dnn/logits/bias": ("[30]", "[54]"),
    "dnn/logits/kernel": ("[32, 30]", "[32, 54]"),
    "linear/linear_model/bias_weights": ("[30]", "[54]"),
    "linear/linear_model/content/weights": ("[5000, 30]", "[5000, 54]"),
}
RETRAINED = (
    "dnn/hiddenlayer_0/bias",
    "dnn/hiddenlayer_0/kernel",
    "dnn/hiddenlayer_1/bias",
    "dnn/hiddenlayer_1/kernel",
    "dnn/input_from_feature_columns/input_layer/content_embedding/embedding_weights",
)


def test_a_model_that_learned_more_languages_is_red_tensor_by_tensor(corpus: Corpus) -> None:
    """guesslang 2.0.3 tells 30 languages, 2.2.1 tells 54: four tensors grew, the other five were trained anew."""
    result = run_gate("diff", corpus("guesslang==2.0.3", GUESSLANG), corpus("guesslang==2.2.1", GUESSLANG))
    assert result.returncode == 1, result.stdout + result.stderr
    assert by_name(result.stdout) == dict.fromkeys(RESHAPED, "shape differs") | dict.fromkeys(RETRAINED, "differs")

    told = run_gate("diff", corpus("guesslang==2.0.3", GUESSLANG), corpus("guesslang==2.2.1", GUESSLANG), "--json")
    checks = {check["check"]: check for check in json.loads(told.stdout)["models"][0]["checks"]}
    assert {name: check["outcome"] for name, check in checks.items()} == {
        "read": "passed",
        "structure": "failed",
        "finite": "passed",
        "values": "failed",
    }
    assert {finding["tensor"]: finding["reason"] for finding in checks["structure"]["findings"]} == {
        name: f"shape {now}, the reference has {was}" for name, (was, now) in RESHAPED.items()
    }
    assert {finding["tensor"] for finding in checks["values"]["findings"]} == set(RETRAINED)


def test_estimators_of_other_architectures_are_red(corpus: Corpus) -> None:
    """Both are of guesslang and have `dnn/hiddenlayer_0`; 0.9.3 calls its variables weights and biases."""
    old = corpus("guesslang==0.9.3", f"{GUESSLANG}/model.ckpt-40198")
    result = run_gate("diff", old, corpus("guesslang==2.0.3", GUESSLANG))
    assert result.returncode == 1, result.stdout + result.stderr
    assert Counter(states(result.stdout)) == {"missing": 10, "unexpected": 9}


@pytest.mark.parametrize("name", ["musicnn", "vgg"])
def test_one_architecture_trained_on_two_collections_is_red(name: str, corpus: Corpus) -> None:
    folder = corpus(MUSICNN, "musicnn")
    result = run_gate("diff", folder / f"MTT_{name}", folder / f"MSD_{name}", "--all")
    assert result.returncode == 1, result.stdout + result.stderr
    assert re.search(r"PASSED +structure", result.stdout)
    assert set(states(result.stdout)) == {"differs"}
    assert len(states(result.stdout)) == {"musicnn": 64, "vgg": 36}[name]


def test_another_architecture_is_red(corpus: Corpus) -> None:
    """Both have `batch_normalization` to `batch_normalization_5` and `dense`; only the first is of one shape."""
    folder = corpus(MUSICNN, "musicnn")
    result = run_gate("diff", folder / "MTT_musicnn", folder / "MTT_vgg", "--all")
    assert result.returncode == 1, result.stdout + result.stderr
    found = by_name(result.stdout)
    assert {name for name, state in found.items() if state == "differs"} == {
        f"batch_normalization/{name}" for name in ("gamma", "beta", "moving_mean", "moving_variance")
    }
    assert Counter(found.values()) == {"differs": 4, "shape differs": 5 * 4 + 2, "missing": 38, "unexpected": 10}

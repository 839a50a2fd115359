"""Pairs of real models of which the answer is known."""

import re

import pytest

from corpus.packages import Corpus
from support.cli import run_gate

pytestmark = pytest.mark.corpus

FOLDER = "idaes/core/surrogate/tests/data/keras_models"
REGRESSORS = [f"{name}_{act}" for name in ("PT_data_2_10_10_2", "T_data_1_10_10_2") for act in ("relu", "sigmoid")]


def states(table: str) -> list[str]:
    """What `diff` says of each tensor."""
    return re.findall(r"^dense\S*\s+(\w+)\s+float32", table, re.MULTILINE)


@pytest.mark.parametrize("name", REGRESSORS)
def test_weights_file_and_its_twin_agree_bit_for_bit(name: str, corpus: Corpus) -> None:
    """The weights file has no layer names, only positions; default names are paired in the model's order."""
    weights = corpus("idaes-pse==2.13.0", f"{FOLDER}/{name}.weights.h5")
    result = run_gate("diff", weights.with_name(f"{name}.keras"), weights, "--identical")
    assert result.returncode == 0, result.stdout + result.stderr
    assert states(result.stdout) == ["identical"] * 6
    assert "6 of 6 tensors, 100 % of bytes compared; 6 bit for bit equal" in result.stdout


@pytest.mark.parametrize("name", REGRESSORS)
def test_every_tensor_of_a_retrained_model_differs(name: str, corpus: Corpus) -> None:
    """Ten releases later and in another format: the same six tensors, all with other numbers."""
    old = corpus("idaes-pse==2.3.0", f"{FOLDER}/{name}.h5")
    new = corpus("idaes-pse==2.13.0", f"{FOLDER}/{name}.keras")
    result = run_gate("diff", old, new)
    assert result.returncode == 1, result.stdout + result.stderr
    assert states(result.stdout) == ["differs"] * 6


def test_one_model_under_the_name_of_another_is_red(corpus: Corpus) -> None:
    """Same names, same shapes, no tensor alike."""
    relu = corpus("idaes-pse==2.13.0", f"{FOLDER}/T_data_1_10_10_2_relu.weights.h5")
    result = run_gate("diff", relu, relu.with_name("T_data_1_10_10_2_sigmoid.weights.h5"))
    assert result.returncode == 1, result.stdout + result.stderr
    assert "differs" in states(result.stdout)


def test_a_model_of_another_shape_is_red(corpus: Corpus) -> None:
    one_input = corpus("idaes-pse==2.13.0", f"{FOLDER}/T_data_1_10_10_2_relu.weights.h5")
    result = run_gate("diff", one_input, one_input.with_name("PT_data_2_10_10_2_relu.weights.h5"))
    assert result.returncode == 1, result.stdout + result.stderr
    assert "[1, 10]" in result.stdout
    assert "[2, 10]" in result.stdout

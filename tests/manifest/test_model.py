"""The models hold on their own, too: they are strict, frozen, and check what their keys mean together."""

from typing import Any

import pytest
from pydantic import ValidationError

from gate.manifest import Manifest
from gate.manifest.crosscheck import stem
from gate.manifest.fields import STATISTICS
from gate.manifest.model import ModelEntry, ReferenceEntry, StatisticExpectation, Statistics, TensorRule
from gate.path_globs import is_glob
from gate.tensors import rules, statistics


def model(**keys: Any) -> ModelEntry:
    return ModelEntry.model_validate({"weights": "m/a.weights.h5", **keys})


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("models/classifier.weights.h5", "classifier"),
        ("classifier.keras", "classifier"),
        ("ckpt/model.ckpt-1000", "model"),
        ("ckpt/model-1000", "model-1000"),
        ("saved_model/1/", "1"),
        (".hidden.h5", "hidden"),
        ("a.b/c", "c"),
        (".", ""),
        ("..", ""),
        ("/", "/"[1:]),
    ],
)
def test_the_stem_names_a_model(path: str, name: str) -> None:
    assert stem(path) == name
    if name:
        assert ModelEntry(weights=path).name_of() == name


def test_the_names_of_a_glob() -> None:
    glob = model(weights="m/*.h5", reference="golden/{stem}/{file}/{{x}}")
    assert glob.is_glob
    assert glob.name_of("m/b.weights.h5") == "b"
    reference = glob.reference_for("m/b.weights.h5")
    assert reference is not None
    assert reference.file == "golden/b/b.weights.h5/{x}"
    assert [is_glob(path) for path in ("a*", "a?", "[ab]", "a{b}")] == [True, True, True, False]


def test_one_file() -> None:
    one = model(name="n", reference="golden/{file}")
    assert (one.is_glob, one.name_of(), one.reference_for()) == (False, "n", ReferenceEntry(file="golden/a.weights.h5"))
    from_git = model(reference={"git": "main", "path": "{stem}/{file}"}).reference_for()
    assert from_git == ReferenceEntry(git="main", path="a/a.weights.h5")
    assert model().reference_for() is None


def test_frozen() -> None:
    with pytest.raises(ValidationError):
        model().weights = "b.h5"  # type: ignore[misc]


@pytest.mark.parametrize(
    "keys",
    [
        {"unknown": 1},
        {"weights": 5},
        {"statistics": {"mean": 1}},
        {"tensors": [{"match": "a", "expect": "new"}]},
        {"tensors": [{"match": "a", "shape": ["1"]}]},
        {"reference": "m/a.weights.h5"},
        {"reference": {"file": "./m/a.weights.h5"}},
        {"reference": {"git": "a", "url": "https://a/b"}},
        {"reference": {"url": "https://a/b"}},
        {"load": 0},
        {"load": False, "roundtrip": ["keras"]},
        {"architecture": {"json": "a", "keras": "b"}},
        {"predictions": [{"expected": "reference"}]},
    ],
)
def test_the_models_check_on_their_own(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model(**keys)


def test_two_models_of_one_name() -> None:
    with pytest.raises(ValidationError, match="models\\[0\\] is called"):
        Manifest.model_validate({"version": 1, "models": [{"weights": "a/m.h5"}, {"weights": "b/m.h5"}]})


def test_bare_numbers() -> None:
    assert StatisticExpectation.model_validate(3) == StatisticExpectation(value=3.0)
    thresholds = Statistics.model_validate({"mean": 0, "std": {"rtol": 1}}).thresholds
    assert [(key, said.rtol, said.atol) for key, said in thresholds.items()] == [
        ("mean", None, 0.0),
        ("std", 1.0, None),
    ]
    with pytest.raises(ValidationError):
        StatisticExpectation.model_validate(True)


def test_the_words_are_those_of_the_checks() -> None:
    """The manifest imports no numpy, so it has words of its own; they must be the same."""
    assert statistics.STATISTICS == STATISTICS
    expect = TensorRule.model_json_schema()["properties"]["expect"]["anyOf"][0]["enum"]
    assert expect == [str(word) for word in rules.Expect]

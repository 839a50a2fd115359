"""Layers that changed places: three rules, since two cannot say it; and none where they would not hold."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from gate.results import ModelResult
from support.judging import check_of, findings_of, judge


def layers(*names: str, bias: bool = False) -> dict[str, Any]:
    random = np.random.default_rng(7)
    arrays: dict[str, Any] = {}
    for name in names:
        arrays[f"{name}/kernel"] = random.normal(size=[4, 4]).astype(np.float32)
        arrays[f"{name}/bias"] = random.normal(size=4).astype(np.float32) if bias else np.zeros(4, np.float32)
    return arrays


def exchanged(arrays: dict[str, Any], one: str, two: str) -> dict[str, Any]:
    """With the values of two layers the other way round."""

    def source(name: str) -> str:
        for begin, other in ((one, two), (two, one)):
            if name.startswith(begin):
                return other + name.removeprefix(begin)
        return name

    return {name: arrays[source(name)] for name in arrays}


def hints(model: ModelResult) -> dict[str, str]:
    return {str(each.tensor): each.hint for each in check_of(model, "values").findings}


def rules_in(hint: str) -> dict[str, Any]:
    found = re.search(r"it takes three steps: `(names: .*?)`", hint)
    assert found, hint
    rules: dict[str, Any] = yaml.safe_load(found[1])
    return rules


@pytest.mark.parametrize("format", ["npz", "keras", "h5", "safetensors"])
@pytest.mark.parametrize("bias", [False, True], ids=["zeros", "biases"])
@pytest.mark.parametrize(
    ("one", "two", "others"),
    [("left/", "right/", ["tail"]), ("net/a/", "net/b/", ["elsewhere"]), ("it's (1).x/", "b/", ["b2"])],
)
def test_the_three_steps_that_are_told_settle_it(
    tmp_path: Path, format: str, bias: bool, one: str, two: str, others: list[str]
) -> None:
    theirs = layers(one.rstrip("/"), two.rstrip("/"), *others, bias=bias)
    ours = exchanged(theirs, one, two)
    (tmp_path / "red").mkdir()
    told = hints(judge(tmp_path / "red", ours, theirs, format, load=False))
    assert set(told) == {
        f"{layer}{part}" for layer in (one, two) for part in (["kernel", "bias"] if bias else ["kernel"])
    }
    (hint,) = set(told.values())
    (tmp_path / "green").mkdir()
    green = judge(tmp_path / "green", ours, theirs, format, load=False, **rules_in(hint))
    assert all(check.outcome == "passed" for check in green.checks)


def test_no_rule_is_told_of_less_than_a_layer(tmp_path: Path) -> None:
    theirs = layers("a", "b", bias=True)
    ours = theirs | {"a/kernel": theirs["b/kernel"], "b/kernel": theirs["a/kernel"]}
    for hint in hints(judge(tmp_path, ours, theirs)).values():
        assert hint == "see what wrote this file: it may go by order where it should go by name"


def test_no_rule_is_told_where_more_is_wrong(tmp_path: Path) -> None:
    theirs = layers("a", "b", bias=True)
    ours = exchanged(theirs, "a/", "b/") | {"a/bias": theirs["a/bias"] + 1}
    assert all("names" not in hint for hint in hints(judge(tmp_path, ours, theirs)).values())


def test_two_rules_for_a_swap_are_told_the_third_name(tmp_path: Path) -> None:
    theirs = layers("left", "right", "tail")
    two = [{"from": "^left/", "to": "right/"}, {"from": "^right/", "to": "left/"}]
    (tmp_path / "red").mkdir()
    ours = exchanged(theirs, "left/", "right/")
    model = judge(tmp_path / "red", ours, theirs, names=two)
    (found,) = (each for each in findings_of(model) if "makes one name of two tensors" in each.reason)
    rules = re.search(r"a third one stands in between: `(names: .*)`", found.hint)
    assert rules, found.hint
    (tmp_path / "green").mkdir()
    green = judge(tmp_path / "green", ours, theirs, load=False, **yaml.safe_load(rules[1]))
    assert all(check.outcome == "passed" for check in green.checks)


@pytest.mark.parametrize("to", ["a", "b"])
def test_rules_that_make_one_name_of_two_otherwise_are_to_be_narrower(tmp_path: Path, to: str) -> None:
    theirs = layers("a", "b")
    rules = [{"from": "^a/", "to": "x/"}, {"from": "^b/", "to": "x/"}, {"from": "^x/", "to": f"{to}/"}]
    model = judge(tmp_path, theirs, theirs, names=rules)
    (found,) = (each for each in findings_of(model) if "makes one name of two tensors" in each.reason)
    assert found.hint == "make the pattern narrower"

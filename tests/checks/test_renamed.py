"""A renamed layer gets one `names` rule for all of its tensors, and the rule settles it."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from gate.results import ModelResult
from support.judging import check_of, judge

ZEROS = np.zeros([8], np.float32)


def layers(*names: str) -> dict[str, Any]:
    """Dense layers, none like another but for their biases, which are all zero."""
    random = np.random.default_rng(6)
    arrays: dict[str, Any] = {}
    for name in names:
        arrays[f"{name}/kernel"] = random.normal(size=[8, 8]).astype(np.float32)
        arrays[f"{name}/bias"] = ZEROS
    return arrays


def hints(model: ModelResult) -> dict[str, str]:
    return {str(each.tensor): each.hint for each in check_of(model, "structure").findings}


def rule_in(hint: str) -> str:
    found = re.search(r"`(names: .*)`$", hint)
    assert found, hint
    return found[1]


@pytest.mark.parametrize("format", ["npz", "keras", "h5", "safetensors"])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (["stem", "old_head", "tail"], ["stem", "head", "tail"]),
        (["stem", "old_head", "tail"], ["stem", "head", "end"]),
        (["net/a", "net/b"], ["model/a", "model/b"]),
        (["it's (old).", "b"], ["new's \\1", "b"]),
    ],
    ids=" ".join,
)
def test_the_rules_that_are_told_settle_it(tmp_path: Path, format: str, old: list[str], new: list[str]) -> None:
    theirs = layers(*old)
    ours = dict(zip(layers(*new), theirs.values(), strict=True))
    (tmp_path / "red").mkdir()
    told = hints(judge(tmp_path / "red", ours, theirs, format, load=False))
    moved = {
        f"{name}/{part}"
        for pair in zip(old, new, strict=True)
        if pair[0] != pair[1]
        for name in pair
        for part in ("kernel", "bias")
    }
    assert told.keys() == moved
    rules = dict.fromkeys(rule_in(hint) for hint in told.values())
    names = [each for rule in rules for each in yaml.safe_load(rule)["names"]]
    (tmp_path / "green").mkdir()
    assert judge(tmp_path / "green", ours, theirs, format, load=False, names=names).outcome == "passed"


def test_a_container_that_was_renamed_is_one_rule(tmp_path: Path) -> None:
    theirs = layers("net/a", "net/b", "other")
    ours = {name.replace("net/", "model/"): array for name, array in theirs.items()}
    told = hints(judge(tmp_path, ours, theirs))
    assert set(told.values()) == {"if the layer was renamed, say so: `names: [{from: '^net/', to: 'model/'}]`"}
    assert len(told) == 8


def test_a_rule_that_would_rename_more_is_narrower(tmp_path: Path) -> None:
    """`net/b` stayed, so `^net/` would rename too much."""
    theirs = layers("net/a", "net/b")
    ours = {name.replace("net/a", "model/a"): array for name, array in theirs.items()}
    told = hints(judge(tmp_path, ours, theirs))
    assert {rule_in(hint) for hint in told.values()} == {"names: [{from: '^net/a/', to: 'model/a/'}]"}


def test_no_rule_is_told_where_the_data_does_not_say(tmp_path: Path) -> None:
    theirs = layers("stem", "old_head")
    ours = layers("stem", "other", "head")  # the same first layer; the others have values of their own
    ours["head/kernel"] = ours["head/kernel"] + 1
    ours["other/kernel"] = ours["other/kernel"] + 1
    assert not any("names:" in hint for hint in hints(judge(tmp_path, ours, theirs)).values())


def test_two_layers_that_became_one_get_no_rule(tmp_path: Path) -> None:
    theirs = layers("a", "b")
    theirs["b/kernel"] = theirs["a/kernel"]
    ours = {"c/kernel": theirs["a/kernel"], "c/bias": ZEROS}
    assert not any("names: [" in hint for hint in hints(judge(tmp_path, ours, theirs)).values())


def test_a_tensor_of_no_layer(tmp_path: Path) -> None:
    theirs = {"w": np.arange(5, dtype=np.float32), "v": ZEROS}
    told = hints(judge(tmp_path, {"x": theirs["w"], "v": ZEROS}, theirs))
    assert {rule_in(hint) for hint in told.values()} == {"names: [{from: '^w$', to: 'x'}]"}

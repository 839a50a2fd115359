"""What a lock proves and what it cannot tell, rule by rule."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from gate.results import Finding, ModelResult, Outcome
from support.files import SUFFIXES, WRITERS
from support.judging import check_of, findings_of, judge_manifest, outcomes_of, sample
from support.locks import write_lock

Arrays = dict[str, Any]


def judge(
    folder: Path, new: Arrays, old: Arrays | None = None, format: str = "npz", tensors: Any = None, **entry: Any
) -> ModelResult:
    """The result for `new` by the lock of `old`, or of `new` itself; the file that the lock is of is gone."""
    folder.mkdir(exist_ok=True)
    path = folder / f"model{SUFFIXES[format]}"
    WRITERS[format](path, new if old is None else old)
    write_lock(path, folder / "model.lock.yml")
    path.unlink()
    WRITERS[format](path, new)
    rules = {} if tensors is None else {"tensors": tensors}
    said = {"weights": path.name, "reference": {"lock": "model.lock.yml"}, "load": False, **rules, **entry}
    manifest = folder / "weight-gate.yml"
    manifest.write_text(yaml.safe_dump({"version": 1, "models": [said]}))
    return judge_manifest(manifest).models[0]


def changed(**values: Any) -> Arrays:
    """The sample with other tensors in places: `head__kernel=…`."""
    return {**sample(), **{name.replace("__", "/"): value for name, value in values.items()}}


def only(model: ModelResult, check: str = "values") -> Finding:
    (found,) = check_of(model, check).findings
    return found


@pytest.mark.parametrize("format", sorted(WRITERS))
def test_the_same_file_is_identical(tmp_path: Path, format: str) -> None:
    model = judge(tmp_path, sample(), format=format)
    assert set(outcomes_of(model).values()) == {"passed"}
    assert (model.coverage.compared, model.coverage.identical, model.coverage.tensors) == (10, 10, 10)
    assert model.coverage.compared_bytes == model.coverage.bytes > 0
    assert "10 of 10 tensors, 100 % of bytes compared; 10 identical bit for bit" in check_of(model, "values").summary
    assert any("a lock of model" in note and "by Ada" in note and "first training" in note for note in model.notes)


@pytest.mark.parametrize("expect", ["close", "identical"])
def test_a_changed_element_is_red_with_what_became_of_the_statistics(tmp_path: Path, expect: str) -> None:
    old = sample()
    bias = old["head/bias"].astype(np.float64)
    kernel = old["head/bias"].copy()
    kernel[1] += 1
    model = judge(tmp_path, changed(head__bias=kernel), old, tensors=[{"match": "head/*", "expect": expect}])
    found = only(model)
    assert (found.kind, found.tensor) == ("lock-mismatch", "head/bias")
    assert "another digest than the lock's: at least one element differs" in found.reason
    new = kernel.astype(np.float64)
    assert f"mean {bias.mean():.9g} → {new.mean():.9g}, std {bias.std():.9g} → {new.std():.9g}" in found.details[0]
    assert "weight-gate update" in found.hint
    assert "a file, or one from git, as the reference" in found.hint
    assert check_of(model, "values").outcome is Outcome.FAILED
    assert any("beyond its tolerance" in line for line in found.details) == (expect == "close")


def test_within_tolerance_is_red_all_the_same_and_says_that_it_cannot_tell(tmp_path: Path) -> None:
    kernel = sample()["head/kernel"] * np.float32(1 + 1e-6)
    rule = {"match": "**", "tolerance": {"rtol": 1e-3, "atol": 0.0}}
    found = only(judge(tmp_path, changed(head__kernel=kernel), sample(), tensors=[rule]))
    assert found.kind == "lock-mismatch"
    assert "whether within rtol=0.001, atol=0 it cannot tell" in found.reason


def test_changed_is_green_where_statistics_prove_it(tmp_path: Path) -> None:
    rule = {"match": "head/kernel", "expect": "changed"}
    model = judge(tmp_path, changed(head__kernel=sample()["head/kernel"] + 1), sample(), tensors=[rule])
    assert model.outcome is Outcome.PASSED
    assert "1 changed, as told" in check_of(model, "values").summary


def test_changed_is_red_where_nothing_did(tmp_path: Path) -> None:
    found = only(judge(tmp_path, sample(), tensors=[{"match": "head/kernel", "expect": "changed"}]))
    assert (found.kind, found.reason) == ("unchanged-tensor", "identical to the reference, but must have changed")


@pytest.mark.parametrize("tolerance", [{"rtol": 0.0, "atol": 10.0}, {"rtol": 0.0, "atol": 0.0}])
def test_changed_cannot_be_told_where_statistics_prove_nothing(tmp_path: Path, tolerance: Any) -> None:
    """Rows in another order: the statistics are the same, and no tolerance is proved to be exceeded."""
    rule = {"match": "head/kernel", "expect": "changed", "tolerance": tolerance}
    kernel = np.ascontiguousarray(sample()["head/kernel"][::-1])
    model = judge(tmp_path, changed(head__kernel=kernel), sample(), tensors=[rule])
    found = only(model)
    assert found.kind == "uncheckable"
    assert "cannot be told by a lock" in found.reason
    assert check_of(model, "values").outcome is Outcome.ERROR


def test_changed_of_whole_numbers_is_proved_by_the_digest(tmp_path: Path) -> None:
    old = changed(head__bias=np.array([1, 2, 3], np.int32))
    new = changed(head__bias=np.array([3, 2, 1], np.int32))
    model = judge(tmp_path, new, old, tensors=[{"match": "head/bias", "expect": "changed"}])
    assert model.outcome is Outcome.PASSED


def test_presence_needs_no_values(tmp_path: Path) -> None:
    old = sample()
    new = {name: array for name, array in old.items() if name != "bn/beta"} | {"adapter/kernel": np.ones(3, np.float32)}
    rules = [{"match": "adapter/**", "expect": "new"}, {"match": "bn/beta", "expect": "removed"}]
    assert judge(tmp_path, new, old, tensors=rules).outcome is Outcome.PASSED


def test_what_is_missing_and_what_is_more_is_red(tmp_path: Path) -> None:
    old = sample()
    new = {name.replace("conv_a", "stem"): array for name, array in old.items()}
    found = {finding.tensor: finding for finding in check_of(judge(tmp_path, new, old), "structure").findings}
    assert {name: each.kind for name, each in found.items()} == {
        "conv_a/kernel": "missing-tensor", "conv_a/bias": "missing-tensor",
        "stem/kernel": "unexpected-tensor", "stem/bias": "unexpected-tensor",
    }  # fmt: skip
    assert found["conv_a/kernel"].details == ("its values are found under stem/kernel: renamed?",)


def test_rules_on_statistics_alone(tmp_path: Path) -> None:
    new = {name: array * np.float32(1.0001) for name, array in sample().items()}
    rules = [{"match": "**", "expect": "any"}]
    bounds = {name: {"rtol": 1e-3, "atol": 1e-3} for name in ("mean", "std", "min", "max", "norm")}
    model = judge(tmp_path, new, sample(), tensors=rules, statistics=bounds)
    assert model.outcome is Outcome.PASSED
    assert model.coverage.statistics == 10
    tight = judge(tmp_path / "tight", new, sample(), tensors=rules, statistics={"norm": {"rtol": 1e-6}})
    assert {each.kind for each in check_of(tight, "statistics").findings} == {"statistic-mismatch"}
    assert check_of(tight, "statistics").outcome is Outcome.FAILED


@pytest.mark.parametrize("statistic", ["skewness", "kurtosis"])
def test_higher_moments_could_not_be_checked(tmp_path: Path, statistic: str) -> None:
    model = judge(tmp_path, sample(), statistics={statistic: 1e-3, "mean": 1e-3})
    found = only(model, "statistics")
    assert (found.kind, found.reason) == ("uncheckable", f"{statistic} cannot be compared: a lock does not hold it")
    assert check_of(model, "statistics").outcome is Outcome.ERROR


def test_values_and_statistics_in_the_manifest_are_as_ever(tmp_path: Path) -> None:
    bias = np.array([0.5, 1.5, -2.5], np.float32)
    rules = [{"match": "head/bias", "values": [0.5, 1.5, -2.5], "mean": {"value": -1 / 6, "atol": 1e-6}}]
    assert judge(tmp_path, changed(head__bias=bias), tensors=rules).outcome is Outcome.PASSED
    WRITERS["npz"](tmp_path / "model.npz", changed(head__bias=bias * 2))
    kinds = {finding.kind for finding in findings_of(judge_manifest(tmp_path / "weight-gate.yml").models[0])}
    assert kinds == {"value-mismatch", "lock-mismatch", "statistic-out-of-bounds"}


def test_a_swap_is_named(tmp_path: Path) -> None:
    old = sample()
    new = changed(conv_a__kernel=old["conv_b/kernel"], conv_b__kernel=old["conv_a/kernel"])
    found = check_of(judge(tmp_path, new, old), "values").findings
    said = "swapped: it holds what the lock has as conv_{0}/kernel, and conv_{0}/kernel holds what belongs here"
    assert [(each.kind, each.reason) for each in found] == [("swapped-tensor", said.format(other)) for other in "ba"]


def test_a_tensor_in_the_wrong_place_is_named(tmp_path: Path) -> None:
    found = only(judge(tmp_path, changed(conv_a__kernel=sample()["conv_b/kernel"]), sample()))
    assert (found.kind, found.reason) == ("misplaced-tensor", "it holds what the lock has as conv_b/kernel")


def test_what_was_never_set_is_named(tmp_path: Path) -> None:
    found = only(judge(tmp_path, changed(conv_a__kernel=np.zeros((4, 4), np.float32)), sample()))
    assert found.kind == "constant-tensor"


def test_another_dtype_is_red_even_where_a_rule_accepts_it(tmp_path: Path) -> None:
    kernel = sample()["head/kernel"].astype(np.float64)
    rules = [{"match": "head/kernel", "dtype": "float64"}]
    found = only(judge(tmp_path, changed(head__kernel=kernel), sample(), tensors=rules))
    assert found.kind == "not-comparable"
    assert "the file has float64 [4, 3], the lock float32 [4, 3]" in found.reason


def test_nan_is_judged_as_by_the_same_file(tmp_path: Path) -> None:
    arrays = changed(head__bias=np.array([np.nan, 1, np.inf], np.float32))
    kinds = {each.kind for each in findings_of(judge(tmp_path / "forbidden", arrays))}
    assert kinds == {"nan-found", "inf-found", "value-mismatch"}
    rule = {"match": "head/bias", "nan": "allowed", "inf": "allowed"}
    assert judge(tmp_path, arrays, tensors=[rule]).outcome is Outcome.PASSED


def test_large_tensors_are_judged_in_pieces(tmp_path: Path) -> None:
    """Of more than one piece of 8 MiB: one other element in the last one."""
    large = np.arange(5_000_000, dtype=np.float32)
    other = large.copy()
    other[-1] += 1
    model = judge(tmp_path, {"a/kernel": other}, {"a/kernel": large}, format="safetensors")
    assert only(model).kind == "lock-mismatch"
    assert model.coverage.identical == 0
    WRITERS["safetensors"](tmp_path / "model.safetensors", {"a/kernel": large})
    assert judge_manifest(tmp_path / "weight-gate.yml").models[0].outcome is Outcome.PASSED


def test_names_rules_hold_for_a_lock(tmp_path: Path) -> None:
    new = {name.replace("head/", "top/"): array for name, array in sample().items()}
    assert judge(tmp_path, new, sample(), names=[{"from": "^head/", "to": "top/"}]).outcome is Outcome.PASSED


def test_a_pinned_digest_goes_with_a_lock(tmp_path: Path) -> None:
    model = judge(tmp_path, sample(), digest=f"sha256:{'0' * 64}")
    assert check_of(model, "digest").outcome is Outcome.FAILED
    assert check_of(model, "values").outcome is Outcome.PASSED


def test_layers_that_changed_places_are_settled_by_the_three_steps_that_are_told(tmp_path: Path) -> None:
    old = sample()
    other = {"conv_a": "conv_b", "conv_b": "conv_a"}
    new = {name: old["/".join([other.get(name.split("/")[0], name.split("/")[0]), name.split("/")[1]])] for name in old}
    hints = {each.hint for each in findings_of(judge(tmp_path / "red", new, old))}
    (hint,) = hints
    rules = re.search(r"it takes three steps: `(names: .*?)`; if the move is meant, approve it with", hint)
    assert rules, hint
    green = judge(tmp_path / "green", new, old, **yaml.safe_load(rules[1]))
    assert set(outcomes_of(green).values()) == {"passed"}


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_of_what_is_not_finite_no_distance_is_told(tmp_path: Path, value: float) -> None:
    kernel = sample()["head/bias"].copy()
    kernel[0] = value
    model = judge(tmp_path, changed(head__bias=kernel), sample())
    for check in ("values", "finite"):
        found = only(model, check)
        assert found.hint.startswith("the training diverged, or the file is damaged: do not ship it; ")
        assert not any("apart" in line or "1e-290" in line for line in found.details)


def test_a_constant_is_looked_at_before_it_is_approved(tmp_path: Path) -> None:
    found = only(judge(tmp_path, changed(head__bias=np.zeros(3, np.float32)), sample()))
    assert found.kind == "constant-tensor"
    assert found.hint.startswith("see whether it was loaded and trained")
    assert "approve" in found.hint

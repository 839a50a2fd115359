"""Structure, finite and rules: what they find, and where they say it was asked for."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gate.results import Outcome
from support.judging import check_of, findings_of, judge, outcomes_of, sample


def kinds(model: Any) -> set[tuple[str | None, str]]:
    return {(finding.tensor, finding.kind) for finding in findings_of(model)}


@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        ({"match": "head/bias", "expect": "new"}, "not-new"),
        ({"match": "head/bias", "expect": "removed"}, "not-removed"),
        ({"match": "head/bias", "shape": [4]}, "shape-mismatch"),
        ({"match": "head/bias", "dtype": "float64"}, "dtype-mismatch"),
    ],
)
def test_rules_that_the_files_contradict(rule: dict[str, Any], kind: str, tmp_path: Path) -> None:
    model = judge(tmp_path, sample(), sample(), tensors=[rule])
    assert ("head/bias", kind) in kinds(model)
    position = next(finding.position for finding in findings_of(model) if finding.kind == kind)
    assert position is not None
    assert (position.line, position.column) == (6, 5)


def test_a_new_tensor_that_only_the_reference_has(tmp_path: Path) -> None:
    candidate = {name: array for name, array in sample().items() if name != "head/bias"}
    model = judge(tmp_path, candidate, sample(), tensors=[{"match": "head/bias", "expect": "new"}])
    assert kinds(model) == {("head/bias", "not-new")}


def test_a_removed_tensor_that_only_the_candidate_has(tmp_path: Path) -> None:
    reference = {name: array for name, array in sample().items() if name != "head/bias"}
    model = judge(tmp_path, sample(), reference, tensors=[{"match": "head/bias", "expect": "removed"}])
    assert ("head/bias", "not-removed") in kinds(model)


def test_new_tensors_are_still_looked_through_and_held_to_their_own_rules(tmp_path: Path) -> None:
    extra = sample() | {"adapter/kernel": np.array([[1.0, np.nan]], np.float32)}
    model = judge(
        tmp_path, extra, sample(), tensors=[{"match": "adapter/**", "expect": "new", "shape": [2, 2], "max": 1}]
    )
    assert kinds(model) == {
        ("adapter/kernel", "nan-found"),
        ("adapter/kernel", "shape-mismatch"),
        ("adapter/kernel", "statistic-out-of-bounds"),
    }


def test_several_things_wrong_with_one_tensor_are_all_told(tmp_path: Path) -> None:
    changed = sample() | {"head/bias": np.array([1, 2], np.int32)}
    model = judge(tmp_path, changed, sample())
    assert kinds(model) == {("head/bias", "shape-mismatch"), ("head/bias", "dtype-mismatch")}
    assert check_of(model, "values").outcome == Outcome.PASSED
    assert "9 of 10 tensors" in check_of(model, "values").summary


def test_infinities(tmp_path: Path) -> None:
    masked = {"mask": np.array([0, -np.inf, np.inf], np.float32), "k": np.arange(3.0)}
    (tmp_path / "red").mkdir()
    (tmp_path / "green").mkdir()
    red = judge(tmp_path / "red", masked, masked)
    assert ("mask", "inf-found") in kinds(red)
    assert check_of(red, "finite").findings[0].reason == "2 of 3 elements are infinite"
    assert check_of(red, "finite").findings[0].details == ("first at [1]",)
    green = judge(tmp_path / "green", masked, masked, tensors=[{"match": "mask", "inf": "allowed"}])
    assert kinds(green) == set()


def test_a_rule_that_matches_nothing_is_an_error_with_the_name_of_the_group_it_meant(tmp_path: Path) -> None:
    # `optimizer/…` in a whole-model .h5 belongs to a group that is only listed
    arrays = sample()
    model = judge(tmp_path, arrays, arrays, tensors=[{"match": "hed/*", "expect": "changed"}])
    assert outcomes_of(model)["rules"] == "error"
    assert "weight-gate list" in check_of(model, "rules").findings[0].hint


def test_waivers_are_listed_with_count_reason_and_end(tmp_path: Path) -> None:
    rules = [
        {"match": "conv_*/*", "expect": "ignored", "reason": "flaky", "until": "2026-11-21"},
        {"match": "conv_b/*", "expect": "close"},
    ]
    model = judge(tmp_path, sample(), sample(), tensors=rules)
    waived = check_of(model, "ignored: conv_*/*")
    assert waived.outcome == Outcome.WAIVED
    assert waived.summary == "2 tensors not looked at: flaky (until 2026-11-21)"


def test_the_day_after_a_waiver_ends_the_tensor_counts_again(tmp_path: Path) -> None:
    changed = sample() | {"head/bias": sample()["head/bias"] + 1}
    rules = [{"match": "head/bias", "expect": "ignored", "reason": "flaky", "until": "2026-11-21"}]
    (tmp_path / "on").mkdir()
    (tmp_path / "after").mkdir()
    assert judge(tmp_path / "on", changed, sample(), tensors=rules).outcome == Outcome.PASSED
    late = judge(tmp_path / "after", changed, sample(), tensors=rules, today=date(2026, 11, 22))
    assert late.outcome == Outcome.FAILED
    (ended,) = check_of(late, "rules").findings
    assert (ended.kind, ended.position.line) == ("expired-waiver", 6)  # type: ignore[union-attr]
    assert ended.reason == "the rule for head/bias ended after 2026-11-21 and no longer holds"


@pytest.mark.parametrize(
    "waiver",
    [
        {"expect": "ignored"},
        {"expect": "any"},
        {"nan": "allowed"},
        {"tolerance": {"rtol": 1.0, "atol": 1.0}},
    ],
)
def test_a_waiver_that_ended_is_red_whatever_the_tensor_holds(tmp_path: Path, waiver: dict[str, Any]) -> None:
    rules = [{"match": "head/bias", **waiver, "reason": "flaky", "until": "2026-11-21"}]
    late = judge(tmp_path, sample(), sample(), tensors=rules, today=date(2026, 11, 22))
    red = {name: outcome for name, outcome in outcomes_of(late).items() if outcome != "passed"}
    assert red == {"rules": "failed"}
    assert [each.kind for each in findings_of(late)] == ["expired-waiver"]


def test_a_waiver_of_restoring_that_ended_is_red_before_anything_is_loaded(tmp_path: Path) -> None:
    waive = {"waive": [{"match": "head/*", "reason": "r", "until": "2026-11-21"}]}
    late = judge(tmp_path, sample(), sample(), restore=waive, today=date(2026, 11, 22))
    (ended,) = check_of(late, "rules").findings
    assert ended.reason == "the waiver for head/* in `restore` ended after 2026-11-21 and no longer holds"
    assert ended.position is not None


def test_what_ended_and_matches_nothing_is_an_error_all_the_same(tmp_path: Path) -> None:
    rules = [{"match": "gone", "expect": "ignored", "reason": "flaky", "until": "2026-11-21"}]
    late = judge(tmp_path, sample(), sample(), tensors=rules, today=date(2026, 11, 22))
    assert outcomes_of(late)["rules"] == "error"
    assert [each.kind for each in check_of(late, "rules").findings] == ["idle-rule", "expired-waiver"]


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (np.ones((3, 2)), np.ones((2, 3)), {"shape": [2, 3]}),
        (np.ones(2), np.array(["a", "b"]), {"dtype": "string"}),
        (np.array([b"a"]), np.array([1]), {"dtype": "int64"}),
    ],
)
def test_a_stated_shape_or_dtype_does_not_leave_values_uncompared(
    old: Any, new: Any, rule: dict[str, Any], tmp_path: Path
) -> None:
    both = sample()
    (tmp_path / "red").mkdir()
    (tmp_path / "green").mkdir()
    red = judge(tmp_path / "red", both | {"t": new}, both | {"t": old}, tensors=[{"match": "t", **rule}])
    assert kinds(red) == {("t", "not-comparable")}
    changed = [{"match": "t", "expect": "changed", **rule}]
    green = judge(tmp_path / "green", both | {"t": new}, both | {"t": old}, tensors=changed)
    assert kinds(green) == set()

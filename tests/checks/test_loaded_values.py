"""The rules on what was loaded: frozen, changed, left out, and what can no longer be compared."""

from datetime import date
from typing import Any

import numpy as np
import pytest

from gate.asked import Loading, Waiver
from gate.checks.evidence import NotLoaded, Restored
from gate.checks.loaded_values import check_loaded_values
from gate.errors import GateError
from gate.position import Position
from gate.results import CheckResult, Outcome
from gate.tensors.rules import Expect, Rule
from support.evidence import LINES, Shown, f32, loaded, subject_of, told

GOLDEN = {"body": f32(1, 2), "head": f32(3, 4)}
FILE = {"body": f32(1, 2), "head": f32(5, 6)}
RULES = (Rule("body", expect=Expect.IDENTICAL), Rule("head", expect=Expect.CHANGED))


def judged(
    restored: Restored | Shown,
    file: dict[str, Any] | None = None,
    reference: dict[str, Any] | None = None,
    rules: tuple[Rule, ...] = RULES,
    **loading: Any,
) -> CheckResult:
    return check_loaded_values(
        subject_of(restored, Loading(**loading), file=file or FILE, reference=reference or GOLDEN, rules=rules)
    )


def test_what_was_loaded_is_as_the_rules_say() -> None:
    found = judged(loaded(FILE))
    assert (found.check, found.outcome, found.findings, found.checked) == ("loaded-values", Outcome.PASSED, (), 2)
    assert found.summary.startswith("after loading: 2 of 2 tensors, 100 % of bytes compared; 1 identical bit for bit")


def test_a_frozen_layer_that_the_load_changed() -> None:
    found = judged(loaded(FILE, holds={"body": f32(1, 2.5)}))
    assert (found.outcome, told(found.findings)) == (Outcome.FAILED, [("not-identical", "body")])


def test_a_trained_layer_that_the_load_put_back() -> None:
    found = judged(loaded(FILE, holds={"head": GOLDEN["head"]}))
    assert told(found.findings) == [("unchanged-tensor", "head")]


def test_a_swap_is_seen_by_name() -> None:
    found = judged(loaded(FILE, {"body": "head", "head": "body"}))
    assert [name for _, name in told(found.findings)] == ["body"]  # the head has changed indeed


def test_names_of_the_model_are_those_of_the_file() -> None:
    landed = {"model/x": "body", "model/y": "head"}
    home = {"body": "model/x", "head": "model/y"}
    assert judged(loaded(FILE, landed, home=home)).outcome == Outcome.PASSED
    # where no name tells, what landed is looked at
    assert judged(loaded(FILE, landed, home={}, uncertain=frozenset(home))).outcome == Outcome.PASSED
    swapped = {"model/x": "head", "model/y": "body"}
    assert judged(loaded(FILE, swapped, home=home)).outcome == Outcome.FAILED


def test_what_values_found_of_the_file_is_not_told_again() -> None:
    file = {**FILE, "head": GOLDEN["head"]}
    found = judged(loaded(file), file)
    assert (found.outcome, found.findings) == (Outcome.FAILED, ())
    assert found.summary.startswith("after loading: 1 finding as in the file; ")
    found = judged(loaded(file, holds={"body": f32(9, 8)}), file)
    assert told(found.findings) == [("not-identical", "body")]
    assert found.summary.startswith("after loading: 1 finding as in the file; ")


def test_a_tensor_that_no_variable_holds() -> None:
    found = judged(loaded(FILE, {"head": "head"}))
    assert (found.outcome, told(found.findings)) == (Outcome.FAILED, [("not-comparable", "body")])
    assert found.findings[0].reason.startswith("no variable of the loaded model holds it")


@pytest.mark.parametrize("held", [np.array([1.0, 2.0]), f32(1, 2).reshape(2, 1), f32(1, 2, 3)])
def test_a_variable_of_another_kind_is_not_passed_over(held: Any) -> None:
    found = judged(loaded(FILE, holds={"body": held}))
    assert (found.outcome, told(found.findings)) == (Outcome.FAILED, [("not-comparable", "body")])
    assert found.findings[0].reason.startswith("the file has float32 [2], and what was loaded is float")


def test_values_in_the_manifest_hold_after_loading_too() -> None:
    rules = (*RULES, Rule("body", values=[1, 2]))
    assert judged(loaded(FILE), rules=rules).outcome == Outcome.PASSED
    found = judged(loaded(FILE, {"head": "head"}), rules=rules)
    assert told(found.findings) == [("not-comparable", "body")]


def test_nothing_that_was_loaded_was_compared() -> None:
    found = judged(loaded(FILE, {}))
    assert found.outcome == Outcome.FAILED
    assert told(found.findings) == [("not-comparable", "body"), ("not-comparable", "head")]


def test_an_empty_file_is_an_error() -> None:
    found = check_loaded_values(subject_of(loaded({}), file={}, reference={}, rules=RULES))
    assert (found.outcome, told(found.findings)) == (Outcome.ERROR, [("uncheckable", None)])


def waiver(match: str, until: date | None = None) -> tuple[Waiver, ...]:
    return (Waiver(match, "retrained on every deploy", until, Position("weight-gate.yml", 9, 3)),)


def test_what_need_not_be_restored_is_left_out_and_said() -> None:
    restored = loaded(FILE, {"body": "body", "head": None}, holds={"head": GOLDEN["head"]})
    assert judged(restored).outcome == Outcome.FAILED
    found = judged(restored, waivers=waiver("head"))
    assert (found.outcome, found.checked) == (Outcome.PASSED, 1)
    assert found.summary.endswith("; 1 tensor that need not be loaded left out")
    assert judged(restored, waivers=waiver("head", date(2026, 11, 20))).outcome == Outcome.FAILED


def test_what_partial_leaves_in_the_file_is_left_out_and_said() -> None:
    restored = loaded(FILE, {"body": "body", "head": None}, holds={"head": f32(0, 0)})
    rules = (Rule("body", expect=Expect.IDENTICAL), Rule("head", expect=Expect.IDENTICAL))
    file = {**FILE, "head": GOLDEN["head"]}
    found = judged(restored, file, rules=rules, partial=("body",))
    assert (found.outcome, found.checked) == (Outcome.PASSED, 1)
    assert "1 tensor that need not be loaded left out" in found.summary


def test_a_refused_load_is_a_failure_and_not_a_defect() -> None:
    found = judged(Shown(NotLoaded("3 variables expected", "mend the file")))
    assert (found.outcome, told(found.findings)) == (Outcome.FAILED, [("load-failed", None)])
    assert found.findings[0].position == LINES["load"]


def test_whatever_else_goes_wrong_is_for_the_caller_to_tell() -> None:
    with pytest.raises(GateError, match="signal 9"):
        judged(Shown(GateError("killed by signal 9")))

"""What is said of a load: each tensor in the variable of its name, unchanged, and each variable from the file."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.asked import Loading, Waiver
from gate.checks.evidence import Landing, NotLoaded, Restored, Said
from gate.checks.restore import check_restore, restore_waivers
from gate.errors import GateError
from gate.position import Position
from gate.results import CheckResult, Outcome
from gate.tensors.weightset import Group
from support.evidence import LINES, TODAY, WEIGHTS, Shown, f32, grouped, loaded, subject_of, told
from support.tensors import broken

FILE = {"a/kernel": f32(1, 2), "a/bias": f32(3), "b/kernel": f32(4, 5), "b/bias": f32(6)}


def judged(restored: Restored | Shown, groups: frozenset[Group] = WEIGHTS, **loading: Any) -> CheckResult:
    return check_restore(subject_of(restored, Loading(**loading), groups))


def waiver(match: str, days: int | None = None) -> Waiver:
    until = None if days is None else TODAY + timedelta(days=days)
    return Waiver(match, "retrained on every deploy", until, Position("weight-gate.yml", 9, 3))


# What is right


def test_all_restored() -> None:
    found = judged(loaded(FILE))
    assert (found.outcome, found.findings, found.checked) == (Outcome.PASSED, (), 4)
    assert found.summary == "4 of 4 tensors restored, 100 % of bytes; 4 of 4 variables written by the load"


def test_constants_are_told_apart_by_what_landed_not_by_values() -> None:
    zeros = {"a/bias": f32(0, 0), "b/bias": f32(0, 0)}
    assert judged(loaded(zeros)).outcome == Outcome.PASSED
    assert told(judged(loaded(zeros, {"a/bias": "b/bias", "b/bias": "a/bias"})).findings) == [
        ("restored-elsewhere", "a/bias"),
        ("restored-elsewhere", "b/bias"),
    ]


def test_a_copy_beside_the_variable_of_its_name_is_fine() -> None:
    found = judged(loaded(FILE, {**{name: name for name in FILE}, "tied/kernel": "a/kernel"}))
    assert found.findings == ()
    assert "5 of 5 variables" in found.summary


def test_names_in_the_file_may_be_other_names_in_the_model() -> None:
    landed = {"model/x": "a/kernel", "model/y": "a/bias"}
    found = judged(loaded({"a/kernel": f32(1, 2), "a/bias": f32(3)}, landed, home={v: k for k, v in landed.items()}))
    assert found.outcome == Outcome.PASSED


def test_nan_is_what_the_file_has_when_its_bits_are() -> None:
    nan = np.array([np.nan, np.inf, -0.0], np.float32)
    assert judged(loaded({"a": nan})).outcome == Outcome.PASSED
    other = nan.copy()
    other.view(np.uint32)[0] += 1  # another NaN
    assert told(judged(loaded({"a": nan}, holds={"a": other})).findings) == [("altered", "a")]
    assert told(judged(loaded({"a": nan}, holds={"a": np.abs(nan)})).findings) == [("altered", "a")]


def test_states_of_generators_that_no_file_holds_are_exempt() -> None:
    restored = loaded(FILE, holds={"rng/seed": np.array([7, 7], np.uint32)})
    restored = Restored(restored.tensors, grouped(restored.variables, rng=["rng/seed"]), restored.landed, restored.home)
    for groups in (WEIGHTS, WEIGHTS | {Group.RNG}):
        found = judged(restored, groups)
        assert found.outcome == Outcome.PASSED
        assert "4 of 4 variables" in found.summary


def test_a_generator_that_the_file_holds_is_looked_at_when_asked() -> None:
    seed = np.array([7, 7], np.uint32)
    restored = loaded({**FILE, "rng/seed": seed}, {**{name: name for name in FILE}, "rng/seed": None})
    restored = Restored(
        grouped(restored.tensors, rng=["rng/seed"]),
        grouped(restored.variables, rng=["rng/seed"]),
        restored.landed,
        restored.home,
    )
    assert judged(restored).outcome == Outcome.PASSED
    assert told(judged(restored, WEIGHTS | {Group.RNG}).findings) == [("not-loaded", "rng/seed")]


def test_optimizers_only_when_asked() -> None:
    slots = {"optimizer/step": np.array(7), "optimizer/a_momentum": f32(1, 1)}
    restored = loaded({**FILE, **slots}, {**{name: name for name in FILE}, **dict.fromkeys(slots)})
    restored = Restored(
        grouped(restored.tensors, optimizer=list(slots)),
        grouped(restored.variables, optimizer=list(slots)),
        restored.landed,
        restored.home,
    )
    found = judged(restored)
    assert (found.outcome, found.checked) == (Outcome.PASSED, 4)
    found = judged(restored, WEIGHTS | {Group.OPTIMIZER})
    assert told(found.findings) == [("not-loaded", name) for name in slots]
    assert found.checked == 6


# What is wrong


def test_one_is_lost() -> None:
    landed = {name: name for name in FILE if name != "b/bias"}
    found = judged(loaded(FILE, landed))
    (finding,) = found.findings
    assert (finding.kind, finding.tensor) == ("not-loaded", "b/bias")
    assert finding.details == ("no variable of the model has its name",)
    assert finding.position == LINES["load"]
    assert found.outcome == Outcome.FAILED
    # 4 bytes of 24 are not there: 83.3 %
    assert found.summary == "3 of 4 tensors restored, 83.3 % of bytes; 3 of 3 variables written by the load"


def test_one_is_lost_and_its_variable_left_as_it_was() -> None:
    found = judged(loaded(FILE, {**{name: name for name in FILE}, "b/bias": None}))
    (finding,) = found.findings  # and not another one for the variable
    assert (finding.kind, finding.tensor) == ("not-loaded", "b/bias")
    assert finding.details == ("the variable b/bias holds nothing of the file: what it was built with",)
    assert "3 of 4 variables written" in found.summary


def test_a_variable_of_another_shape_says_why() -> None:
    (finding,) = judged(loaded({"a": f32(1, 2)}, {"a": None}, holds={"a": f32(0, 0, 0)})).findings
    assert finding.details[1:] == ("the variable is float32 [3], the file has float32 [2]",)


def test_a_variable_that_no_tensor_is_for() -> None:
    """An initialiser's constant is no proof of a load."""
    found = judged(loaded({"a": f32(0, 0)}, {"a": "a", "gamma": None}, holds={"gamma": f32(0, 0)}))
    (finding,) = found.findings
    assert (finding.kind, finding.tensor) == ("not-restored", "gamma")
    assert finding.reason == "the load did not write it"
    assert finding.details == (
        "it holds nothing of the file: what it was built with",
        "the file has no tensor of its name",
    )
    assert "1 of 1 tensor restored, 100 % of bytes; 1 of 2 variables written" in found.summary


def test_parts_are_not_the_whole() -> None:
    restored = loaded({"a": f32(1), "b": f32(2)}, {"c": None})
    restored = Restored(restored.tensors, restored.variables, {"c": Landing(None, ("a", "b"))}, {})
    found = judged(restored).findings
    assert told(found) == [("not-loaded", "a"), ("not-loaded", "b"), ("not-restored", "c")]
    assert found[0].details == ("no variable of the model has its name", "parts of it are in c")
    assert found[2].reason == "the load wrote parts of it, and not the whole"
    assert found[2].details[0] == "it holds parts of the file's a, b"


def test_a_swap_is_named_both_ways() -> None:
    landed = {"a/kernel": "b/kernel", "b/kernel": "a/kernel", "a/bias": "a/bias", "b/bias": "b/bias"}
    first, second = judged(loaded(FILE, landed)).findings
    assert (first.kind, first.tensor, first.reason) == (
        "restored-elsewhere", "a/kernel", "it landed in b/kernel, not in a/kernel",
    )  # fmt: skip
    assert first.details == ("swapped: a/kernel holds what the file has as b/kernel",)
    assert (second.tensor, second.reason) == ("b/kernel", "it landed in a/kernel, not in b/kernel")
    assert second.details == ("swapped: b/kernel holds what the file has as a/kernel",)


def test_a_rotation_of_three() -> None:
    file = {"a": f32(1), "b": f32(2), "c": f32(3)}
    found = judged(loaded(file, {"a": "c", "b": "a", "c": "b"}))
    assert [(each.tensor, each.reason, *each.details) for each in found.findings] == [
        ("a", "it landed in b, not in a", "a holds what the file has as c"),
        ("b", "it landed in c, not in b", "b holds what the file has as a"),
        ("c", "it landed in a, not in c", "c holds what the file has as b"),
    ]
    assert found.summary == "0 of 3 tensors restored, 0 % of bytes; 3 of 3 variables written by the load"


def test_one_tensor_in_two_places_and_the_other_lost() -> None:
    """A shifted load: everything was written, and one variable has its neighbour's values."""
    file = {"a": f32(1), "b": f32(2)}
    found = judged(loaded(file, {"a": "a", "b": "a"})).findings
    assert told(found) == [("not-loaded", "b")]
    assert found[0].details == ("the variable b holds what the file has as a",)


def test_a_variable_of_another_name() -> None:
    found = judged(loaded({"old/kernel": f32(1)}, {"new/kernel": "old/kernel"})).findings
    assert told(found) == [("restored-elsewhere", "old/kernel")]
    assert found[0].reason == "it landed in new/kernel, a variable of another name, of which the file has no tensor"


def test_a_tensor_of_no_variable_in_the_place_of_another() -> None:
    found = judged(loaded({"a": f32(1), "z": f32(2)}, {"a": "z"})).findings
    assert told(found) == [("not-loaded", "a"), ("restored-elsewhere", "z")]
    assert found[1].details == ("no variable has its name, and a has that of the file's a",)


def test_nothing_landed_at_all() -> None:
    found = judged(loaded(FILE, dict.fromkeys(FILE)))
    assert told(found.findings) == [("not-loaded", name) for name in FILE]
    assert found.summary == "0 of 4 tensors restored, 0 % of bytes; 0 of 4 variables written by the load"


def test_a_model_without_variables() -> None:
    assert told(judged(loaded(FILE, {})).findings) == [("not-loaded", name) for name in FILE]


def test_a_file_without_tensors() -> None:
    found = judged(loaded({}, {"a": None}))
    assert told(found.findings) == [("not-restored", "a")]
    assert found.summary == "0 of 0 tensors restored; 0 of 1 variable written by the load"


def test_neither_of_both_is_nothing_checked() -> None:
    found = judged(loaded({}, {}))
    assert (found.checked, found.summary) == (0, "0 of 0 tensors restored; 0 of 0 variables written by the load")


def test_only_optimizer_tensors_are_nothing_checked() -> None:
    restored = loaded({"optimizer/step": np.array(1)}, {})
    restored = Restored(grouped(restored.tensors, optimizer=["optimizer/step"]), {}, {}, {})
    assert judged(restored).checked == 0


def test_weights_from_a_tensor_that_is_none() -> None:
    """What the optimizer has, in a variable of which the file has no tensor."""
    restored = loaded({"a": f32(1), "optimizer/m": f32(2)}, {"a": "a", "extra": "optimizer/m"})
    restored = Restored(
        grouped(restored.tensors, optimizer=["optimizer/m"]), restored.variables, restored.landed, restored.home
    )
    found = judged(restored).findings
    assert told(found) == [("restored-elsewhere", "extra")]
    assert found[0].reason == "it holds what the file has as optimizer/m, which is of a group that is not compared"


# Unchanged


def test_other_values() -> None:
    found = judged(loaded({"a": f32(1, 2, 3), "b": f32(9)}, holds={"a": f32(1, 2.5, 3.25)}))
    (finding,) = found.findings
    assert (finding.kind, finding.tensor) == ("altered", "a")
    assert finding.reason == "2 of 3 elements of the variable a are not the file's"
    assert finding.details == ("worst at [1]: 2.5, the file has 2",)  # 0.5 apart, the other 0.25
    assert found.summary.startswith("1 of 2 tensors restored, 25 % of bytes; 2 of 2 variables")


def test_the_worst_element_is_named_in_a_tensor_of_many() -> None:
    array = np.zeros((300, 400), np.float32)
    other = array.copy()
    other[7, 8], other[250, 399] = 0.5, -3
    (finding,) = judged(loaded({"a": array}, holds={"a": other})).findings
    assert finding.reason == "2 of 120,000 elements of the variable a are not the file's"
    assert finding.details == ("worst at [250, 399]: -3, the file has 0",)


def test_another_dtype() -> None:
    half = np.array([1, 2], np.float16)
    found = judged(loaded({"a": half}, holds={"a": half.astype(np.float32)}))
    assert [(each.kind, each.reason) for each in found.findings] == [
        ("altered", "the file has float16 [2], the variable a float32 [2]")
    ]
    assert found.summary.startswith("0 of 1 tensor restored, 0 % of bytes; 1 of 1 variable")


def test_another_shape() -> None:
    found = judged(loaded({"a": f32(1, 2)}, holds={"a": f32(1, 2).reshape(2, 1)}))
    assert [each.reason for each in found.findings] == ["the file has float32 [2], the variable a float32 [2, 1]"]


def test_a_copy_that_was_changed() -> None:
    landed = {"a": "a", "copy": "a"}
    found = judged(loaded({"a": f32(1)}, landed, holds={"copy": f32(2)}))
    assert told(found.findings) == [("altered", "a")]
    assert "1 of 1 element of the variable copy is not the file's" in found.findings[0].reason
    assert found.summary.startswith("0 of 1 tensor restored")


def test_altered_ones_are_counted_once() -> None:
    landed = {"a": "a", "copy": "a", "b": "b"}
    found = judged(loaded({"a": f32(1), "b": f32(2)}, landed, holds={"a": f32(5), "copy": f32(2)}))
    assert len(found.findings) == 2
    assert found.summary.startswith("1 of 2 tensors restored, 50 % of bytes")


def test_what_cannot_be_read_is_an_error() -> None:
    restored = loaded(FILE)
    restored = Restored(
        {**restored.tensors, "b/bias": broken("b/bias", (1,))}, restored.variables, restored.landed, restored.home
    )
    for waivers in ((), (waiver("**"),)):
        found = judged(restored, waivers=waivers)
        assert found.outcome == Outcome.ERROR
        assert told(found.findings) == [("unreadable-tensor", "b/bias")]
        assert found.summary.startswith("3 of 4 tensors restored")


# What carries no tag


def texts(*words: str) -> Any:
    return np.array([word.encode() for word in words], object)


def test_texts_go_by_name_and_are_compared() -> None:
    file = {"words": texts("a", "b"), "k": f32(1)}
    landed = {"words": None, "k": "k"}
    found = judged(loaded(file, landed, holds={"words": texts("a", "b")}, texts=frozenset({"words"})))
    assert found.outcome == Outcome.PASSED
    assert found.summary.endswith("1 tensor of texts compared by name, since texts carry no tag")
    found = judged(loaded(file, landed, holds={"words": texts("a", "c")}, texts=frozenset({"words"})))
    assert told(found.findings) == [("altered", "words")]
    assert found.findings[0].details == ("worst at [1]: b'c', the file has b'b'",)


def test_texts_without_a_variable() -> None:
    found = judged(loaded({"words": texts("a")}, {}, texts=frozenset({"words"})))
    assert told(found.findings) == [("not-loaded", "words")]
    assert found.summary.startswith("0 of 1 tensor restored")


def test_a_variable_of_texts_that_the_file_has_not() -> None:
    assert told(judged(loaded({}, {"words": None}, holds={"words": texts("a")})).findings) == [
        ("not-restored", "words")
    ]


def test_empty_tensors_go_by_name() -> None:
    empty = np.zeros((0, 3), np.float32)
    found = judged(loaded({"e": empty, "k": f32(1)}, {"e": None, "k": "k"}, holds={"e": empty}))
    assert (found.outcome, found.checked) == (Outcome.PASSED, 2)
    assert found.summary == "2 of 2 tensors restored, 100 % of bytes; 2 of 2 variables written by the load"
    found = judged(loaded({"e": empty, "k": f32(1)}, {"e": None, "k": "k"}, holds={"e": empty.astype(np.float64)}))
    assert told(found.findings) == [("altered", "e")]
    found = judged(loaded({"e": empty, "k": f32(1)}, {"k": "k"}))
    assert told(found.findings) == [("not-loaded", "e")]
    assert found.summary == "1 of 2 tensors restored; 1 of 1 variable written by the load"  # all bytes, and not all


def test_an_empty_tensor_for_a_variable_that_is_not_empty() -> None:
    empty = np.zeros(0, np.float32)
    assert told(judged(loaded({"e": empty}, {"e": None}, holds={"e": f32(1)})).findings) == [("altered", "e")]


def test_an_empty_variable_needs_nothing() -> None:
    assert judged(loaded(FILE, holds={"e": np.zeros(0, np.float32)})).outcome == Outcome.PASSED


def test_lookup_tables_are_said_not_to_be_proved() -> None:
    file = {"k": f32(1), "t-keys": texts("a"), "t-values": np.array([5])}
    tables = frozenset({"t-keys", "t-values"})
    found = judged(loaded(file, {"k": "k"}, texts=frozenset({"t-keys"}), tables=tables))
    assert (found.outcome, found.checked) == (Outcome.PASSED, 1)
    assert found.summary.startswith("1 of 1 tensor restored, 100 % of bytes;")
    assert "2 tensors of lookup tables not proved" in found.summary


def test_what_only_looks_like_a_table_is_a_tensor() -> None:
    found = judged(loaded({"t-values": f32(5)}, {"t-values": None}, tables=frozenset({"t-values"})))
    assert told(found.findings) == [("not-loaded", "t-values")]


# What names leave open


def test_uncertain_names_are_taken_as_they_landed_and_said() -> None:
    file = {"0": f32(1), "1": f32(2), "k": f32(3)}
    landed = {"x": "1", "y": "0", "k": "k"}
    found = judged(loaded(file, landed, uncertain=frozenset({"0", "1"})))
    assert found.outcome == Outcome.PASSED
    assert found.summary.endswith("of 2 tensors no name tells the variable: taken as they landed")


def test_uncertain_ones_must_land_all_the_same() -> None:
    found = judged(loaded({"0": f32(1), "1": f32(2)}, {"x": "0", "y": "0"}, uncertain=frozenset({"0", "1"})))
    assert told(found.findings) == [("not-loaded", "1")]
    assert found.findings[0].details == ("it could be one of several variables, and its name does not tell which",)


def test_uncertain_ones_are_compared() -> None:
    found = judged(loaded({"0": f32(1)}, {"x": "0"}, holds={"x": f32(2)}, uncertain=frozenset({"0"})))
    assert told(found.findings) == [("altered", "0")]


def test_an_uncertain_one_in_the_place_of_another_tensor() -> None:
    found = judged(loaded({"0": f32(1), "k": f32(2)}, {"k": "0", "x": "k"}, uncertain=frozenset({"0"})))
    assert told(found.findings) == [("restored-elsewhere", "0"), ("restored-elsewhere", "k")]


def test_uncertain_texts_are_not_proved() -> None:
    file, held = {"0": texts("a")}, {"x": texts("a")}
    restored = loaded(file, {"x": None}, holds=held, uncertain=frozenset({"0"}), texts=frozenset({"0"}))
    assert ("not-loaded", "0") in told(judged(restored).findings)


def test_how_names_were_paired_is_said_in_short() -> None:
    notes = ("default layer names, paired in order: the reference's dense_1, dense_2",)
    assert judged(loaded(FILE, notes=notes)).summary.endswith("; default layer names, paired in order")


# Waivers


LOST = loaded(FILE, {**{name: name for name in FILE}, "b/bias": None})


@pytest.mark.parametrize("match", ["b/bias", "b/*", "**"])
def test_a_waiver_by_the_tensors_name(match: str) -> None:
    found = judged(LOST, waivers=(waiver(match),))
    assert found.outcome == Outcome.PASSED
    assert found.summary == (
        "3 of 4 tensors restored, 83.3 % of bytes; 3 of 4 variables written by the load; 1 finding waived"
    )


def test_a_waiver_by_the_variables_name() -> None:
    restored = loaded({"old": f32(1), "ok": f32(3)}, {"new": None, "ok": "ok"}, home={"old": "new", "ok": "ok"})
    assert judged(restored).outcome == Outcome.FAILED
    assert judged(restored, waivers=(waiver("new"),)).outcome == Outcome.PASSED
    extra = loaded({"a": f32(1)}, {"a": "a", "extra": None})
    assert judged(extra, waivers=(waiver("extra"),)).outcome == Outcome.PASSED


def test_a_waiver_by_the_variable_that_holds_another_tensor() -> None:
    restored = loaded({"a": f32(1), "b": f32(2)}, {"x": "b", "y": "a"}, home={"a": "x", "b": "y"})
    assert told(judged(restored, waivers=(waiver("x"),)).findings) == [("restored-elsewhere", "b")]


def test_a_waiver_for_another_tensor_of_the_same_word() -> None:
    """`x` is a tensor, and also the name of a variable that another tensor belongs to."""
    restored = loaded({"x": f32(1), "y": f32(2)}, {"y": "x", "x": None}, home={"x": "y", "y": "x"})
    found = judged(restored, waivers=(waiver("x"),))
    assert found.outcome == Outcome.PASSED  # y is lost, and its variable is x
    restored = loaded({"x": f32(1)}, {"y": "x", "x": None}, home={"x": "y"})
    assert told(judged(restored, waivers=(waiver("y"),)).findings) == [("not-restored", "x")]


@pytest.mark.parametrize(
    ("kind", "restored"),
    [
        ("altered", loaded({"a": f32(1), "ok": f32(3)}, holds={"a": f32(2)})),
        ("altered", loaded({"a": f32(1), "ok": f32(3)}, holds={"a": np.array([1.0])})),
        ("not-loaded", loaded({"a": f32(1), "ok": f32(3)}, {"a": None, "ok": "ok"})),
    ],
)
def test_every_kind_can_be_waived(kind: str, restored: Restored) -> None:
    assert told(judged(restored).findings) == [(kind, "a")]
    found = judged(restored, waivers=(waiver("a"),))
    assert found.outcome == Outcome.PASSED
    assert found.summary.startswith("1 of 2 tensors restored, ")


def test_what_landed_in_another_variable_is_waived_by_its_name() -> None:
    """A waiver for the tensor says that it need not arrive, and nothing of a variable that got it all the same."""
    restored = loaded({"old": f32(1), "ok": f32(3)}, {"new": "old", "ok": "ok"})
    assert told(judged(restored).findings) == [("restored-elsewhere", "old")]
    assert told(judged(restored, waivers=(waiver("old"),)).findings) == [("restored-elsewhere", "new")]
    assert judged(restored, waivers=(waiver("new"),)).outcome == Outcome.PASSED


def test_a_waiver_for_all_shows_nothing() -> None:
    restored = loaded({"a": f32(1), "b": f32(2)}, {"a": None, "b": None})
    found = judged(restored, waivers=(waiver("**"),))
    assert found.outcome == Outcome.ERROR
    assert "nothing was restored" in found.findings[0].reason


def test_a_copy_in_a_variable_of_no_name_is_told() -> None:
    found = judged(loaded({"a": f32(1)}, {"a": "a", "copy": "a"}))
    assert found.outcome == Outcome.PASSED
    assert "1 variable of no tensor's name, each a copy of one: copy" in found.summary


def test_half_a_swap_is_not_waived_with_the_other_half() -> None:
    restored = loaded({"a": f32(1), "b": f32(2)}, {"a": "b", "b": "a"})
    assert told(judged(restored, waivers=(waiver("a"),)).findings) == [("restored-elsewhere", "b")]


def test_a_waiver_whose_day_has_passed() -> None:
    found = judged(LOST, waivers=(waiver("b/bias", -1),))
    assert told(found.findings) == [("not-loaded", "b/bias")]
    assert f"the waiver for b/bias ended after {TODAY - timedelta(days=1)} and no longer holds" in found.summary
    assert judged(LOST, waivers=(waiver("b/bias", 0),)).outcome == Outcome.PASSED


@pytest.mark.parametrize("days", [None, -1, 1])
def test_a_waiver_that_matches_nothing_is_an_error(days: int | None) -> None:
    found = judged(loaded(FILE), waivers=(waiver("c/*", days),))
    assert found.outcome == Outcome.ERROR
    assert told(found.findings) == [("uncheckable", None)]
    assert found.findings[0].position == Position("weight-gate.yml", 9, 3)


def test_no_waiver_is_about_idle_waivers() -> None:
    assert judged(loaded(FILE), waivers=(waiver("**"), waiver("c"))).outcome == Outcome.ERROR


def test_no_waiver_is_about_warnings() -> None:
    said = (Said("A total of 1 objects could not be loaded"),)
    found = judged(loaded(FILE, said=said), waivers=(waiver("**"),))
    assert told(found.findings) == [("load-warning", None)]


def test_waivers_that_hold_are_results_of_their_own() -> None:
    waivers = (waiver("a"), waiver("b", 3), waiver("c", -3))
    found = restore_waivers(subject_of(LOST, Loading(waivers=waivers)))
    assert [(each.check, each.outcome) for each in found] == [
        ("restore waived: a", Outcome.WAIVED),
        ("restore waived: b", Outcome.WAIVED),
    ]
    assert found[0].summary == "need not be restored: retrained on every deploy"
    assert found[1].summary.endswith(f"(until {date(2026, 11, 24)})")


# Only some from the file

NEW_HEAD = {"body/kernel": "body/kernel", "head/kernel": None}
PRETRAINED = {"body/kernel": f32(1, 2), "head/kernel": f32(3, 4, 5)}


def test_the_rest_stays_new_and_the_old_head_in_the_file() -> None:
    found = judged(loaded(PRETRAINED, NEW_HEAD), partial=("body/**",))
    assert (found.outcome, found.checked) == (Outcome.PASSED, 1)
    assert found.summary == (
        "1 of 1 tensor restored, 100 % of bytes; 1 of 1 variable written by the load; "
        "1 tensor left in the file, as told; 1 variable left as built, as told"
    )


def test_an_old_head_without_a_variable_stays_in_the_file() -> None:
    landed = {"body/kernel": "body/kernel", "fresh/kernel": None}
    assert judged(loaded(PRETRAINED, landed), partial=("body/**",)).outcome == Outcome.PASSED


def test_the_rest_was_loaded_too() -> None:
    found = judged(loaded(PRETRAINED), partial=("body/**",)).findings
    assert told(found) == [("restored-elsewhere", "head/kernel")]
    assert found[0].reason.endswith("it holds what the file has as head/kernel")


def test_parts_of_the_file_in_the_rest() -> None:
    restored = loaded(PRETRAINED, NEW_HEAD)
    landed = {**restored.landed, "head/kernel": Landing(None, ("head/kernel",))}
    restored = Restored(restored.tensors, restored.variables, landed, restored.home)
    assert told(judged(restored, partial=("body/**",)).findings) == [("restored-elsewhere", "head/kernel")]


def test_the_body_of_another_tensor() -> None:
    """The file has no `body`; what it has for another layer landed there."""
    restored = loaded({"other/kernel": f32(1, 2)}, {"body/kernel": "other/kernel", "head/kernel": None})
    found = judged(restored, partial=("body/**",)).findings
    assert told(found) == [("restored-elsewhere", "other/kernel")]
    restored = loaded(PRETRAINED, {"body/kernel": "head/kernel", "head/kernel": None})
    found = judged(restored, partial=("body/**",)).findings
    assert told(found) == [("not-loaded", "body/kernel")]
    restored = loaded({"head/kernel": f32(3)}, {"body/kernel": "head/kernel", "head/kernel": None})
    found = judged(restored, partial=("body/**",)).findings
    assert told(found) == [("restored-elsewhere", "body/kernel")]
    assert found[0].reason == "it holds what the file has as head/kernel, which `partial` leaves in the file"


def test_uncertain_names_in_the_body() -> None:
    restored = loaded({"0": f32(1), "1": f32(2)}, {"body/a": "1", "body/b": "0", "head": None},
                      uncertain=frozenset({"0", "1"}))  # fmt: skip
    found = judged(restored, partial=("body/**",))
    assert (found.outcome, found.checked) == (Outcome.PASSED, 2)


def test_the_body_is_lost() -> None:
    found = judged(loaded(PRETRAINED, {"body/kernel": None, "head/kernel": None}), partial=("body/**",))
    assert told(found.findings) == [("not-loaded", "body/kernel")]
    found = judged(loaded({"head/kernel": f32(1)}, {"body/kernel": None, "head/kernel": None}), partial=("body/**",))
    assert told(found.findings) == [("not-restored", "body/kernel")]


def test_texts_and_empty_variables_that_stay_as_built() -> None:
    empty = np.zeros(0, np.float32)
    file = {"body": f32(1), "words": texts("a"), "e": empty}
    landed = {"body": "body", "words": None, "e": None}
    restored = loaded(file, landed, holds={"words": texts("b"), "e": empty}, texts=frozenset({"words"}))
    assert judged(restored, partial=("body",)).outcome == Outcome.PASSED


def test_a_pattern_that_matches_no_variable_is_an_error() -> None:
    found = judged(loaded(PRETRAINED, NEW_HEAD), partial=("body/**", "backbone/**"))
    assert found.outcome == Outcome.ERROR
    (finding,) = found.findings
    assert finding.reason == "`partial` names `backbone/**`, and no variable matches it"
    assert finding.hint.endswith("the variables are body/kernel, head/kernel")
    assert finding.position == LINES["load"]
    finding = judged(loaded(PRETRAINED, {}), partial=("**",)).findings[-1]
    assert finding.hint.endswith("the variables are none")


# What is not evidence


def test_a_refused_load_is_a_failure() -> None:
    found = judged(Shown(NotLoaded("Keras could not load it: ValueError: 3 variables expected", "mend the file")))
    assert found.outcome == Outcome.FAILED
    assert told(found.findings) == [("load-failed", None)]
    assert found.findings[0].hint == "mend the file"
    assert found.checked == 1


def test_whatever_else_goes_wrong_is_for_the_caller_to_tell() -> None:
    with pytest.raises(GateError, match="killed by signal 9"):
        judged(Shown(GateError("killed by signal 9")))


def test_a_check_without_evidence_is_an_error() -> None:
    subject = subject_of(loaded(FILE))
    with pytest.raises(GateError, match="not loaded"):
        check_restore(type(subject)(**{**vars(subject), "evidence": None}))


def test_what_landed_in_no_variable_landed_nowhere() -> None:
    restored = loaded({"0": f32(1)}, {})
    restored = Restored(restored.tensors, {}, {"ghost": Landing("0")}, {}, uncertain=frozenset({"0"}))
    assert told(judged(restored).findings) == [("not-loaded", "0")]


def test_a_warning_is_a_finding_though_all_is_right() -> None:
    said = (Said("Skipping variable loading for optimizer 'adam'", "UserWarning of base_optimizer.py"),)
    found = judged(loaded(FILE, said=said))
    assert found.outcome == Outcome.FAILED
    assert told(found.findings) == [("load-warning", None)]
    assert found.summary.startswith("4 of 4 tensors restored")


# Any load

NAMES = tuple("abcdef")


@st.composite
def loads(draw: st.DrawFn) -> tuple[Restored, dict[str, str | None]]:
    """Any model, any file, names that tell, do not tell or leave a choice, and any tensor or none in each variable."""
    tensors = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=5))
    held = draw(st.lists(st.sampled_from([f"v{name}" for name in NAMES]), unique=True, max_size=5))
    places = draw(st.permutations(held))
    home = {name: place for name, place in zip(tensors, places, strict=False) if draw(st.integers(0, 3))}
    uncertain = {name for name in tensors if name not in home and draw(st.booleans())}
    at_home = {place: name for name, place in home.items()}
    landed: dict[str, str | None] = {
        place: draw(st.sampled_from([at_home.get(place), at_home.get(place), *tensors, None])) for place in held
    }
    zeros = f32(0, 0)  # all alike: values prove nothing
    restored = loaded(dict.fromkeys(tensors, zeros), landed, holds=dict.fromkeys(held, zeros), home=home,
                      uncertain=frozenset(uncertain))  # fmt: skip
    return restored, landed


@given(loads())
def test_green_is_each_tensor_at_home_and_each_variable_written(case: tuple[Restored, dict[str, str | None]]) -> None:
    restored, landed = case
    homes = set(restored.home.values())
    right = {
        name
        for name in restored.tensors
        if (name in restored.home and landed[restored.home[name]] == name)
        or (name in restored.uncertain and any(landed[v] == name for v in landed if v not in homes))
    }
    written = {variable for variable, tensor in landed.items() if tensor is not None}
    found = judged(restored)
    is_right = right == set(restored.tensors) and written == set(landed)
    assert (found.outcome == Outcome.PASSED) == is_right
    assert found.summary.startswith(f"{len(right)} of {len(restored.tensors)} tensor")
    assert f"{len(written)} of {len(landed)} variable" in found.summary
    assert ("100 %" in found.summary) == (right == set(restored.tensors) and bool(right))
    named = {finding.tensor for finding in found.findings}
    assert set(restored.tensors) - right <= named
    assert named.isdisjoint(right)


@given(loads(), st.sets(st.sampled_from([f"v{name}" for name in NAMES]), min_size=1))
def test_green_with_partial_is_those_and_only_those(
    case: tuple[Restored, dict[str, str | None]], wanted: set[str]
) -> None:
    restored, landed = case
    owner = {place: name for name, place in restored.home.items()}

    def is_right(variable: str) -> bool:
        tensor = landed[variable]
        if variable not in wanted or tensor is None:
            return variable not in wanted and tensor is None
        if variable in owner:
            return owner[variable] == tensor
        home = restored.home.get(tensor)  # a copy of what is at home, or one of which names leave a choice
        return tensor in restored.uncertain or (home in wanted and landed[home] == tensor)

    all_there = all(landed[place] == name for name, place in restored.home.items() if place in wanted)
    found = judged(restored, partial=tuple(sorted(wanted)))
    assert (found.outcome == Outcome.ERROR) == (not wanted <= set(landed))
    if found.outcome != Outcome.ERROR:
        assert (found.outcome == Outcome.PASSED) == (all_there and all(map(is_right, landed)))


@given(st.permutations(["a", "b", "c", "d"]))
def test_only_the_identity_is_green(order: list[str]) -> None:
    file = {name: f32(0) for name in "abcd"}
    found = judged(loaded(file, dict(zip("abcd", order, strict=True))))
    moved = [name for name, landed in zip("abcd", order, strict=True) if name != landed]
    assert [finding.tensor for finding in found.findings] == moved
    assert (found.outcome == Outcome.PASSED) == (not moved)


def test_variables_of_a_thousand_layers_take_no_time() -> None:
    """Quadratic work would take minutes here."""
    file = {f"layer_{i}/kernel": f32(i) for i in range(5000)}
    landed = {f"layer_{i}/kernel": f"layer_{(i + 1) % 5000}/kernel" for i in range(5000)}
    assert len(judged(loaded(file, landed), partial=("**",)).findings) == 5000

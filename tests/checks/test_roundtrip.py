"""Loaded again, saved and loaded again: what is the same model, what is another one, and what was not looked at."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gate.asked import Loading, Prediction
from gate.checks.evidence import Again, NotLoaded, NotSaved, Outputs, Said, Unable
from gate.checks.roundtrip import check_roundtrip
from gate.errors import GateError
from gate.position import Position
from gate.results import CheckResult, Outcome
from gate.runtime.loaders.interface import Refused
from gate.runtime.session import Session
from gate.runtime.worker import _told
from support.evidence import LINES, Shown, f32, subject_of, told, variables
from support.tensors import broken

HELD = {"k": f32(1, 2), "b": f32(3)}
LOGITS = {"logits": np.arange(6, dtype=np.float32).reshape(2, 3)}


def outputs(arrays: dict[str, Any], samples: int = 2) -> Outputs:
    return Outputs(arrays, samples)


def again(
    after: dict[str, Any] | None = None,
    before: dict[str, Any] | None = None,
    predicted: tuple[dict[str, Any], dict[str, Any]] | None = (LOGITS, LOGITS),
    **more: Any,
) -> Again:
    """Loaded once more; variables of the same names are each other's like."""
    before = HELD if before is None else before
    after = before if after is None else after
    more.setdefault("paired", {name: name for name in before if name in after})
    pair = None if predicted is None else (outputs(predicted[0]), outputs(predicted[1]))
    return Again("loaded again", "one file, two models", variables(before), variables(after), pair, **more)


def judged(evidence: Shown | Iterable[Again | GateError], *formats: str, own: bool = True) -> CheckResult:
    """`formats` were asked for in words; without any, the file's own."""
    shown = evidence if isinstance(evidence, Shown) else Shown(again=tuple(evidence))
    return check_roundtrip(subject_of(shown, Loading(roundtrip=formats or None)))


# The same


def test_the_same_model() -> None:
    found = judged(Shown(again=[again()], own_format="keras", saved={"keras": again()}))
    assert (found.outcome, found.findings, found.checked) == (Outcome.PASSED, (), 4)
    assert found.summary == (
        "loaded again: 2 variables identical, predictions of 2 samples identical; "
        "keras: 2 variables identical, predictions of 2 samples identical"
    )


def test_equal_bits_are_equal_whatever_they_mean() -> None:
    odd = {"k": np.array([np.nan, np.inf, -np.inf, -0.0], np.float32)}
    assert judged([again(before=odd, predicted=(odd, odd))]).outcome == Outcome.PASSED


def test_variables_under_other_names_are_held_against_their_like() -> None:
    after = {"dense_1/k": HELD["k"], "dense_1/b": HELD["b"]}
    paired = {"k": "dense_1/k", "b": "dense_1/b"}
    assert judged([again(after, paired=paired)]).outcome == Outcome.PASSED
    assert told(judged([again(after, paired={"k": "dense_1/b", "b": "dense_1/k"})]).findings) == [
        ("loads-differ", "k"),
        ("loads-differ", "b"),
    ]


def test_without_a_format_of_its_own() -> None:
    found = judged(Shown(again=[again()], not_saved="only the project's own loader knows how its files are written"))
    assert found.outcome == Outcome.PASSED
    assert found.summary.endswith("; not saved again: only the project's own loader knows how its files are written")


def test_no_formats_at_all_and_the_file_is_still_loaded_again() -> None:
    shown = Shown(again=[again({"k": f32(1, 2), "b": f32(4)})], own_format="keras")
    assert told(check_roundtrip(subject_of(shown, Loading(roundtrip=()))).findings) == [("loads-differ", "b")]


# Other variables


@pytest.mark.parametrize("how", ["again", "saved"])
def test_other_values(how: str) -> None:
    one = again({**HELD, "k": f32(1, 2.5)})
    shown = Shown(again=[one]) if how == "again" else Shown(again=[again()], own_format="h5", saved={"h5": one})
    found = judged(shown)
    (finding,) = found.findings
    assert found.outcome == Outcome.FAILED
    assert (finding.kind, finding.tensor) == ("loads-differ" if how == "again" else "roundtrip-mismatch", "k")
    assert finding.reason == "loaded again: 1 of 2 elements differs"
    assert finding.details == ("worst at [1]: 2.5, before 2",)
    assert finding.hint == "one file, two models"
    assert finding.position == LINES["weights"]
    assert "1 difference" in found.summary
    assert "identical" not in found.summary.split("; ")[how == "saved"]


def test_another_nan_and_another_zero() -> None:
    odd = np.array([np.nan, 0.0], np.float32)
    other = odd.copy()
    other.view(np.uint32)[:] += np.array([1, 1 << 31], np.uint32)
    (finding,) = judged([again({"k": other}, {"k": odd})]).findings
    assert finding.reason == "loaded again: 2 of 2 elements differ"


@pytest.mark.parametrize(
    ("after", "what"),
    [
        (f32(1, 2).astype(np.float64), "it was float32 [2], and is float64 [2]"),
        (f32(1, 2).reshape(1, 2), "it was float32 [2], and is float32 [1, 2]"),
        (f32(1, 2)[:0], "it was float32 [2], and is float32 [0]"),
        (f32(1, 2).view(np.int32), "it was float32 [2], and is int32 [2]"),
    ],
)
def test_another_kind(after: Any, what: str) -> None:
    (finding,) = judged([again({**HELD, "k": after})]).findings
    assert finding.reason == f"loaded again: {what}"


def test_missing_and_surplus() -> None:
    found = judged([again({"k": HELD["k"], "new": f32(1)})]).findings
    assert told(found) == [("loads-differ", "b"), ("loads-differ", "new")]
    assert [each.reason for each in found] == [
        "loaded again: the variable is not there any more",
        "loaded again: this variable was not there before",
    ]


@pytest.mark.parametrize("paired", [{"k": "k", "b": "gone"}, {"k": "k", "ghost": "b"}])
def test_a_like_that_is_not_there(paired: dict[str, str]) -> None:
    assert judged([again(paired=paired)]).outcome == Outcome.FAILED


def test_no_variable_is_nothing_checked() -> None:
    found = judged([again({}, {}, None, unpredicted="it has no inputs")])
    assert (found.outcome, found.checked) == (Outcome.PASSED, 0)


def test_what_cannot_be_read_is_an_error() -> None:
    one = Again("loaded again", "", variables(HELD), {**variables(HELD), "b": broken("b", (1,))}, None,
                paired={"k": "k", "b": "b"}, unpredicted="no inputs")  # fmt: skip
    found = judged([one])
    assert found.outcome == Outcome.ERROR
    assert told(found.findings) == [("unreadable-tensor", "b")]


# Other predictions


def test_equal_weights_that_predict_otherwise() -> None:
    other = {"logits": LOGITS["logits"] + np.array([[0, 0, 0], [0, 0, 1e-6]], np.float32)}
    (finding,) = judged([again(predicted=(LOGITS, other))]).findings
    assert finding.kind == "loads-differ"
    assert finding.reason == "loaded again: 1 of 6 elements differs in the output logits"
    assert finding.details[0].startswith("worst at [1, 2]: 5.00000095, before 5")
    shown = Shown(again=[again()], own_format="keras", saved={"keras": again(predicted=(LOGITS, other))})
    assert told(judged(shown).findings) == [("prediction-mismatch", None)]


@pytest.mark.parametrize(("apart", "outcome"), [(1e-6, Outcome.PASSED), (1e-3, Outcome.FAILED)])
def test_another_graph_is_the_same_within_a_tolerance(apart: float, outcome: Outcome) -> None:
    other = {"output_0": LOGITS["logits"] + np.float32(apart)}
    found = judged([again(predicted=(LOGITS, other), other_graph=True)])
    assert found.outcome == outcome
    assert ("within tolerance" in found.summary) == (outcome == Outcome.PASSED)


def test_another_graph_may_hold_more_and_not_less() -> None:
    twice = {**HELD, "_all_variables/0": HELD["k"]}
    assert judged([again(twice, other_graph=True)]).outcome == Outcome.PASSED
    assert told(judged([again({"k": HELD["k"]}, other_graph=True)]).findings) == [("loads-differ", "b")]


def test_weights_are_the_same_to_the_bit_in_another_graph_too() -> None:
    found = judged([again({**HELD, "k": np.nextafter(HELD["k"], np.float32(9))}, other_graph=True)])
    assert told(found.findings) == [("loads-differ", "k")]


@pytest.mark.parametrize(
    ("after", "what"),
    [
        ({"logits": LOGITS["logits"][:1]}, "the output logits was float32 [2, 3], and is float32 [1, 3]"),
        (
            {"logits": LOGITS["logits"].astype(np.float64)},
            "the output logits was float32 [2, 3], and is float64 [2, 3]",
        ),
        ({}, "the outputs were logits, and are none"),
        ({**LOGITS, "more": f32(1)}, "the outputs were logits, and are logits, more"),
    ],
)
def test_outputs_of_another_kind(after: dict[str, Any], what: str) -> None:
    (finding,) = judged([again(predicted=(LOGITS, after))]).findings
    assert finding.reason == f"loaded again: {what}"


def test_outputs_go_by_name_and_else_by_order() -> None:
    a, b = f32(1, 2), f32(3, 4)
    assert judged([again(predicted=({"a": a, "b": b}, {"b": b, "a": a}))]).outcome == Outcome.PASSED
    assert judged([again(predicted=({"a": a, "b": b}, {"a": b, "b": a}))]).outcome == Outcome.FAILED
    assert judged([again(predicted=({"a": a, "b": b}, {"a_1": a, "b_1": b}))]).outcome == Outcome.PASSED
    assert judged([again(predicted=({"a": a, "b": b}, {"a_1": b, "b_1": a}))]).outcome == Outcome.FAILED


def test_texts_as_outputs() -> None:
    words = np.array([b"a", b"bc"], object)
    same, other = np.array([b"a", b"bc"]), np.array([b"a", b"b"], object)
    assert judged([again(predicted=({"w": words}, {"w": same}))]).outcome == Outcome.PASSED
    assert judged([again(predicted=({"w": words}, {"w": other}))]).outcome == Outcome.FAILED


def test_what_does_not_predict_is_said() -> None:
    found = judged([again(predicted=None, unpredicted="the model takes a ragged tensor")])
    assert found.outcome == Outcome.PASSED
    assert found.summary == (
        "loaded again: 2 variables identical, predictions not compared (the model takes a ragged tensor); "
        "not saved again: nothing saves a file of this format"
    )
    found = judged([again(predicted=({}, {}))])
    assert "predictions not compared (it has no outputs)" in found.summary


@pytest.mark.parametrize("kind", ["loads-differ", "prediction-mismatch"])
def test_what_does_not_predict_any_more_is_a_failure(kind: str) -> None:
    one = again(predicted=None, silent="ValueError: unknown layer state")
    first = [one] if kind == "loads-differ" else [again()]
    found = judged(Shown(again=first, own_format="keras", saved={"keras": one if kind[0] == "p" else again()}))
    assert told(found.findings) == [(kind, None)]
    assert found.findings[0].reason == "loaded again: it does not predict any more: ValueError: unknown layer state"


# Not loaded, not saved


def test_a_second_load_that_is_refused_is_a_failure() -> None:
    found = judged([NotLoaded("the model has 3 variables now", "build one model")])
    assert (found.outcome, told(found.findings)) == (Outcome.FAILED, [("loads-differ", None)])
    assert found.findings[0].hint == "build one model"


@pytest.mark.parametrize("error", [GateError("killed by signal 11"), Unable("it holds code")])
def test_a_second_load_that_cannot_be_made_is_an_error(error: GateError) -> None:
    found = judged([error])
    assert (found.outcome, told(found.findings)) == (Outcome.ERROR, [("uncheckable", None)])
    assert error.reason in found.findings[0].reason


def test_trouble_with_one_load_hides_no_other() -> None:
    differs = again({**HELD, "b": f32(9)})
    shown = Shown(again=[differs, GateError("killed by signal 11")], own_format="keras", saved={"keras": differs})
    found = judged(shown)
    assert found.outcome == Outcome.ERROR
    assert told(found.findings) == [("loads-differ", "b"), ("uncheckable", None), ("roundtrip-mismatch", "b")]


def test_nothing_loaded_again_is_an_error() -> None:
    found = judged(Shown(again=[]))
    assert (found.outcome, found.checked) == (Outcome.ERROR, 0)


def test_a_saved_file_that_does_not_load_is_a_failure() -> None:
    found = judged(Shown(again=[again()], saved={"h5": NotLoaded("no layer has these shapes")}), "h5")
    assert (found.outcome, told(found.findings)) == (Outcome.FAILED, [("roundtrip-mismatch", None)])
    assert found.findings[0].reason == "saved as h5, it does not load: no layer has these shapes"


NOT_SAVED = NotSaved("Keras could not save it as h5: NotImplementedError", "take h5 out of `roundtrip`")


def test_what_cannot_be_saved_is_an_error_where_it_was_asked_for() -> None:
    found = judged(Shown(again=[again()], own_format="h5", saved={"h5": NOT_SAVED}), "h5")
    assert (found.outcome, told(found.findings)) == (Outcome.ERROR, [("uncheckable", None)])
    assert found.findings[0].reason == f"h5: {NOT_SAVED.reason}"


def test_what_cannot_be_saved_is_said_where_nobody_asked() -> None:
    found = judged(Shown(again=[again()], own_format="h5", saved={"h5": NOT_SAVED}))
    assert found.outcome == Outcome.PASSED
    assert found.summary.endswith(f"; h5: not saved ({NOT_SAVED.reason})")


@pytest.mark.parametrize(
    "error", [GateError("the disk is full", "take another disk"), Unable("take that", "take h5 out of `roundtrip`")]
)
def test_any_other_trouble_is_an_error_whatever_its_words(error: GateError) -> None:
    found = judged(Shown(again=[again()], own_format="h5", saved={"h5": error}))
    assert (found.outcome, told(found.findings)) == (Outcome.ERROR, [("uncheckable", None)])


def test_each_format_is_judged_for_itself() -> None:
    saved: dict[str, Again | GateError] = {
        "keras": again(),
        "h5": NOT_SAVED,
        "checkpoint": again({**HELD, "b": f32(9)}),
        "saved_model": NotLoaded("refused"),
        "weights.h5": GateError("killed by signal 9"),
    }
    found = judged(Shown(again=[again()], saved=saved), *saved)
    assert found.outcome == Outcome.ERROR
    assert [each.kind for each in found.findings] == [
        "uncheckable",
        "roundtrip-mismatch",
        "roundtrip-mismatch",
        "uncheckable",
    ]
    assert "keras: 2 variables identical" in found.summary
    assert found.checked == 6  # two variables of the second load, and of the two formats that were loaded


def test_warnings_while_it_is_saved_or_loaded_are_findings() -> None:
    said = (Said("Skipping nested container at 'layers/x': no matching group found in the saved file."),)
    found = judged(Shown(again=[again()], own_format="keras", saved={"keras": again(said=said)}))
    assert (found.outcome, told(found.findings)) == (Outcome.FAILED, [("load-warning", None)])


def test_a_scratch_file_that_cannot_be_removed_is_an_error() -> None:
    class Stuck(Shown):
        @contextmanager
        def roundtrip(self, format: str) -> Iterator[Again]:
            yield again()
            raise GateError("the scratch folder cannot be emptied")

    found = judged(Stuck(again=[again()], own_format="keras"))
    assert found.outcome == Outcome.ERROR


def test_the_line_of_the_manifest() -> None:
    subject = subject_of(Shown(again=[again({})]), Loading(roundtrip=()))
    line = Position("weight-gate.yml", 12, 5)
    subject = type(subject)(
        **{**{k: v for k, v in vars(subject).items() if k != "positions"}, "positions": {"roundtrip": line}}
    )
    found = check_roundtrip(subject)
    assert {finding.position for finding in found.findings} == {found.position} == {line}


@pytest.mark.parametrize(
    ("error", "arrives"),
    [
        (Refused("the graph cannot be saved as h5", "take h5 out", unsavable=True), NotSaved),
        (Refused("it has no signature", "export it with one"), Unable),
        (Refused("the weights do not fit", "mend the file", verdict=True), NotLoaded),
        (ValueError("unknown layer"), Unable),
        (PermissionError(13, "Permission denied", "/etc/shadow"), GateError),
    ],
)
def test_what_a_child_says_arrives_as_what_it_was(error: Exception, arrives: type[GateError]) -> None:
    found = Session.__new__(Session)._error(_told(error))
    assert type(found) is arrives


# What shows nothing


NAN = {"logits": np.full((2, 3), np.nan, np.float32)}
BOTH = {**NAN, "count": f32(1, 2)}


def test_outputs_without_a_number_say_nothing_of_inputs_that_were_given() -> None:
    given = Loading(predictions=(Prediction(inputs=Path("inputs.npz")),))
    found = check_roundtrip(subject_of(Shown(again=[again(predicted=(NAN, NAN))]), given))
    assert found.outcome == Outcome.ERROR
    assert found.findings[0].reason == (
        "loaded again: the output logits is all NaN and infinities, which are alike whatever was loaded"
    )


def test_formats_asked_for_in_words_compute_numbers_or_an_error() -> None:
    silent = again(predicted=(NAN, NAN))
    found = judged(Shown(again=[again()], saved={"keras": silent}), "keras")
    assert found.outcome == Outcome.ERROR
    assert "all NaN and infinities" in found.findings[0].reason


def test_a_logarithm_of_made_up_inputs_is_no_fault_of_the_model() -> None:
    """Nobody asked: all variables are the same to the bit, and the summary says what was not compared."""
    shown = Shown(again=[again(predicted=(NAN, NAN))], own_format="keras", saved={"keras": again(predicted=(NAN, NAN))})
    found = judged(shown)
    assert found.outcome == Outcome.PASSED
    nothing = "predictions not compared (logits of made-up inputs: NaN and infinities alone)"
    assert found.summary == f"loaded again, keras: 2 variables identical, {nothing}"
    found = judged([again(predicted=(BOTH, BOTH))])
    assert "predictions of 2 samples identical (logits of made-up inputs: NaN and infinities alone)" in found.summary


@pytest.mark.parametrize("after", [f32(1, 2, 3), np.full((2, 3), np.inf, np.float32)])
def test_a_model_that_stopped_or_began_to_compute_numbers_is_another(after: Any) -> None:
    other = {"logits": np.broadcast_to(after, (2, 3))}
    for pair in ((NAN, other), (other, NAN)):
        assert told(judged([again(predicted=pair)]).findings) == [("loads-differ", None)]


def test_constants_of_another_graph_are_shown_by_predictions_alone() -> None:
    def saved(**more: Any) -> Any:
        one = again(other_graph=True, **more)
        kept = {name: each for name, each in one.after.items() if name != "b"}
        one = replace(one, after=kept, paired={name: name for name in kept}, constants=frozenset({"b"}))
        return judged(Shown(again=[again()], saved={"saved_model": one}), "saved_model")

    found = saved()
    assert found.outcome == Outcome.PASSED
    assert "1 variable identical, 1 constant in the graph, which predictions show, predictions of" in found.summary
    assert told(saved(predicted=None, unpredicted="why").findings) == [("roundtrip-mismatch", "b")]
    differs = saved(predicted=(LOGITS, {"logits": LOGITS["logits"] + 1}))
    assert told(differs.findings) == [("prediction-mismatch", None)]


def test_formats_asked_for_in_words_are_predicted_with_or_an_error() -> None:
    silent = again(predicted=None, unpredicted="its call raised TypeError")
    found = judged(Shown(again=[again()], saved={"keras": silent}), "keras")
    assert found.outcome == Outcome.ERROR
    assert "predictions were not compared: its call raised TypeError" in found.findings[0].reason


def test_a_variable_that_is_none_of_the_models_own_is_named() -> None:
    found = judged(Shown(again=[again()], strangers=("lost/kernel",)))
    assert told(found.findings) == [("not-restored", "lost/kernel")]


def test_a_long_text_that_both_ways_have_is_said_once() -> None:
    why = "no inputs: " + "the model takes a dict of four things that nobody gave " * 2
    mute = replace(again(), predicted=None, unpredicted=why)
    found = judged(Shown(again=[mute], own_format="keras", saved={"keras": mute}))
    assert found.summary.count(why) == 1
    assert ", keras: " in found.summary

"""What a model has to predict: against golden outputs, the reference's, the project's metric, and itself one by one."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gate.asked import REFERENCE, Agreement, Code, Difference, Loading, Metric, Prediction
from gate.checks.evidence import NotLoaded, Outputs, Unable
from gate.checks.predictions import check_predictions
from gate.errors import GateError
from gate.position import Position
from gate.results import CheckResult, Outcome
from gate.tensors.tolerance import Tolerance
from support.evidence import LINES, Shown, f32, subject_of

LOGITS = np.array([[1, 2, 3], [6, 5, 4]], np.float32)
ACCURACY = Code(Path("src/metrics.py"), "accuracy", "src/metrics.py:accuracy")
LINE = Position("weight-gate.yml", 20, 9)
NAN = float("nan")


def outputs(samples: int | None = None, **arrays: Any) -> Outputs:
    found = {name: np.asarray(array) for name, array in arrays.items()}
    first = next(iter(found.values()))
    return Outputs(found, (len(first) if first.ndim else 1) if samples is None else samples)


def asked(**said: Any) -> Prediction:
    """Compared with the reference element by element, unless something else is said."""
    said.setdefault("elementwise", not {"agreement", "cosine", "difference", "metric"} & said.keys())
    said.setdefault("expected", None if "metric" in said else REFERENCE)
    said.setdefault("inputs", Path("inputs.npz"))
    return Prediction(positions={"": LINE}, **said)


def judged(evidence: Shown, *entries: Prediction) -> CheckResult:
    return check_predictions(subject_of(evidence, Loading(predictions=entries or (asked(),))))


def against(actual: Any, wanted: Any, entry: Prediction | None = None, **more: Any) -> CheckResult:
    """One output against what it should be; its batches are not looked at."""
    shown = Shown(predicted=[outputs(logits=actual)], wanted=outputs(logits=wanted), **more)
    return judged(shown, entry or asked())


def kinds(found: CheckResult) -> list[str]:
    return [finding.kind for finding in found.findings]


# Element by element


def test_made_up_inputs_that_are_all_answered_alike_say_nothing() -> None:
    constant = np.full((4, 3), 0.5, np.float32)
    found = against(constant, constant, asked(inputs=None))
    assert found.outcome == Outcome.ERROR
    assert "answers all made-up inputs alike" in found.findings[0].reason
    assert against(constant, constant).outcome == Outcome.PASSED
    assert (
        against(constant + np.arange(4)[:, None], constant + np.arange(4)[:, None], asked(inputs=None)).findings == ()
    )


def test_outputs_of_a_savedmodel_go_by_their_places() -> None:
    shown = Shown(predicted=[outputs(output_0=f32(1, 2), output_1=f32(3, 4))], wanted=outputs(p=f32(1, 2), q=f32(3, 4)))
    assert judged(shown).outcome == Outcome.PASSED


def test_as_expected() -> None:
    found = against(LOGITS, LOGITS)
    assert (found.outcome, found.findings, found.checked) == (Outcome.PASSED, (), 2)
    assert found.summary == (
        "2 samples predicted; output logits within rtol=1e-05, atol=1e-06, at most 0 apart; "
        "batches not compared (one sample)"
    )


def test_not_as_expected() -> None:
    actual = LOGITS.copy()
    actual[0, 1], actual[1, 2] = 2.5, 4.0625
    found = against(actual, LOGITS, layer="the first layer whose activations differ is body: at most 0.1 apart")
    (finding,) = found.findings
    assert (found.outcome, finding.kind, finding.position) == (Outcome.FAILED, "prediction-mismatch", LINE)
    assert finding.reason == "output logits: 2 of 6 elements differ by more than rtol=1e-05, atol=1e-06"
    assert finding.details == (
        "worst at [0, 1]: 2.5, expected 2",
        "the smallest tolerance that passes: atol=0.5 at this rtol",
        "the first layer whose activations differ is body: at most 0.1 apart",
    )
    assert finding.severity == 0.5


@pytest.mark.parametrize(
    ("on_gpu", "said", "apart", "outcome"),
    [
        (False, None, 1e-5, Outcome.PASSED),
        (False, None, 1e-4, Outcome.FAILED),
        (True, None, 1e-4, Outcome.PASSED),
        (True, None, 1e-2, Outcome.FAILED),
        (True, Tolerance(0, 1e-6), 1e-4, Outcome.FAILED),
        (False, Tolerance(0, 1e-2), 1e-3, Outcome.PASSED),
    ],
)
def test_the_tolerance_is_the_devices_or_the_manifests(
    on_gpu: bool, said: Tolerance | None, apart: float, outcome: Outcome
) -> None:
    found = against(np.ones(4) + apart, np.ones(4), asked(tolerance=said), on_gpu=on_gpu)
    assert found.outcome == outcome


def test_the_first_layer_is_looked_for_once_and_with_the_same_tolerance() -> None:
    shown = Shown(
        predicted=[outputs(a=f32(1, 2), b=f32(1, 2))],
        wanted=outputs(a=f32(1, 3), b=f32(0, 2)),
        layer="the first layer whose activations differ is body",
    )
    found = judged(shown, asked(tolerance=Tolerance(0, 0.5)))
    assert [finding.details[-1] for finding in found.findings] == [shown.layer] * 2
    assert shown.tolerances == [(0, 0.5)]


def test_no_first_layer_is_no_excuse() -> None:
    found = against(f32(1), f32(2), layer=GateError("killed by signal 9"))
    assert (found.outcome, kinds(found)) == (Outcome.FAILED, ["prediction-mismatch"])


@pytest.mark.parametrize("wanted", [1.0, NAN, math.inf])
@pytest.mark.parametrize("actual", [NAN, math.inf, -math.inf])
def test_no_prediction_is_nan_or_infinite(actual: float, wanted: float) -> None:
    found = against(f32(0, actual), f32(0, wanted))
    assert kinds(found) == ["prediction-mismatch"]
    assert ("1 element of the model's is NaN" in found.findings[0].details) == math.isnan(actual)


def test_integers_and_texts_are_equal_or_not() -> None:
    assert against(np.array([1, 2]), np.array([1, 2])).summary.startswith("2 samples predicted; output logits equal")
    (finding,) = against(np.array([1, 2]), np.array([1, 3]), asked(tolerance=Tolerance(1, 1))).findings
    assert finding.reason == "output logits: 1 of 2 elements differs"
    assert finding.details == ("worst at [1]: 2, expected 3",)
    (finding,) = against(np.array([b"cat"], object), np.array(["dog"])).findings
    assert finding.reason == "output logits: 1 of 1 element differs"


def test_golden_outputs_may_be_of_another_dtype() -> None:
    assert against(f32(0.1, 0.2), np.array([0.1, 0.2])).outcome == Outcome.PASSED
    assert "within rtol=1e-05, atol=1e-06" in against(f32(1, 2.000001), np.array([1, 2])).summary


# Which outputs


def test_one_output_needs_no_name() -> None:
    shown = Shown(predicted=[outputs(output_0=LOGITS)], wanted=outputs(logits=LOGITS))
    assert judged(shown).outcome == Outcome.PASSED


def test_several_go_by_name() -> None:
    a, b = f32(1, 2), f32(3, 4)
    assert judged(Shown(predicted=[outputs(a=a, b=b)], wanted=outputs(b=b, a=a))).outcome == Outcome.PASSED
    found = judged(Shown(predicted=[outputs(a=a, b=b)], wanted=outputs(a=b, b=a)))
    assert [finding.reason[:8] for finding in found.findings] == ["output a", "output b"]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"a", "b"}, {"a"}),
        ({"a"}, {"a", "b"}),
        ({"a", "b"}, {"a", "c"}),
        ({"a"}, set()),
    ],
)
def test_missing_and_surplus_outputs_are_errors(ours: set[str], theirs: set[str]) -> None:
    shown = Shown(
        predicted=[outputs(**{name: f32(1) for name in sorted(ours)})],
        wanted=Outputs({name: f32(1) for name in sorted(theirs)}, 1),
    )
    found = judged(shown)
    assert (found.outcome, kinds(found)) == (Outcome.ERROR, ["uncheckable"])
    assert found.findings[0].reason == (
        f"the model has the outputs {', '.join(sorted(ours))}, and expected are {', '.join(sorted(theirs)) or 'none'}"
    )


def test_golden_outputs_may_have_more_than_was_chosen() -> None:
    golden = outputs(a=f32(1), b=f32(2), c=f32(3))
    one, two = outputs(b=f32(2)), outputs(c=f32(3), a=f32(1))
    assert judged(Shown(predicted=[one], wanted=golden), asked(outputs=("b",))).outcome == Outcome.PASSED
    assert judged(Shown(predicted=[two], wanted=golden), asked(outputs=("c", "a"))).outcome == Outcome.PASSED
    found = judged(Shown(predicted=[outputs(a=f32(9))], wanted=golden), asked(outputs=("a",)))
    assert found.outcome == Outcome.FAILED
    found = judged(Shown(predicted=[outputs(x=f32(1))], wanted=golden), asked(outputs=("x",)))
    assert found.outcome == Outcome.ERROR


def test_another_shape_is_an_error_in_words() -> None:
    for actual, wanted in ((LOGITS, LOGITS[:1]), (LOGITS, LOGITS.T), (LOGITS, LOGITS[0]), (f32(1), np.float32(1))):
        found = against(actual, wanted)
        assert (found.outcome, kinds(found)) == (Outcome.ERROR, ["uncheckable"])
        assert found.findings[0].reason.startswith("the outputs have the shape (")
        assert found.findings[0].position == LINE


def test_one_output_of_another_shape_hides_no_other() -> None:
    shown = Shown(predicted=[outputs(a=f32(1), b=f32(1))], wanted=outputs(a=f32(1, 2), b=f32(2)))
    found = judged(shown)
    assert (found.outcome, kinds(found)) == (Outcome.ERROR, ["uncheckable", "prediction-mismatch"])


# What else may be asked


@pytest.mark.parametrize(
    ("at_least", "outcome"), [(0.5, Outcome.PASSED), (0.51, Outcome.FAILED), (1.0, Outcome.FAILED)]
)
def test_agreement(at_least: float, outcome: Outcome) -> None:
    actual = np.array([[1, 2, 9], [9, 5, 4], [1, 0, 0], [0, 0, 1]])  # largest: 2, 0, 0, 2
    wanted = np.array([[1, 2, 3], [9, 8, 7], [0, 1, 0], [1, 0, 0]])  # largest: 2, 0, 1, 0
    found = against(actual, wanted, asked(agreement=Agreement("argmax", at_least)))
    assert found.outcome == outcome
    assert "argmax of logits agrees in 2 of 4" in found.summary
    if outcome == Outcome.FAILED:
        assert found.findings[0].kind == "low-agreement"
        assert "argmax agrees in 50 % (2 of 4)" in found.findings[0].reason
        assert found.findings[0].details == ("at [2]: 0, expected 1", "at [3]: 2, expected 0")


def test_agreement_is_not_rounded_up() -> None:
    actual = np.ones(3000)
    wanted = np.ones(3000)
    wanted[7] = -1
    found = against(actual, wanted, asked(agreement=Agreement("sign", 1.0)))
    assert "agrees in 99.9 % (2,999 of 3,000), at least 100 % is asked for" in found.findings[0].reason


@pytest.mark.parametrize("metric", ["argmax", "topk", "sign", "threshold"])
def test_nan_agrees_with_nothing(metric: str) -> None:
    some = np.array([[NAN, 1, 2], [1, 2, 3]])
    found = against(some, some, asked(agreement=Agreement(metric, 1.0, k=2)))
    assert kinds(found) == ["low-agreement"]


def test_cosine() -> None:
    actual, wanted = np.array([[1.0, 0], [3, 4]]), np.array([[2.0, 0], [4, 3]])  # cosines 1 and 24/25
    assert against(actual, wanted, asked(cosine=0.96)).outcome == Outcome.PASSED
    (finding,) = against(actual, wanted, asked(cosine=0.961)).findings
    assert finding.kind == "prediction-far"
    assert finding.reason == "output logits: the cosine of sample 1 is 0.96, at least 0.961 is asked for"
    assert kinds(against(actual, -actual, asked(cosine=0.0))) == ["prediction-far"]
    assert against(actual, -actual, asked(cosine=-1.0)).outcome == Outcome.PASSED


@pytest.mark.parametrize("value", [NAN, math.inf])
def test_a_cosine_that_is_no_number_fails(value: float) -> None:
    some = np.array([[value, 1.0], [1, 2]])
    assert kinds(against(some, some, asked(cosine=-1.0))) == ["prediction-far"]


@pytest.mark.parametrize(
    ("bounds", "what"),
    [
        ({"max": 3.9}, "the largest difference is 4, 3.9 is allowed"),
        ({"mean": 1.9}, "the mean difference is 2, 1.9 is allowed"),
        ({"quantile": (0.5, 1.9)}, "the quantile 0.5 of the difference is 2, 1.9 is allowed"),
    ],
)
def test_differences(bounds: dict[str, Any], what: str) -> None:
    actual, wanted = np.array([0.0, 1, 2, 3, 4]), np.zeros(5)  # differences 0 to 4
    (finding,) = against(actual, wanted, asked(difference=Difference(**bounds))).findings
    assert (finding.kind, finding.reason) == ("prediction-far", f"output logits: {what}")
    wider: dict[str, Any] = {key: (value[0], 2) if key == "quantile" else value + 0.1 for key, value in bounds.items()}
    assert against(actual, wanted, asked(difference=Difference(**wider))).outcome == Outcome.PASSED


def test_all_bounds_of_a_difference_are_looked_at() -> None:
    bounds = Difference(max=0, mean=0, quantile=(1, 0))
    assert len(against(f32(0, 1), f32(0, 0), asked(difference=bounds)).findings) == 3
    assert len(against(f32(0, NAN), f32(0, NAN), asked(difference=Difference(9, 9, (0, 9)))).findings) == 3


def test_everything_that_is_asked_is_judged() -> None:
    entry = asked(
        elementwise=True,
        agreement=Agreement("argmax", 1.0),
        cosine=0.99,
        difference=Difference(max=0.5),
        metric=Metric(ACCURACY, at_least=0.9),
        expected=REFERENCE,
    )
    found = against(LOGITS, LOGITS[:, ::-1], entry, measured=0.5)
    assert kinds(found) == [
        "prediction-mismatch",
        "low-agreement",
        "prediction-far",
        "prediction-far",
        "metric-below",
    ]


def test_one_sided_questions_are_errors_and_hide_nothing() -> None:
    """The cosine of single numbers is their sign: an error, and the other criteria are judged."""
    found = against(f32(1, -1), f32(2, 1), asked(cosine=0.9, agreement=Agreement("sign", 1.0)))
    assert (found.outcome, kinds(found)) == (Outcome.ERROR, ["low-agreement", "uncheckable"])


# The project's metric


def measured(metric: Metric, now: Any, before: Any = 0.0) -> CheckResult:
    shown = Shown(predicted=[outputs(logits=LOGITS)], measured=now, measured_before=before)
    return judged(shown, asked(metric=metric))


@pytest.mark.parametrize(
    ("bounds", "now", "before", "holds"),
    [
        ({"at_least": 0.97}, 0.97, 0, True),
        ({"at_least": 0.97}, 0.9699999, 0, False),
        ({"at_least": 0.97}, NAN, 0, False),
        ({"at_least": 0.97}, -math.inf, 0, False),
        ({"at_most": 0.1}, 0.1, 0, True),
        ({"at_most": 0.1}, 0.10001, 0, False),
        ({"at_most": 0.1}, NAN, 0, False),
        ({"at_least": 0, "at_most": 1}, 2, 0, False),
        ({"at_least": 0, "at_most": 1}, -1, 0, False),
        ({"max_drop": 0.25}, 0.5, 0.75, True),
        ({"max_drop": 0.25}, 0.5, 0.5, True),
        ({"max_drop": 0.25}, 0.9, 0.5, True),
        ({"max_drop": 0.25}, 0.5, 0.76, False),
        ({"max_drop": 0.25}, NAN, 0.5, False),
        ({"max_drop": 0.25}, 0.5, NAN, False),
        ({"max_drop": 0.25}, NAN, NAN, False),
        ({"max_drop": 0.25}, math.inf, math.inf, False),
        ({"max_drop": 0.0, "at_least": 0.9}, 0.95, 0.95, True),
    ],
)
def test_bounds_of_a_metric(bounds: dict[str, float], now: float, before: float, holds: bool) -> None:
    found = measured(Metric(ACCURACY, **bounds), now, before)
    assert kinds(found) == ([] if holds else ["metric-below"])
    assert f"accuracy {now:.6g}" in found.summary
    assert (f"(reference {before:.6g})" in found.summary) == ("max_drop" in bounds)


def test_a_metric_in_words() -> None:
    found = measured(Metric(ACCURACY, at_least=0.97, max_drop=0.002), 0.9604, 0.98)
    assert [finding.reason for finding in found.findings] == [
        "accuracy: 0.9604, at least 0.97 is asked for",
        "accuracy: from 0.98 of the reference to 0.9604, a drop of at most 0.002 is allowed",
    ]


def test_a_metric_that_raises_is_an_error() -> None:
    found = measured(Metric(ACCURACY, at_least=0.9), Unable("metrics.py:accuracy raised KeyError: 'labels'"))
    assert (found.outcome, kinds(found)) == (Outcome.ERROR, ["uncheckable"])


def test_a_metric_without_its_reference_is_an_error_and_the_rest_is_judged() -> None:
    found = measured(Metric(ACCURACY, at_least=0.9, max_drop=0.1), 0.5, GateError("the reference does not load"))
    assert (found.outcome, kinds(found)) == (Outcome.ERROR, ["metric-below", "uncheckable"])


# One by one


def batched(alone: dict[str, Any], together: dict[str, Any], **said: Any) -> CheckResult:
    ours = outputs(logits=LOGITS)
    pair = (Outputs(alone, 2), Outputs(together, 2))
    return judged(Shown(predicted=[ours], wanted=ours, singly=pair, **said))


def test_batches_agree() -> None:
    found = batched({"logits": LOGITS}, {"logits": LOGITS + np.float32(1e-6)})
    assert found.outcome == Outcome.PASSED
    assert found.summary.endswith("; batches of 1 and of 2 compared")


def test_a_model_that_looks_at_its_neighbours() -> None:
    (finding,) = batched({"logits": LOGITS}, {"logits": LOGITS + f32(0, 0, 1)}).findings
    assert (finding.kind, finding.position) == ("batch-dependent", LINE)
    assert finding.reason == (
        "output logits: 2 of 6 elements are others in batches of 1 than in one of 2, "
        "by more than rtol=1e-05, atol=1e-06"
    )


def test_nan_in_both_is_not_agreement() -> None:
    nan = np.array([[NAN, 1]])
    (finding,) = batched({"logits": nan}, {"logits": nan}).findings
    assert finding.details[-1] == "1 element of the model's is NaN"


def test_outputs_that_only_one_of_both_has() -> None:
    assert kinds(batched({}, {"logits": LOGITS})) == ["batch-dependent"]
    assert kinds(batched({"logits": LOGITS, "x": LOGITS}, {"logits": LOGITS})) == ["batch-dependent"]


def test_shapes_that_follow_the_batch_are_said_not_to_be_compared() -> None:
    matrix, mean = np.eye(2), f32(1)
    found = batched({"similar": np.ones((2, 1))}, {"similar": matrix})
    assert found.outcome == Outcome.PASSED
    assert found.summary.endswith("; batches not compared (the shape follows the batch)")
    found = batched({"similar": np.ones((2, 1)), "mean": mean}, {"similar": matrix, "mean": mean})
    assert found.summary.endswith("; batches of 1 and of 2 compared; of 1 output not (the shape follows the batch)")


def test_empty_outputs_are_no_comparison() -> None:
    empty = np.zeros((2, 0))
    assert "batches not compared" in batched({"logits": empty}, {"logits": empty}).summary


def test_a_model_of_fixed_batches_is_said_not_to_be_compared() -> None:
    ours = outputs(logits=LOGITS)
    found = judged(Shown(predicted=[ours], wanted=ours, singly=Unable("the input x is float32 [8, 3]")))
    assert found.outcome == Outcome.PASSED
    assert found.summary.endswith("; batches not compared (the input x is float32 [8, 3])")


def test_a_crash_one_by_one_is_an_error() -> None:
    ours = outputs(logits=LOGITS)
    found = judged(Shown(predicted=[ours], wanted=ours, singly=GateError("killed by signal 11")))
    assert (found.outcome, kinds(found)) == (Outcome.ERROR, ["uncheckable"])


def test_batches_by_the_manifests_tolerance() -> None:
    ours = outputs(logits=LOGITS)
    pair = (Outputs({"logits": LOGITS}, 2), Outputs({"logits": LOGITS + np.float32(0.25)}, 2))
    entry = asked(tolerance=Tolerance(0, 0.5))
    assert judged(Shown(predicted=[ours], wanted=ours, singly=pair), entry).outcome == Outcome.PASSED
    assert kinds(judged(Shown(predicted=[ours], wanted=ours, singly=pair, on_gpu=True))) == ["batch-dependent"]


# Nothing, and trouble


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        (Prediction(positions={"": LINE}), "asks nothing of the outputs"),
        (Prediction(expected=REFERENCE), "asks nothing of the outputs"),
        (Prediction(elementwise=True), "compares the outputs with nothing"),
        (Prediction(agreement=Agreement("argmax", 0.9)), "compares the outputs with nothing"),
        (Prediction(cosine=0.9), "compares the outputs with nothing"),
        (asked(difference=Difference()), "has a `difference` without a bound"),
        (asked(metric=Metric(ACCURACY)), "has a `metric` without a bound"),
        (asked(metric=Metric(ACCURACY, at_least=0), expected=REFERENCE), "compares nothing with it"),
    ],
)
def test_an_entry_that_asks_for_nothing_is_an_error(entry: Prediction, what: str) -> None:
    ours = outputs(logits=LOGITS)
    pair = (ours, ours)
    found = judged(Shown(predicted=[ours], wanted=ours, singly=pair), entry)
    assert found.outcome == Outcome.ERROR
    assert any(what in finding.reason for finding in found.findings)


def test_no_entry_is_an_error() -> None:
    found = check_predictions(subject_of(Shown(), Loading()))
    assert (found.outcome, found.checked) == (Outcome.ERROR, 0)
    assert found.findings[0].position == LINES["weights"]


def test_no_outputs_and_no_samples_are_errors() -> None:
    for nothing in (Outputs({}, 2), Outputs({"logits": LOGITS[:0]}, 0)):
        found = judged(Shown(predicted=[nothing], wanted=nothing))
        assert (found.outcome, found.checked) == (Outcome.ERROR, 0)
    empty = Outputs({"logits": np.zeros((2, 0))}, 2)
    assert judged(Shown(predicted=[empty], wanted=empty)).outcome == Outcome.ERROR


def test_a_reference_that_is_not_there() -> None:
    found = judged(Shown(predicted=[outputs(logits=LOGITS)]))
    assert (found.outcome, kinds(found)) == (Outcome.ERROR, ["uncheckable"])
    assert found.findings[0].reason == "there is no reference to predict with"


def test_a_refused_load_is_a_failure() -> None:
    found = judged(Shown(predicted=[NotLoaded("3 variables expected", "mend the file")]))
    assert (found.outcome, kinds(found)) == (Outcome.FAILED, ["load-failed"])


@pytest.mark.parametrize("error", [GateError("killed by signal 9"), Unable("there is no input x")])
def test_whatever_else_goes_wrong_is_an_error(error: GateError) -> None:
    found = judged(Shown(predicted=[error]))
    assert (found.outcome, kinds(found)) == (Outcome.ERROR, ["uncheckable"])
    assert found.findings[0].position == LINE
    at = Position("weight-gate.yml", 33, 3)
    found = judged(Shown(predicted=[GateError("no such file", "", at)]))
    assert found.findings[0].position == at


def test_a_process_that_is_gone_says_so_once() -> None:
    gone = GateError("killed by signal 9")
    entry = asked(metric=Metric(ACCURACY, at_least=0.5), elementwise=True, expected=REFERENCE)
    shown = Shown(predicted=[outputs(logits=LOGITS)], wanted=gone, singly=gone, measured=gone)
    assert kinds(judged(shown, entry)) == ["uncheckable"]


def test_one_entry_hides_no_other() -> None:
    entries = (asked(), asked(agreement=Agreement("argmax", 1.0)), asked())
    shown = Shown(
        predicted=[GateError("the file of inputs is cut short"), outputs(logits=LOGITS), outputs(logits=LOGITS)],
        wanted=outputs(logits=LOGITS[:, ::-1].copy()),
    )
    found = judged(shown, *entries)
    assert (found.outcome, found.checked) == (Outcome.ERROR, 4)
    assert kinds(found) == ["uncheckable", "low-agreement", "prediction-mismatch"]
    assert found.summary.startswith("4 samples predicted; ")

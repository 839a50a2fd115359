import pytest
from hypothesis import given

from gate.reports.wording import RED, complete, coverage, crop, duration, findings, headline
from gate.results import CheckResult, Coverage, ModelResult, Outcome, RunResult
from reports.samples import mixed, model, passed, run, values, waived
from reports.strategies import runs, steady


@steady
@given(runs)
def test_a_run_is_red_exactly_when_a_check_is(any_run: RunResult) -> None:
    red = [check for each in complete(any_run) for check in each.checks if check.outcome in RED]
    assert bool(red) == (any_run.exit_code != 0)
    for check in red:
        assert all(found.reason.strip() for found in findings(check))
        assert findings(check)


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (mixed(), "ERROR: 1 could not be checked, 1 did not hold, 1 waived (8 checks of 3 models)"),
        (run(model("a", values())), "FAILED: 1 did not hold (1 check of 1 model)"),
        (run(model("a", passed())), "PASSED: everything checked, everything held (1 check of 1 model)"),
        (run(), "NOTHING CHECKED: the run has no model (0 checks of 0 models)"),
        (
            run(model("a", passed()), model("b", waived())),
            "NOTHING CHECKED: 1 of 2 models compared nothing, 1 waived (2 checks of 2 models)",
        ),
        (
            run(model("a", CheckResult("values", Outcome.NOT_RUN, ""))),
            "NOT RUN: 1 not reached (1 check of 1 model)",
        ),
    ],
)
def test_headline(one: RunResult, told: str) -> None:
    assert headline(one) == told


@pytest.mark.parametrize(
    ("covered", "told"),
    [
        (Coverage(312, 1000, 312, 1000, 300), "312 of 312 tensors, 100 % of bytes compared; 300 bit for bit equal"),
        (Coverage(312, 100_000, 311, 99_999, 0), "311 of 312 tensors, 99.9 % of bytes compared; 0 bit for bit equal"),
        (Coverage(2, 0, 2, 0, 2), "2 of 2 tensors, 100 % of bytes compared; 2 bit for bit equal"),
        (Coverage(1, 10), "0 of 1 tensor: values were compared with nothing"),
        (Coverage(), "no tensor was read, nothing was compared"),
    ],
)
def test_coverage_never_rounds_up(covered: Coverage, told: str) -> None:
    assert coverage(ModelResult("m", "w", coverage=covered)) == told


def test_durations() -> None:
    told = [duration(each) for each in (0.0, 0.034, 12.34, 125, float("nan"), -1)]
    assert told == ["0.00 s", "0.03 s", "12.3 s", "2 min 05 s", "? s", "? s"]


def test_crop_keeps_both_ends() -> None:
    assert crop("a" * 10, 10) == "a" * 10
    cropped = crop("abc" + "x" * 100 + "xyz", 20)
    assert len(cropped) == 20
    assert cropped.startswith("abc")
    assert cropped.endswith("xyz")

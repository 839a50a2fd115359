"""The verdict: could not be checked beats did not hold, and nothing checked is never green."""

from dataclasses import replace

import pytest

from gate.results import CheckResult, Conclusion, Coverage, LeftOut, ModelResult, Outcome, RunResult

P, F, E, W, N = Outcome.PASSED, Outcome.FAILED, Outcome.ERROR, Outcome.WAIVED, Outcome.NOT_RUN


def run(*models: ModelResult) -> RunResult:
    return RunResult(models, "weight-gate check", "2026-11-21T00:00:00", "0")


def model(*outcomes: Outcome, checked: int = 3, reference: str | None = None, compared: int = 0) -> ModelResult:
    checks = tuple(CheckResult(f"c{i}", outcome, "s", checked=checked) for i, outcome in enumerate(outcomes))
    return ModelResult("m", "w", reference, checks, Coverage(tensors=3, compared=compared, compared_bytes=4 * compared))


@pytest.mark.parametrize(
    ("models", "conclusion", "code"),
    [
        ([model(P, P)], Conclusion.SUCCESS, 0),
        ([model(P, W)], Conclusion.SUCCESS, 0),
        ([model(P, F)], Conclusion.FAILURE, 1),
        ([model(P, F, E)], Conclusion.ERROR, 4),
        ([model(P), model(E)], Conclusion.ERROR, 4),
        ([model(P, N)], Conclusion.NOT_RUN, 4),
        ([model(F, N)], Conclusion.NOT_RUN, 4),
        ([], Conclusion.NOTHING_CHECKED, 3),
        ([model()], Conclusion.NOTHING_CHECKED, 3),
        ([model(W)], Conclusion.NOTHING_CHECKED, 3),
        ([model(P, checked=0)], Conclusion.NOTHING_CHECKED, 3),
        ([model(P), model(P, checked=0)], Conclusion.NOTHING_CHECKED, 3),
        ([model(F), model(P, checked=0)], Conclusion.FAILURE, 1),
        ([model(P, reference="r", compared=0)], Conclusion.NOTHING_CHECKED, 3),
        ([model(P, reference="r", compared=1)], Conclusion.SUCCESS, 0),
    ],
)
def test_verdict(models: list[ModelResult], conclusion: Conclusion, code: int) -> None:
    found = run(*models)
    assert (found.conclusion, found.exit_code) == (conclusion, code)


def test_counts() -> None:
    found = run(model(P, F, W), model(E, checked=0))
    assert (found.checked_count, found.failed_count) == (2, 2)


def left(untouched: bool) -> LeftOut:
    return LeftOut("m", "w", "why", untouched=untouched)


@pytest.mark.parametrize(
    ("models", "left_out", "conclusion", "code"),
    [
        ([], [left(True)], Conclusion.NOTHING_TO_CHECK, 0),
        ([], [left(True), left(False)], Conclusion.NOTHING_TO_CHECK, 0),
        ([], [left(False)], Conclusion.NOTHING_CHECKED, 3),
        ([model(P)], [left(True)], Conclusion.SUCCESS, 0),
        ([model(W)], [left(True)], Conclusion.NOTHING_CHECKED, 3),
        ([model()], [left(True)], Conclusion.NOTHING_CHECKED, 3),
        ([model(N)], [left(True)], Conclusion.NOT_RUN, 4),
        ([model(F)], [left(True)], Conclusion.FAILURE, 1),
        ([model(E)], [left(True)], Conclusion.ERROR, 4),
    ],
)
def test_what_is_left_out_makes_nothing_green_that_was_judged(
    models: list[ModelResult], left_out: list[LeftOut], conclusion: Conclusion, code: int
) -> None:
    found = replace(run(*models), left_out=tuple(left_out))
    assert (found.conclusion, found.exit_code) == (conclusion, code)

"""Mean, standard deviation and higher moments: against the reference's, and against bounds in the manifest."""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from gate.checks.interface import UNCHECKABLE, Subject, result, unreadable
from gate.checks.wording import distance, number
from gate.errors import UnreadableError
from gate.results import CheckResult, Finding
from gate.tensors.locked import LOCKED_STATISTICS
from gate.tensors.rules import StatisticBound
from gate.tensors.statistics import Statistics, locked_statistics, statistics
from gate.tensors.tolerance import Tolerance, published_tolerance
from gate.tensors.weightset import Tensor
from gate.wording import counted

_MOVED = "see how the tensor came to be so; widen the bound only if it may"


def check_statistics(subject: Subject) -> CheckResult:
    """Judges the tensors that have bounds of their own, and with thresholds all that the reference has too."""
    names = [name for name in subject.judged if subject.has_statistics(name)]
    with ThreadPoolExecutor(max_workers=max(1, subject.threads)) as pool:
        findings = [finding for found in pool.map(lambda name: list(_judge(subject, name)), names) for finding in found]
    if not names and subject.judged and subject.reference is not None and subject.thresholds:
        findings.append(
            Finding(
                UNCHECKABLE,
                "no statistic was compared: no tensor of real numbers is in both files",
                hint="remove `statistics`, or see the names with `weight-gate list`",
                position=subject.positions.get("statistics"),
            )
        )
    findings += [_unlocked(subject, statistic) for statistic in subject.thresholds if not _is_held(subject, statistic)]
    asked = ", ".join(subject.thresholds) or "the bounds in the manifest"
    summary = f"{asked} of {counted(len(names), 'tensor')}"
    if tensors := {finding.tensor for finding in findings if finding.tensor is not None}:
        summary += f": {counted(len(tensors), 'tensor')} out of bounds"
    position = subject.positions.get("statistics") or subject.positions.get("weights")
    return result("statistics", summary, findings, len(names), position)


def _judge(subject: Subject, name: str) -> Iterator[Finding]:
    tensor = subject.pairing.candidate[name]
    try:
        actual = statistics(tensor.read())
        if subject.expectations[name].statistics:
            yield from _judge_bounds(subject, name, tensor, actual)
        if subject.shares_statistics(name):
            expected = _expected(subject.pairing.reference[name])
            yield from _judge_thresholds(subject, name, actual, expected)
    except UnreadableError as error:
        yield unreadable(name, error, subject.position(name, fallback="statistics"))
    except TypeError as error:
        first = next(iter(subject.expectations[name].statistics))
        yield Finding(UNCHECKABLE, str(error), tensor=name, position=subject.position(name, first))


def _expected(tensor: Tensor) -> Statistics:
    return locked_statistics(tensor.locked) if tensor.locked is not None else statistics(tensor.read())


def _is_held(subject: Subject, statistic: str) -> bool:
    """Whether the reference tells it: a lock has few."""
    return not subject.is_locked or statistic in LOCKED_STATISTICS


def _unlocked(subject: Subject, statistic: str) -> Finding:
    return Finding(
        UNCHECKABLE,
        f"{statistic} cannot be compared: a lock does not hold it",
        hint=f"remove `{statistic}` from `statistics`, or use a file, or one from git, as the reference",
        position=subject.positions.get("statistics"),
    )


def _judge_bounds(subject: Subject, name: str, tensor: Tensor, actual: Statistics) -> Iterator[Finding]:
    expectation = subject.expectations[name]
    for statistic, bound in expectation.statistics.items():
        value = actual[statistic]
        default = expectation.tolerance or published_tolerance(tensor.dtype)
        problem = "is undefined for this tensor" if value is None else _out_of_bound(value, bound, default)
        if problem:
            yield Finding(
                "statistic-out-of-bounds",
                f"{statistic} {problem}",
                tensor=name,
                hint=_MOVED,
                position=subject.position(name, statistic, fallback="weights"),
            )


def _out_of_bound(value: float, bound: StatisticBound, default: Tolerance) -> str:
    """Why `value` does not hold, in words; empty when it does."""
    if bound.value is not None:
        stated = bound.rtol is not None or bound.atol is not None
        tolerance = Tolerance(bound.rtol or 0.0, bound.atol or 0.0) if stated else default
        allowed = tolerance.atol + tolerance.rtol * abs(bound.value)
        if not abs(value - bound.value) <= allowed:
            return f"is {number(value)}, expected {number(bound.value)}, allowed difference {number(allowed)}"
    if bound.at_least is not None and not value >= bound.at_least:
        return f"is {number(value)}, expected at least {number(bound.at_least)}"
    if bound.at_most is not None and not value <= bound.at_most:
        return f"is {number(value)}, expected at most {number(bound.at_most)}"
    return ""


def _judge_thresholds(subject: Subject, name: str, actual: Statistics, expected: Statistics) -> Iterator[Finding]:
    for statistic, threshold in subject.thresholds.items():
        if not _is_held(subject, statistic):
            continue
        a, e = actual[statistic], expected[statistic]
        if a is None and e is None:  # neither has it: both empty, or both constant
            continue
        if a is None or e is None:
            reason = f"{statistic} is {_shown(a)}, the reference has {_shown(e)}"
            severity = float("inf")
        else:
            allowed = threshold.atol + threshold.rtol * abs(e)
            # An infinite expected value allows nothing but itself, where the tensor may hold it at all.
            if (abs(a - e) <= allowed and math.isfinite(e)) or _same_special(subject, name, a, e):
                continue
            reason = f"{statistic} is {distance(a)}, the reference has {distance(e)}"
            reason += f": {distance(abs(a - e))} apart, allowed {distance(allowed)}"
            severity = abs(a - e) / allowed if allowed else abs(a - e) * 1e12
        yield Finding(
            "statistic-mismatch",
            reason,
            tensor=name,
            hint=_MOVED,
            severity=severity,
            position=subject.position(name, fallback="statistics"),
        )


def _same_special(subject: Subject, name: str, a: float, e: float) -> bool:
    expectation = subject.expectations[name]
    if math.isnan(a) and math.isnan(e):  # also what infinities of both signs add up to
        return expectation.nan or expectation.inf
    return math.isinf(a) and a == e and expectation.inf


def _shown(value: float | None) -> str:
    return "undefined" if value is None else number(value)

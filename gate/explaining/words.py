"""Rules and bounds in words."""

from collections.abc import Iterator, Mapping
from typing import Any

from gate.tensors.rules import Expect, Rule, StatisticBound
from gate.tensors.tolerance import Tolerance
from gate.wording import counted

MEANING: Mapping[Expect, str] = {
    Expect.CLOSE: "within the tolerance of the reference's tensor",
    Expect.IDENTICAL: "bit for bit the reference's tensor",
    Expect.CHANGED: "beyond the tolerance of the reference's tensor in at least one element",
    Expect.ANY: "values are not compared; shape, dtype and statistics are",
    Expect.NEW: "the reference has no such tensor",
    Expect.REMOVED: "the reference has it, and the file must not",
    Expect.IGNORED: "not looked at",
}
BY_LOCK: Mapping[Expect, str] = {
    Expect.CLOSE: "of the digest in the lock, so bit for bit the tensor that was approved",
    Expect.IDENTICAL: "of the digest in the lock, so bit for bit the tensor that was approved",
    Expect.CHANGED: "of another digest than the lock's, and its statistics prove an element beyond the tolerance",
}
"""The same, of what a lock stands for (docs/locks.md)."""
NO_TOLERANCE = "none: a lock proves equality and nothing nearer; a file, or one from git, is judged by a tolerance"
_FEW_VALUES = 8


def says(rule: Rule) -> Iterator[tuple[str, str, Any]]:
    """What a rule says: key, text, and the value as JSON has it."""
    if rule.expect is not None:
        yield "expect", str(rule.expect), str(rule.expect)
    if rule.tolerance is not None:
        yield "tolerance", str(rule.tolerance), tolerance_value(rule.tolerance)
    for key in ("nan", "inf"):
        if (allowed := getattr(rule, key)) is not None:
            yield key, allowance(allowed), allowance(allowed)
    if rule.shape is not None:
        yield "shape", str(list(rule.shape)), list(rule.shape)
    if rule.dtype is not None:
        yield "dtype", rule.dtype, rule.dtype
    if rule.values is not None:
        yield "values", values(rule.values), rule.values
    for key, bound in rule.statistics.items():
        yield key, statistic(bound), bound_value(bound)


def summary(rule: Rule) -> str:
    """`expect: identical, nan: allowed, until 2027-03-01, for: recalibrated nightly`."""
    parts = [f"{key}: {text}" for key, text, _ in says(rule)]
    if rule.until is not None:
        parts.append(f"until {rule.until}")
    if rule.reason:
        parts.append(f"because: {rule.reason}")
    return ", ".join(parts)


def allowance(allowed: bool) -> str:
    return "allowed" if allowed else "forbidden"


def tolerance_value(tolerance: Tolerance) -> dict[str, float]:
    return {"rtol": tolerance.rtol, "atol": tolerance.atol}


def bound_value(bound: StatisticBound) -> dict[str, float]:
    return {key: number for key, number in vars(bound).items() if number is not None}


def statistic(bound: StatisticBound) -> str:
    """`0.5 within atol=0.1`, `at least 0, at most 1`."""
    parts = []
    if bound.value is not None:
        given = [f"{key}={number:g}" for key in ("rtol", "atol") if (number := getattr(bound, key)) is not None]
        parts.append(f"{bound.value:g} within {', '.join(given) or 'the tolerance'}")
    if bound.at_least is not None:
        parts.append(f"at least {bound.at_least:g}")
    if bound.at_most is not None:
        parts.append(f"at most {bound.at_most:g}")
    return ", ".join(parts)


def threshold(tolerance: Tolerance) -> str:
    """How far a statistic may be from the reference's."""
    given = [f"{key}={number:g}" for key in ("rtol", "atol") if (number := getattr(tolerance, key))]
    return f"the reference's within {', '.join(given) or 'nothing: exactly'}"


def values(given: Any) -> str:
    """The first ones, and how many there are."""
    flat = list(_flat(given))
    shown = ", ".join(str(each) for each in flat[:_FEW_VALUES])
    return f"{shown}, … ({counted(len(flat), 'value')})" if len(flat) > _FEW_VALUES else shown or "no value"


def _flat(given: Any) -> Iterator[Any]:
    if isinstance(given, list | tuple):
        for each in given:
            yield from _flat(each)
    else:
        yield given

"""A verdict on an overlay is that of `weight-gate check` on a file of the same values, which is written here."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gate.checks.interface import Subject
from gate.mutations import DAMAGES
from gate.mutations.choose import Plan
from gate.mutations.interface import Base
from gate.mutations.judge import DATA_CHECKS, PAIRING, Judge
from gate.mutations.verdict import Fate, Verdict
from gate.results import Outcome
from mutations.mutating import judged, small, written
from support.judging import judge_manifest

RULES: list[dict[str, Any]] = [
    {"match": "conv/**", "expect": "identical"},
    {"match": "bn/moving_*", "tolerance": {"rtol": 1e-2, "atol": 1e-3}},
    {"match": "head/bias", "expect": "ignored", "reason": "recalibrated"},
    {"match": "head/kernel", "expect": "any"},
    {"match": "**/kernel", "dtype": "float32"},
    {"match": "head/**", "expect": "changed"},
    {"match": "**/bias*", "max": {"at_most": 1.0}},
    {"match": "bn/gamma", "values": [1.5, 0.5]},
    {"match": "bn/*", "inf": "allowed", "nan": "allowed"},
    {"match": "bn/beta", "expect": "new"},
    {"match": "old/bias", "expect": "removed"},
    {"match": "**/*_copy", "expect": "new"},
    {"match": "bn/moving_mean", "expect": "ignored", "reason": "of the day"},
]


def both(rules: list[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A file and a reference that the rules, in their order, let pass."""
    new, old = small(), small()
    expect = dict.fromkeys(new, "close")
    for rule in rules:
        for name in new:
            head = rule["match"].removesuffix("**")
            hit = rule["match"] == name or (rule["match"].endswith("/**") and name.startswith(head))
            if hit and "expect" in rule:
                expect[name] = rule["expect"]
    for name, word in expect.items():
        if word == "changed":
            old[name] = old[name] + np.float32(1)
        if word == "new":
            del old[name]
    if any(rule["match"] == "old/bias" for rule in rules):
        old["old/bias"] = np.ones(2, np.float32)
    return new, old


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.sampled_from(RULES), max_size=5, unique_by=str),
    st.integers(0, 10**6),
    st.sampled_from([True, True, True, False]),
    st.sampled_from([{}, {"std": 1e-3}, {"mean": 1e-2, "kurtosis": 1e-1}]),
)
def test_the_same_verdict(rules: list[dict[str, Any]], seed: int, referred: bool, statistics: dict[str, float]) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        if not referred:
            rules = [rule for rule in rules if rule.get("expect") in {None, "ignored"} and "tolerance" not in rule]
        new, old = both(rules)
        said: dict[str, Any] = {"statistics": statistics} if statistics and referred else {}
        manifest = written(folder, new, old if referred else None, rules, **said)

        def do(subject: Subject, checks: tuple[str, ...]) -> list[tuple[dict[str, Any], Verdict]]:
            base = Base(subject, seed)
            judge = Judge(base, tuple(check for check in DATA_CHECKS if check in checks))
            found = []
            for mutation in Plan(base, tuple(DAMAGES), 30).mutations():
                file = {name: values for name, values in new.items() if name not in mutation.dropped}
                file |= {name: overlay.read().copy() for name, overlay in mutation.changed.items()}
                file |= {name: tensor.read().copy() for name, tensor in mutation.added.items()}
                found.append((file, judge.verdict(mutation)))
            return found

        result, found = judged(manifest, do)
        if result.exit_code:  # a rule that matches nothing without a reference, or one that the next overrules
            return
        for file, verdict in found[0]:
            whole = judge_manifest(written(folder, file, old if referred else None, rules, **said)).models[0]
            red = {check.check for check in whole.checks if check.outcome not in (Outcome.PASSED, Outcome.WAIVED)}
            assert bool(red) == (verdict.fate is Fate.CAUGHT), (verdict, whole)
            by = {catch.check for catch in verdict.by}
            assert by == red or (by == {PAIRING} and "read" in red), (verdict, red)

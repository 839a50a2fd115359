"""Same names, shapes and dtypes, both ways, before any value is looked at."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from gate.checks.interface import UNCHECKABLE, Subject, result, unreadable
from gate.checks.renamed import Renamed, found_under, renamed_layers
from gate.checks.wording import kind_of
from gate.errors import UnreadableError
from gate.results import CheckResult, Finding
from gate.tensors.diagnose import Diagnosis, explain_shape
from gate.tensors.dtypes import dtype_name
from gate.tensors.pairing import Uncertain, names_in
from gate.tensors.rules import Expect
from gate.wording import counted

_MISSING, _UNEXPECTED = "missing-tensor", "unexpected-tensor"
MOST_CANDIDATES = 5
"""How many candidates a message names."""


def check_structure(subject: Subject) -> CheckResult:
    """Finds tensors that are missing, surplus, of another shape or dtype, or against a rule's own word."""
    if subject.reference is None:
        names = [n for n in subject.judged if _states_kind(subject, n)]
        summary = f"{counted(len(names), 'tensor')} checked against the shapes and dtypes in the manifest"
    else:
        names = [n for n in subject.pairing.names if subject.expectations[n].expect != Expect.IGNORED]
        summary = f"names, shapes and dtypes of {counted(len(names), 'tensor')}"
    asked = set(names)
    uncertain = [each for each in subject.pairing.uncertain if each.reference in asked]
    doubtful = names_in(uncertain)
    moved: dict[str, tuple[str, ...]] = {}
    findings = [finding for name in names if name not in doubtful for finding in _judge(subject, name, moved)]
    findings = _of_renamed_layers(findings, renamed_layers(subject, moved))
    findings += [_doubtful(subject, each) for each in uncertain]
    if findings:
        summary += f": {counted(len({finding.tensor for finding in findings}), 'tensor')} not as expected"
    return result("structure", summary, findings, len(names), subject.positions.get("reference"))


def _doubtful(subject: Subject, each: Uncertain) -> Finding:
    shown = ", ".join(each.candidates[:MOST_CANDIDATES])
    more = len(each.candidates) - MOST_CANDIDATES
    old, new = re.escape(subject.pairing.reference[each.reference].name), (*each.candidates, "?")[0]
    return Finding(
        UNCHECKABLE,
        f"it cannot be told which tensor of the file this is: {shown}{f' and {more} more' if more > 0 else ''}",
        tensor=each.reference,
        hint=f"say it with a rule: `names: [{{from: '^{old}$', to: '{new}'}}]`, with the right one after `to:`",
        position=subject.positions.get("reference"),
    )


def _states_kind(subject: Subject, name: str) -> bool:
    expectation = subject.expectations[name]
    return expectation.shape is not None or expectation.dtype is not None


def _of_renamed_layers(findings: Iterable[Finding], renamed: Iterable[Renamed]) -> list[Finding]:
    """With one hint for all that a `names` rule for a layer would settle."""
    rules = {name: each.rule for each in renamed for name in each.missing | each.surplus}
    return [
        replace(each, hint=f"if the layer was renamed, say so: `{rules[each.tensor]}`")
        if each.tensor in rules and each.kind in (_MISSING, _UNEXPECTED)
        else each
        for each in findings
    ]


def _judge(subject: Subject, name: str, moved: dict[str, tuple[str, ...]]) -> Iterator[Finding]:
    if name not in subject.pairing.candidate:
        yield from _judge_missing(subject, name, moved)
        return
    findings = [*_judge_presence(subject, name), *_judge_shape(subject, name), *_judge_dtype(subject, name)]
    yield from findings or _judge_comparable(subject, name)


def _judge_missing(subject: Subject, name: str, moved: dict[str, tuple[str, ...]]) -> Iterator[Finding]:
    expect = subject.expectations[name].expect
    position = subject.position(name, "expect")
    missing = subject.pairing.reference[name]
    if expect == Expect.REMOVED:
        return
    if expect == Expect.NEW:
        yield Finding(
            "not-new",
            "expected to be new, but the reference has it and the file does not",
            tensor=name,
            hint="correct the rule: `expect: removed` fits what the files are",
            position=position,
        )
        return
    found: Diagnosis | None = None
    try:
        found = found_under(subject, name)
    except UnreadableError as error:
        yield unreadable(name, error, position)
    if found is not None:
        moved[name] = found.names
    yield Finding(
        _MISSING,
        f"missing: the reference has it ({kind_of(missing)}), the file does not",
        tensor=name,
        details=(found.text,) if found else (),
        hint=(
            "if the layer was renamed, add a `names` rule"
            if found
            else "if it was removed on purpose, add a rule with `expect: removed`"
        ),
        severity=float(missing.size),
        position=position,
    )


def _judge_presence(subject: Subject, name: str) -> Iterator[Finding]:
    expect = subject.expectations[name].expect
    position = subject.position(name, "expect")
    known = name in subject.pairing.reference
    tensor = subject.pairing.candidate[name]
    if expect == Expect.REMOVED:
        yield Finding(
            "not-removed",
            f"expected to be removed, but the file still has it ({kind_of(tensor)})",
            tensor=name,
            hint="remove it from the model, or the rule from the manifest",
            position=position,
        )
    elif expect == Expect.NEW and known:
        yield Finding(
            "not-new",
            "expected to be new, but the reference has it too",
            tensor=name,
            hint="say `expect: changed` if it was retrained; a new tensor needs a new name",
            position=position,
        )
    elif expect != Expect.NEW and not known and subject.reference is not None:
        yield Finding(
            _UNEXPECTED,
            f"unexpected: the file has it ({kind_of(tensor)}), the reference does not",
            tensor=name,
            hint="if it was added on purpose, add a rule with `expect: new`",
            severity=float(tensor.size),
            position=position,
        )


def _judge_comparable(subject: Subject, name: str) -> Iterator[Finding]:
    """A rule that states the shape or dtype of the file accepts it; that values then go uncompared has to be said."""
    expect = subject.expectations[name].expect
    if expect not in {Expect.CLOSE, Expect.IDENTICAL} or name not in subject.pairing.reference:
        return
    if name not in subject.comparable:
        actual, expected = subject.pairing.candidate[name], subject.pairing.reference[name]
        yield Finding(
            "not-comparable",
            f"values cannot be compared: the file has {kind_of(actual)}, the reference {kind_of(expected)}",
            tensor=name,
            hint="if the tensor is another one now, say so in its rule: `expect: changed`",
            position=subject.position(name, "shape", "dtype", "expect"),
        )


def _judge_shape(subject: Subject, name: str) -> Iterator[Finding]:
    actual, expectation = subject.pairing.candidate[name], subject.expectations[name]
    expected = subject.pairing.reference.get(name)
    if expectation.shape is not None:
        if actual.shape != expectation.shape:
            yield Finding(
                "shape-mismatch",
                f"shape {list(actual.shape)}, the manifest says {list(expectation.shape)}",
                tensor=name,
                position=subject.position(name, "shape"),
            )
        return
    if expected is None or actual.shape == expected.shape or expectation.expect in {Expect.NEW, Expect.REMOVED}:
        return
    position = subject.position(name, "expect")
    found: Diagnosis | None = None
    try:
        if expected.locked is None:
            found = subject.diagnose(lambda: explain_shape(actual, expected, subject.criterion(name)))
    except UnreadableError as error:
        yield unreadable(name, error, position)
    yield Finding(
        "shape-mismatch",
        f"shape {list(actual.shape)}, the reference has {list(expected.shape)}",
        tensor=name,
        details=(found.text,) if found else (),
        hint=f"if the new shape is meant, add a rule with `shape: {list(actual.shape)}` and `expect: changed`",
        position=position,
    )


def _judge_dtype(subject: Subject, name: str) -> Iterator[Finding]:
    actual, expectation = subject.pairing.candidate[name], subject.expectations[name]
    expected = subject.pairing.reference.get(name)
    found = dtype_name(actual.dtype)
    if expectation.dtype is not None:
        if found != expectation.dtype:
            yield Finding(
                "dtype-mismatch",
                f"dtype {found}, the manifest says {expectation.dtype}",
                tensor=name,
                position=subject.position(name, "dtype"),
            )
        return
    if expected is None or found == dtype_name(expected.dtype) or expectation.expect in {Expect.NEW, Expect.REMOVED}:
        return
    yield Finding(
        "dtype-mismatch",
        f"dtype {found}, the reference has {dtype_name(expected.dtype)}",
        tensor=name,
        hint=f"if the new dtype is meant, add a rule with `dtype: {found}`; values are then compared as float64",
        position=subject.position(name, "expect"),
    )

"""Is the model the same once more: loaded again, built again, saved and loaded again? Bit for bit, predictions too."""

from collections.abc import Iterable, Iterator

import numpy as np

from gate.asked import Loading
from gate.checks.evidence import Again, Evidence, NotLoaded, Outputs
from gate.checks.framework_warnings import warnings_of
from gate.checks.interface import UNCHECKABLE, Subject, result, unreadable
from gate.checks.wording import counted, kind_of, number, place
from gate.errors import GateError, UnreadableError
from gate.position import Position
from gate.results import CheckResult, Finding
from gate.tensors.compare import Criterion, compare
from gate.tensors.dtypes import dtype_name
from gate.tensors.survey import Job, measure
from gate.tensors.tolerance import Tolerance
from gate.tensors.weightset import Array

DIFFER, LOST = "loads-differ", "roundtrip-mismatch"
PREDICTIONS = "prediction-mismatch"
_BITS = Criterion(bitwise=True, nan=True, inf=True)
_OTHER_GRAPH = Criterion(Tolerance(1e-5, 1e-6), nan=True, inf=True)
"""Of two graphs that compute the same in another order (docs/tolerances.md)."""


def check_roundtrip(subject: Subject) -> CheckResult:
    """Loads once more, from another path and by a second build; then saves and loads in each format."""
    at = subject.positions.get("roundtrip") or subject.positions.get("weights")
    evidence, loading = subject.loaded, subject.loading
    findings: list[Finding] = []
    told: list[str] = []
    checked = 0
    for again in _guarded(evidence.repeats(), findings, at):
        found = list(_compared(again, DIFFER, subject.threads, at))
        findings += found
        checked += len(again.before)
        told.append(f"{again.how}: {_verdict(again, found)}")
    formats, left_out = _formats(loading, evidence)
    for each in formats:
        try:
            with evidence.roundtrip(each) as again:
                found = [*_compared(again, LOST, subject.threads, at), *warnings_of(again.said, at)]
                checked += len(again.before)
                told.append(f"{each}: {_verdict(again, found)}")
            findings += found
        except NotLoaded as error:
            findings.append(
                Finding(LOST, f"saved as {format}, it does not load: {error.reason}", hint=error.hint, position=at)
            )
        except GateError as error:
            if loading.roundtrip is None and error.hint.startswith("take "):
                told.append(f"{each}: not saved ({error.reason})")
                continue
            findings.append(Finding(UNCHECKABLE, f"{each}: {error.reason}", hint=error.hint, position=at))
    told += left_out
    return result("roundtrip", "; ".join(told) or "nothing was loaded again", findings, checked, at)


def _formats(loading: Loading, evidence: Evidence) -> tuple[tuple[str, ...], list[str]]:
    if loading.roundtrip is not None:
        return loading.roundtrip, []
    own = evidence.own_format
    return ((own,), []) if own else ((), [f"not saved again: {evidence.not_saved}"])


def _guarded(agains: Iterator[Again], findings: list[Finding], at: Position | None) -> Iterator[Again]:
    try:
        yield from agains
    except NotLoaded as error:
        findings.append(Finding(DIFFER, f"a second load was refused: {error.reason}", hint=error.hint, position=at))
    except GateError as error:
        findings.append(Finding(UNCHECKABLE, error.reason, hint=error.hint, position=at))


def _verdict(again: Again, findings: list[Finding]) -> str:
    if findings:
        return f"{counted(len(findings), 'difference')}"
    text = f"{counted(len(again.before), 'variable')} identical"
    if again.predicted is not None:
        close = "within tolerance" if again.other_graph else "identical"
        return f"{text}, predictions of {counted(again.predicted[0].samples, 'sample')} {close}"
    return f"{text}, predictions not compared ({again.unpredicted})"


def _compared(again: Again, kind: str, threads: int, at: Position | None) -> Iterator[Finding]:
    missing = [name for name in again.before if name not in again.paired]
    surplus = set(again.after) - set(again.paired.values())
    for name in missing:
        yield Finding(
            kind,
            f"{again.how}: the variable is not there any more",
            tensor=name,
            hint=again.hint,
            severity=2.0,
            position=at,
        )
    for name in sorted(surplus):
        yield Finding(
            kind,
            f"{again.how}: this variable was not there before",
            tensor=name,
            hint=again.hint,
            severity=1.0,
            position=at,
        )
    yield from _values(again, kind, threads, at)
    if again.predicted is not None:
        yield from _predictions(again, *again.predicted, DIFFER if kind == DIFFER else PREDICTIONS, at)


def _values(again: Again, kind: str, threads: int, at: Position | None) -> Iterator[Finding]:
    jobs = []
    for name, other in again.paired.items():
        before, after = again.before[name], again.after[other]
        if (before.shape, dtype_name(before.dtype)) != (after.shape, dtype_name(after.dtype)):
            reason = f"{again.how}: it was {kind_of(before)}, and is {kind_of(after)}"
            yield Finding(kind, reason, tensor=name, hint=again.hint, severity=1.0, position=at)
        else:
            jobs.append(Job(after, before, _BITS, name))
    for name, found in measure(jobs, threads).items():
        if isinstance(found, UnreadableError):
            yield unreadable(name, found, at)
        elif found.violating:
            details = []
            if found.worst is not None:
                where = place(found.worst.index, again.before[name].shape)
                details = [f"at {where}: {number(found.worst.actual)}, before {number(found.worst.expected)}"]
            reason = f"{again.how}: {found.violating:,} of {counted(found.elements, 'element')} are others"
            yield Finding(kind, reason, tensor=name, details=tuple(details), hint=again.hint, severity=2.0, position=at)


def _predictions(again: Again, before: Outputs, after: Outputs, kind: str, at: Position | None) -> Iterator[Finding]:
    criterion = _OTHER_GRAPH if again.other_graph else _BITS
    ours, theirs = list(before.arrays), list(after.arrays)
    if len(ours) != len(theirs):  # names are counted anew where nobody gave one, so the order decides
        yield Finding(
            PREDICTIONS, f"{again.how}: the outputs were {_listed(ours)}, and are {_listed(theirs)}", position=at
        )
        return
    for name, other in zip(ours, theirs, strict=True):
        expected, actual = before.arrays[name], after.arrays[other]
        if (expected.shape, expected.dtype) != (actual.shape, actual.dtype):
            reason = f"{again.how}: the output {name} was {expected.dtype} {list(expected.shape)}"
            yield Finding(kind, f"{reason}, and is {actual.dtype} {list(actual.shape)}", position=at)
            continue
        different = _differences(actual, expected, criterion)
        if different:
            yield Finding(
                kind,
                f"{again.how}: {different:,} of {counted(expected.size, 'element')} of the output {name} are others",
                hint="equal weights that predict otherwise: a layer has state that is not saved, or draws at random",
                severity=1.0,
                position=at,
            )


def _differences(actual: Array, expected: Array, criterion: Criterion) -> int:
    return compare(np.ascontiguousarray(actual), np.ascontiguousarray(expected), criterion).violating


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"

"""Every value within its tolerance, rule by rule; what must be identical is, what must have changed has."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from gate.checks.inline import inline_array
from gate.checks.interface import COMPARED, Subject, result, unreadable
from gate.checks.locked import judge_locked
from gate.checks.swapped import WRITER, rules_of_swaps
from gate.checks.wording import NOT_SHIPPED, UNSET, distance, is_finite, number, place, rounded_up, share
from gate.errors import UnreadableError
from gate.position import Position
from gate.results import CheckResult, Coverage, Finding
from gate.tensors.compare import Criterion, Measurement, Mismatch, compare
from gate.tensors.diagnose import CONSTANT, SWAPPED, Diagnosis, explain_value
from gate.tensors.dtypes import is_floating
from gate.tensors.moments import Moved
from gate.tensors.rules import Expect, Expectation
from gate.tensors.weightset import Tensor
from gate.wording import counted

_MEANT = "if the new values are meant, make this file the reference, or give the tensor a rule that fits"
_MOVED = frozenset({SWAPPED, "misplaced-tensor"})


def check_values(subject: Subject) -> CheckResult:
    """Judges every tensor that has something to be compared with: the reference's, or values in the manifest."""
    swapped: dict[str, str] = {}
    findings = [finding for name in subject.judged for finding in _judge(subject, name, swapped)]
    rules = rules_of_swaps(subject, findings, swapped)
    findings = [_with_rules(each, rules) for each in findings]
    covered = coverage(subject)
    if not covered.compared and _meant_to_compare(subject):
        findings.append(_nothing_compared(subject))
    checked = sum(1 for name in subject.judged if _has_values(subject, name) and subject.pairing.candidate[name].size)
    return result("values", _summary(subject, covered, findings), findings, checked, _position(subject))


def _with_rules(finding: Finding, rules: Mapping[str, str]) -> Finding:
    """What to do where two whole layers changed places, said with the rules that fit."""
    rule = rules.get(finding.tensor or "") if finding.kind == SWAPPED else None
    if rule is None:
        return finding
    how = f"if the move is meant, it takes three steps: `{rule}`"
    return replace(finding, hint=finding.hint.replace(WRITER, f"{WRITER}; {how}", 1))


def coverage(subject: Subject) -> Coverage:
    """How much of the candidate's compared groups was held against values, not only against names and shapes."""
    tensors = subject.pairing.candidate
    compared = [name for name in subject.judged if _has_values(subject, name)]
    others = [name for name in subject.judged if not _has_values(subject, name) and tensors[name].size]
    return Coverage(
        tensors=len(tensors),
        bytes=sum(tensor.nbytes for tensor in tensors.values()),
        compared=len(compared),
        compared_bytes=sum(tensors[name].nbytes for name in compared),
        identical=sum(1 for name in compared if _identical(subject, name)),
        statistics=sum(1 for name in others if subject.has_statistics(name)),
    )


def _meant_to_compare(subject: Subject) -> bool:
    meant = any(
        subject.expectations[name].expect in COMPARED and not _became_another(subject, name) for name in subject.judged
    )
    return subject.reference is not None and meant


def _nothing_compared(subject: Subject) -> Finding:
    return Finding(
        "nothing-compared",
        "no value was compared: no tensor of the file has its like in the reference, in name, shape and dtype",
        hint="compare the names with `weight-gate list`, and bring them together with `names`",
        position=_position(subject),
    )


def _position(subject: Subject) -> Position | None:
    return subject.positions.get("reference") or subject.positions.get("weights")


def _has_values(subject: Subject, name: str) -> bool:
    return name in subject.compared or subject.expectations[name].values is not None


def _identical(subject: Subject, name: str) -> bool:
    found = subject.measurements[name]
    if name not in subject.compared or not isinstance(found, Measurement) or not found.identical:
        return False
    expected = subject.pairing.reference[name]
    return expected.locked is not None or subject.pairing.candidate[name].dtype == expected.dtype


def _summary(subject: Subject, covered: Coverage, findings: list[Finding]) -> str:
    if subject.reference is None:
        text = f"{counted(covered.compared, 'tensor')} compared with values in the manifest"
    else:
        part = share(covered.compared_bytes, covered.bytes)
        text = f"{covered.compared:,} of {counted(covered.tensors, 'tensor')}, {part} of bytes compared"
        text += f"; {covered.identical:,} identical bit for bit"
        if changed := sum(1 for name in subject.compared if _changed_as_told(subject, name)):
            text += f"; {changed:,} changed, as told"
        if other := [name for name in subject.judged if _became_another(subject, name)]:
            text += f"; {counted(len(other), 'tensor')} of another shape or dtype, as told, not compared"
    if tensors := {finding.tensor for finding in findings if finding.tensor is not None}:
        text += f"; {counted(len(tensors), 'tensor')} not as expected"
    elif slack := _widest(subject):
        text += f"; {slack}"
    return text


def _changed_as_told(subject: Subject, name: str) -> bool:
    found = subject.measurements[name]
    told = subject.expectations[name].expect == Expect.CHANGED
    if not told or not isinstance(found, Measurement):
        return False
    how = subject.moved.get(name)
    return bool(found.violating) if how is None else isinstance(how, Moved) and how.is_proved


def _became_another(subject: Subject, name: str) -> bool:
    expect = subject.expectations[name].expect
    return expect == Expect.CHANGED and name in subject.pairing.reference and name not in subject.comparable


def _widest(subject: Subject) -> str:
    """The tensor that differs most while it holds: a drift that nobody sees otherwise."""
    drifted: list[tuple[float, str]] = []
    for name in subject.judged:
        found = subject.measurements[name]
        held = name in subject.compared and subject.expectations[name].expect == Expect.CLOSE
        if held and isinstance(found, Measurement) and found.unequal:
            drifted.append((found.max_difference, name))
    if not drifted:
        return ""
    largest, name = max(drifted)
    return f"{counted(len(drifted), 'tensor')} within tolerance, at most {distance(largest)} apart ({name})"


def _judge(subject: Subject, name: str, swapped: dict[str, str]) -> Iterator[Finding]:
    found = subject.measurements[name]
    if isinstance(found, UnreadableError):
        if _has_values(subject, name):
            yield unreadable(name, found, subject.position(name))
        return
    expectation = subject.expectations[name]
    if name in subject.compared:
        if found.digest:
            yield from judge_locked(subject, name, found, swapped)
        elif expectation.expect == Expect.CHANGED:
            yield from _judge_changed(subject, name, found)
        elif found.violating:
            yield _mismatch(subject, name, found, swapped)
    if expectation.values is not None:
        yield from _judge_inline(subject, name, expectation)


def _judge_changed(subject: Subject, name: str, found: Measurement) -> Iterator[Finding]:
    if found.violating:
        return
    how = "identical to the reference" if found.identical else "equal to the reference within tolerance"
    yield Finding(
        "unchanged-tensor",
        f"{how}, but must have changed",
        tensor=name,
        details=() if found.identical else (f"at most {distance(found.max_difference)} apart",),
        hint="was the training run, and its result saved? If the tensor may stay, correct the rule",
        position=subject.position(name, "expect"),
    )


def _mismatch(subject: Subject, name: str, found: Measurement, swapped: dict[str, str]) -> Finding:
    criterion = subject.criterion(name)
    actual, expected = subject.pairing.candidate[name], subject.pairing.reference[name]
    position = subject.position(name, "expect" if criterion.bitwise else "tolerance", "expect")
    diagnosis: Diagnosis | None = None
    undiagnosed: tuple[str, ...] = ()
    try:
        libraries = (subject.candidate_library, subject.reference_library)
        diagnosis = subject.diagnose(lambda: explain_value(name, actual, expected, criterion, *libraries))
    except UnreadableError as error:
        undiagnosed = (f"no diagnosis: {error.reason}",)
    headline, *numbers = _headline(found, criterion, actual), *_story(found, criterion, actual)
    if diagnosis and diagnosis.kind == SWAPPED:
        swapped[name] = diagnosis.names[0]
    if diagnosis:  # the cause first; further elements would add nothing to it
        headline, numbers = diagnosis.text, [headline, *numbers[:1]]
    return Finding(
        diagnosis.kind if diagnosis else "not-identical" if criterion.bitwise else "value-mismatch",
        headline,
        tensor=name,
        details=(*numbers, *_enough(found, criterion, actual), *undiagnosed),
        hint=_hint(found, diagnosis),
        severity=_severity(found),
        position=position,
    )


def _hint(found: Measurement, diagnosis: Diagnosis | None) -> str:
    if found.worst is not None and not is_finite(found.worst.actual) and is_finite(found.worst.expected):
        return f"{NOT_SHIPPED}; {_MEANT}"
    if diagnosis and diagnosis.kind in _MOVED:
        return WRITER
    if diagnosis and diagnosis.kind == CONSTANT:
        return f"{UNSET}; {_MEANT}"
    return _MEANT


def _judge_inline(subject: Subject, name: str, expectation: Expectation) -> Iterator[Finding]:
    tensor = subject.pairing.candidate[name]
    position = subject.position(name, "values")
    expected, problem = inline_array(expectation.values, tensor)
    if expected is None:
        yield Finding("value-mismatch", problem, tensor=name, severity=math.inf, position=position)
        return
    criterion = subject.criterion(name)
    try:
        found = compare(tensor.read(), expected, criterion)
    except UnreadableError as error:
        yield unreadable(name, error, position)
        return
    if found.violating:
        yield Finding(
            "value-mismatch",
            _headline(found, criterion, tensor, source="the values in the manifest"),
            tensor=name,
            details=(*_story(found, criterion, tensor), *_enough(found, criterion, tensor)),
            hint="if the tensor is right, correct the values in the manifest",
            severity=_severity(found),
            position=position,
        )


def _headline(found: Measurement, criterion: Criterion, tensor: Tensor, source: str = "the reference") -> str:
    count = f"{found.violating:,} of {counted(found.elements, 'element')}"
    verb = "differs" if found.violating == 1 else "differ"
    if criterion.bitwise:
        return f"{count} {verb} from {source}, which must be identical bit for bit"
    if not is_floating(tensor.dtype):
        return f"{count} {verb} from {source}"
    return f"{count} {verb} from {source} by more than {criterion.tolerance}"


def _story(found: Measurement, criterion: Criterion, tensor: Tensor) -> Iterator[str]:
    """The worst element, and the first ones if they are others."""
    if found.worst is None:
        return
    yield f"worst at {_element(found.worst, criterion, tensor)}"
    others = [mismatch for mismatch in found.first if mismatch.index != found.worst.index]
    if others:
        yield "first at " + "; ".join(_pair(mismatch, tensor) for mismatch in others)


def _element(mismatch: Mismatch, criterion: Criterion, tensor: Tensor) -> str:
    text = _pair(mismatch, tensor)
    if math.isinf(mismatch.difference):
        return text
    text += f"; difference {distance(mismatch.difference)}"
    if is_floating(tensor.dtype) and not criterion.bitwise:
        text += f", allowed {distance(mismatch.allowed)}"
    return text


def _pair(mismatch: Mismatch, tensor: Tensor) -> str:
    where = place(mismatch.index, tensor.shape)
    return f"{where}: {number(mismatch.actual)}, expected {number(mismatch.expected)}"


def _enough(found: Measurement, criterion: Criterion, tensor: Tensor) -> Iterator[str]:
    """The smallest tolerance that would have passed, where one could."""
    if criterion.bitwise or not is_floating(tensor.dtype) or math.isinf(found.needed_atol):
        return
    ways = [f"atol={rounded_up(found.needed_atol)} at this rtol"]
    if math.isfinite(found.needed_rtol):
        ways.append(f"rtol={rounded_up(found.needed_rtol)} at this atol")
    yield "the smallest tolerance that passes: " + ", or ".join(ways)


def _severity(found: Measurement) -> float:
    """How far the worst element is out, as a multiple of what was allowed."""
    if found.worst is None:
        return math.inf
    return found.worst.difference / found.worst.allowed if found.worst.allowed else found.worst.difference * 1e12

"""Any NaN or infinity, wherever no rule allows it."""

from collections.abc import Iterator

from gate.checks.interface import Subject, result, unreadable
from gate.checks.wording import NOT_SHIPPED, place
from gate.errors import UnreadableError
from gate.results import CheckResult, Finding
from gate.tensors.compare import Measurement
from gate.wording import counted


def check_finite(subject: Subject) -> CheckResult:
    """Judges every tensor that no rule ignores, with or without a reference.

    The others (an optimizer's, say) are only compared with their checksums, where the format has some.
    """
    findings = [finding for name in subject.judged for finding in _judge(subject, name)]
    at = subject.positions.get("weights")
    for name, error in subject.damaged.items():
        findings.append(unreadable(name if name in subject.candidate.tensors else None, error, at))
    bad = counted(len({finding.tensor for finding in findings}), "tensor")
    summary = f"{counted(len(subject.judged), 'tensor')} looked through for NaN and infinities"
    summary += (
        f": {bad} not finite" if findings else ", none found" if not _allowed(subject) else ", none but allowed ones"
    )
    checked = sum(1 for name in subject.judged if subject.pairing.candidate[name].size)
    return result("finite", summary, findings, checked, subject.positions.get("weights"))


def _allowed(subject: Subject) -> bool:
    return any(isinstance(found, Measurement) and (found.nan or found.inf) for found in subject.measurements.values())


def _judge(subject: Subject, name: str) -> Iterator[Finding]:
    found = subject.measurements[name]
    expectation = subject.expectations[name]
    if isinstance(found, UnreadableError):
        yield unreadable(name, found, subject.position(name, fallback="weights"))
        return
    shape = subject.pairing.candidate[name].shape
    special = [
        ("nan", "NaN", found.nan, found.nan_at, expectation.nan),
        ("inf", "infinite", found.inf, found.inf_at, expectation.inf),
    ]
    for key, word, count, first, allowed in special:
        if count and first is not None and not allowed:
            yield Finding(
                f"{key}-found",
                f"{count:,} of {found.elements:,} elements {'is' if count == 1 else 'are'} {word}",
                tensor=name,
                details=(f"first at {place(first, shape)}",),
                hint=f"{NOT_SHIPPED}; only if they belong there, add a rule with `{key}: allowed`",
                severity=count / found.elements,
                position=subject.position(name, key, fallback="weights"),
            )

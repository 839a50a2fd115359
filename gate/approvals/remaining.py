"""What of a red model stays red once an approval is written: what it is not for, and what nobody can approve."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from gate.approvals.proposal import Proposal
from gate.reports.fold import fold
from gate.results import CheckResult, Finding, ModelResult, Outcome

_GREEN = (Outcome.PASSED, Outcome.WAIVED)
_BY_DATA = ("digest", "structure", "values", "statistics")
"""Checks that are made again, with what would be written."""
_BY_LOADING = ("loaded-values", "predictions")
_OF_MANIFEST = ("mutations",)
"""Checks of the manifest itself: they stay red, and bar nothing."""


@dataclass(frozen=True)
class Remaining:
    """Checks with what is left of their findings. Where anything is `barred`, nothing of the model is written."""

    barred: tuple[CheckResult, ...] = ()
    left: tuple[CheckResult, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What stays red: tensors, folded, and checks that speak of none."""
        tensors = [Finding("", "", tensor=each.tensor) for check in self.left for each in check.findings if each.tensor]
        checks = [check.check for check in self.left if not any(each.tensor for each in check.findings)]
        return (*dict.fromkeys(each.label() for each in fold(dict.fromkeys(tensors))), *checks)


def remaining(proposal: Proposal, after: ModelResult, alone: ModelResult | None) -> Remaining:
    """`after` is the model judged, by its data, against what would be written.

    `alone` is it without any reference; it is only needed where tensors are left out of the approval.
    """
    judged = proposal.judged
    whole = not proposal.left
    red = [check for check in judged.result.checks if check.outcome not in _GREEN]
    barred = [check for check in red if check.check not in (*_BY_DATA, *_BY_LOADING, *_OF_MANIFEST)]
    left = [check for check in red if check.check in _OF_MANIFEST]
    known = {check.check for check in barred}
    of_file = set(_said(alone.checks)) if alone else set()
    others = {each.name for each in proposal.left}
    for check in after.checks:
        if check.outcome in _GREEN or check.check in known:
            continue
        if check.check == "digest" and not whole:
            left.append(check)
            continue
        spared = [each for each in check.findings if each.tensor in others and _key(check, each) not in of_file]
        rest = [each for each in check.findings if each not in spared]
        if spared:
            left.append(_with(check, spared))
        if rest or not check.findings:
            barred.append(_with(check, rest))
    barred += _of_loading(proposal, whole, left)
    return Remaining(tuple(barred), tuple(left))


def _of_loading(proposal: Proposal, whole: bool, left: list[CheckResult]) -> Iterator[CheckResult]:
    """What of the loaded model's checks would stay; those that wait for the rest go to `left`."""
    judged = proposal.judged
    after = {check.check: check for check in judged.loaded.after}
    for check in judged.result.checks:
        if check.check not in _BY_LOADING or check.outcome in _GREEN:
            continue
        found = after.get(check.check)
        if found is None or found.outcome is Outcome.ERROR or (found.findings and check.check == "loaded-values"):
            yield found or check
        elif check.check == "predictions" and found.outcome is not Outcome.PASSED:
            yield found
        elif not whole:
            others = {each.name for each in proposal.left}
            rest = [each for each in check.findings if each.tensor in others]
            left.append(replace(check, summary="judged again once the rest is approved", findings=tuple(rest)))


def _said(checks: Iterable[CheckResult]) -> Iterator[tuple[str, ...]]:
    for check in checks:
        for each in check.findings:
            yield _key(check, each)


def _key(check: CheckResult, finding: Finding) -> tuple[str, ...]:
    return (check.check, finding.kind, finding.tensor or "", finding.reason)


def _with(check: CheckResult, findings: Iterable[Finding]) -> CheckResult:
    return replace(check, findings=tuple(findings))

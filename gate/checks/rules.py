"""Does every rule say something about this file? A rule that matches nothing guards nothing."""

from gate.checks.interface import Subject
from gate.checks.wording import counted
from gate.results import CheckResult, Finding, Outcome
from gate.tensors.rules import Expect, Rule


def check_rules(subject: Subject) -> CheckResult:
    """An error for every rule that matches no tensor of the compared groups; expired waivers are said."""
    names = subject.pairing.names
    everything = {t.name for t in (*subject.candidate, *(subject.reference or ()))}
    findings = [_idle(rule, subject, everything) for rule in subject.rules.idle(names)]
    expired = [rule for rule in subject.rules.expired if rule not in subject.rules.idle(names)]
    summary = f"{counted(len(subject.rules.all), 'rule')}"
    summary += f", {len(findings)} of them matching no tensor" if findings else ", each matching at least one tensor"
    for rule in expired:
        summary += f"; the waiver for {rule.match} ended after {rule.until}, so it is compared again"
    return CheckResult(
        "rules",
        Outcome.ERROR if findings else Outcome.PASSED,
        summary,
        tuple(findings),
        subject.positions.get("weights"),
    )


def waivers(subject: Subject) -> tuple[CheckResult, ...]:
    """One waived result per rule that takes tensors out of the comparison, with its reason."""
    taken: dict[Rule, int] = {}
    for expectation in subject.expectations.values():
        if expectation.expect == Expect.IGNORED:
            rule = expectation.sources["expect"]
            taken[rule] = taken.get(rule, 0) + 1
    return tuple(
        CheckResult(
            f"ignored: {rule.match}",
            Outcome.WAIVED,
            f"{counted(count, 'tensor')} not looked at: {rule.reason}"
            + (f" (until {rule.until})" if rule.until else ""),
            position=rule.position,
        )
        for rule, count in taken.items()
    )


def _idle(rule: Rule, subject: Subject, everything: set[str]) -> Finding:
    hidden = sorted(name for name in everything if rule.matches(name))
    if hidden:
        group = hidden[0].split("/")[0]
        hint = (
            f"it matches {hidden[0]}, which belongs to a group that is not compared: "
            f"write `groups: {{{group}: compare}}`, or remove the rule"
        )
    else:
        listing = f"weight-gate list {subject.candidate.path}"
        hint = f"see the names with `{listing}` and correct the pattern, or remove the rule"
    return Finding("idle-rule", f"the rule `{rule.match}` matches no tensor", hint=hint, position=rule.position)

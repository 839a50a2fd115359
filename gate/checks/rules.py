"""Does every rule say something about this file, and has no waiver ended? One that matches nothing guards nothing."""

from collections.abc import Iterator
from datetime import date

from gate.checks.interface import Subject
from gate.position import Position
from gate.results import CheckResult, Finding, Outcome
from gate.tensors.rules import Expect, Rule
from gate.tensors.weightset import Group
from gate.wording import counted


def check_rules(subject: Subject) -> CheckResult:
    """An error for every rule that matches no tensor of the compared groups; a failure for every waiver that ended."""
    idle = subject.rules.idle(subject.pairing.names)
    findings = [_idle(rule, subject) for rule in idle]
    findings += [_overruled(rule) for rule in subject.rules.active if rule not in idle and _is_overruled(rule, subject)]
    findings += [_idle_group(group, subject) for group in sorted(subject.groups) if not _holds(group, subject)]
    ended = list(_ended(subject))
    count = len(subject.rules.all)
    fine = ", matching at least one tensor" if count == 1 else ", each matching at least one tensor" if count else ""
    summary = counted(count, "rule") + (f"; {len(findings)} without effect" if findings else fine)
    if ended:
        summary += f"; {counted(len(ended), 'waiver')} past the day in `until`"
    outcome = Outcome.ERROR if findings else Outcome.FAILED if ended else Outcome.PASSED
    return CheckResult("rules", outcome, summary, (*findings, *ended), subject.positions.get("weights"))


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


def _ended(subject: Subject) -> Iterator[Finding]:
    """The waivers whose day has passed, of tensors and of restoring: they hold no longer, and have to go."""
    for rule in subject.rules.expired:
        yield _past(f"the rule for {rule.match}", rule.until, rule.position)
    for each in subject.loading.waivers:
        if each.expired(subject.rules.today):
            yield _past(f"the waiver for {each.match} in `restore`", each.until, each.position)


def _past(what: str, until: date | None, at: Position | None) -> Finding:
    return Finding(
        "expired-waiver",
        f"{what} ended after {until} and no longer holds",
        hint="remove it, where what it waived is settled; else give it a later `until`, which the pull request shows",
        position=at,
    )


def _idle(rule: Rule, subject: Subject) -> Finding:
    tensors = (*subject.candidate, *(subject.reference or ()))
    hidden = [t for t in tensors if t.group not in subject.groups and rule.matches(t.name)]
    if hidden:
        hint = (
            f"it matches {hidden[0].name}, which belongs to a group that is not compared: "
            f"write `groups: {{{hidden[0].group}: compare}}`, or remove the rule"
        )
    else:
        listing = f"weight-gate list {subject.candidate.path}"
        hint = f"see the names with `{listing}` and correct the pattern, or remove the rule"
    return Finding("idle-rule", f"the rule `{rule.match}` matches no tensor", hint=hint, position=rule.position)


def _is_overruled(rule: Rule, subject: Subject) -> bool:
    """Whether a rule states what tensors are like, and every one that it matches is ignored or not in the file."""
    states = rule.values is not None or rule.shape is not None or rule.dtype is not None or rule.statistics
    return bool(states) and not any(rule.matches(name) for name in subject.judged)


def _overruled(rule: Rule) -> Finding:
    return Finding(
        "overruled-rule",
        f"the rule `{rule.match}` states what tensors are like, and none that it matches is looked at",
        hint="they are ignored, or not in the file: remove what the rule states, or the rule",
        position=rule.position,
    )


def _holds(group: Group, subject: Subject) -> bool:
    tensors = (*subject.candidate, *(subject.reference or ()))
    return group is Group.WEIGHTS or any(tensor.group is group for tensor in tensors)


def _idle_group(group: Group, subject: Subject) -> Finding:
    return Finding(
        "idle-group",
        f"`groups` has {group} compared, and no tensor belongs to it",
        hint="save the file with it, or remove it from `groups`",
        position=subject.positions.get("groups") or subject.positions.get("weights"),
    )

"""Which rule governs which tensors of a model, and which of its words others overrule."""

from collections.abc import Iterator, Sequence

from gate.explaining.lines import Lines
from gate.explaining.said import Matched, RuleShare, Said
from gate.explaining.words import says, summary
from gate.tensors.rules import Rule, Rules


def shares(
    rules: Rules, names: Sequence[str] | None, *, complete: bool
) -> tuple[tuple[RuleShare, ...], tuple[str, ...]]:
    """Every rule with its tensors, and the tensors of none. `names` is None where they are not known.

    `complete`: no name is missing because the reference could not be had.
    """
    told = tuple(_share(rules, rule, names, complete) for rule in rules.all)
    unruled = tuple(name for name in names or () if not rules.expectation(name).sources)
    return told, unruled


def _share(rules: Rules, rule: Rule, names: Sequence[str] | None, complete: bool) -> RuleShare:
    share = RuleShare(rule.match, summary(rule), rule.position, ended(rules, rule))
    if names is None:
        return share
    matched = [name for name in names if rule.matches(name)]
    ruled = tuple(name for name in matched if rule in rules.expectation(name).sources.values())
    over = tuple(name for name in matched if rule not in rules.expectation(name).sources.values())
    return RuleShare(share.match, share.says, share.position, share.ended, ruled, over, complete)


def ended(rules: Rules, rule: Rule) -> str:
    """Where the rule's last day has passed: which that was."""
    return str(rule.until) if rule in rules.expired else ""


def matched(rules: Rules, name: str, lines: Lines) -> Iterator[Matched]:
    """The rules that match a tensor, in the order of the manifest."""
    sources = rules.expectation(name).sources
    for rule in rules.all:
        if not rule.matches(name):
            continue
        keys = []
        for key, text, value in says(rule):
            holder = sources.get(key)
            above = lines.rule(holder, key) if holder is not None and holder is not rule else None
            keys.append((Said(key, text, lines.rule(rule, key), value), above))
        yield Matched(rule.match, rule.position, tuple(keys), ended(rules, rule))

"""What a model's manifest lets through, why, and until when."""

from collections.abc import Iterator
from datetime import date

from gate.explaining.lines import Lines
from gate.explaining.said import Said
from gate.explaining.words import says
from gate.manifest.model import Policy
from gate.plan import ModelPlan
from gate.tensors.rules import Rule

_WAIVING = ("ignored", "any", "allowed")


def waivers(plan: ModelPlan) -> Iterator[Said]:
    """Rules that let something through or end on a day, and what need not be restored."""
    today = plan.rules.today
    for rule in plan.rules.all:
        if waived := list(_waived(rule)):
            text = f"{rule.match}: {', '.join(waived)}{_end(rule.reason, rule.until, today)}"
            yield Said("tensors", text, rule.position, {"match": rule.match, "until": _day(rule.until)})
    for each in plan.loading.waivers if plan.loading else ():
        text = f"{each.match}: need not be restored{_end(each.reason, each.until, today)}"
        yield Said("restore", text, each.position, {"match": each.match, "until": _day(each.until)})


def policy(given: Policy, lines: Lines) -> Iterator[Said]:
    """What is asked of the manifest itself."""
    at = lines.top("policy", "loosening") if "loosening" in given.model_fields_set else None
    default = "" if at else " (default)"
    yield Said("loosening", f"{given.loosening}{default}", at, given.loosening)
    if given.mutation_score is None:
        yield Said("mutation_score", "none is demanded")
    else:
        score = given.mutation_score
        yield Said("mutation_score", f"at least {score:g}", lines.top("policy", "mutation_score"), score)


def _waived(rule: Rule) -> Iterator[str]:
    for key, text, _ in says(rule):
        if text in _WAIVING or (rule.until is not None and key == "tolerance"):
            yield f"{key}: {text}"


def _end(reason: str | None, until: date | None, today: date) -> str:
    why = f": {reason}" if reason else ""
    if until is None:
        return f"{why} (no end)"
    return f"{why} ({'an error: ended after' if today > until else 'until'} {until})"


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()

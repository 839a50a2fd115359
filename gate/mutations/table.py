"""What `weight-gate mutate` shows of a score: rows, lines and a document for machines. Everything in here is raw."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gate.mutations import DAMAGES
from gate.mutations.verdict import Catch, Fate, Score, Verdict, overall
from gate.mutations.wording import share
from gate.position import Position

KINDS = ("mutation", "made", "caught", "by", "slipped", "within tolerance", "equivalent")
CHECKS = ("caught by", "copies", "mutations")
ALL = ("mutation", "tensors", "fate", "by", "asked for at", "what was done")
_NAMED = 2  # tensors of one damage
_KINDS = 6  # that one check caught
LISTED = 3
"""Examples of one reason."""


@dataclass(frozen=True)
class Judged:
    """One model and its score."""

    name: str
    weights: str
    reference: str | None
    score: Score


def kind_rows(score: Score) -> Iterator[tuple[object, ...]]:
    """One row for each kind of damage that was done."""
    for kind in DAMAGES:
        verdicts = [verdict for verdict in score.verdicts if verdict.kind == kind]
        if not verdicts:
            continue
        fates = Counter(verdict.fate for verdict in verdicts)
        checks = dict.fromkeys(catch.check for verdict in verdicts for catch in verdict.by)
        yield (
            kind,
            len(verdicts),
            fates[Fate.CAUGHT],
            ", ".join(checks),
            fates[Fate.SLIPPED],
            fates[Fate.WITHIN],
            fates[Fate.EQUIVALENT],
        )


def check_rows(score: Score) -> Iterator[tuple[object, ...]]:
    """One row for each check that caught something, and how many kinds of damage it caught."""
    for check in dict.fromkeys(catch.check for verdict in score.verdicts for catch in verdict.by):
        caught = [verdict for verdict in score.verdicts if any(catch.check == check for catch in verdict.by)]
        kinds = list(dict.fromkeys(verdict.kind for verdict in caught))
        told = (
            ", ".join(kinds) if len(kinds) <= _KINDS else f"{', '.join(kinds[:_KINDS])} and {len(kinds) - _KINDS} more"
        )
        yield check, len(caught), told


def rows(score: Score) -> Iterator[tuple[object, ...]]:
    """One row for each damaged copy, in the order of the kinds."""
    order = list(DAMAGES)
    for verdict in sorted(score.verdicts, key=lambda each: order.index(each.kind)):
        fate = verdict.fate.upper() if verdict.fate is Fate.SLIPPED else str(verdict.fate)
        checks = ", ".join(dict.fromkeys(catch.check for catch in verdict.by))
        at = verdict.by[0].position if verdict.by else verdict.position
        yield verdict.kind, tensors(verdict), fate, checks, _place(at), verdict.told


def tensors(verdict: Verdict) -> str:
    """The first of them, and how many more there are."""
    more = len(verdict.tensors) - _NAMED
    return ", ".join(verdict.tensors[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")


@dataclass(frozen=True)
class Hole:
    """Damage that slipped for one reason."""

    why: str
    count: int
    examples: tuple[tuple[str, str], ...]
    """What was done, and which rule would catch it."""
    more: int
    cure: str = ""
    """What would catch all of it."""


def holes(score: Score, listed: int | None = LISTED) -> list[Hole]:
    """The reasons, those of most damage first; `listed` of the damages of each, of other kinds first."""
    by_reason: dict[str, list[Verdict]] = {}
    for verdict in score.of(Fate.SLIPPED):
        by_reason.setdefault(verdict.why, []).append(verdict)
    found = []
    for why, verdicts in sorted(by_reason.items(), key=lambda each: -len(each[1])):
        once = {verdict.kind: verdict for verdict in reversed(verdicts)}
        first = verdicts if listed is None else list(reversed(once.values()))[:listed]
        cures = {verdict.cure for verdict in verdicts}
        common = cures.pop() if len(cures) == 1 and len(verdicts) > 1 else ""
        examples = tuple((f"{verdict.kind}  {tensors(verdict)}", "" if common else verdict.cure) for verdict in first)
        found.append(Hole(why, len(verdicts), examples, len(verdicts) - len(first), common))
    return found


def document(judged: Sequence[Judged], seed: int, count: int, asked: float | None, code: int) -> dict[str, object]:
    """Everything, for `--json`."""
    caught, counted = overall(each.score for each in judged)
    return {
        "schema_version": 1,
        "tool": "weight-gate",
        "seed": seed,
        "count": count,
        "at_least": asked,
        "exit_code": code,
        "caught": caught,
        "counted": counted,
        "score": caught / counted if counted else None,
        "models": [_model(each) for each in judged],
    }


def _model(judged: Judged) -> dict[str, object]:
    score = judged.score
    return {
        "name": judged.name,
        "weights": judged.weights,
        "reference": judged.reference,
        "score": score.value,
        "caught": score.caught,
        "counted": score.counted,
        "digest_pinned": score.pinned,
        "unhit_rules": [{"match": rule.match, "position": _position(rule.position)} for rule in score.unhit],
        "mutations": [_verdict(verdict) for verdict in score.verdicts],
    }


def _verdict(verdict: Verdict) -> dict[str, object]:
    return {
        "kind": verdict.kind,
        "tensors": list(verdict.tensors),
        "told": verdict.told,
        "fate": str(verdict.fate),
        "caught_by": [_catch(catch) for catch in verdict.by],
        "why": verdict.why,
        "cure": verdict.cure,
        "through": verdict.through,
        "position": _position(verdict.position),
        "predicted": verdict.predicted,
    }


def _catch(catch: Catch) -> dict[str, object]:
    return {"check": catch.check, "reason": catch.reason, "position": _position(catch.position)}


def _place(position: Position | None) -> str:
    return f"{position.file}:{position.line}" if position else ""


def _position(position: Position | None) -> dict[str, object] | None:
    if position is None:
        return None
    return {"file": position.file, "line": position.line, "column": position.column}


def scored(judged: Sequence[Judged]) -> str:
    """The score over all models, in one line."""
    caught, counted = overall(each.score for each in judged)
    value = f"score {share(caught / counted)}" if counted else "no score"
    return f"{caught:,} of {counted:,} mutations caught in all, {value}"

"""What the entry of a model lets through that its entry in another manifest does not."""

import os
from collections.abc import Iterator, Mapping
from datetime import date

from gate.loosening.entries import Entry
from gate.loosening.every_name import every_name
from gate.loosening.loading import looser_loading
from gate.loosening.predictions import looser_predictions
from gate.loosening.references import Change, looser_references
from gate.loosening.said import cropped, loosened
from gate.loosening.tensors import Kind, Looser, Side, has_too_many_ends, looser
from gate.manifest.model import NameRule, StatisticThreshold
from gate.plan import rule_of
from gate.results import Finding
from gate.tensors.tolerance import Tolerance

Seen = Mapping[str, frozenset[Kind]]
"""The tensors of a weight file and of its reference by name, and what they are."""
_FEW = 5


def looser_model(change: Change, seen: Seen | None, is_whole: bool, today: date) -> Iterator[Finding]:
    """Everything, tensor by tensor where the files were read; `is_whole` tells whether all of them were."""
    before, after = change.before, change.after
    if before.said == after.said and before.loaded.manifest.defaults == after.loaded.manifest.defaults:
        return
    yield from _moved(change)
    yield from looser_references(change)
    if before.said.digest is not None and after.said.digest != before.said.digest:
        reason = "`digest` is no longer asked for" if after.said.digest is None else "`digest` is another file's"
        yield loosened("digest-dropped", after.called, reason, after.at("digest"), was=before.at("digest"))
    yield from _renames(before, after)
    for group, mode in before.said.groups:
        if mode == "compare" and getattr(after.said.groups, group) != "compare":
            reason = f"{group} is no longer compared"
            yield loosened("group-dropped", after.called, reason, after.at("groups"), was=before.at("groups", group))
    yield from _tensors(before, after, seen, is_whole, today)
    yield from _thresholds(before, after)
    yield from looser_loading(before, after, today)
    yield from looser_predictions(before, after)


def _moved(change: Change) -> Iterator[Finding]:
    """Another path, and other names, by which a workflow may choose models."""
    before, after = change.before, change.after
    for was, now in change.files:
        if was != now and os.path.normpath(was) != os.path.normpath(now) and not after.said.is_glob:
            reason = f"its file was {cropped(was)} and is {cropped(now)}"
            yield loosened("model-moved", after.called, reason, after.at("weights"), was=before.at("weights"))
    called = {before.said.name_of(was): after.said.name_of(now) for was, now in change.files}
    for was, now in [each for each in called.items() if each[0] != each[1]][:_FEW]:
        reason = f"it was called {cropped(was)} and is called {cropped(now)}: who chose it by `--model` does no more"
        yield loosened("model-moved", after.called, reason, after.at_if_said("name") or after.at("weights"))


def _renames(before: Entry, after: Entry) -> Iterator[Finding]:
    was, now = ([(rule.from_, rule.to) for rule in entry.said.names] for entry in (before, after))
    old, new = set(was), set(now)
    for number, rule in enumerate(after.said.names):
        if (rule.from_, rule.to) not in old:
            reason = f"{_shown(rule)} is new in `names`: a rename can hide a swap"
            yield loosened("rename-added", after.called, reason, after.at("names", number))
    for number, rule in enumerate(before.said.names):
        if (rule.from_, rule.to) not in new:
            reason = f"{_shown(rule)} is gone from `names`: other tensors are compared with each other"
            yield loosened("rename-dropped", after.called, reason, after.at("names"), was=before.at("names", number))
    if [each for each in now if each in old] != [each for each in was if each in new]:
        yield loosened("rename-added", after.called, "`names` are in another order", after.at("names"))


def _shown(rule: NameRule) -> str:
    return f"`{cropped(rule.from_)}` to `{cropped(rule.to)}`"


def _tensors(before: Entry, after: Entry, seen: Seen | None, is_whole: bool, today: date) -> Iterator[Finding]:
    sides = _side(before), _side(after)
    if before.said.tensors == after.said.tensors and _of_all(sides[0]) == _of_all(sides[1]):
        return
    told: set[tuple[str, object]] = set()
    every = ((name, kind) for name, kinds in (seen or {}).items() for kind in sorted(kinds, key=repr))
    for name, each in looser(*sides, every, today):
        if (name, (each.kind, each.reason)) not in told:
            told |= {(name, (each.kind, each.reason)), ("", (each.kind, each.at))}
            yield _of_tensor(after, each, name)
    if has_too_many_ends(*sides):
        reason = "whether its waivers hold for longer cannot be told: they end on too many days"
        yield loosened("untold", after.called, reason, after.at("tensors"))
    if not is_whole:
        yield from _as_text(after, sides, today, told)


def _as_text(after: Entry, sides: tuple[Side, Side], today: date, told: set[tuple[str, object]]) -> Iterator[Finding]:
    """For every name that there may be, once for each rule that says it."""
    earlier, later = sides
    names = every_name([rule.match for side in sides for rule in side.rules])
    for name, each in looser(earlier, later, ((name, Kind()) for name in names.found.values()), today):
        if ("", (each.kind, each.at)) in told:
            continue
        told.add(("", (each.kind, each.at)))
        which = f"tensors like `{cropped(name)}`: {each.reason}"
        yield loosened(each.kind, after.called, which, each.at or after.at("tensors"), was=each.was)
    if not names.all_of_them:
        reason = "whether its rules let more through cannot be told: there are too many patterns, and it was not read"
        yield loosened("untold", after.called, reason, after.at("tensors"))


def _of_tensor(after: Entry, found: Looser, name: str) -> Finding:
    at = found.at or after.at("tensors")
    return loosened(found.kind, after.called, found.reason, at, tensor=name, was=found.was)


def _side(entry: Entry) -> Side:
    rules = tuple(rule_of(rule, entry.at("tensors", number)) for number, rule in enumerate(entry.said.tensors))
    return Side(rules, _tolerance(entry), entry.said.reference is not None)


def _of_all(side: Side) -> tuple[Tolerance | None, bool]:
    """What holds of every tensor, whatever the rules say."""
    return side.tolerance, side.has_reference


def _tolerance(entry: Entry) -> Tolerance | None:
    said = entry.loaded.manifest.defaults.tolerance
    return Tolerance(said.rtol, said.atol) if said else None


def _thresholds(before: Entry, after: Entry) -> Iterator[Finding]:
    was = before.said.statistics.thresholds if before.said.statistics else {}
    now = after.said.statistics.thresholds if after.said.statistics else {}
    for key, said in was.items():
        earlier = _within(said)
        if key not in now:
            reason = f"`statistics.{key}` was within {earlier} and is no longer compared"
        elif (later := _within(now[key])).rtol > earlier.rtol or later.atol > earlier.atol:
            reason = f"`statistics.{key}` was within {earlier} and is within {later}"
        else:
            continue
        at, stood = after.at("statistics", key), before.at("statistics", key)
        yield loosened("statistics-wider", after.called, reason, at, was=stood)


def _within(said: StatisticThreshold) -> Tolerance:
    return Tolerance(said.rtol or 0.0, said.atol or 0.0)

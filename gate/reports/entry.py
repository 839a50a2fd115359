"""Folds in, entries out: what is said of several names in the same words is told once.

`conv/kernel` and `dense/bias` do not fold, and yet the same may have happened to both: they make one entry. Where a
kind would have more entries than a report shows, those that differ in numbers only join too, and the worst one speaks
for them. Entries with the same advice and the same line of the manifest stand together (`advised`), so that it is
given once.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from gate.position import Position
from gate.reports.fold import Fold, fold, severity
from gate.results import Finding

_NUMBERS = re.compile(r"\[[-+0-9,. ]*\]|[-+]?[0-9][0-9,.]*(?:e[-+]?[0-9]+)?|\b(?:nan|inf)\b")


@dataclass(frozen=True)
class Entry:
    """Folds of one kind, the worst first. There are several only where their findings say the same, as far as seen."""

    folds: tuple[Fold, ...]

    @property
    def worst(self) -> Finding:
        return self.folds[0].worst

    @property
    def count(self) -> int:
        return sum(each.count for each in self.folds)

    @property
    def names(self) -> tuple[Fold, ...]:
        """The folds as names; none for what concerns no tensor."""
        return self.folds if self.folds[0].parts else ()

    @property
    def says_one_thing(self) -> bool:
        """Whether all findings say the same, so that none has to speak for the others."""
        return len({_said(finding) for each in self.folds for finding in each.findings}) == 1

    @property
    def reason(self) -> str:
        """The reason of all its findings; empty where they give several, or concern no tensor."""
        found = {finding.reason for each in self.folds for finding in each.findings}
        return next(iter(found)) if len(found) == 1 and self.names else ""

    @property
    def has_a_worst(self) -> bool:
        """Whether its findings differ in severity."""
        return len({severity(finding) for each in self.folds for finding in each.findings}) > 1


@dataclass(frozen=True)
class Advice:
    """Entries one after another that have one hint and one line of the manifest."""

    entries: tuple[Entry, ...]
    hint: str
    position: Position | None

    @property
    def by_reason(self) -> Iterator[tuple[str, tuple[Entry, ...]]]:
        """The entries, those that say the same and differ in details only under that reason; others under none."""
        for reason, group in groupby(self.entries, lambda each: each.reason):
            same = tuple(group)
            if reason and len(same) > 1:
                yield reason, same
            else:
                yield from (("", (each,)) for each in same)


def entries(findings: Iterable[Finding], most: int) -> tuple[Entry, ...]:
    """The findings of one check: kinds in the order they came, the worst of each kind first.

    Kinds with more than `most` entries are told in fewer, where their findings differ in numbers only.
    """
    folds = fold(findings)
    found = _joined(folds, frozenset())
    kinds = Counter(each.worst.kind for each in found)
    crowded = frozenset(kind for kind, count in kinds.items() if count > most)
    return _joined(folds, crowded) if crowded else found


def _joined(folds: Sequence[Fold], crowded: frozenset[str]) -> tuple[Entry, ...]:
    groups: dict[object, list[Fold]] = {}
    for number, each in enumerate(folds):
        worst = each.worst
        texts = {_masked(finding, worst.kind in crowded) for finding in each.findings} if each.parts else set()
        key = (worst.kind, worst.position, *texts) if len(texts) == 1 else number
        groups.setdefault(key, []).append(each)
    return tuple(Entry(tuple(group)) for group in groups.values())


def ranks(of: Sequence[Entry]) -> list[int]:
    """For each entry, how many of its kind come before it."""
    seen: dict[str, int] = {}
    found = []
    for each in of:
        found.append(seen.setdefault(each.worst.kind, 0))
        seen[each.worst.kind] += 1
    return found


def pick(of: Sequence[Entry], most: int) -> tuple[list[Entry], list[Entry]]:
    """At most so many entries, the worst of every kind before the second of any; and what is left, both in order."""
    found = ranks(of)
    order = sorted(range(len(of)), key=found.__getitem__)
    shown = set(order[:most])
    return [of[i] for i in sorted(shown)], [each for i, each in enumerate(of) if i not in shown]


def advised(of: Iterable[Entry], fallback: Position | None) -> Iterator[Advice]:
    """The entries, those with the same advice together; `fallback` is the check's own line of the manifest."""

    def advice(entry: Entry) -> tuple[str, str, Position | None]:
        return entry.worst.kind, entry.worst.hint, entry.worst.position or fallback

    for (_, hint, position), group in groupby(of, advice):
        yield Advice(tuple(group), hint, position)


def _said(finding: Finding) -> tuple[object, ...]:
    return finding.reason, finding.details, finding.hint


def _masked(finding: Finding, loosely: bool) -> str:
    """What a finding says, without its own name in it; `loosely`: without numbers and shapes too."""
    text = "\n".join((finding.reason, *finding.details, finding.hint))
    if finding.tensor:
        text = "".join(_without(finding.tensor, text))
    return _NUMBERS.sub("#", text) if loosely else text


def _without(name: str, text: str) -> Iterator[str]:
    """`text` with a mark wherever `name` stands alone, not inside of another word."""
    before = ""
    for number, piece in enumerate(text.split(name)):
        if number:
            yield name if before.isalnum() or piece[:1].isalnum() else "\0"
            before = name[-1]
        yield piece
        before = piece[-1:] or before

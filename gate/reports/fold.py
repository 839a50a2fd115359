"""Findings in, folds out: one line for all tensors whose names differ in their numbers only.

`block_0/kernel` to `block_11/kernel` become `block_{0..11}/kernel`. A fold holds exactly the names it shows:
where several numbers vary, they are folded together only when every combination is there.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from gate.results import Finding

# Longer runs of digits are hashes, not counters.
_NUMBER = re.compile("(?<![0-9])([0-9]{1,18})(?![0-9])")
# Names with more varying numbers than this fold in the first ones only, so that hostile names cost nothing.
_MOST_VARYING = 8

Row = tuple[str, ...]


@dataclass(frozen=True)
class Fold:
    """Findings of one kind, worst first. `parts` spells their names: text, or the values one number takes."""

    findings: tuple[Finding, ...]
    parts: tuple[str | Row, ...] = ()

    @property
    def worst(self) -> Finding:
        return self.findings[0]

    @property
    def count(self) -> int:
        return len(self.findings)

    @property
    def name(self) -> str | None:
        """`block_{0..11}/kernel`; None for findings that concern no tensor."""
        return self.label() if self.parts else None

    def names(self) -> Iterator[str]:
        """Every name in the fold, once."""
        if self.parts:
            choices = [(part,) if isinstance(part, str) else part for part in self.parts]
            yield from map("".join, product(*choices))

    def label(self, shown: int | None = None) -> str:
        """The name, with at most `shown` ranges per number."""
        return "".join(part if isinstance(part, str) else _spell(part, shown) for part in self.parts)


def severity(finding: Finding) -> float:
    """Severity as a number to sort by: NaN is the worst there is."""
    return math.inf if math.isnan(finding.severity) else finding.severity


def fold(findings: Iterable[Finding]) -> tuple[Fold, ...]:
    """The findings of one check, folded: kinds in the order they came, the worst of each kind first."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    kinds: dict[str, int] = {}
    folds: list[Fold] = []
    for finding in findings:
        kinds.setdefault(finding.kind, len(kinds))
        if finding.tensor is None:
            folds.append(Fold((finding,)))
        else:
            skeleton = tuple(_NUMBER.split(finding.tensor)[::2])
            groups.setdefault((finding.kind, finding.position, skeleton), []).append(finding)
    for group in groups.values():
        folds.extend(_fold_group(group))
    return tuple(sorted(folds, key=lambda each: (kinds[each.worst.kind], -severity(each.worst))))


def _fold_group(group: Sequence[Finding]) -> Iterator[Fold]:
    rows: dict[Row, list[Finding]] = {}
    for finding in group:
        rows.setdefault(tuple(_NUMBER.split(finding.tensor or "")), []).append(finding)
    columns = list(zip(*rows, strict=True))
    varying = [index for index, column in enumerate(columns) if len(set(column)) > 1]
    picked: dict[Row, dict[Row, Row]] = {}
    for row in rows:
        rest = tuple(row[index] for index in varying[_MOST_VARYING:])
        picked.setdefault(rest, {})[tuple(row[index] for index in varying[:_MOST_VARYING])] = row
    for part in picked.values():
        for box in _boxes(list(part)):
            inside = [finding for values in box for finding in rows[part[values]]]
            parts: list[str | Row] = list(part[box[0]])
            for index, column in zip(varying, zip(*box, strict=True), strict=False):
                values = sorted(set(column), key=lambda value: (int(value), len(value)))
                parts[index] = values[0] if len(values) == 1 else tuple(values)
            yield Fold(tuple(sorted(inside, key=lambda finding: -severity(finding))), tuple(parts))


def _boxes(rows: Sequence[Row]) -> list[list[Row]]:
    """`rows` parted into sets that hold every combination of their numbers.

    When the whole is no such set, the position that leaves the fewest rows is folded first, and of what is left
    only rows with the same values there may join.
    """
    sizes = [len(set(column)) for column in zip(*rows, strict=True)]
    if math.prod(sizes) == len(rows):
        return [list(rows)]
    best: dict[Row, list[str]] = {}
    where = -1
    for position in (index for index, size in enumerate(sizes) if size > 1):
        lines: dict[Row, list[str]] = {}
        for row in rows:
            lines.setdefault(row[:position] + row[position + 1 :], []).append(row[position])
        if where < 0 or len(lines) < len(best):
            best, where = lines, position
    alike: dict[frozenset[str], list[Row]] = {}
    for rest, values in best.items():
        alike.setdefault(frozenset(values), []).append(rest)
    return [
        [(*rest[:where], value, *rest[where:]) for rest in box for value in best[box[0]]]
        for rests in alike.values()
        for box in _boxes(rests)
    ]


def _spell(values: Row, shown: int | None) -> str:
    """`{0..4,7,9}` for sorted values; a run of three or more is a range, zeros in front stay."""
    pieces: list[str] = []
    counts: list[int] = []
    start = 0
    for end in range(1, len(values) + 1):
        if end < len(values) and values[end] == _after(values[end - 1]):
            continue
        run = values[start:end]
        if len(run) > 2:
            pieces.append(f"{run[0]}..{run[-1]}")
            counts.append(len(run))
        else:
            pieces.extend(run)
            counts.extend([1] * len(run))
        start = end
    if shown is not None and len(pieces) > shown + 1:
        pieces[shown:] = [f"... {sum(counts[shown:])} more"]
    return "{" + ",".join(pieces) + "}"


def _after(value: str) -> str:
    width = len(value) if value.startswith("0") and len(value) > 1 else 0
    return str(int(value) + 1).zfill(width)

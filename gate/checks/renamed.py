"""A layer that was renamed is one thing, however many tensors it has: one `names` rule, where the data tells which.

A tensor that is missing and whose values stand under another name tells how its layer is called now. What the layer
has beside it, a bias of zeros that could be anybody's, goes the same way.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile

from gate.checks.interface import Subject
from gate.tensors.dtypes import dtype_name
from gate.tensors.weightset import Tensor


@dataclass(frozen=True)
class Renamed:
    """A part of names that stands for another: the tensors it speaks of, on both sides, and the rule that says so."""

    old: str
    new: str
    missing: frozenset[str]

    @property
    def surplus(self) -> frozenset[str]:
        """What the tensors are called in the file."""
        return frozenset(self.new + name.removeprefix(self.old) for name in self.missing)

    @property
    def rule(self) -> str:
        """`names: [{from: '^old_head/', to: 'head/'}]`"""
        whole = "" if self.old.endswith("/") else "$"
        replacement = self.new.replace("\\", "\\\\")
        return f"names: [{{from: {_quoted(f'^{re.escape(self.old)}{whole}')}, to: {_quoted(replacement)}}}]"


def renamed_layers(subject: Subject, moved: Mapping[str, Iterable[str]]) -> list[Renamed]:
    """What `moved` tells of layers: the names that missing tensors' values were found under.

    A rule is told only where every tensor of the reference that it would rename is missing, and meets a surplus one of
    its shape and dtype, and where no other rule leads to the same place.
    """
    found: dict[str, Renamed] = {}
    names = sorted(subject.pairing.reference) if moved else []
    for old_name, new_names in moved.items():
        if any(old_name in each.missing for each in found.values()):
            continue
        ways = {way.new: way for name in new_names if (way := _way(subject, names, old_name, name))}
        if len(ways) == 1:
            (way,) = ways.values()
            found[way.old] = way
    taken = [each.new for each in found.values()]
    return [each for each in found.values() if taken.count(each.new) == 1]


def _way(subject: Subject, names: Sequence[str], old: str, new: str) -> Renamed | None:
    """The renaming of the outermost part by which one name becomes the other."""
    theirs, ours = old.split("/"), new.split("/")
    alike = 0
    while alike < min(len(theirs), len(ours)) - 1 and theirs[-1 - alike] == ours[-1 - alike]:
        alike += 1
    for count in range(alike, -1, -1):  # the shortest rule first
        end = "/" if count else ""
        begins = ("/".join(parts[: len(parts) - count]) + end for parts in (theirs, ours))
        if (way := _renamed(subject, names, *begins)) is not None:
            return way
    return None


def _renamed(subject: Subject, names: Sequence[str], old: str, new: str) -> Renamed | None:
    """Where it holds for all tensors that it speaks of; `names` are the reference's, sorted."""
    ours, theirs = subject.pairing.candidate, subject.pairing.reference
    below = takewhile(lambda name: name.startswith(old), islice(names, bisect_left(names, old), None))
    meant = list(below) if old.endswith("/") else [old]
    for name in meant:
        target = new + name.removeprefix(old)
        if name in ours or target in theirs or target not in ours or _kind(theirs[name]) != _kind(ours[target]):
            return None
    return Renamed(old, new, frozenset(meant))


def _kind(tensor: Tensor) -> tuple[str, tuple[int, ...]]:
    return dtype_name(tensor.dtype), tensor.shape


def _quoted(text: str) -> str:
    """As YAML has it in single quotes."""
    return "'" + text.replace("'", "''") + "'"

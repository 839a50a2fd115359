"""A layer that was renamed is one thing, however many tensors it has: one `names` rule, where the data tells which.

A tensor that is missing and whose values stand under another name tells how its layer is called now. What the layer
has beside it, a bias of zeros that could be anybody's, goes the same way.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice, takewhile

from gate.checks.interface import Subject
from gate.errors import UnreadableError
from gate.tensors.diagnose import Diagnosis, explain_missing
from gate.tensors.diagnose_locked import explain_locked_missing
from gate.tensors.dtypes import dtype_name
from gate.tensors.rules import Expect
from gate.tensors.weightset import Tensor

_MEANT_TO_GO = (Expect.IGNORED, Expect.NEW, Expect.REMOVED)


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
        return rules_text((self.old, self.new))


def rules_text(*renamings: tuple[str, str]) -> str:
    """The key of the manifest that makes each second name, or beginning that ends with a slash, of the first."""
    return f"names: [{', '.join(_step(*each) for each in renamings)}]"


def _step(old: str, new: str) -> str:
    whole = "" if old.endswith("/") else "$"
    replacement = new.replace("\\", "\\\\")
    return f"{{from: {quoted(f'^{re.escape(old)}{whole}')}, to: {quoted(replacement)}}}"


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


def found_under(subject: Subject, name: str) -> Diagnosis | None:
    """Under which names of the file the values of a missing tensor stand; raises `UnreadableError`."""
    missing, surplus = subject.pairing.reference[name], subject.surplus_library
    if missing.locked is not None:
        return subject.diagnose(lambda: explain_locked_missing(name, missing, surplus))
    criterion = subject.criterion(name)
    return subject.diagnose(lambda: explain_missing(name, missing, criterion, surplus))


def layers_renamed(subject: Subject) -> list[Renamed]:
    """All that is found of layers which were renamed; what cannot be read tells nothing."""
    fresh = replace(subject)  # with its own count of diagnoses
    moved: dict[str, tuple[str, ...]] = {}
    for name in fresh.pairing.only_reference:
        if name not in fresh.pairing.doubtful and fresh.expectations[name].expect not in _MEANT_TO_GO:
            with suppress(UnreadableError):
                found = found_under(fresh, name)
                if found is not None:
                    moved[name] = found.names
    return renamed_layers(fresh, moved)


def _way(subject: Subject, names: Sequence[str], old: str, new: str) -> Renamed | None:
    """The renaming of the outermost part by which one name becomes the other."""
    theirs, ours = old.split("/"), new.split("/")
    for count in range(ending(theirs, ours), -1, -1):  # the shortest rule first
        end = "/" if count else ""
        begins = ("/".join(parts[: len(parts) - count]) + end for parts in (theirs, ours))
        if (way := _renamed(subject, names, *begins)) is not None:
            return way
    return None


def ending(one: Sequence[str], other: Sequence[str]) -> int:
    """How many parts of two names are the same at their ends; never all of either."""
    alike = 0
    while alike < min(len(one), len(other)) - 1 and one[-1 - alike] == other[-1 - alike]:
        alike += 1
    return alike


def _renamed(subject: Subject, names: Sequence[str], old: str, new: str) -> Renamed | None:
    """Where it holds for all tensors that it speaks of; `names` are the reference's, sorted."""
    ours, theirs = subject.pairing.candidate, subject.pairing.reference
    below = takewhile(lambda name: name.startswith(old), islice(names, bisect_left(names, old), None))
    meant = list(below) if old.endswith("/") else [old]
    for name in meant:
        target = new + name.removeprefix(old)
        if name in ours or target in theirs or target not in ours or kind(theirs[name]) != kind(ours[target]):
            return None
    return Renamed(old, new, frozenset(meant))


def kind(tensor: Tensor) -> tuple[str, tuple[int, ...]]:
    """What two tensors have alike that can change places."""
    return dtype_name(tensor.dtype), tensor.shape


def quoted(text: str) -> str:
    """As YAML has it in single quotes."""
    return "'" + text.replace("'", "''") + "'"

"""What differs between a model and its reference, tensor by tensor: what an approval is about."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from gate.checks.interface import Subject
from gate.checks.wording import distance
from gate.locks.lock import LockedTensor
from gate.reports.fold import fold
from gate.results import Finding
from gate.tensors.compare import EVERY_BIT, Measurement
from gate.tensors.dtypes import dtype_name
from gate.tensors.pairing import Pairing
from gate.tensors.survey import Job, measure
from gate.tensors.weightset import Tensor

_MOST_NAMES = 12


class Kind(StrEnum):
    """How a tensor stands to the reference's."""

    CHANGED = "changed"
    NEW = "new"
    REMOVED = "removed"


@dataclass(frozen=True)
class Change:
    """One tensor that differs. `reference` is its name in the reference's own file.

    `size` orders changes, where it is known; `told` is the same in words.
    """

    name: str
    kind: Kind
    reference: str = ""
    size: float | None = None
    told: str = ""


def everything(subject: Subject) -> Pairing:
    """All tensors of both files: an approval is of a file, also of what no check looks at."""
    return subject.everything or subject.pairing


def of_values(subject: Subject) -> tuple[Change, ...]:
    """What differs, in bits, from a reference whose values are there; rules and groups do not count."""
    pairing = everything(subject)
    alike = [name for name in pairing.both if _kind(pairing, name)[0] == _kind(pairing, name)[1]]
    jobs = (Job(pairing.candidate[name], pairing.reference[name], EVERY_BIT, name) for name in alike)
    measured = measure(jobs, subject.threads)

    def found() -> Iterator[Change]:
        for name in pairing.names:
            if name not in pairing.reference:
                yield Change(name, Kind.NEW)
            elif name not in pairing.candidate:
                yield Change(name, Kind.REMOVED, pairing.reference[name].name)
            elif name not in measured:
                ours, theirs = _kind(pairing, name)
                told = f"{theirs[0]} {list(theirs[1])} → {ours[0]} {list(ours[1])}"
                yield Change(name, Kind.CHANGED, pairing.reference[name].name, math.inf, told)
            else:
                yield from _measured(name, pairing.reference[name].name, measured[name])

    return tuple(found())


def of_locks(subject: Subject, new: Iterable[LockedTensor]) -> tuple[Change, ...]:
    """What differs, by digest, from a lock; `new` is what the file would be locked as."""
    now = {each.name: each for each in new}
    pairing = everything(subject)

    def found() -> Iterator[Change]:
        for name in pairing.names:
            ours = now[pairing.candidate[name].name] if name in pairing.candidate else None
            theirs = pairing.reference.get(name)
            if ours is None:
                yield Change(name, Kind.REMOVED, pairing.reference[name].name)
            elif theirs is None:
                yield Change(name, Kind.NEW)
            elif (how := moved(theirs, ours)) is not None:
                yield Change(name, Kind.CHANGED, theirs.name, *how)

    return tuple(found())


def counts(changes: Iterable[Change]) -> Mapping[Kind, int]:
    """How many of each kind; kinds that there are none of too."""
    found = dict.fromkeys(Kind, 0)
    for each in changes:
        found[each.kind] += 1
    return found


def named(changes: Iterable[Change]) -> dict[Kind, list[str]]:
    """The names by kind, those that differ in their numbers folded, and not too many."""
    found: dict[Kind, list[str]] = {}
    for kind in Kind:
        some = [Finding(kind, "", tensor=each.name) for each in changes if each.kind is kind]
        names = [each.label() for each in fold(some)]
        if some:
            more = [f"and {len(names) - _MOST_NAMES:,} more"] if len(names) > _MOST_NAMES else []
            found[kind] = [*names[:_MOST_NAMES], *more]
    return found


def largest(changes: Iterable[Change], most: int = 1) -> list[Change]:
    """Those that changed most, of the ones of which that is known."""
    known = [each for each in changes if each.told]
    return sorted(known, key=lambda each: -(each.size or 0.0))[:most]


def _kind(pairing: Pairing, name: str) -> tuple[tuple[str, tuple[int, ...]], ...]:
    sides = (pairing.candidate[name], pairing.reference[name])
    return tuple((dtype_name(each.dtype), each.shape) for each in sides)


def _measured(name: str, reference: str, found: object) -> Iterator[Change]:
    if not isinstance(found, Measurement):
        yield Change(name, Kind.CHANGED, reference)
    elif found.unequal:
        told = f"{found.unequal:,} of {found.elements:,} elements, by at most {distance(found.max_difference)}"
        yield Change(name, Kind.CHANGED, reference, found.max_difference, told)


def moved(before: Tensor, now: LockedTensor) -> tuple[float, str] | None:
    """How far the moments moved: all that a lock tells of the old values. None where the digests are the same."""
    was = dtype_name(before.dtype)
    if (was, before.shape) != (now.dtype, now.shape):
        return math.inf, f"{was} {list(before.shape)} → {now.dtype} {list(now.shape)}"
    if before.locked is None or before.locked.digest == now.digest:
        return None
    apart: list[tuple[float, str]] = []
    for name in ("mean", "std", "min", "max"):
        a, b = before.locked.statistics.get(name), now.statistics.get(name)
        if a is not None and b is not None:
            apart.append((abs(b - a), f"{name} {distance(a)} → {distance(b)}"))
    size, told = max(apart, default=(0.0, ""))
    return size, told if size else "its moments are the same"

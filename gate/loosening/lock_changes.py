"""What two locks of one file say differently, tensor by tensor."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gate.locks.lock import Lock, LockedTensor
from gate.wording import counted

_ROUNDING = 1e-9
"""Of a tensor's largest statistic: other releases and processors add up in another order."""


@dataclass(frozen=True)
class LockChanges:
    """Names of tensors. `changed` have another digest, or anything else that a verdict goes by.

    `contradicted` are those of `changed` whose digest says that all is as it was, and whose other words do not.
    """

    changed: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    contradicted: tuple[str, ...] = ()

    def told(self) -> str:
        """How many of each; empty where there is none."""
        sides = ((len(self.changed), "changed"), (len(self.new), "new"), (len(self.removed), "removed"))
        return ", ".join(f"{counted(count, 'tensor')} {how}" for count, how in sides if count)


def lock_changes(before: Lock, now: Lock) -> LockChanges:
    """What `now` says of tensors that `before` says otherwise."""
    was, is_now = ({each.name: each for each in lock.tensors} for lock in (before, now))
    both = [name for name in is_now if name in was]
    old, new = (_Side(lock, both) for lock in (before, now))
    changed = [name for name in both if _differ(was[name], is_now[name]) or old.place(name) != new.place(name)]
    return LockChanges(
        tuple(changed),
        tuple(name for name in is_now if name not in was),
        tuple(name for name in was if name not in is_now),
        tuple(name for name in changed if _contradicts(was[name], is_now[name])),
    )


class _Side:
    """Where the tensors of one lock stand. Nodes are numbers of their own in each: known by the first tensor below."""

    def __init__(self, lock: Lock, names: Iterable[str]) -> None:
        self._tensors = {each.name: each for each in lock.tensors}
        self._first: dict[str, str] = {}
        for name in names:
            layer = self._tensors[name].layer
            for step in layer.steps if layer else ():
                self._first.setdefault(step.node, name)

    def place(self, name: str) -> Any:
        layer = self._tensors[name].layer
        if layer is None:
            return None
        return [(step.name, self._first[step.node], step.attribute, step.kind) for step in layer.steps], layer.order


def _differ(one: LockedTensor, other: LockedTensor) -> bool:
    return one.digest != other.digest or _words(one) != _words(other) or not _same_numbers(one, other, 0.0)


def _words(tensor: LockedTensor) -> tuple[Any, ...]:
    return tensor.group, tensor.dtype, tensor.shape, tensor.variable, tensor.index, tensor.stored_as


def _contradicts(one: LockedTensor, other: LockedTensor) -> bool:
    if one.digest != other.digest:
        return False
    return (one.dtype, one.shape) != (other.dtype, other.shape) or not _same_numbers(one, other, _ROUNDING)


def _same_numbers(one: LockedTensor, other: LockedTensor, rounding: float) -> bool:
    """Whether all statistics are the same; `rounding` is what they may differ by, of the largest that is a number."""
    mine, yours = one.statistics, other.statistics
    if mine.keys() != yours.keys():
        return False
    room = rounding * min(_largest(mine), _largest(yours))
    return all(_alike(mine[name], yours[name], rounding if name == "sparsity" else room) for name in mine)


def _alike(one: float | None, other: float | None, room: float) -> bool:
    if one is None or other is None:
        return one is other
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return one == other or abs(one - other) <= room


def _largest(statistics: Mapping[str, float | None]) -> float:
    named = (value for name, value in statistics.items() if name != "norm" and value is not None)
    return max((abs(value) for value in named if math.isfinite(value)), default=0.0)

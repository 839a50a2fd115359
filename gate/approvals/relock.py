"""A lock, renewed in whole or for some tensors alone."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import count

from gate.approvals.changes import Change, Kind
from gate.errors import GateError
from gate.locks.layer_names import strangers
from gate.locks.lock import Lock, LockedTensor
from gate.tensors.weightset import Layer, Step, layer_of

_ALL = "approve everything, with `--only '**'`"


def renewed(old: Lock, new: Lock, taken: Iterable[Change], pairs: Mapping[str, str]) -> Lock:
    """`old` with what `taken` says of `new`; all others stay, and the digest of the whole file with them.

    With another digest in it, the lock would say of the tensors that stay what nobody approved. `pairs` are the names
    of tensors that `new` and `old` both have: by `new`'s name that of `old`. A tensor that changed stays where it was,
    under its name: only so are all variables of its layer in one still. Raises `GateError` where a new one would have
    the name of another, or where one that stays has a name that only one of those removed was the reason for.
    """
    now = {each.name: each for each in new.tensors}
    by_kind: dict[Kind, list[Change]] = {kind: [] for kind in Kind}
    for each in taken:
        by_kind[each.kind].append(each)
    changed = {each.reference: now[each.name] for each in by_kind[Kind.CHANGED]}
    removed = {each.reference for each in by_kind[Kind.REMOVED]}
    tensors = [_with_values(each, changed.get(each.name)) for each in old.tensors if each.name not in removed]
    places = _Places(old, new, pairs)
    for each in by_kind[Kind.NEW]:
        if any(other.name == each.name for other in tensors):
            raise GateError(
                f"{each.name} is new, and the lock has another tensor of that name, which stays in it",
                _ALL,
            )
        tensors = _with(tensors, places.moved(now[each.name]), _before(each.name, now, pairs))
    for at, reason in strangers(tensors):
        raise GateError(f"{tensors[at].name} cannot stay under its name: {reason}", _ALL)
    return replace(old, made=new.made, tensors=tuple(tensors))


def _with_values(old: LockedTensor, new: LockedTensor | None) -> LockedTensor:
    if new is None:
        return old
    return replace(old, dtype=new.dtype, shape=new.shape, digest=new.digest, statistics=new.statistics)


def _before(name: str, now: Iterable[str], pairs: Mapping[str, str]) -> set[str]:
    """What the file has before a tensor, by the lock's names."""
    order = list(now)
    return {pairs.get(each, each) for each in order[: order.index(name)]}


def _with(tensors: list[LockedTensor], new: LockedTensor, before: set[str]) -> list[LockedTensor]:
    """After the last of those that the file has before it."""
    at = max((index for index, each in enumerate(tensors) if each.name in before), default=-1)
    return [*tensors[: at + 1], new, *tensors[at + 1 :]]


class _Places:
    """The nodes of one lock for those of another: the same only where tensors below them are pairs."""

    def __init__(self, old: Lock, new: Lock, pairs: Mapping[str, str]) -> None:
        was, now = ({each.name: each for each in lock.tensors} for lock in (old, new))
        self._nodes: dict[str, str] = {}
        taken: dict[str, str] = {}
        for name, other in pairs.items():
            for one, its in _levels(_layer(now[name]), _layer(was[other])):
                if self._nodes.get(one.node, its.node) == its.node and taken.get(its.node, one.node) == one.node:
                    self._nodes[one.node], taken[its.node] = its.node, one.node
        known = {step.node for each in old.tensors for step in _layer(each).steps}
        self._free = (node for number in count() if (node := f"new {number}") not in known)

    def moved(self, tensor: LockedTensor) -> LockedTensor:
        """A tensor of the new lock, as the old one has its layers."""
        if tensor.layer is None:
            return tensor
        steps = tuple(replace(step, node=self._node(step.node)) for step in tensor.layer.steps)
        return replace(tensor, layer=Layer(steps, tensor.layer.order))

    def _node(self, node: str) -> str:
        if node not in self._nodes:
            self._nodes[node] = next(self._free)
        return self._nodes[node]


def _layer(tensor: LockedTensor) -> Layer:
    return tensor.layer or layer_of(tensor.name)


def _levels(one: Layer, other: Layer) -> list[tuple[Step, Step]]:
    """The steps that are the same of two layers that are one."""
    if len(one.steps) == len(other.steps):
        return list(zip(one.steps, other.steps, strict=True))
    return [(one.steps[-1], other.steps[-1])] if one.steps and other.steps else []

"""A lock, renewed in whole or for some tensors alone."""

from collections.abc import Iterable
from dataclasses import replace

from gate.approvals.changes import Change, Kind
from gate.locks.lock import Lock, LockedTensor


def renewed(old: Lock, new: Lock, taken: Iterable[Change]) -> Lock:
    """`old` with the entries of `taken` as `new` has them; all others stay, and the digest of the whole file with them.

    With another digest in it, the lock would say of the tensors that stay what nobody approved.
    """
    now = {each.name: each for each in new.tensors}
    by_kind: dict[Kind, list[Change]] = {kind: [] for kind in Kind}
    for each in taken:
        by_kind[each.kind].append(each)
    changed = {each.reference: now[each.name] for each in by_kind[Kind.CHANGED]}
    removed = {each.reference for each in by_kind[Kind.REMOVED]}
    tensors = [changed.get(each.name, each) for each in old.tensors if each.name not in removed]
    for each in by_kind[Kind.NEW]:
        tensors = _with(tensors, now[each.name], list(now))
    return replace(old, made=new.made, tensors=tuple(tensors))


def _with(tensors: list[LockedTensor], new: LockedTensor, order: list[str]) -> list[LockedTensor]:
    """After the last of those that the file has before it."""
    before = set(order[: order.index(new.name)])
    at = max((index for index, each in enumerate(tensors) if each.name in before), default=-1)
    others = [each for each in tensors if each.name != new.name]
    return [*others[: at + 1], new, *others[at + 1 :]]

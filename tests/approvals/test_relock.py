"""A lock that was renewed in part pairs with other files as before: its layers stay whole."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from gate.approvals.changes import Change, Kind
from gate.approvals.relock import renewed
from gate.errors import GateError
from gate.locks.layer_names import strangers
from gate.locks.lock import Lock, LockedTensor
from gate.locks.make import locked_as
from gate.locks.text import lock_text, parse_lock
from gate.locks.weights import weights_of
from gate.tensors.locked import LOCKED_STATISTICS
from gate.tensors.pairing import Pairing, pair
from gate.tensors.weightset import Group, Layer, Step, Tensor
from support.locks import MADE
from support.random_models import FORMATS, random_model, saved

STATISTICS = dict.fromkeys(LOCKED_STATISTICS, 0.0)


def locks_of(tensors: Mapping[str, Tensor], digit: str = "0") -> tuple[LockedTensor, ...]:
    return tuple(locked_as(each, f"blake3:{digit * 64}", STATISTICS) for each in tensors.values())


def lock_from(tensors: Mapping[str, Tensor], digit: str) -> Lock:
    return read(lock(*locks_of(tensors, digit)))


def read(lock: Lock) -> Lock:
    """Once it was written."""
    return parse_lock(lock_text(lock), "a")


def tensors_of(lock: Lock) -> Mapping[str, Tensor]:
    return weights_of(lock, "a", Path("a")).tensors


def told(pairing: Pairing) -> Any:
    both = sorted((pairing.candidate[name].name, pairing.reference[name].name) for name in pairing.both)
    uncertain = sorted((each.reference, tuple(sorted(each.candidates))) for each in pairing.uncertain)
    return both, sorted(pairing.only_candidate), sorted(pairing.only_reference), uncertain


@pytest.mark.parametrize("other", sorted(FORMATS))
@pytest.mark.parametrize("format", ["checkpoint", "keras", "legacy"])
def test_changed_tensors_leave_their_layers_whole(format: str, other: str) -> None:
    for seed in range(25):
        random = Random(seed)
        root = random_model(random)
        tensors = saved(root, format, Random(seed)).tensors
        if not tensors:
            continue
        later = saved(root, format, Random(seed), shift=3 if format == "keras" else 0).tensors
        old, new = lock_from(tensors, "0"), lock_from(later, "1")
        found = pair(later, tensors_of(old))
        pairs = {found.candidate[name].name: found.reference[name].name for name in found.both}
        changes = [Change(name, Kind.CHANGED, other) for name, other in pairs.items() if random.random() < 0.5]
        part = read(renewed(old, new, changes, pairs))
        assert [each.name for each in part.tensors] == [each.name for each in old.tensors]
        taken = {each.reference for each in changes}
        assert {each.name for each in part.tensors if each.digest.endswith("1")} == taken
        against = saved(root, other, random).tensors
        assert told(pair(against, tensors_of(part))) == told(pair(against, tensors_of(old))), f"seed {seed}"


@pytest.mark.parametrize("other", sorted(FORMATS))
@pytest.mark.parametrize("format", ["checkpoint", "keras", "legacy"])
def test_new_tensors_join_their_layers(format: str, other: str) -> None:
    """Where what was there pairs by its names, the lock is as one of the whole file."""
    compared = 0
    for seed in range(40):
        random = Random(seed)
        root = random_model(random)
        whole = saved(root, format, Random(seed)).tensors
        fewer = {name: each for name, each in whole.items() if random.random() < 0.7}
        if not fewer or any(strangers(locks_of(fewer))):  # a name that is one for two layers' sake alone
            continue
        old, new = lock_from(fewer, "0"), lock_from(whole, "0")
        pairs = {name: name for name in fewer}
        changes = [Change(name, Kind.NEW) for name in whole if name not in fewer]
        part = read(renewed(old, new, changes, pairs))
        assert {each.name for each in part.tensors} == set(whole)
        against = saved(root, other, random).tensors
        assert told(pair(against, tensors_of(part))) == told(pair(against, tensors_of(new))), f"seed {seed}"
        compared += len(changes)
    assert compared > 30


def locked(name: str, node: str, digit: str = "a") -> LockedTensor:
    layer = Layer((Step(name.partition("/")[0], node),), (0, 1))
    return LockedTensor(name, Group.WEIGHTS, "float32", (3,), f"blake3:{digit * 64}", STATISTICS, layer)


def lock(*tensors: LockedTensor) -> Lock:
    return Lock("a", f"sha256:{'0' * 64}", "keras", MADE, tensors)


def test_nodes_that_are_called_alike_are_not_one() -> None:
    """A checkpoint's objects have numbers for nodes, and so have a lock's layers."""
    old = read(lock(locked("a/kernel", "7"), locked("b/kernel", "8")))
    new = lock(locked("n/kernel", "0"), locked("a/kernel", "1"), locked("b/kernel", "2"), locked("b/bias", "2"))
    changes = [Change("n/kernel", Kind.NEW), Change("b/bias", Kind.NEW)]
    found = read(renewed(old, new, changes, {"a/kernel": "a/kernel", "b/kernel": "b/kernel"}))
    nodes = {each.name: each.layer.node for each in found.tensors if each.layer}
    assert nodes["b/kernel"] == nodes["b/bias"]
    assert len({nodes["a/kernel"], nodes["b/kernel"], nodes["n/kernel"]}) == 3
    assert list(nodes) == ["n/kernel", "a/kernel", "b/kernel", "b/bias"]


def test_a_name_that_only_a_removed_tensor_explains() -> None:
    """Two layers had one name, so one of them is called by the way to it."""
    old = lock(locked("a/kernel", "0"), replace(locked("a/kernel", "1"), name="layers/3/kernel"))
    assert read(old)
    with pytest.raises(GateError, match="layers/3/kernel cannot stay under its name"):
        renewed(old, old, [Change("a/kernel", Kind.REMOVED, "a/kernel")], {})


def test_a_new_tensor_never_takes_anothers_name() -> None:
    old = lock(locked("dense/kernel", "0"), locked("dense_1/kernel", "1"))
    new = lock(locked("dense_1/kernel", "0"), locked("dense_2/kernel", "1"), locked("dense/kernel", "2", "b"))
    pairs = {"dense_1/kernel": "dense/kernel", "dense_2/kernel": "dense_1/kernel"}
    with pytest.raises(GateError, match="dense/kernel is new, and the lock has another tensor of that name"):
        renewed(old, new, [Change("dense/kernel", Kind.NEW)], pairs)
    gone = [Change("dense/kernel", Kind.NEW), Change("dense/kernel (reference)", Kind.REMOVED, "dense/kernel")]
    found = renewed(old, replace(new, tensors=new.tensors[1:]), gone, {"dense_2/kernel": "dense_1/kernel"})
    assert {each.name: each.digest[7] for each in found.tensors} == {"dense_1/kernel": "a", "dense/kernel": "b"}

"""What a pull request's lock says differently: every fact of a tensor counts, the head of the lock does not."""

from dataclasses import replace
from typing import Any

import pytest

from gate.locks.lock import Lock, LockedTensor, Made
from gate.locks.text import lock_text, parse_lock
from gate.loosening.lock_changes import LockChanges, lock_changes
from gate.tensors.locked import LOCKED_STATISTICS
from gate.tensors.weightset import Group, Layer, Step
from support.locks import MADE


def locked(name: str, node: str, digit: str = "a") -> LockedTensor:
    layer = Layer((Step("m", "0", "inner", "model"), Step(name.split("/")[1], node, None, "dense")), (0, int(node)))
    statistics = dict.fromkeys(LOCKED_STATISTICS, 0.5)
    return LockedTensor(
        name, Group.WEIGHTS, "float32", (3, 4), f"blake3:{digit * 64}", statistics, layer, index=0, stored_as="x"
    )


LOCK = Lock(
    "m.keras", f"sha256:{'0' * 64}", "keras", MADE,
    (locked("m/a/kernel", "1"), locked("m/b/kernel", "2", "b"), locked("m/c/kernel", "3", "c")),
)  # fmt: skip
SECOND = LOCK.tensors[1]


def second(**changes: Any) -> Lock:
    return replace(LOCK, tensors=(LOCK.tensors[0], replace(SECOND, **changes), LOCK.tensors[2]))


def in_layer(*steps: Step, order: tuple[int | str, ...] | None = (0, 2)) -> dict[str, Any]:
    return {"layer": Layer(steps, order)}


OUTER, INNER = (SECOND.layer or Layer()).steps
CHANGES: dict[str, dict[str, Any]] = {
    "digest": {"digest": f"blake3:{'d' * 64}"},
    "statistics": {"statistics": {**SECOND.statistics, "mean": 0.75}},
    "nan": {"statistics": {**SECOND.statistics, "mean": float("nan")}},
    "dtype": {"dtype": "int32"},
    "shape": {"shape": (4, 3)},
    "group": {"group": Group.OPTIMIZER},
    "index": {"index": 1},
    "variable": {"variable": "b/kernel"},
    "stored_as": {"stored_as": "y"},
    "no layer": {"layer": None},
    "name": in_layer(OUTER, replace(INNER, name=None)),
    "attribute": in_layer(OUTER, replace(INNER, attribute="words")),
    "kind": in_layer(OUTER, replace(INNER, kind="embedding")),
    "order": in_layer(OUTER, INNER, order=(0, 1)),
    "no order": in_layer(OUTER, INNER, order=None),
    "another's node": in_layer(OUTER, replace(INNER, node="1")),
    "a node of its own": in_layer(replace(OUTER, node="9"), INNER),
}
CONTRADICTED = {"statistics", "nan", "dtype", "shape"}


@pytest.mark.parametrize("what", CHANGES)
def test_every_fact_of_a_tensor_counts(what: str) -> None:
    found = lock_changes(LOCK, second(**CHANGES[what]))
    assert found == LockChanges((SECOND.name,), contradicted=(SECOND.name,) if what in CONTRADICTED else ())
    assert found.told() == "1 tensor changed"


def test_the_head_does_not() -> None:
    other = replace(LOCK, weights="n.keras", digest=f"sha256:{'1' * 64}", made=Made("now", "Bob", "why", "c"))
    assert lock_changes(LOCK, other) == LockChanges()
    assert lock_changes(LOCK, parse_lock(lock_text(LOCK), "a")) == LockChanges()


def test_fewer_and_more_tensors_leave_the_others_alone() -> None:
    """Nodes are numbered anew."""
    fewer = parse_lock(lock_text(replace(LOCK, tensors=LOCK.tensors[1:])), "a")
    assert lock_changes(LOCK, fewer) == LockChanges(removed=("m/a/kernel",))
    assert lock_changes(fewer, LOCK) == LockChanges(new=("m/a/kernel",))
    assert lock_changes(LOCK, replace(LOCK, tensors=LOCK.tensors[::-1])) == LockChanges()


def test_rounding_is_a_change_and_no_contradiction() -> None:
    """Processors add up in different orders."""
    found = lock_changes(LOCK, second(statistics={**SECOND.statistics, "mean": 0.5 + 1e-12}))
    assert found == LockChanges((SECOND.name,))


def test_what_has_another_digest_may_have_other_statistics() -> None:
    found = lock_changes(LOCK, second(**CHANGES["digest"], **CHANGES["statistics"]))
    assert found == LockChanges((SECOND.name,))

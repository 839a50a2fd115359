"""What a damaged tensor is like, block by block: against what its rule says, and against what it was."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce

from gate.mutations.interface import Mutation
from gate.mutations.overlay import Overlay, flat, ranges
from gate.tensors.compare import EVERY_BIT, Criterion, Measurement, compare, scan
from gate.tensors.survey import Job, Measured, measure
from gate.tensors.weightset import Tensor


@dataclass(frozen=True)
class Task:
    """A damaged tensor, and what it is measured against: nothing, where only NaN and infinities count."""

    name: str
    overlay: Overlay
    expected: Tensor | None
    criterion: Criterion


@dataclass(frozen=True)
class Change:
    """What `finite` and `values` see of it, and how many of its elements have other bits than before."""

    measured: Measured
    unequal: int


def measure_all(tasks: Iterable[Task], threads: int) -> Mapping[str, Change]:
    """Every task by its name. Each thread holds a few blocks, whatever the size of the tensors."""
    tasks = list(tasks)
    if len(tasks) == 1:
        return {tasks[0].name: _measure(tasks[0])}
    with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
        return {task.name: change for task, change in zip(tasks, pool.map(_measure, tasks), strict=True)}


def _measure(task: Task) -> Change:
    original = flat(task.overlay.original)
    block = task.overlay.damage(original)
    against = flat(task.expected) if task.expected is not None and task.expected.locked is None else None
    parts, unequal = [Measurement()], 0
    for start, stop in ranges(task.overlay.original.size):
        values = block(start, stop)
        unequal += compare(values, original[start:stop], EVERY_BIT).unequal
        if against is not None:
            parts.append(compare(values, against[start:stop], task.criterion))
        elif task.expected is None:
            parts.append(scan(values))
    if task.expected is not None and against is None:  # a lock tells by the digest of all bytes
        job = Job(task.overlay.tensor, task.expected, task.criterion, task.name)
        return Change(measure([job], 1)[task.name], unequal)
    return Change(reduce(Measurement.__add__, parts), unequal)


def distance(overlay: Overlay, expected: Tensor, criterion: Criterion) -> Measurement:
    """How far it is from what is expected."""
    against = flat(expected)
    block = overlay.damage(flat(overlay.original))
    parts = [
        compare(block(start, stop), against[start:stop], criterion) for start, stop in ranges(overlay.original.size)
    ]
    return reduce(Measurement.__add__, parts, Measurement())


def has_effect(mutation: Mutation) -> bool:
    """Whether anything is another than before: one bit is enough, and the first that is found."""
    return mutation.structural or any(map(_differs, mutation.changed.values()))


def _differs(overlay: Overlay) -> bool:
    original = flat(overlay.original)
    block = overlay.damage(original)
    return any(
        compare(block(start, stop), original[start:stop], EVERY_BIT).unequal
        for start, stop in ranges(overlay.original.size)
    )

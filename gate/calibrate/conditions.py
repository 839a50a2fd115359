"""Under which conditions one model predicts the same inputs, to see whether the outputs stay the same."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Way:
    """How the process that made the first outputs predicts again."""

    name: str
    times: int = 1
    batch: int | None = None
    """None: as `check` does it."""
    eager: bool = False


@dataclass(frozen=True)
class Condition:
    """Other processes: what they are called, how many there are, and what is other in them than in the first.

    None is as the run has it; a `new` one imports TensorFlow itself instead of being forked from a process that did.
    """

    name: str
    times: int = 1
    threads: int | None = None
    onednn: bool | None = None
    device: str | None = None
    new: bool = False


ON_THE_CPU = Condition("on the CPU", device="cpu")
"""Where a GPU made the first outputs."""


def ways(repeats: int) -> tuple[Way, ...]:
    """In one process."""
    return Way("again, same process", repeats), Way("batches of 1", batch=1), Way("eager, not as a graph", eager=True)


def conditions(repeats: int, cpus: int, onednn: bool) -> Iterator[Condition]:
    """In others. `onednn` says whether TensorFlow uses it without being told."""
    yield Condition("forked process", repeats)
    yield Condition("new process", new=True)
    for threads in dict.fromkeys((1, 2, max(cpus, 4))):
        yield Condition("1 thread" if threads == 1 else f"{threads} threads", threads=threads)
    other = f"oneDNN {'off' if onednn else 'on'}"
    yield Condition(other, onednn=not onednn)
    yield Condition(f"{other}, 1 thread", threads=1, onednn=not onednn)

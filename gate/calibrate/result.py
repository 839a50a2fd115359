"""What calibrating comes to: for each model its entries of `predictions`, what was measured, and what is proposed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gate.asked import Prediction
from gate.calibrate.measure import Measured
from gate.calibrate.noise import Proposal, Runs, propose, used
from gate.checks.predictions import ON_CPU, ON_GPU
from gate.errors import GateError
from gate.plan import ModelPlan
from gate.references.lock import LockReference
from gate.tensors.tolerance import Tolerance


@dataclass(frozen=True)
class Entry:
    """One entry of `predictions`; `index` is None where the manifest has none, and inputs were made up."""

    index: int | None
    asked: Prediction
    runs: Runs
    proposal: Proposal
    published: Tolerance

    @property
    def compares_numbers(self) -> bool:
        """Whether a tolerance has a part in its verdict."""
        return self.index is None or (self.asked.elementwise and self.asked.expected is not None)

    @property
    def now(self) -> Tolerance:
        """What holds today."""
        return self.asked.tolerance or self.published

    @property
    def used(self) -> float:
        """Which part of what holds today the noise takes up."""
        return used(self.runs, self.now)


@dataclass(frozen=True)
class Calibrated:
    """One model: its entries, or why there are none."""

    plan: ModelPlan
    entries: tuple[Entry, ...] = ()
    runtime: Mapping[str, Any] | None = None
    trouble: GateError | None = None
    """Why nothing could be measured."""
    unloaded: str = ""
    """Why it is not loaded at all."""

    @property
    def changes(self) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        """What is proposed, as values of keys of the manifest."""
        written = self.plan.written
        if written is None:
            return
        for entry in self.entries:
            wanted = entry.proposal.tolerance
            if wanted is None or not entry.compares_numbers:
                continue
            plain = {"rtol": wanted.rtol, "atol": wanted.atol}
            if entry.index is not None:
                if entry.asked.tolerance != wanted:
                    yield ("models", written.index, "predictions", entry.index, "tolerance"), plain
            elif can_be_asked(self.plan):
                yield ("models", written.index, "predictions"), [{"expected": "reference", "tolerance": plain}]


def can_be_asked(plan: ModelPlan) -> bool:
    """Whether there is a model to compare predictions with: a reference that is more than a record of one."""
    return plan.reference is not None and not isinstance(plan.reference, LockReference)


def calibrated(plan: ModelPlan, measured: Measured, margin: float) -> Calibrated:
    """Proposals for what was measured of one model."""
    published = ON_GPU if measured.on_gpu else ON_CPU
    asks = bool(plan.loading and plan.loading.predictions)
    entries = tuple(
        Entry(index if asks else None, asked, runs, propose(runs, margin), published)
        for index, (asked, runs) in enumerate(zip(measured.entries, measured.runs, strict=True))
    )
    return Calibrated(plan, entries, measured.runtime)

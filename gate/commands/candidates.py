"""What `weight-gate update` may approve: every model that is selected, judged as `check` does, and what was seen."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from gate.action import Runner
from gate.approvals.earlier import earlier_lock, since
from gate.approvals.outputs import Loaded, seen_loaded
from gate.approvals.proposal import Judged
from gate.approvals.seen import Seen, seen
from gate.checks.interface import Subject
from gate.commands.job import Job, run_of
from gate.errors import GateError, defect
from gate.plan import ModelPlan
from gate.plan_missing import without_reference
from gate.references.lock import LockReference
from gate.references.path import PathReference
from gate.reports.progress import Progress
from gate.results import ModelResult, Outcome
from gate.run import READ, Run
from gate.workspace import Workspace

GREEN = (Outcome.PASSED, Outcome.WAIVED)


def candidates(
    job: Job, chosen: Sequence[ModelPlan], options: argparse.Namespace, host: Runner, err: TextIO, scratch: Path
) -> list[Judged]:
    """Every model that is selected, as `check` judges it; one whose reference is not there yet without it."""
    created = {id(plan): is_missing(plan, job.workspace) for plan in job.plans}
    plans = tuple(without_reference(plan) if created[id(plan)] else plan for plan in job.plans)
    run = run_of(replace(job, plans=plans), options, host)
    collected = _Collected(chosen, [created[id(plan)] for plan in chosen], run, scratch)
    with Progress(err) as progress:
        run.execute(collected.step(progress.step), collected.done, collected.loaded)
    return [
        Judged(plan, result, collected.seen.get(at), collected.outputs.get(at, Loaded()), created[id(plan)], trouble)
        for at, (plan, result) in enumerate(zip(chosen, run.result.models, strict=True))
        for trouble in [collected.troubles.get(at)]
    ]


def is_missing(plan: ModelPlan, workspace: Workspace) -> bool:
    """Whether the reference is a file of the workspace that is not there yet."""
    if plan.problem is not None or not isinstance(plan.reference, LockReference | PathReference):
        return False
    path = plan.reference.path
    try:
        workspace.confine(path)
    except GateError:
        return False  # the run says so
    if path.is_symlink() or path.exists() or path.with_name(f"{path.name}.dvc").exists():
        return False
    beside = path.parent.glob("*") if path.parent.is_dir() else ()
    return not any(each.name.startswith((f"{path.name}.index", f"{path.name}.data-")) for each in beside)


class _Collected:
    """What is seen of each model while its files are open, and while it is loaded; by its number."""

    def __init__(self, plans: Sequence[ModelPlan], created: Sequence[bool], run: Run, scratch: Path) -> None:
        self.seen: dict[int, Seen] = {}
        self.outputs: dict[int, Loaded] = {}
        self.troubles: dict[int, GateError] = {}
        self._plans = plans
        self._created = created
        self._run = run
        self._scratch = scratch
        self._at = -1

    def step(self, then: Callable[[str, str], None]) -> Callable[[str, str], None]:
        """Counts the models."""

        def counting(model: str, check: str) -> None:
            self._at += check == READ
            then(model, check)

        return counting

    def loaded(self, subject: Subject, so_far: ModelResult) -> None:
        """While it is loaded."""
        renews = isinstance(self._plans[self._at].reference, PathReference | LockReference)
        folder = self._scratch / str(self._at)
        folder.mkdir(exist_ok=True)
        try:
            self.outputs[self._at] = seen_loaded(subject, so_far, folder, renews)
        except GateError as error:
            self.troubles[self._at] = error

    def done(self, subject: Subject) -> None:
        """While its files are open: of green models nothing is asked."""
        if self._run.result.models[self._at].outcome in GREEN and not self._created[self._at]:
            return
        try:
            reference = self._plans[self._at].reference
            found = seen(subject, isinstance(reference, LockReference))
            if self._created[self._at] and isinstance(reference, LockReference) and found.lock is not None:
                before = earlier_lock(reference.path, reference.shown)
                told = since(before, found.lock, reference.path, reference.shown) if before else None
                found = replace(found, earlier=told)
            self.seen[self._at] = found
        except Exception as error:  # noqa: BLE001 - as any check: the other models go on
            self.troubles[self._at] = error if isinstance(error, GateError) else defect(error)

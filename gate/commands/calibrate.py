"""`weight-gate calibrate`: how much predictions differ by themselves on this machine, and tolerances that allow it."""

import argparse
from collections.abc import Sequence
from typing import TextIO

from gate.action import Runner
from gate.approvals import transaction
from gate.approvals.transaction import File
from gate.calibrate.measure import NothingToMeasureError, measure
from gate.calibrate.result import Calibrated, calibrated
from gate.calibrate.text import OF_WEIGHTS, model_text
from gate.commands.job import Job, job_of, run_of
from gate.errors import GateError, UsageError
from gate.manifest import load_manifest
from gate.manifest.edit import EditError, Put, edited
from gate.manifest.unified_diff import unified_diff
from gate.plan import ModelPlan
from gate.reports.escaping import harmless, visible
from gate.reports.progress import Progress
from gate.reports.stream import emit
from gate.results import EXIT_CODES, Conclusion
from gate.run import NotLoadedError, Run
from gate.written import Written


def run(options: argparse.Namespace, host: Runner, out: TextIO, err: TextIO) -> int:
    """Measures every model that is meant.

    Exit 0: a tolerance is proposed for each entry that compares numbers; 1: for one there is none; 3: there was nothing
    to measure; 4: something could not be measured.
    """
    job = job_of(options, host)
    made = run_of(job, options, host)
    models: list[Calibrated] = []
    for plan in made.plans:
        with Progress(err) as progress:
            models.append(_calibrate(made, plan, options, progress))
        emit(out, f"{model_text(models[-1], options.margin)}\n")
    emit(out, OF_WEIGHTS)
    _propose(job, models, options, out)
    return EXIT_CODES[_conclusion(models)]


def _calibrate(made: Run, plan: ModelPlan, options: argparse.Namespace, progress: Progress) -> Calibrated:
    try:
        with made.opened(plan) as opened:
            measured = measure(opened, options.repeats, lambda what: progress.step(plan.name, what))
            return calibrated(plan, measured, options.margin)
    except NotLoadedError as error:
        if plan.loading is not None and plan.loading.asked:
            return Calibrated(plan, trouble=error)
        return Calibrated(plan, unloaded=f"{error.reason}: {error.hint}")
    except NothingToMeasureError as error:
        return Calibrated(plan, unloaded=f"{error.reason}: {error.hint}")
    except GateError as error:
        return Calibrated(plan, trouble=error)


def _conclusion(models: Sequence[Calibrated]) -> Conclusion:
    if any(model.trouble is not None for model in models):
        return Conclusion.ERROR
    entries = [entry for model in models for entry in model.entries]
    if not entries:
        return Conclusion.NOTHING_CHECKED
    failed = [entry for entry in entries if entry.compares_numbers and entry.proposal.tolerance is None]
    return Conclusion.FAILURE if failed else Conclusion.SUCCESS


def _propose(job: Job, models: Sequence[Calibrated], options: argparse.Namespace, out: TextIO) -> None:
    """The change of the manifest, shown or made."""
    edits = [Put(path, value) for model in models for path, value in dict(model.changes).items()]
    edits = list({edit.path: edit for edit in edits}.values())  # the models of a glob share their entry
    if not edits:
        return
    text = job.loaded.text
    try:
        new = edited(text, edits, str(job.path))
    except EditError as error:
        if options.write:
            raise
        emit(out, harmless(f"\n{error.reason}; write it by hand:\n\n{_block(error.snippet)}"))
        return
    if new == text:
        return
    if options.write:
        _refuse_changed(job)
        transaction.write([File(job.path.absolute(), new.encode())], job.workspace)
        emit(out, harmless(f"\nwritten: {visible(str(job.path))}\n"))
    diff = unified_diff(text, new, Written(text, str(job.path), 0).patched)
    emit(out, harmless(f"\n{_block(diff)}"))


def _block(text: str) -> str:
    return "".join(f"{visible(line, keep=chr(9))}\n" for line in text.split("\n")[:-1])


def _refuse_changed(job: Job) -> None:
    """Measuring takes minutes, in which somebody may have edited the manifest."""
    if load_manifest(job.path).text != job.loaded.text:
        raise UsageError(f"{job.path} was changed meanwhile, so nothing was written", "run it again")

"""The check of what `init` wrote; what cannot be asked of a model as it is, its entry asks no more."""

import argparse
from dataclasses import replace
from importlib.util import find_spec
from typing import TextIO

from gate.action import Runner
from gate.approvals.transaction import File, write
from gate.commands.init_place import Place
from gate.commands.job import Job, job_of, run_of
from gate.init.draft import Entry
from gate.init.propose import Proposal, Step
from gate.init.text import manifest_text
from gate.reports.progress import Progress
from gate.reports.wording import crop
from gate.results import CheckResult, Finding, ModelResult, Outcome, RunResult

_NOT_LOADED = frozenset({"load-failed", "not-checked"})
"""Kinds of findings of the check `restore` that say that nothing was loaded."""
_LONGEST = 160
"""Of a framework's words in a comment."""


def asked_of_check(place: Place, options: argparse.Namespace) -> argparse.Namespace:
    """What `check` would be asked for, without any option of its own."""
    return argparse.Namespace(
        manifest=place.shown(place.manifest), root=[], models=[], cache=None, allow_code=False, requirements=None,
        device=None, scratch=None, timeout=None, memory=None, require_sandbox=False, threads=options.threads,
    )  # fmt: skip


def checked(proposal: Proposal, place: Place, options: argparse.Namespace, host: Runner, err: TextIO) -> RunResult:
    """Runs `check`; a model that cannot be loaded is judged as data from then on, which its entry says."""
    asked = asked_of_check(place, options)
    with Progress(err) as progress:
        result = _executed(job_of(asked, host), asked, host, progress.step)
        amended = [
            index
            for index, (entry, model) in enumerate(zip(proposal.entries, result.models, strict=True))
            if _amend(entry, model)
        ]
        if amended:
            text = manifest_text(proposal.entries, proposal.remarks(place.paths))
            write([File(place.manifest, text.encode("utf-8"))], place.workspace)
            job = job_of(asked, host)
            again = _executed(
                replace(job, plans=tuple(job.plans[index] for index in amended)), asked, host, progress.step
            )
            models = list(result.models)
            for index, model in zip(amended, again.models, strict=True):
                models[index] = model
            result = replace(again, models=tuple(models))
    return result


def _executed(job: Job, asked: argparse.Namespace, host: Runner, step: Step) -> RunResult:
    return run_of(job, asked, host).execute(step)


def _amend(entry: Entry, model: ModelResult) -> bool:
    """Asks less of a model that does not load, or is not the same once it was saved; whether it did, its entry says."""
    if find_spec("tensorflow") is None:  # nothing was tried
        return False
    red = {check.check: check for check in model.checks if check.outcome in (Outcome.FAILED, Outcome.ERROR)}
    restore, roundtrip = (_first(red.get(name)) for name in ("restore", "roundtrip"))
    if restore is not None and restore.kind in _NOT_LOADED:
        entry.keys["load"] = False
        entry.decide.append(f"it did not load: {_short(restore.reason)}. What to do: {restore.hint}")
        return True
    if "restore" not in red and roundtrip is not None:
        entry.keys["roundtrip"] = False
        entry.decide.append(f"it is not the same after it was saved and loaded again: {_short(roundtrip.reason)}")
        return True
    return False


def _first(check: CheckResult | None) -> Finding | None:
    return next(iter(check.findings), None) if check is not None else None


def _short(reason: str) -> str:
    return crop(reason, _LONGEST).rstrip(".")

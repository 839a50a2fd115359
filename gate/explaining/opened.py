"""The files of a model, opened for what they say of their tensors: no values are read, and nothing is fetched."""

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp

from gate.checks.interface import Subject
from gate.errors import GateError
from gate.formats import open_weights
from gate.plan import ModelPlan
from gate.plan_missing import waiting, without_reference
from gate.references.interface import Missing, NotFetchedError, Sources
from gate.references.lfs import from_clone, has_pointers
from gate.run import compared
from gate.tensors.weightset import WeightSet
from gate.workspace import Workspace


@dataclass(frozen=True)
class Opened:
    """What could be opened. `plan` is without its reference where that is missing, and may be.

    `reference_said` is what there is to say of the reference; `reference_unknown` that it is asked for, and not here.
    """

    plan: ModelPlan
    candidate: WeightSet | None = None
    reference: WeightSet | None = None
    reference_said: str = ""
    reference_unknown: bool = False
    subject: Subject | None = None
    """Both, paired as `check` pairs them; None where there is nothing to pair."""
    troubles: tuple[GateError, ...] = ()


def opened(plan: ModelPlan, sources: Sources, files: ExitStack) -> Opened:
    """Opens the weights and the reference; what cannot be is a trouble. `files` closes them."""
    troubles: list[GateError] = []
    candidate = _candidate(plan, sources, files, troubles)
    found = _with_reference(Opened(plan, candidate), sources, files, troubles)
    subject = None
    if candidate is not None and (found.reference is not None or found.plan.reference is None):
        try:
            pairing = compared(found.plan, candidate, found.reference)
        except GateError as error:
            troubles.append(error)
        else:
            subject = Subject(
                candidate,
                found.reference,
                pairing,
                found.plan.rules,
                groups=found.plan.groups,
                thresholds=found.plan.thresholds,
                positions=found.plan.positions,
            )
    return replace(found, subject=subject, troubles=tuple(troubles))


def _candidate(plan: ModelPlan, sources: Sources, files: ExitStack, troubles: list[GateError]) -> WeightSet | None:
    at = plan.positions.get("weights")
    try:
        if plan.problem:
            raise plan.problem
        sources.workspace.confine(plan.path)
        kept = from_clone(plan.path, plan.weights, sources) if has_pointers(plan.path) else None
        path, workspace = (kept.path, kept.workspace) if kept else (plan.path, sources.workspace)
        weights = files.enter_context(open_weights(path, shown=plan.weights))
        _confine(weights.files, workspace)
    except GateError as error:
        troubles.append(GateError(_told(plan.weights, error), error.hint, error.position or at))
        return None
    return weights


def _with_reference(found: Opened, sources: Sources, files: ExitStack, troubles: list[GateError]) -> Opened:
    plan = found.plan
    if plan.reference is None or plan.problem:
        return found
    folder = Path(mkdtemp(prefix="reference-", dir=sources.scratch))
    try:
        fetched = plan.reference.fetch(replace(sources, scratch=folder, offline=True))
        if isinstance(fetched, Missing):
            also = waiting(plan)
            why = fetched.reason + (f"; left out with it: {also}" if also else "")
            return replace(found, plan=without_reference(plan), reference_said=why)
        read = fetched.weights
        weights = files.enter_context(open_weights(fetched.path, shown=fetched.shown) if read is None else read)
        _confine(weights.files, fetched.workspace)
    except NotFetchedError as error:
        return replace(found, reference_said=error.reason, reference_unknown=True)
    except GateError as error:
        at = plan.positions.get("reference")
        troubles.append(GateError(_told(f"reference {plan.reference.shown}", error), error.hint, error.position or at))
        return replace(found, reference_unknown=True)
    notes = [note.removeprefix("reference: ") for note in fetched.notes]
    return replace(found, reference=weights, reference_said="; ".join(notes))


def _told(what: str, error: GateError) -> str:
    """What is wrong, with the name of the file once."""
    return error.reason if what.removeprefix("reference ") in error.reason else f"{what}: {error.reason}"


def _confine(paths: Iterable[Path], workspace: Workspace) -> None:
    for path in paths:
        workspace.confine(path)

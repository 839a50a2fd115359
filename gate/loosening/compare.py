"""A manifest beside that of the branch that is merged into: what is said of it, and whether that is red."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from gate.action import Event
from gate.errors import GateError
from gate.loosening.approved import approvals, named
from gate.loosening.base import Elsewhere, NoBase, opened
from gate.loosening.endless import alone, endless
from gate.loosening.entries import entries
from gate.loosening.manifests import STRICTNESS, looser_manifest
from gate.loosening.models import Seen
from gate.loosening.said import CHECK
from gate.loosening.wanted import OF_PULLS, wanted
from gate.manifest import LoadedManifest
from gate.results import CheckResult, Finding, Loosening, Outcome
from gate.wording import counted
from gate.workspace import Workspace

_ALLOW, _, _FAIL = STRICTNESS
_MEANT = "undo it; where it is meant, whoever may merge past a red check has to"


@dataclass(frozen=True)
class Judged:
    """What reports say, and the check that is red by the policy; None where it is not."""

    loosening: Loosening = field(default_factory=Loosening)
    check: CheckResult | None = None


def judged(
    path: Path,
    loaded: LoadedManifest,
    workspace: Workspace,
    ref: str | None,
    event: Event | None,
    seen: Mapping[str, Seen],
    today: date,
) -> Judged:
    """The manifest `loaded` from `path` beside that of `ref`, else of the branch that the event merges into.

    `seen` has the tensors of the weight files that were read. The stricter word of the two manifests' `policy` holds;
    without anything to compare with, only waivers without an end are told.
    """
    word = loaded.manifest.policy.loosening
    try:
        against = wanted(ref, event)
        if against is None:
            return Judged(alone(loaded))
        now = entries(loaded, workspace)
        files = [workspace.base / path.name, *_inside(named(now), workspace)]
        with opened(files, workspace.base, against, event) as base:
            before = base.manifest(files[0], str(path))
            word = max(word, before.manifest.policy.loosening, key=STRICTNESS.index)
            if last := base.last_policy(files[0], str(path)):
                word = max(word, last.loosening, key=STRICTNESS.index)
            if word == _ALLOW:
                return Judged()
            found = looser_manifest(before, loaded, workspace, seen, today, base)
            blessed = approvals(base, now)
            where = f"{path} at {base.shown}"
    except NoBase as error:
        return Judged(replace(alone(loaded), notes=(f"nothing can be said of a loosening: {error.reason}",)))
    except GateError as error:
        if event is not None and event.name in OF_PULLS and error.hint:
            error.hint = f"{error.hint}; for this alone, `fetch-depth: 2` is enough"
        # A commit that is named on the command line is asked for in words: never a note alone.
        is_red = ref is not None or isinstance(error, Elsewhere)
        return _untold(alone(loaded), error, loaded, _FAIL if is_red else word)
    said = Loosening(
        base=where,
        found=(*found, *blessed.looser),
        endless=tuple(endless(loaded)),
        approved=blessed.blessed,
        notes=blessed.notes,
    )
    return _by_policy(said, loaded) if word == _FAIL else Judged(said)


def _inside(files: Iterable[str], workspace: Workspace) -> Iterator[Path]:
    """Those that git may keep."""
    for file in dict.fromkeys(files):
        path = Path(os.path.normpath(workspace.base.resolve() / file))
        if path.is_relative_to(workspace.roots[0].resolve()):
            yield workspace.base / file


def failed(error: GateError, loaded: LoadedManifest) -> Judged:
    """The same after a defect: red, for nobody knows whose word it was that led to it."""
    return _untold(Loosening(), error, loaded, _FAIL)


def _untold(said: Loosening, error: GateError, loaded: LoadedManifest, word: str) -> Judged:
    reason = f"whether this loosens the gate cannot be told: {error.reason}"
    told = f"{reason}: {error.hint}" if error.hint else reason
    if word != _FAIL:
        return Judged(replace(said, notes=(told,)))
    at = loaded.position("policy", "loosening")
    finding = Finding("not-checked", reason, hint=error.hint, position=at)
    return Judged(said, CheckResult(CHECK, Outcome.ERROR, reason, (finding,), at))


def _by_policy(said: Loosening, loaded: LoadedManifest) -> Judged:
    """As a check that fails, where there is anything."""
    if not said.found:
        return Judged(said)
    at = loaded.position("policy", "loosening")
    summary = f"the gate lets more through than {said.base}: {counted(len(said.found), 'finding')}"
    findings = tuple(replace(each, hint=_MEANT) for each in said.found)
    check = CheckResult(CHECK, Outcome.FAILED, summary, findings, at, checked=len(findings))
    return Judged(replace(said, fails=True), check)

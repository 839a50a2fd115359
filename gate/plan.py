"""From a manifest to what will be done, in order. Reads no weights.

Comes in: a loaded manifest, the workspace that tells which files a glob means, and today's date. Goes out: one
`ModelPlan` per weight file, with all that its checks need and the names of those checks.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from gate.asked import Loading
from gate.errors import GateError, ManifestError, MissingFileError
from gate.paths import paths_outside
from gate.plan_loading import plan_loading
from gate.position import Position
from gate.references.git import GitReference
from gate.references.interface import Reference
from gate.references.lock import LockReference
from gate.references.path import PathReference
from gate.references.url import UrlReference
from gate.tensors.pairing import Rename
from gate.tensors.rules import Expect, Rule, Rules, StatisticBound
from gate.tensors.tolerance import Tolerance
from gate.tensors.weightset import Group
from gate.workspace import Workspace
from gate.written import Written

if TYPE_CHECKING:  # `diff` plans without a manifest, and need not wait for pydantic
    from gate.action import Event
    from gate.manifest import LoadedManifest
    from gate.manifest.model import ModelEntry, ReferenceEntry, TensorRule

NOT_LOADED = "not loaded: that a framework restores these weights is not proved"
_POSITIONS = (
    "weights", "reference", "digest", "statistics", "groups", "architecture", "load", "restore", "roundtrip",
    "predictions",
)  # fmt: skip
_AFTER_LOADING = (Expect.IDENTICAL, Expect.CHANGED)
NO_REFERENCE = "values were compared with nothing: there is no `reference` and no rule gives `values` or statistics"


@dataclass(frozen=True)
class ModelPlan:
    """One weight file and what will be done with it. `problem` is why nothing can be done."""

    name: str
    weights: str  # as one would write it from the current folder
    path: Path
    rules: Rules
    reference: Reference | None = None
    digest: str | None = None
    renames: tuple[Rename, ...] = ()
    groups: frozenset[Group] = frozenset({Group.WEIGHTS})
    thresholds: Mapping[str, Tolerance] = field(default_factory=dict)
    positions: Mapping[str, Position] = field(default_factory=dict)
    problem: GateError | None = None
    checked: tuple[str, ...] | None = None  # instead of the checks that follow from what is asked
    distinct: bool = True  # a file is no reference for itself
    loading: Loading | None = None  # None: the file is read as data and not loaded
    glob: str = ""  # as the manifest has it, where it gave this file
    remarks: tuple[str, ...] = ()  # on how it came to be judged
    written: Written | None = None  # where it stands in a manifest, if it does
    mutation_score: float | None = None  # the share of damaged copies that the manifest has to catch

    @property
    def checks(self) -> tuple[str, ...]:
        """The keys of `gate.checks.CHECKS` that this model gets, in their order, and `mutations` where asked for."""
        if self.checked is not None:
            return self.checked
        rules = self.rules.all
        wanted = {
            "rules": bool(rules) or len(self.groups) > 1 or self.has_ended,
            "digest": self.digest is not None,
            "structure": self.reference is not None or any(r.shape is not None or r.dtype for r in rules),
            "finite": True,
            "values": self.reference is not None or any(r.values is not None for r in rules),
            "statistics": bool(self.thresholds) or any(r.statistics for r in rules),
            "mutations": self.mutation_score is not None,
            "restore": self.loading is not None,
            "roundtrip": self.loading is not None and self.loading.roundtrip != (),
            "loaded-values": self.loading is not None and any(r.expect in _AFTER_LOADING for r in rules),
            "predictions": self.loading is not None and bool(self.loading.predictions),
        }
        return tuple(check for check, is_wanted in wanted.items() if is_wanted)

    @property
    def has_ended(self) -> bool:
        """Whether the day of a waiver has passed: that is red, whatever the file holds."""
        waivers = self.loading.waivers if self.loading else ()
        return bool(self.rules.expired) or any(each.expired(self.rules.today) for each in waivers)

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The files in the workspace that the manifest names for it."""
        kept = PathReference | GitReference | LockReference
        of_reference = (self.reference.path,) if isinstance(self.reference, kept) else ()
        return (self.path, *of_reference, *(self.loading.files if self.loading else ()))

    @property
    def loading_position(self) -> Position | None:
        """The line that asks for loading, or the model's own."""
        asked = self.loading.asked if self.loading else ""
        return self.positions.get(asked) or self.positions.get("weights")

    @property
    def notes(self) -> tuple[str, ...]:
        """What the verdict will not say."""
        if self.problem:
            return ()
        compares = {"values", "statistics"} & set(self.checks)
        loads = (NOT_LOADED,) if self.loading is None else ()
        return (*self.remarks, *(loads if compares else (*loads, NO_REFERENCE)))


def plan(
    loaded: "LoadedManifest",
    workspace: Workspace,
    today: date,
    device: str | None = None,
    event: "Event | None" = None,
) -> tuple[ModelPlan, ...]:
    """The models of a manifest in its order; `device` is instead of the manifest's.

    `event` is what started the runner's job. It and git say which models of a glob are gone.

    Raises `ManifestError` with every path that leads out of the workspace.
    """
    if problems := paths_outside(loaded, workspace):
        raise ManifestError(problems)
    plans: list[ModelPlan] = []
    for index, entry in enumerate(loaded.manifest.models):
        plans.extend(_plan_entry(loaded, workspace, today, index, entry, event))
    if device is not None:
        plans = [
            replace(each, loading=replace(each.loading, device=device)) if each.loading else each for each in plans
        ]
    return _with_own_names(plans)


def _with_own_names(plans: list[ModelPlan]) -> tuple[ModelPlan, ...]:
    """Models that a glob gave the same name are called by their paths."""
    names = Counter(each.name for each in plans)
    return tuple(replace(each, name=each.path.name) if names[each.name] > 1 else each for each in plans)


def _plan_entry(
    loaded: "LoadedManifest",
    workspace: Workspace,
    today: date,
    index: int,
    entry: "ModelEntry",
    event: "Event | None",
) -> Iterable[ModelPlan]:
    route = ("models", index)
    at = loaded.position(*route, "weights")
    files: list[str | None] = [None]
    if entry.is_glob:
        files = [*workspace.expand(entry.weights, at)]
        if not files:
            problem = MissingFileError(
                f"no file matches {entry.weights}", "correct the pattern, or add the weights to the commit", at
            )
            yield _plan_file(loaded, workspace, today, index, entry, None, problem)
    for file in files:
        yield _plan_file(loaded, workspace, today, index, entry, file, None)
    if entry.is_glob and files and entry.reference is not None and entry.reference.git is not None:
        present = [file for file in files if file is not None]
        for lost, why in _gone(entry.weights, present, entry.reference, workspace, event, at):
            yield _plan_file(loaded, workspace, today, index, entry, lost, why)


def _gone(
    pattern: str,
    files: list[str],
    reference: "ReferenceEntry",
    workspace: Workspace,
    event: "Event | None",
    at: Position,
) -> Iterable[tuple[str | None, GateError]]:
    """The models that a glob matched in the commit that is compared with, and what to say of each.

    A file that is renamed and changed would be a new one, compared with nothing, and the old one nobody's.
    """
    from gate.references.git_gone import gone  # noqa: PLC0415 - only where something is had from git

    try:
        found = gone(pattern, files, reference.git or "", workspace.base, event)
    except GateError as error:
        yield None, GateError(f"which files of {pattern} are gone cannot be told: {error.reason}", error.hint, at)
        return
    meant = {os.path.normpath(workspace.base / file) for file in reference.removed}
    for file in found.files:
        if os.path.normpath(workspace.base / file) not in meant:
            yield (
                file,
                MissingFileError(
                    f"{file} is gone: {pattern} matches it in {found.where}",
                    f"put it back; or, where it was removed or renamed on purpose, say so under `reference`: "
                    f"`removed: [{file}]`",
                    at,
                ),
            )


def _plan_file(
    loaded: "LoadedManifest",
    workspace: Workspace,
    today: date,
    index: int,
    entry: "ModelEntry",
    file: str | None,
    problem: GateError | None,
) -> ModelPlan:
    weights = file or entry.weights
    positions = {
        key: loaded.position("models", index, key)
        for key in _POSITIONS
        if key in {"weights", "groups"} or key in entry.model_fields_set
    }
    policy = loaded.manifest.policy
    if policy.mutation_score is not None:
        positions["mutation_score"] = loaded.position("policy", "mutation_score")
    path = workspace.base / weights if problem else workspace.locate(weights, positions["weights"])
    said = None if problem else entry.reference_for(file)
    reference = _reference(said, workspace, path, positions["reference"]) if said else None
    tolerance = loaded.manifest.defaults.tolerance
    groups = {Group(name) for name, mode in entry.groups if mode == "compare"}
    return ModelPlan(
        name=entry.weights if problem and file is None else entry.name_of(file),
        weights=workspace.shown(path),
        path=path,
        rules=Rules(
            (rule_of(rule, loaded.position("models", index, "tensors", i)) for i, rule in enumerate(entry.tensors)),
            today,
            Tolerance(tolerance.rtol, tolerance.atol) if tolerance else None,
        ),
        reference=reference,
        digest=entry.digest,
        renames=tuple(
            Rename(rule.from_, rule.to, loaded.position("models", index, "names", i))
            for i, rule in enumerate(entry.names)
        ),
        groups=frozenset({Group.WEIGHTS, *groups}),
        thresholds={
            name: Tolerance(said.rtol or 0.0, said.atol or 0.0)
            for name, said in (entry.statistics.thresholds.items() if entry.statistics else ())
        },
        positions=positions,
        problem=problem,
        glob=entry.weights if entry.is_glob else "",
        mutation_score=policy.mutation_score,
        loading=plan_loading(loaded, workspace, today, index, entry),
        written=Written(loaded.text, loaded.file, index, entry.is_glob),
    )


def _reference(said: "ReferenceEntry", workspace: Workspace, weights: Path, at: Position) -> Reference:
    if said.git is not None:
        path = workspace.locate(said.path, at) if said.path is not None else weights
        return GitReference(said.git, path, workspace.shown(path), weights, missing=said.missing == "allowed")
    if said.url is not None and said.sha256 is not None:
        return UrlReference(said.url, said.sha256)
    if said.lock is not None:
        lock = workspace.locate(said.lock, at)
        return LockReference(lock, workspace.shown(lock))
    gold = workspace.locate(said.file or "", at)
    return PathReference(gold, workspace.shown(gold))


def rule_of(rule: "TensorRule", position: Position) -> Rule:
    """A rule as checks have it."""
    return Rule(
        match=rule.match,
        position=position,
        expect=Expect(rule.expect) if rule.expect else None,
        tolerance=Tolerance(rule.tolerance.rtol, rule.tolerance.atol) if rule.tolerance else None,
        nan=rule.nan == "allowed" if rule.nan else None,
        inf=rule.inf == "allowed" if rule.inf else None,
        shape=rule.shape,
        dtype=rule.dtype,
        values=rule.values,
        statistics={
            name: StatisticBound(said.value, said.rtol, said.atol, said.at_least, said.at_most)
            for name, said in rule.statistics.items()
        },
        reason=rule.reason,
        until=rule.until,
    )

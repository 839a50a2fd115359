"""What an approval of one red model would write; or why it cannot."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from gate.approvals.changes import Change
from gate.approvals.copies import at_home, copies
from gate.approvals.outputs import Loaded
from gate.approvals.record import Written
from gate.approvals.relock import renewed
from gate.approvals.scope import Scope
from gate.approvals.seen import Seen
from gate.approvals.transaction import File, digest_of_file
from gate.asked import REFERENCE
from gate.errors import GateError
from gate.locks.lock import Lock, Made
from gate.locks.text import lock_text, read_lock
from gate.manifest import LoadedManifest
from gate.manifest.edit import Put, edited
from gate.plan import ModelPlan
from gate.references.lock import LockReference
from gate.references.path import PathReference
from gate.results import ModelResult, Outcome
from gate.workspace import Workspace

OF_REFERENCE = ("structure", "values", "statistics", "loaded-values")
"""Checks that a reference has a part in."""


@dataclass(frozen=True)
class Judged:
    """One model as it was judged. `plan` is the manifest's; `created` says that its reference is not there yet."""

    plan: ModelPlan
    result: ModelResult
    seen: Seen | None = None
    loaded: Loaded = field(default_factory=Loaded)
    created: bool = False
    trouble: GateError | None = None
    """Why it could not be seen."""

    @property
    def reference_is_red(self) -> bool:
        """Whether what the reference says does not hold."""
        red = {check.check for check in self.result.checks if check.outcome in (Outcome.FAILED, Outcome.ERROR)}
        predictions = self.plan.loading.predictions if self.plan.loading else ()
        predicted = any(
            each.expected == REFERENCE or (each.metric and each.metric.max_drop is not None) for each in predictions
        )
        return bool(red.intersection(OF_REFERENCE)) or ("predictions" in red and predicted)

    @property
    def number(self) -> int:
        """Which entry of `models` it is of."""
        if self.plan.written is None:
            raise GateError(f"{self.plan.name} stands in no manifest", "report this as a defect of weight-gate")
        return self.plan.written.index

    @property
    def digest_is_red(self) -> bool:
        return any(check.check == "digest" and check.outcome is Outcome.FAILED for check in self.result.checks)


@dataclass(frozen=True)
class Proposal:
    """What would be written for one model: `files` in their order, `written` for the record.

    `plan` is the model as it would be judged afterwards, by its data alone; `weights` are called from the manifest on;
    `lock` is the new one.
    """

    judged: Judged
    taken: tuple[Change, ...]
    left: tuple[Change, ...]
    files: tuple[File, ...]
    written: tuple[Written, ...]
    plan: ModelPlan
    weights: str
    lock: Lock | None = None

    @property
    def values_differ(self) -> bool:
        """Whether it is a change that somebody has to answer for, and not the first of its kind."""
        return bool(self.taken) or any(each.old for each in self.written)


def propose(judged: Judged, scope: Scope, workspace: Workspace, loaded: LoadedManifest, scratch: Path) -> Proposal:
    """What would be written for a model that is red or lacks its reference; no files where nothing can be.

    Raises `GateError` where something that is asked for cannot be written, and says what to do.
    """
    seen, plan = judged.seen, judged.plan
    if seen is None:
        raise judged.trouble or GateError("the model could not be judged", "see what `weight-gate check` says of it")
    taken = tuple(each for each in seen.changes if scope.takes(each.name))
    left = tuple(each for each in seen.changes if not scope.takes(each.name))
    renews = (judged.created and scope.takes_all(seen.names)) or (judged.reference_is_red and bool(taken))
    made = _Made(judged, workspace)
    after = replace(plan, loading=None, distinct=False, mutation_score=None)
    lock: Lock | None = None
    if renews and isinstance(plan.reference, LockReference):
        lock = _lock(judged, taken, partial=bool(left))
        made.add("lock", plan.reference.path, lock_text(lock).encode())
        copy = scratch / "proposed.lock.yml"
        copy.write_text(lock_text(lock), "utf-8")
        after = replace(after, reference=LockReference(copy, plan.reference.shown))
    elif renews and isinstance(plan.reference, PathReference):
        if left:
            raise GateError(
                f"{plan.reference.shown} cannot be approved in part, and "
                f"{len(left):,} more tensors differ than --only means, like {left[0].name}",
                "a lock can be (`reference: {lock: …}`); of a file, approve everything (`--only '**'`), or put the "
                "others back",
            )
        made.copies(seen, plan.reference.path)
        after = replace(after, reference=PathReference(plan.path, plan.reference.shown))
    whole = not left and (bool(seen.changes) or scope.takes_all(seen.names))
    if whole:
        if judged.loaded.troubles:
            raise judged.loaded.troubles[0]
        for each in judged.loaded.golden:
            made.add("outputs", each.path, each.data)
        if judged.digest_is_red:
            made.pin(seen.digest, loaded)
            after = replace(after, digest=seen.digest)
    return Proposal(judged, taken, left, tuple(made.files), tuple(made.written), after, made.shown(plan.path), lock)


def signed(proposal: Proposal, made: Made) -> Proposal:
    """The same with who, when and why in its lock."""
    if proposal.lock is None:
        return proposal
    lock = replace(
        proposal.lock, weights=proposal.weights, made=replace(made, tools={**made.tools, **proposal.lock.made.tools})
    )
    data = lock_text(lock).encode()
    reference = proposal.judged.plan.reference
    at = reference.path if isinstance(reference, LockReference) else None
    files = tuple(replace(each, content=data) if each.target == at else each for each in proposal.files)
    written = tuple(replace(each, new=_digest(data)) if each.what == "lock" else each for each in proposal.written)
    return replace(proposal, lock=lock, files=files, written=written)


def _lock(judged: Judged, taken: Iterable[Change], partial: bool) -> Lock:
    seen, reference = judged.seen, judged.plan.reference
    if seen is None or seen.lock is None or not isinstance(reference, LockReference):
        raise GateError("the weights were not locked", "report this as a defect of weight-gate")
    if not partial:
        return seen.lock
    return renewed(read_lock(reference.path, reference.shown), seen.lock, taken)


class _Made:
    """Files and what the record says of them, one after the other."""

    def __init__(self, judged: Judged, workspace: Workspace) -> None:
        self.files: list[File] = []
        self.written: list[Written] = []
        self._judged = judged
        self._workspace = workspace
        self._base = workspace.base

    def add(self, what: str, path: Path, data: bytes) -> None:
        """One file of these bytes."""
        old = f"sha256:{digest_of_file(path)}" if path.is_file() else None
        self.files.append(File(path, data))
        self.written.append(Written(what, self.shown(path), _digest(data), old))

    def copies(self, seen: Seen, target: Path) -> None:
        """The weights, at the place of the reference."""
        there = at_home(seen.there, target) if seen.there else None
        found = copies(seen.weights, target, there, self._workspace)
        sha256 = dict(_sha256_of(found.files, seen.sha256))
        self.files += [
            File(path, source, sha256.get(source, "") if isinstance(source, Path) else "")
            for path, source in found.files.items()
        ]
        self.files += [File(path, None) for path in found.gone]
        self.written.append(Written("reference", self.shown(target), seen.digest, seen.there_digest or None))

    def pin(self, digest: str, loaded: LoadedManifest) -> None:
        """`digest:` of the model's entry in the manifest, as the file is now."""
        manifest = self._base / Path(loaded.file).name
        text = manifest.read_bytes().decode("utf-8")
        new = edited(text, [Put(("models", self._judged.number, "digest"), digest)], loaded.file)
        self.files.append(File(manifest, new.encode()))
        self.written.append(Written("digest", self.shown(manifest), digest, self._judged.plan.digest))

    def shown(self, path: Path) -> str:
        """As the manifest would have it."""
        return str(path.relative_to(self._base)) if path.is_relative_to(self._base) else str(path)


def _sha256_of(files: Mapping[Path, Path | bytes], known: Mapping[Path, str]) -> Iterator[tuple[Path, str]]:
    """Of what is copied: as it was when it was judged, and of what lies beside it as it is now."""
    for source in files.values():
        if isinstance(source, Path):
            yield source, known.get(source) or digest_of_file(source)


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"

"""What an approval of one red model would write; or why it cannot."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from gate.approvals.changes import Change, Kind
from gate.approvals.copies import at_home, copies
from gate.approvals.journal import state_of
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
from gate.manifest.edit import Drop, Edit, Put, edited
from gate.manifest.unified_diff import unified_diff
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
    patch: str = ""
    """What of the manifest changes with it, beside a pin: a diff."""

    @property
    def values_differ(self) -> bool:
        """Whether it is a change that somebody has to answer for, and not the first of its kind."""
        return bool(self.taken) or any(each.old for each in self.written) or bool(self.since_earlier)

    @property
    def is_first(self) -> bool:
        """Whether there is nothing that its reference can be told from: no reference, and no lock in HEAD."""
        seen = self.judged.seen
        return self.judged.created and seen is not None and seen.earlier is None

    @property
    def since_earlier(self) -> tuple[Change, ...]:
        """What differs from the lock that HEAD has, where there is none in the working tree."""
        seen = self.judged.seen
        return (seen.earlier or ()) if self.judged.created and seen is not None else ()

    @property
    def approved(self) -> tuple[Change, ...]:
        """What the approval is of, for the record: of a first reference, all of the file."""
        seen = self.judged.seen
        if self.is_first and seen is not None:
            return tuple(Change(name, Kind.NEW) for name in seen.names)
        return self.taken or self.since_earlier


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
    made = _Made(judged, workspace, loaded)
    after = replace(plan, loading=None, distinct=False, mutation_score=None)
    lock: Lock | None = None
    if renews:
        settles_names = not left and bool(plan.renames)
        if settles_names and plan.glob and (judged.created or not isinstance(plan.reference, LockReference)):
            raise _of_many(plan)
        if isinstance(plan.reference, LockReference):
            lock = _lock(judged, taken, partial=bool(left), keeps_names=settles_names and bool(plan.glob))
            made.add("lock", plan.reference.path, lock_text(lock).encode())
            copy = scratch / "proposed.lock.yml"
            copy.write_text(lock_text(lock), "utf-8")
            after = replace(after, reference=LockReference(copy, plan.reference.shown))
        elif isinstance(plan.reference, PathReference):
            _refuse_part(plan.reference, left)
            made.copies(seen, plan.reference.path)
            after = replace(after, reference=PathReference(plan.path, plan.reference.shown))
        if settles_names and not plan.glob:
            made.settle_names()
            after = replace(after, renames=())
    whole = not left and (bool(seen.changes) or scope.takes_all(seen.names))
    if whole:
        made.outputs()
        if judged.digest_is_red:
            made.pin(seen.digest)
            after = replace(after, digest=seen.digest)
    made.manifest()
    weights = made.shown(plan.path)
    return Proposal(judged, taken, left, tuple(made.files), tuple(made.written), after, weights, lock, made.patch)


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


def _refuse_part(reference: PathReference, left: Sequence[Change]) -> None:
    if left:
        raise GateError(
            f"{reference.shown} cannot be approved in part, and "
            f"{len(left):,} more tensors differ than --only means, like {left[0].name}",
            "a lock can be (`reference: {lock: …}`); of a file, approve everything (`--only '**'`), or put the "
            "others back",
        )


def _of_many(plan: ModelPlan) -> GateError:
    return GateError(
        "it cannot be approved: its reference would have the new names, and `names` of the entry stands for every file "
        "that its glob matches",
        f"give {plan.weights} an entry of its own, without `names`",
        plan.renames[0].position,
    )


def _lock(judged: Judged, taken: Sequence[Change], partial: bool, keeps_names: bool) -> Lock:
    """The new lock; of a part, or where its names stay, what is not taken as it was."""
    seen, reference = judged.seen, judged.plan.reference
    if seen is None or seen.lock is None or not isinstance(reference, LockReference):
        raise GateError("the weights were not locked", "report this as a defect of weight-gate")
    if not (partial or keeps_names):
        return seen.lock
    found = renewed(read_lock(reference.path, reference.shown), seen.lock, taken, seen.pairs)
    return found if partial else replace(seen.lock, tensors=found.tensors)


class _Made:
    """Files and what the record says of them, one after the other."""

    def __init__(self, judged: Judged, workspace: Workspace, loaded: LoadedManifest) -> None:
        self.files: list[File] = []
        self.written: list[Written] = []
        self.patch = ""
        self._edits: list[Edit] = []
        self._loaded = loaded
        self._judged = judged
        self._workspace = workspace
        self._base = workspace.base

    def add(self, what: str, path: Path, data: bytes) -> None:
        """One file of these bytes."""
        old = f"sha256:{digest_of_file(path)}" if path.is_file() else None
        self.files.append(File(path, data, was=state_of(path)))
        self.written.append(Written(what, self.shown(path), _digest(data), old))

    def outputs(self) -> None:
        """The golden outputs, as they were predicted; raises what kept one from it."""
        if self._judged.loaded.troubles:
            raise self._judged.loaded.troubles[0]
        for each in self._judged.loaded.golden:
            self.add("outputs", each.path, each.data)

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

    def pin(self, digest: str) -> None:
        """`digest:` of the model's entry in the manifest."""
        self._edits.append(Put(("models", self._judged.number, "digest"), digest))
        manifest = self._base / Path(self._loaded.file).name
        self.written.append(Written("digest", self.shown(manifest), digest, self._judged.plan.digest))

    def settle_names(self) -> None:
        """Takes `names` out of the model's entry: what it renames has the new names in the reference itself."""
        self._edits.append(Drop(("models", self._judged.number, "names")))

    def manifest(self) -> None:
        """The manifest, as the file is now, with all that was said of its entry."""
        if not self._edits:
            return
        path = self._base / Path(self._loaded.file).name
        old = path.read_bytes()
        text = old.decode("utf-8")
        new = edited(text, self._edits, self._loaded.file)
        self.files.append(File(path, new.encode(), was=state_of(path)))
        if any(isinstance(each, Drop) for each in self._edits):
            self.patch = unified_diff(text, new, path.name)
            self.written.append(Written("names", self.shown(path), _digest(new.encode()), _digest(old)))

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

"""Which models are judged: those that are named, and of these those that a change can have touched.

A model is left out only where git shows that nothing its verdict depends on has changed. Where that cannot be told, a
file that git does not keep, a link, another repository, the model is judged.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from itertools import dropwhile
from pathlib import Path

from gate.errors import GateError, UsageError
from gate.git.changes import Changes
from gate.git.checkout import files_of
from gate.git.members import part_of
from gate.git.repository import Repository
from gate.path_globs import is_within
from gate.plan import ModelPlan
from gate.references.git import GitReference
from gate.results import LeftOut
from gate.workspace import Workspace

_FEW = 10
_ATTRIBUTES = b".gitattributes"


@dataclass(frozen=True)
class Selection:
    """What is judged, and what is not and why."""

    plans: tuple[ModelPlan, ...]
    left_out: tuple[LeftOut, ...] = ()


def named(plans: Sequence[ModelPlan], names: Sequence[str], base: Path) -> Selection:
    """The models that one of `names` means: a name, a glob over names, or else a weight file; all where there is none.

    `base` is the manifest's folder. Raises `UsageError` for one that means no model.
    """
    if not names:
        return Selection(tuple(plans))
    meant = [plan for name in names for plan in _meant(name, plans, base)]
    taken = tuple(plan for plan in plans if plan in meant)
    others = (plan for plan in plans if plan not in taken)
    return Selection(taken, tuple(_left(plan, "not named by --model") for plan in others))


def touched(plans: Sequence[ModelPlan], changes: Changes, workspace: Workspace, inputs: Iterable[Path]) -> Selection:
    """The models whose verdict a change can have touched; `inputs` are files that the verdicts of all depend on."""
    if changes.everything:
        remark = f"judged whatever has changed: {changes.everything}"
        return Selection(tuple(replace(plan, remarks=(*plan.remarks, remark)) for plan in plans))
    seen = _Seen(changes, workspace, plans)
    every = seen.attributes_changed or any(not seen.is_as_it_was(path) for path in inputs)
    taken = tuple(plan for plan in plans if every or seen.is_touched(plan))
    reason = f"nothing that its verdict depends on has changed since {changes.since}"
    left = tuple(_left(plan, reason, untouched=True) for plan in plans if plan not in taken)
    return Selection(taken, left)


class _Seen:
    """What the changes of a repository mean for models."""

    def __init__(self, changes: Changes, workspace: Workspace, plans: Sequence[ModelPlan]) -> None:
        self.changes = changes
        self.workspace = workspace
        self._repository = Repository(changes.top)
        self._declared = {plan.path: frozenset(self._inside(plan.inputs)) for plan in plans}
        self._gone = [path for path in sorted(changes.changed) if not os.path.lexists(changes.top / os.fsdecode(path))]

    @property
    def attributes_changed(self) -> bool:
        """Whether git may take any file for something else than it did."""
        changed, kept = (filter(_is_attributes, paths) for paths in (self.changes.changed, self.changes.kept))
        return any(changed) or self.changes.head.is_any_edited(kept)

    def is_touched(self, plan: ModelPlan) -> bool:
        """Whether the verdict can be another one."""
        if plan.problem is not None or plan.has_ended or self._is_reference_moved(plan) or self._is_one_gone(plan.glob):
            return True
        if not all(map(self.is_as_it_was, plan.inputs)):
            return True
        if plan.loading is None or not plan.loading.runs_code:
            return False
        # Code reads what it likes. What only other models are made of is theirs.
        of_others = (declared for path, declared in self._declared.items() if path != plan.path)
        others = _Paths(frozenset[bytes]().union(*of_others) - self._declared[plan.path])
        return any(changed not in others for changed in self.changes.changed) or self.changes.head.is_any_edited(
            path for path in self.changes.kept if path not in others
        )

    def is_as_it_was(self, path: Path) -> bool:
        """Whether git shows that the files a path stands for are there, and are what they were."""
        inside = next(iter(self._inside([path])), None)
        if inside is None or path.resolve() != self.changes.top / os.fsdecode(inside):
            return False
        files = files_of(path)
        folder = inside if path.is_dir() else inside.rpartition(b"/")[0]
        names = [folder + b"/" + name if folder else name for name in files]
        if (
            not names
            or not all(name in self.changes.kept for name in names)
            or any(map(Path.is_symlink, files.values()))
        ):
            return False
        its = _Paths((inside, *names))
        return not any(changed in its for changed in self.changes.changed) and not self.changes.head.is_any_edited(
            names
        )

    def _is_reference_moved(self, plan: ModelPlan) -> bool:
        """Whether the commit that it is compared with can be another than the one that the changes are since."""
        return isinstance(plan.reference, GitReference) and plan.reference.ref != self.changes.ref

    def _is_one_gone(self, glob: str) -> bool:
        """Whether a file that a glob matched, or a part of one, is there no more: the check has to say so."""
        if not glob or not self._gone:
            return False
        pattern = next(iter(self._inside([self.workspace.base / glob])), None)
        if pattern is None or ".." in dropwhile(lambda part: part == "..", Path(glob).parts):
            return True
        parts = os.fsdecode(pattern).split("/")
        return any(is_within(parts, os.fsdecode(path).split("/")) for path in self._gone)

    def _inside(self, paths: Iterable[Path]) -> Iterable[bytes]:
        for path in paths:
            try:
                yield self._repository.inside(path, self.workspace.base)
            except GateError:
                continue  # of another repository, or of none: judged


class _Paths:
    """Paths of models. A file is `in` them that is at, below or above one, or a part of the model that it begins."""

    def __init__(self, paths: Iterable[bytes]) -> None:
        self._at = frozenset(paths)
        self._above = frozenset(above for path in self._at for above in _folders(path))
        self._checkpoints = frozenset(path.removesuffix(b".index") for path in self._at if not path.endswith(b".json"))
        # Shards that an index no longer names, or names and that are gone, lie beside it.
        self._indexed = frozenset(path.rpartition(b"/")[0] for path in self._at if path.endswith(b".json"))

    def __contains__(self, path: bytes) -> bool:
        if path in self._at or path in self._above or any(folder in self._at for folder in _folders(path)):
            return True
        if path.endswith(b".weights.h5") and path.rpartition(b"/")[0] in self._indexed:
            return True
        return part_of(path) in self._checkpoints


def _folders(path: bytes) -> Iterator[bytes]:
    """The folders that a path lies in, but for the whole repository."""
    while path := path.rpartition(b"/")[0]:
        yield path


def _is_attributes(path: bytes) -> bool:
    return path.rpartition(b"/")[2] == _ATTRIBUTES


def _left(plan: ModelPlan, reason: str, untouched: bool = False) -> LeftOut:
    return LeftOut(plan.name, plan.weights, reason, plan.positions.get("weights"), untouched)


def _meant(name: str, plans: Sequence[ModelPlan], base: Path) -> Sequence[ModelPlan]:
    at = {os.path.normpath(folder / name) for folder in (Path.cwd(), base)}
    found = [plan for plan in plans if name == plan.name or fnmatchcase(plan.name, name)] or [
        plan for plan in plans if name == plan.weights or os.path.normpath(plan.path) in at
    ]
    if not found:
        raise UsageError(f"--model {name} names no model of the manifest", _advice(name, plans))
    return found


def _advice(name: str, plans: Sequence[ModelPlan]) -> str:
    known = [plan.name for plan in plans]
    if near := get_close_matches(name, known, n=1):
        return f"did you mean {near[0]}?"
    more = ", …" if len(known) > _FEW else ""
    return f"its models are {', '.join(known[:_FEW])}{more}"

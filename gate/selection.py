"""Which models are judged: those that are named, and of these those that a change can have touched.

A model is left out only where git shows that nothing its verdict depends on has changed. Where that cannot be told, a
file that git does not keep, a link, another repository, the model is judged.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path

from gate.errors import GateError, UsageError
from gate.git.changes import Changes
from gate.git.checkout import files_of
from gate.git.members import is_part
from gate.git.repository import Repository
from gate.plan import ModelPlan
from gate.results import LeftOut
from gate.workspace import Workspace

_FEW = 10
_ATTRIBUTES = b".gitattributes"


@dataclass(frozen=True)
class Selection:
    """What is judged, and what is not and why."""

    plans: tuple[ModelPlan, ...]
    left_out: tuple[LeftOut, ...] = ()


def named(plans: Sequence[ModelPlan], names: Sequence[str]) -> Selection:
    """The models that one of `names` means, a name or a glob over names; all where there is none.

    Raises `UsageError` for one that means no model.
    """
    if not names:
        return Selection(tuple(plans))
    for name in names:
        if not any(_means(name, plan) for plan in plans):
            raise UsageError(f"--model {name} names no model of the manifest", _advice(name, plans))
    taken = tuple(plan for plan in plans if any(_means(name, plan) for name in names))
    others = (plan for plan in plans if plan not in taken)
    return Selection(taken, tuple(_left(plan, "not named by --model") for plan in others))


def touched(plans: Sequence[ModelPlan], changes: Changes, workspace: Workspace, inputs: Iterable[Path]) -> Selection:
    """The models whose verdict a change can have touched; `inputs` are files that the verdicts of all depend on."""
    seen = _Seen(changes, workspace, plans)
    every = any(path.rpartition(b"/")[2] == _ATTRIBUTES for path in changes.changed)
    every = every or any(not seen.is_as_it_was(path) for path in inputs)
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

    def is_touched(self, plan: ModelPlan) -> bool:
        """Whether the verdict can be another one."""
        if plan.problem is not None or not all(map(self.is_as_it_was, plan.inputs)):
            return True
        if plan.loading is None or not plan.loading.runs_code:
            return False
        # Code reads what it likes. What only other models are made of is theirs.
        of_others = (declared for path, declared in self._declared.items() if path != plan.path)
        others = frozenset[bytes]().union(*of_others) - self._declared[plan.path]
        return any(not _belongs(changed, others) for changed in self.changes.changed)

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
        return not any(_belongs(changed, (inside, *names)) for changed in self.changes.changed)

    def _inside(self, paths: Iterable[Path]) -> Iterable[bytes]:
        for path in paths:
            try:
                yield self._repository.inside(path, self.workspace.base)
            except GateError:
                continue  # of another repository, or of none: judged


def _belongs(changed: bytes, paths: Iterable[bytes]) -> bool:
    """Whether a file is at, below or above one of `paths`, or is a part of the weights that one begins."""
    return any(_is_of(changed, path) for path in paths)


def _is_of(changed: bytes, path: bytes) -> bool:
    if changed == path or changed.startswith(path + b"/") or path.startswith(changed + b"/"):
        return True
    if path.endswith(b".json"):  # shards that an index no longer names, or names and that are gone
        return changed.endswith(b".weights.h5") and changed.rpartition(b"/")[0] == path.rpartition(b"/")[0]
    return is_part(changed, path)


def _left(plan: ModelPlan, reason: str, untouched: bool = False) -> LeftOut:
    return LeftOut(plan.name, plan.weights, reason, plan.positions.get("weights"), untouched)


def _means(name: str, plan: ModelPlan) -> bool:
    return name == plan.name or fnmatchcase(plan.name, name)


def _advice(name: str, plans: Sequence[ModelPlan]) -> str:
    known = [plan.name for plan in plans]
    if near := get_close_matches(name, known, n=1):
        return f"did you mean {near[0]}?"
    more = ", …" if len(known) > _FEW else ""
    return f"its models are {', '.join(known[:_FEW])}{more}"

"""What no approval writes over: whatever is read for another model, as its weights or as what it is judged against."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from gate.approvals.journal import FOLDER
from gate.commands.job import Job
from gate.errors import GateError
from gate.plan import ModelPlan
from gate.references.lock import LockReference
from gate.references.path import PathReference

_INDEX, _BESIDE = ".index", (".index", ".data-", ".meta")
_LARGEST = 64 << 20


def refuse_in_use(target: Path, plan: ModelPlan, job: Job) -> None:
    """Raises `GateError` where `target`, which is written for `plan`, is no place for it."""
    shown = job.workspace.shown(target)
    manifest = job.workspace.base / job.path.name
    hint = f"name another reference for {plan.name}"
    if _holds(job.workspace.base / FOLDER, target):
        raise GateError(f"{shown} is not written: the folder is an update's own", hint)
    if target == manifest and any(_is(target, each) for each in _blessed(plan)):
        raise GateError(f"{shown} is not written as a reference: it is the manifest", hint)
    for each in job.plans:
        golden = list(_golden(each))
        judged = [each.path, *(file for file in (each.loading.files if each.loading else ()) if file not in golden)]
        if any(_reads(path, target) for path in judged):
            raise GateError(f"{shown} is not written: it is read for the model {each.name}", hint)
        if each is not plan and any(_reads(path, target) for path in _blessed(each)):
            raise GateError(
                f"{shown} is not written: the model {each.name} is judged against it too, and nobody approves that",
                "give each model a reference of its own, or put the file there by hand",
            )


def _golden(plan: ModelPlan) -> Iterator[Path]:
    for asked in plan.loading.predictions if plan.loading else ():
        if isinstance(asked.expected, Path):
            yield asked.expected


def _blessed(plan: ModelPlan) -> Iterator[Path]:
    """What approvals of the model write: its reference, where that is a file of the workspace, and golden outputs."""
    if isinstance(plan.reference, PathReference | LockReference):
        yield plan.reference.path
    yield from _golden(plan)


def _reads(path: Path, target: Path) -> bool:
    """Whether whoever reads weights at `path` reads the file `target`: as one of several, or by a link."""
    folder, prefix = path.parent, path.name.removesuffix(_INDEX)
    if _holds(path, target) or any(_is(shard, target) for shard in _shards(path)):
        return True
    beside = target.name.startswith(tuple(f"{prefix}{each}" for each in _BESIDE))
    return beside and _is(folder / target.name, target)


def _is(one: Path, other: Path) -> bool:
    return bool(_ways(one) & {_place(other)})


def _holds(path: Path, target: Path) -> bool:
    return any(Path(_place(target)).is_relative_to(way) for way in _ways(path))


def _ways(path: Path) -> set[str]:
    """Where it lies, and where it leads to if it is a link."""
    return {_place(path), os.path.realpath(path).casefold()}


def _place(path: Path) -> str:
    return str(Path(os.path.realpath(path.parent)) / path.name).casefold()


def _shards(path: Path) -> Iterator[Path]:
    """The files that an index of shards names; nothing where it is none that can be read."""
    if path.suffix != ".json":
        return
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return
        found = json.loads(path.read_bytes())["weight_map"].values()
        for each in found:
            yield from (path.with_name(name) for name in ([each] if isinstance(each, str) else each))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return

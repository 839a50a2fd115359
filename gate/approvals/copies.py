"""Weights onto a reference in the workspace: which of their files becomes which, and what is left there of the old."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gate.errors import GateError
from gate.formats.tensorflow.find import INDEX, SAVED_MODEL
from gate.workspace import Workspace

_NAMED = {
    ".weights.h5": "weights.h5", ".weights.json": "weights.json", ".keras": "keras", ".h5": "h5", ".hdf5": "h5",
    ".npz": "npz", ".safetensors": "safetensors",
}  # fmt: skip
_MOST_FILES = 10_000


@dataclass(frozen=True)
class There:
    """Weights as the files that they are: the format and all files, as `WeightSet` has them."""

    format: str
    files: tuple[Path, ...]


@dataclass(frozen=True)
class Copies:
    """What lies where afterwards: a file's content by its path, copied from another one or given; and what goes."""

    files: Mapping[Path, Path | bytes]
    gone: tuple[Path, ...] = ()


def copies(weights: There, target: Path, there: There | None, workspace: Workspace) -> Copies:
    """The weights at `target`, where `there` lies now.

    Raises `GateError` where a file of that name would not be what its name says, and for links out of the workspace.
    """
    shown = workspace.shown(target)
    if weights.format == "saved_model":
        return _folder(weights, target, there, workspace)
    if weights.format == "checkpoint":
        return _checkpoint(weights, target, there, workspace)
    refuse_name(weights.format, target.name, there.format if there else None, shown)
    if target.is_dir():
        raise GateError(f"{shown} is a folder, and the weights are one file", "name a file as the reference")
    old = set(there.files) if there else set()
    files = _shards(weights, target) if weights.format == "weights.json" else {target: weights.files[0]}
    return Copies(files, tuple(sorted(old - set(files))))


def at_home(there: There, target: Path) -> There:
    """The files of a reference where it lies: in place of pointers of Git LFS, copies of the files were read."""
    folder = target if target.is_dir() else target.parent
    if all(each.is_relative_to(folder) for each in there.files):
        return there
    top = there.files[0].parent
    return There(there.format, tuple(folder / each.relative_to(top) for each in there.files))


def refuse_name(format: str, name: str, there: str | None, shown: str) -> None:
    """Raises `GateError` where weights of `format` cannot lie under `name`, where a file of the format `there` does."""
    if there is not None and there == format:
        return
    named = next((kind for suffix, kind in _NAMED.items() if name.endswith(suffix)), None)
    if named == format or (named is None and there is None):
        return
    fitting = next((suffix for suffix, kind in _NAMED.items() if kind == format), "")
    raise GateError(
        f"the weights are of format {format}, and {shown} is {f'called as {named} is' if named else 'not called so'}",
        f"save the weights in that format, or name a reference that ends in {fitting}"
        if fitting
        else "save the weights in that format, or name another reference",
    )


def _folder(weights: There, target: Path, there: There | None, workspace: Workspace) -> Copies:
    target = target.parent if target.name == SAVED_MODEL else target
    shown = workspace.shown(target)
    if there is not None and there.format != "saved_model":
        raise GateError(f"the weights are a SavedModel, and {shown} is none", "name a folder as the reference")
    if there is None and target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise GateError(f"{shown} is there already, and is no SavedModel", "move it away")
    source = weights.files[0].parent
    files: dict[Path, Path | bytes] = {}
    for each in _files_below(source):
        workspace.confine(each)
        files[target / each.relative_to(source)] = each
    old = set(_files_below(target)) if target.is_dir() else set()
    return Copies(files, tuple(sorted(old - set(files))))


def _files_below(folder: Path) -> Iterator[Path]:
    count = 0
    for at, _, names in os.walk(folder):
        for name in sorted(names):
            path = Path(at) / name
            count += 1
            if count > _MOST_FILES:
                raise GateError(
                    f"{folder} has more than {_MOST_FILES:,} files", "take out what is no part of the model"
                )
            if path.is_file():
                yield path


def _checkpoint(weights: There, target: Path, there: There | None, workspace: Workspace) -> Copies:
    shown = workspace.shown(target)
    if there is not None and there.format != "checkpoint":
        raise GateError(f"the weights are a checkpoint, and {shown} is none", "name a checkpoint's prefix")
    if there is None and target.is_dir():
        raise GateError(f"{shown} is a folder without a checkpoint", "name a checkpoint's prefix, like golden/ckpt")
    if there is None:
        refuse_name("checkpoint", target.name, None, shown)
    index = there.files[0] if there else target.with_name(f"{target.name.removesuffix(INDEX)}{INDEX}")
    ours, theirs = (each.name.removesuffix(INDEX) for each in (weights.files[0], index))
    beside = weights.files[0].with_name(f"{ours}.meta")
    sources = [*weights.files, *([beside] if beside.is_file() else [])]
    workspace.confine(beside)
    files: dict[Path, Path | bytes] = {index.with_name(f"{theirs}{each.name[len(ours) :]}"): each for each in sources}
    old = {*(there.files if there else ()), *([meta] if (meta := index.with_name(f"{theirs}.meta")).is_file() else [])}
    return Copies(files, tuple(sorted(old - set(files))))


def _shards(weights: There, target: Path) -> dict[Path, Path | bytes]:
    """The index and its shards, which go by the name of the index: two models may lie in one folder."""
    index, *shards = weights.files
    ours, theirs = _stem(index.name), _stem(target.name)
    if ours == theirs:
        return {target: index, **{target.with_name(each.name): each for each in shards}}
    names = {
        each.name: theirs + each.name[len(ours) :] if each.name.startswith(f"{ours}_") else f"{theirs}_{each.name}"
        for each in shards
    }
    said = json.loads(index.read_bytes())
    said["weight_map"] = {
        group: names[found] if isinstance(found, str) else [names[each] for each in found]
        for group, found in said["weight_map"].items()
    }
    return {
        target: json.dumps(said, indent=4).encode(),
        **{target.with_name(names[each.name]): each for each in shards},
    }


def _stem(name: str) -> str:
    return name.removesuffix(".json").removesuffix(".weights")

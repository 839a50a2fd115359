"""A copy of a weight file or SavedModel whose tensors are filled with tags (`gate.runtime.tags`), each with its own.

In come the format, the files as `WeightSet.files` names them, and a value per tensor, named as `Tensor.stored_as` has
it; out comes what is loaded like the real one. A copy may be filled again for the next round. Originals stay untouched.
"""

import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from gate.errors import GateError
from gate.formats.tensorflow.find import INDEX, STATE, VARIABLES, latest_named
from gate.runtime import tagged_bundle, tagged_hdf5

_BESIDE = ("fingerprint.pb", "keras_metadata.pb")
_FOLDERS = ("assets", "assets.extra")


@dataclass(frozen=True, slots=True)
class Fill:
    """What one tensor's elements shall all be, or an array of all of them; `key` is its `Tensor.stored_as`."""

    key: str
    value: int | float | bool | NDArray[Any]


def copy_artifact(format: str, files: Sequence[Path], target: Path) -> Path:
    """Copy an artefact into the folder `target`, under its own names; the path to load there.

    `files` are `WeightSet.files`. Of a SavedModel the path is its folder inside `target`, of a checkpoint its prefix;
    where that is empty, `target` itself (see `prefix`).
    """
    target.mkdir(parents=True, exist_ok=True)
    first = files[0]
    if format == "saved_model":
        return _saved_model(first.parent, files, target)
    for file in files:
        shutil.copyfile(file, target / file.name)
    if format != "checkpoint":
        return target / first.name
    name = first.name.removesuffix(INDEX)
    meta = first.with_name(f"{name}.meta")
    if meta.is_file():
        shutil.copyfile(meta, target / meta.name)
    if first.with_name(STATE).is_file():
        _copy_state(first.with_name(STATE), name, target)
    return target / name


def _copy_state(state: Path, name: str, target: Path) -> None:
    """The file that names the latest checkpoint. One that leads to the original has to lead to the copy.

    One that leads nowhere stays as it is: code that goes by it has to fail on the copy as on the original.
    """
    text = state.read_text("utf-8", "replace")
    if (state.parent / f"{latest_named(text) or ''}{INDEX}").is_file():
        shown = name.replace("\\", "\\\\").replace('"', '\\"')
        text = f'model_checkpoint_path: "{shown}"\nall_model_checkpoint_paths: "{shown}"\n'
    (target / STATE).write_text(text, "utf-8")


def prefix(path: Path) -> str:
    """What TensorFlow takes for the prefix that `copy_artifact` gave: an empty one ends in a slash."""
    return f"{path}/" if path.is_dir() and (path / INDEX).is_file() else str(path)


def fill(format: str, path: Path, fills: Iterable[Fill]) -> None:
    """Overwrite tensors of the copy at `path`; all others stay as they are. Raises `GateError` for what is not there.

    Checksums are made to match: the copy is as well-formed as the original.
    """
    values = {each.key: each.value for each in fills}
    if format in {"weights.h5", "h5"}:
        left = tagged_hdf5.fill_files([path], values)
    elif format == "weights.json":
        left = tagged_hdf5.fill_files(tagged_hdf5.shards(path), values)
    elif format == "keras":
        left = tagged_hdf5.fill_archive(path, values)
    elif format == "saved_model":
        left = tagged_bundle.fill(path / VARIABLES, values) if (path / VARIABLES).exists() else set(values)
    elif format == "checkpoint":
        left = tagged_bundle.fill(Path(f"{prefix(path)}{INDEX}"), values)
    else:
        raise GateError(f"files of format {format} cannot be tagged", "nothing loads them")
    if left:
        raise GateError(
            f"the copy of {path.name} lacks {len(left)} of the tensors to tag, {min(left)!r} among them",
            "this is a defect of weight-gate: please report it with this line",
        )


def twins(format: str, files: Sequence[Path], listed: Collection[str]) -> Mapping[str, str]:
    """Tensors of a bundle that are no tensors of its `WeightSet`, each with the listed tensor of the same bytes.

    `listed` are the keys (`stored_as`) of the `WeightSet`. What twins are: see `gate.runtime.tagged_bundle`. Asked of
    the original, once; a copy whose tensors are filled alike has others. Formats without bundles have none.
    """
    if format == "checkpoint":
        return tagged_bundle.twins(files[0], listed)
    index = files[0].parent / VARIABLES
    return tagged_bundle.twins(index, listed) if format == "saved_model" and index.exists() else {}


def _saved_model(folder: Path, files: Sequence[Path], target: Path) -> Path:
    """What belongs to a SavedModel, and nothing else that lies in its folder."""
    goal = target / (folder.resolve().name or "model")
    for file in files:
        _copy_below(folder, file, goal)
    beside = [folder / name for name in _BESIDE]
    within = [file for name in _FOLDERS if not (folder / name).is_symlink() for file in (folder / name).rglob("*")]
    for file in {*beside, *within}.difference(files):
        if file.is_file():
            with suppress(PermissionError):  # a link out of what this process may read: the real load cannot either
                _copy_below(folder, file, goal)
    return goal


def _copy_below(folder: Path, file: Path, goal: Path) -> None:
    copied = goal / file.relative_to(folder)
    copied.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, copied)

"""Which files a path means: the prefix of a checkpoint, its index, a folder with one or several, a SavedModel."""

import re
from pathlib import Path

from gate.checkpoint_names import PART
from gate.errors import MissingFileError, UnreadableError
from gate.formats.text import natural, quoted

INDEX = ".index"
STATE = "checkpoint"
SAVED_MODEL = "saved_model.pb"
VARIABLES = Path("variables") / "variables.index"
_STATE_LINE = re.compile(r'^model_checkpoint_path:\s*"((?:[^"\\]|\\.)*)"', re.MULTILINE)
_MOST_STATE = 1 << 20


def checkpoint_index(path: Path, shown: str) -> tuple[Path, str, tuple[str, ...]] | None:
    """The index that `path` means, how to call it, and why this one; None where `path` means no checkpoint.

    `path` may be an index, a prefix, another file of a checkpoint, or a folder with one.
    """
    if path.is_dir():
        return _in_folder(path, shown)
    if path.is_file():
        part = PART.fullmatch(path.name)
        beside = path.with_name(f"{part[1]}{INDEX}") if part else None
        if beside is None or not beside.is_file():
            return None
        return (beside, str(Path(shown).with_name(beside.name)), ())
    index = path.with_name(path.name + INDEX)
    if index.is_file():
        return index, f"{shown}{INDEX}", ()
    data = sorted(path.parent.glob(f"{_escaped(path.name)}.data-*-of-*")) if path.parent.is_dir() else []
    if data:
        raise MissingFileError(
            f"{shown} is a checkpoint without its index: {data[0].name} is there, {index.name} is not",
            "fetch all files of the checkpoint",
        )
    return None


def _in_folder(path: Path, shown: str) -> tuple[Path, str, tuple[str, ...]] | None:
    found = sorted((each for each in path.glob(f"*{INDEX}") if each.is_file()), key=lambda each: natural(each.name))
    if (path / INDEX).is_file() and path / INDEX not in found:  # the empty prefix
        found.insert(0, path / INDEX)
    if not found:
        return None
    names = [each.name.removesuffix(INDEX) for each in found]
    state = _latest(path)
    if state is not None and state in names:
        why = (f"the folder's `{STATE}` file names it as the latest",) if len(found) > 1 else ()
        chosen = found[names.index(state)]
    elif len(found) == 1:
        chosen, why = found[0], ()
        if state is not None:
            why = (
                f"the folder's `{STATE}` file names {quoted(state)}, which is not here; this is the only one that is",
            )
    else:
        said = (
            f"its `{STATE}` file names {quoted(state)}, which is not there"
            if state
            else f"no `{STATE}` file says which"
        )
        raise UnreadableError(
            f"{shown} holds {len(found)} checkpoints, and {said}: {', '.join(quoted(name) for name in names[:5])}",
            f"give the prefix of one: {Path(shown) / names[-1]}",
        )
    told = tuple(f"taken: {quoted(chosen.name.removesuffix(INDEX))}, since {each}" for each in why)
    return chosen, str(Path(shown) / chosen.name), told


def _latest(folder: Path) -> str | None:
    """The name in the `checkpoint` file, without the folder: on another machine that was another one."""
    state = folder / STATE
    if not state.is_file() or state.stat().st_size > _MOST_STATE:
        return None
    named = latest_named(state.read_text("utf-8", "replace"))
    return None if named is None else re.split(r"[/\\]", named)[-1]


def latest_named(state: str) -> str | None:
    """The path that the text of a `checkpoint` file names as the latest; None where it names none."""
    match = _STATE_LINE.search(state)
    return None if match is None else re.sub(r"\\(.)", r"\1", match[1])


def _escaped(name: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", name)

"""Where an approval may write: into the repository around the manifest, by no link out of it, never into `.git`."""

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from gate.errors import GateError
from gate.workspace import Workspace

_HINT = "put the file into the repository, or copy it there by hand"


def refuse_elsewhere(path: Path, workspace: Workspace) -> None:
    """Raises `GateError` where `path` must not be written; `roots` of `--root` are for reading alone."""
    shown = workspace.shown(path)
    home = workspace.roots[0]
    lexical = Path(os.path.normpath(workspace.base.resolve() / os.path.relpath(path, workspace.base)))
    real = Path(os.path.realpath(path.parent)) / path.name
    if not lexical.is_relative_to(home):
        raise GateError(f"{shown} lies outside the repository, and is not written", _HINT)
    if not real.is_relative_to(home):
        raise GateError(f"{shown} is not written: a link on the way to it leads out of the repository", _HINT)
    if any(part.casefold() == ".git" for part in (*lexical.parts, *real.parts)):
        raise GateError(f"{shown} is not written: nothing in .git is", "name another path")
    if path.exists() and not path.is_file() and not path.is_symlink():
        raise GateError(f"{shown} is not written: something else than a file lies there", "move it away")


def refuse_same(paths: Iterable[Path], workspace: Workspace) -> None:
    """Raises `GateError` where two of `paths` are one file: by a link on the way, or on a disk that knows no case."""
    seen: dict[str, Path] = {}
    for path in paths:
        real = unicodedata.normalize("NFC", str(Path(os.path.realpath(path.parent)) / path.name)).casefold()
        if real in seen:
            raise GateError(
                f"{workspace.shown(path)} is not written: {workspace.shown(seen[real])} is to be written there too",
                "name another path",
            )
        seen[real] = path

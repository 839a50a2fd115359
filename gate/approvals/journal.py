"""The journal of an update: which staged file goes where, and what lay there before."""

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gate.approvals.places import refuse_elsewhere
from gate.git.regular import open_regular
from gate.workspace import Workspace

FOLDER = ".weight-gate-update"
"""Beside the manifest: what an update has staged, and its journal."""
ABSENT = "absent"
_STAGED = re.compile(r"[0-9]{1,6}\.new")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_STATE = re.compile(r"absent|other|(?:link:)?[0-9a-f]{64}")
_LARGEST = 8 << 20
_CHUNK = 1 << 20
_VERSION = 2


@dataclass(frozen=True)
class Move:
    """A staged file and where it belongs; none is a target that goes. `old` and `new` are the target's `state_of`."""

    target: Path
    staged: Path | None
    old: str
    new: str


def state_of(path: Path) -> str:
    """What lies there: the SHA-256 of a file, that of where a link leads as `link:…`, or nothing; raises `OSError`."""
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return ABSENT
    if stat.S_ISLNK(found.st_mode):
        return f"link:{hashlib.sha256(os.fsencode(path.readlink())).hexdigest()}"
    if not stat.S_ISREG(found.st_mode):
        return "other"
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def journal_text(moves: Iterable[Move], base: Path) -> str:
    """The journal's text."""
    said = [
        {
            "to": os.path.relpath(each.target, base),
            "old": each.old,
            **({"from": each.staged.name, "sha256": each.new} if each.staged else {}),
        }
        for each in moves
    ]
    return json.dumps({"version": _VERSION, "moves": said}, indent=1) + "\n"


def read_journal(journal: Path, workspace: Workspace) -> list[Move]:
    """The moves; raises `ValueError`, `LookupError`, `TypeError` or `OSError` for what `journal_text` does not write.

    Each is only within the repository: `GateError` else.
    """
    if journal.is_symlink() or not journal.is_file() or journal.stat().st_size > _LARGEST:
        raise ValueError("its journal is no file of ours")
    said = json.loads(journal.read_text("utf-8"))
    if not isinstance(said, dict) or said.get("version") != _VERSION or not isinstance(said.get("moves"), list):
        raise ValueError("its journal is none")
    return [_move(each, journal.parent, workspace) for each in said["moves"]]


def _move(said: Any, folder: Path, workspace: Workspace) -> Move:
    target = Path(os.path.normpath(workspace.base / str(said["to"])))
    refuse_elsewhere(target, workspace)
    old = str(said["old"])
    if not _STATE.fullmatch(old):
        raise ValueError("its journal is none")
    if "from" not in said:
        return Move(target, None, old, ABSENT)
    name, sha256 = str(said["from"]), str(said["sha256"])
    if not _STAGED.fullmatch(name) or not _SHA256.fullmatch(sha256):
        raise ValueError("its journal is none")
    return Move(target, folder / name, old, sha256)

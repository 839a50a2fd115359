"""Files of one approval: all of them, or none; and what was cut off in between is finished by the next update.

Every new file is written beside the one that it replaces, and synced. Then a journal names them all; from there on the
approval holds, and each is renamed over its target. A process that is killed before the journal is there has changed
nothing; after it, the next `weight-gate update` does the renames that are left.
"""

import hashlib
import json
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gate.approvals.places import refuse_elsewhere
from gate.errors import GateError
from gate.git.regular import open_regular
from gate.ownership import give_to_owner_of
from gate.workspace import Workspace

JOURNAL = ".weight-gate-update.json"
_STAGED = re.compile(r"\.weight-gate-[0-9a-f]{16}\.new")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CHUNK = 1 << 20
_LARGEST_JOURNAL = 8 << 20


@dataclass(frozen=True)
class File:
    """What `target` becomes: these bytes, a copy of that file, or nothing any more.

    `sha256` is that of what was judged, where it has to be that.
    """

    target: Path
    content: bytes | Path | None
    sha256: str = ""


@dataclass(frozen=True)
class _Move:
    """A staged file and where it belongs; none is a target that goes."""

    target: Path
    staged: Path | None
    sha256: str = ""


def write(files: Sequence[File], workspace: Workspace) -> None:
    """Writes all of `files`; raises `GateError` where one cannot be, and then none was."""
    journal = workspace.base / JOURNAL
    if os.path.lexists(journal):
        raise GateError(f"another update is under way: {workspace.shown(journal)} is there", "wait for it to end")
    for each in files:
        refuse_elsewhere(each.target, workspace)
    made: list[Path] = []
    moves: list[_Move] = []
    try:
        try:
            moves.extend(_staged(each, made) for each in files)  # those before one that fails stay in the list
            _write_new(journal, _text(moves, workspace.base).encode())
            _sync(journal.parent)
        except OSError as error:
            raise _unwritable(error, workspace) from error
    except BaseException:
        _undo(moves, made)
        raise
    _carry_out(moves, journal)


def digest_of_file(path: Path) -> str:
    """The SHA-256 of a regular file, in hexadecimal digits."""
    digest = hashlib.sha256()
    for chunk in _chunks(path):
        digest.update(chunk)
    return digest.hexdigest()


def cut_off(workspace: Workspace) -> bool:
    """Whether an update was cut off before it had done all that it had begun."""
    return os.path.lexists(workspace.base / JOURNAL)


def finish(workspace: Workspace) -> tuple[Path, ...]:
    """Does what an update that was cut off has left to do; the files that are now as they should be.

    Raises `GateError` where that cannot be told any more: the journal is not believed further than what a commit could
    do as well.
    """
    journal = workspace.base / JOURNAL
    if not os.path.lexists(journal):
        return ()
    try:
        moves = [_checked(each, workspace) for each in _read(journal)]
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise GateError(
            f"an update was cut off, and cannot be finished: {_reason(error)}",
            f"put the files back with git, and remove {workspace.shown(journal)}",
        ) from error
    _carry_out([each for each in moves if each.staged is None or each.staged.exists()], journal)
    return tuple(each.target for each in moves)


def _carry_out(moves: Iterable[_Move], journal: Path) -> None:
    left = list(moves)
    try:
        try:
            _rename(left)
        except BaseException as error:
            if isinstance(error, OSError):
                raise
            _rename(left)  # a signal: what was begun is done first
            raise
        finally:
            if not left:
                journal.unlink(missing_ok=True)
                _sync(journal.parent)
    except OSError as error:
        raise GateError(
            f"the update was cut off: {error.filename or ''} could not be written: {error.strerror}",
            "see what is in the way, and run `weight-gate update` again: it finishes what was begun",
        ) from error


def _rename(left: list[_Move]) -> None:
    """Each that is done leaves the list."""
    while left:
        each = left[0]
        if each.staged is None:
            each.target.unlink(missing_ok=True)
        elif each.staged.exists():
            os.replace(each.staged, each.target)  # noqa: PTH105 - says what it does
        _sync(each.target.parent)
        left.pop(0)


def _staged(file: File, made: list[Path]) -> _Move:
    if file.content is None:
        return _Move(file.target, None)
    folder = file.target.parent
    for missing in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
        missing.mkdir()
        made.append(missing)
        give_to_owner_of(missing.parent, missing)
    staged = folder / f".weight-gate-{secrets.token_hex(8)}.new"
    made.append(staged)
    found = _write_new(staged, file.content, _mode(file.target))
    if file.sha256 not in {"", found}:
        raise GateError(f"nothing was written: {file.content!s} is another file than was judged", "run it again")
    return _Move(file.target, staged, found)


def _mode(target: Path) -> int | None:
    """Of a file that is there its own mode; a link is replaced by a file."""
    with suppress(OSError):
        found = target.lstat().st_mode
        return stat.S_IMODE(found) & 0o777 if stat.S_ISREG(found) else None
    return None


def _write_new(path: Path, content: bytes | Path, mode: int | None = None) -> str:
    """Writes and syncs a new file; its SHA-256."""
    digest = hashlib.sha256()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    with os.fdopen(descriptor, "wb") as file:
        for chunk in _chunks(content):
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
        if mode is not None:
            os.fchmod(file.fileno(), mode)
    give_to_owner_of(path.parent, path)
    return digest.hexdigest()


def _chunks(content: bytes | Path) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with open_regular(content) as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _undo(moves: Iterable[_Move], made: Iterable[Path]) -> None:
    for each in moves:
        if each.staged is not None:
            with suppress(OSError):
                each.staged.unlink(missing_ok=True)
    for path in reversed(list(made)):
        with suppress(OSError):
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    with suppress(OSError):  # some file systems cannot
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _text(moves: Iterable[_Move], base: Path) -> str:
    said = [
        {
            "to": os.path.relpath(each.target, base),
            **({"from": each.staged.name, "sha256": each.sha256} if each.staged else {}),
        }
        for each in moves
    ]
    return json.dumps({"version": 1, "moves": said}, indent=1) + "\n"


def _read(journal: Path) -> list[Any]:
    if journal.is_symlink() or not journal.is_file() or journal.stat().st_size > _LARGEST_JOURNAL:
        raise ValueError("its journal is no file of ours")
    said = json.loads(journal.read_text("utf-8"))
    if not isinstance(said, dict) or said.get("version") != 1 or not isinstance(said.get("moves"), list):
        raise ValueError("its journal is none")
    return list(said["moves"])


def _checked(said: Any, workspace: Workspace) -> _Move:
    """One move of a journal: only within the repository, and only a file that is what the journal says it is."""
    target = Path(os.path.normpath(workspace.base / str(said["to"])))
    refuse_elsewhere(target, workspace)
    if "from" not in said:
        return _Move(target, None)
    name, sha256 = str(said["from"]), str(said["sha256"])
    if not _STAGED.fullmatch(name) or not _SHA256.fullmatch(sha256):
        raise ValueError("its journal is none")
    staged = target.parent / name
    if staged.is_symlink():
        raise ValueError("its journal names a link")
    if digest_of_file(staged if staged.exists() else target) != sha256:
        raise ValueError(f"{workspace.shown(target)} is another file by now")
    return _Move(target, staged, sha256)


def _unwritable(error: OSError, workspace: Workspace) -> GateError:
    where = f"{workspace.shown(Path(os.fsdecode(error.filename)).parent)}: " if error.filename else ""
    return GateError(
        f"nothing was written: {where}{error.strerror or error}",
        "see that this user may write there, and that there is room",
    )


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)

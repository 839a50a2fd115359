"""Files of one approval: all of them, or none; and what was cut off in between is finished by the next update.

New files are written into a folder of the update's own beside the manifest, which git ignores, and synced. Then a
journal in there names them all; from there on the approval holds, and each is renamed over its target. A process that
is killed before the journal is there has changed nothing, and the next update takes its folder away; after it, the next
`weight-gate update` does the renames that are left. One update at a time has the folder: it holds a lock of it (flock),
which ends with its process.
"""

import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gate.approvals.journal import ABSENT, FOLDER, Move, journal_text, read_journal, state_of
from gate.approvals.places import refuse_elsewhere, refuse_same
from gate.errors import GateError
from gate.git.regular import open_regular
from gate.git.repository import Repository
from gate.ownership import give_to_owner_of
from gate.workspace import Workspace

JOURNAL = f"{FOLDER}/journal.json"
_UNFINISHED = "journal.new"
_IGNORE = ".gitignore"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class File:
    """What `target` becomes: these bytes, what a call makes of what is there then, a copy of that file, or nothing.

    `sha256` is that of what was judged, where it has to be that; `was` is what has to lie at `target` before, as
    `state_of` has it, where that matters.
    """

    target: Path
    content: bytes | Callable[[], bytes] | Path | None
    sha256: str = ""
    was: str = ""


def write(files: Sequence[File], workspace: Workspace) -> None:
    """Writes all of `files`; raises `GateError` where one cannot be, and then none was."""
    for each in files:
        refuse_elsewhere(each.target, workspace)
    refuse_same([each.target for each in files], workspace)
    folder = workspace.base / FOLDER
    made: list[Path] = []
    with _unwritable(workspace):
        try:
            folder.mkdir()
            give_to_owner_of(workspace.base, folder)
        except FileExistsError:
            _refuse_foreign(workspace)
    with _alone(workspace):
        if os.path.lexists(workspace.base / JOURNAL):
            raise GateError(
                f"an update was cut off: {workspace.shown(workspace.base / JOURNAL)} is there",
                "run `weight-gate update`: it finishes it first",
            )
        try:
            with _unwritable(workspace):
                _sweep(folder)
                _write_new(folder / _IGNORE, b"*\n")
                moves = [_staged(number, each, folder, made, workspace) for number, each in enumerate(files)]
                _write_new(folder / _UNFINISHED, journal_text(moves, workspace.base).encode())
                _sync(folder)
                os.replace(folder / _UNFINISHED, workspace.base / JOURNAL)  # noqa: PTH105 - says what it does
        except BaseException:
            if not os.path.lexists(workspace.base / JOURNAL):
                _undo(folder, made)
                raise
            _carry_out(moves, workspace)  # a signal: what was begun is done first
            raise
        _carry_out(moves, workspace)


def digest_of_file(path: Path) -> str:
    """The SHA-256 of a regular file, in hexadecimal digits."""
    digest = hashlib.sha256()
    for chunk in _chunks(path):
        digest.update(chunk)
    return digest.hexdigest()


def cut_off(workspace: Workspace) -> tuple[Path, ...]:
    """The files of an update that was cut off before it had done all that it had begun; nothing is changed.

    Raises `GateError` for a journal that is not this user's own work, and where it cannot be told any more what is left
    to do.
    """
    return tuple(each.target for each in _left(workspace))


def finish(workspace: Workspace) -> tuple[Path, ...]:
    """Does what an update that was cut off has left to do; the files that are now as they should be.

    Raises `GateError` as `cut_off` does: nothing is renamed over a file, or taken away, that is not what it was then.
    """
    if not os.path.lexists(workspace.base / JOURNAL):
        return ()
    with _alone(workspace):
        moves = _left(workspace)
        _carry_out(moves, workspace)
    return tuple(each.target for each in moves)


def _left(workspace: Workspace) -> tuple[Move, ...]:
    journal = workspace.base / JOURNAL
    if not os.path.lexists(journal):
        return ()
    _refuse_foreign(workspace)
    try:
        moves = read_journal(journal, workspace)
        for each in moves:
            _refuse_changed(each, workspace)
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise GateError(
            f"an update was cut off, and cannot be finished: {getattr(error, 'strerror', None) or error}",
            f"put the files back with git, and remove {workspace.shown(journal.parent)}",
        ) from error
    return tuple(moves)


def _refuse_foreign(workspace: Workspace) -> None:
    """Raises `GateError` for a folder that came with a commit, or that somebody else made."""
    folder, journal = workspace.base / FOLDER, workspace.base / JOURNAL
    shown = workspace.shown(folder)
    hint = f"see who put it there, and remove {shown}"
    top = workspace.roots[0]
    if os.path.lexists(top / ".git"):
        repository = Repository.around(top)
        within = os.fsdecode(repository.inside(folder, workspace.base))
        if repository.call("ls-files", "-z", "--", within):
            raise GateError(f"{shown} is no update of yours that was cut off: it came with a commit", hint)
    owners = {os.geteuid()}
    if os.geteuid() == 0:
        owners.add(workspace.base.stat().st_uid)  # whose files are what root writes
    for each in (folder, journal):
        try:
            found = each.lstat()
        except FileNotFoundError:
            continue  # another update has just ended, or there is no journal yet
        except OSError as error:
            raise GateError(f"{shown} cannot be read: {error.strerror}", hint) from error
        if stat.S_ISLNK(found.st_mode):
            raise GateError(f"{shown} is no update that was cut off: its journal is a link, no file of ours", hint)
        if found.st_uid not in owners:
            raise GateError(f"{shown} is no update of yours that was cut off: another user made it", hint)


def _refuse_changed(move: Move, workspace: Workspace) -> None:
    """Raises `ValueError` where a target is neither as it was nor as it should be."""
    now = state_of(move.target)
    if move.staged is not None and os.path.lexists(move.staged):
        if move.staged.is_symlink() or state_of(move.staged) != move.new:
            raise ValueError(f"what was to become {workspace.shown(move.target)} is another file by now")
        fitting = {move.old, move.new}
    else:
        fitting = {move.new} if move.staged is not None else {move.old, ABSENT}
    if now not in fitting:
        raise ValueError(f"{workspace.shown(move.target)} is another file by now")


@contextmanager
def _alone(workspace: Workspace) -> Iterator[None]:
    """The folder's lock, without waiting for it."""
    folder = workspace.base / FOLDER
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise GateError(
            f"nothing was written: {workspace.shown(folder)} cannot be used: {error.strerror}",
            "wait for another update to end, or take it out of the way",
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise GateError(
                f"another update is under way: it has {workspace.shown(folder)}", "wait for it to end"
            ) from error
        except OSError as error:
            raise GateError(
                f"nothing was written: {workspace.shown(folder)} cannot be locked: {error.strerror}",
                "work on a file system that knows flock",
            ) from error
        if not _is_still(folder, descriptor):
            raise GateError("nothing was written: another update has just ended", "run it again")
        yield
    finally:
        os.close(descriptor)


def _is_still(folder: Path, descriptor: int) -> bool:
    """Whether the folder that is locked is the one that lies there: another update may have taken it away."""
    with suppress(OSError):
        return os.path.samestat(folder.lstat(), os.fstat(descriptor))
    return False


def _carry_out(moves: Iterable[Move], workspace: Workspace) -> None:
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
                (workspace.base / JOURNAL).unlink(missing_ok=True)
                _sync(workspace.base / FOLDER)
                _undo(workspace.base / FOLDER, ())
                _sync(workspace.base)
    except OSError as error:
        raise GateError(
            f"the update was cut off: {error.filename or ''} could not be written: {error.strerror}",
            "see what is in the way, and run `weight-gate update` again: it finishes what was begun",
        ) from error


def _rename(left: list[Move]) -> None:
    """Each that is done leaves the list."""
    while left:
        each = left[0]
        if each.staged is None:
            each.target.unlink(missing_ok=True)
        elif each.staged.exists():
            _replace(each.staged, each.target)
        _sync(each.target.parent)
        left.pop(0)


def _replace(staged: Path, target: Path) -> None:
    try:
        os.replace(staged, target)  # noqa: PTH105 - says what it does
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _replace_across(staged, target)


def _replace_across(staged: Path, target: Path) -> None:
    """Where a folder of the repository is mounted from elsewhere: a copy beside the target is what is renamed."""
    copy = target.parent / f".weight-gate-{staged.stem}.new"
    copy.unlink(missing_ok=True)
    _write_new(copy, staged, stat.S_IMODE(staged.stat().st_mode))
    os.replace(copy, target)  # noqa: PTH105 - says what it does
    staged.unlink()


def _staged(number: int, file: File, folder: Path, made: list[Path], workspace: Workspace) -> Move:
    target = file.target
    old = state_of(target)
    if file.was and file.was != old:
        raise GateError(f"nothing was written: {workspace.shown(target)} was changed in between", "run it again")
    if file.content is None:
        _refuse_closed(target)
        return Move(target, None, old, ABSENT)
    for missing in reversed([each for each in (target.parent, *target.parent.parents) if not each.exists()]):
        missing.mkdir()
        made.append(missing)
        give_to_owner_of(missing.parent, missing)
    _refuse_closed(target)
    staged = folder / f"{number}.new"
    content = file.content() if callable(file.content) else file.content
    found = _write_new(staged, content, _mode(target))
    give_to_owner_of(target.parent, staged)
    if file.sha256 not in {"", found}:
        raise GateError(f"nothing was written: {content!s} is another file than was judged", "run it again")
    return Move(target, staged, old, found)


def _refuse_closed(target: Path) -> None:
    """Raises `OSError` where nothing can be renamed over `target`: known before anything is."""
    if target.parent.is_dir() and not os.access(target.parent, os.W_OK | os.X_OK, effective_ids=True):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target))


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


def _sweep(folder: Path) -> None:
    """Takes away what an update of before has left in its folder; its journal is not there any more, or not yet."""
    for each in folder.iterdir():
        if each.name in {_IGNORE, _UNFINISHED} or (each.suffix == ".new" and each.stem.isdecimal()):
            each.unlink()


def _undo(folder: Path, made: Iterable[Path]) -> None:
    with suppress(OSError):
        _sweep(folder)
        folder.rmdir()
    for path in reversed(list(made)):
        with suppress(OSError):
            path.rmdir()


def _sync(folder: Path) -> None:
    with suppress(OSError):  # some file systems cannot
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _unwritable(workspace: Workspace) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = f"{workspace.shown(Path(os.fsdecode(error.filename)).parent)}: " if error.filename else ""
        raise GateError(
            f"nothing was written: {where}{error.strerror or error}",
            "see that this user may write there, and that there is room",
        ) from error

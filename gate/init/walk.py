"""Which files there are to look at: a bounded walk that follows no links, and says what it passes over and why."""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gate.errors import GateError, UsageError
from gate.formats.tensorflow.find import INDEX, SAVED_MODEL
from gate.formats.text import natural
from gate.git.repository import Repository

MOST = 200_000
"""Entries that are looked at: beyond it somebody has to say where the weights are."""
_DEEPEST = 64
_PEEKED = 20_000
"""Entries of a folder that is passed over: beyond it, there may be anything."""
_NEVER = {
    "__pycache__": "what Python keeps",
    "node_modules": "packages",
    "site-packages": "packages",
    "weight-gate-reports": "reports",
}
SUFFIXES = (".keras", ".h5", ".hdf5", ".weights.json", ".npz", ".safetensors", ".index")
"""What people call weight files that can be read. What they are is told by their content."""
_TELLING = {"pyvenv.cfg": "a virtual environment", "CACHEDIR.TAG": "a cache", ".git": "a repository of its own"}


@dataclass(frozen=True)
class Skipped:
    """A file or folder that was not looked at. `weights`: going by names, it may be or hold some."""

    path: Path
    why: str
    weights: bool = False


@dataclass
class Walked:
    """Files, and folders that are one model, in the order of their names."""

    found: list[Path] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    closed: list[Skipped] = field(default_factory=list)
    """Folders that should have been looked into, and could not be."""
    entries: int = 0


def walk(paths: Iterable[Path], top: Path) -> Walked:
    """What lies below `paths`; a file that is named is looked at wherever it lies.

    `top` is the folder around them all, with a `.git` in it where it is a repository. Raises `UsageError` where there
    is too much, or nothing at such a path.
    """
    walked = Walked()
    ignored = _ignored(top, walked)
    seen: set[Path] = set()
    for path in paths:
        for each in _below(path, ignored, walked):
            if each not in seen:
                seen.add(each)
                walked.found.append(each)
    return walked


def _below(path: Path, ignored: frozenset[Path], walked: Walked) -> Iterator[Path]:
    if not os.path.isdir(path) or os.path.lexists(path / SAVED_MODEL):  # noqa: PTH112 - says no where one may not look
        walked.entries += 1
        yield _file(path)
        return
    pending = [(path, 0)]
    while pending:
        folder, depth = pending.pop()
        folders: list[Path] = []
        for entry in _listed(folder, walked):
            each = folder / entry.name
            if why := _why_not(entry, each, ignored):
                walked.skipped.append(Skipped(each, why, _may_hold(each)))
            elif depth >= _DEEPEST and entry.is_dir(follow_symlinks=False):
                walked.closed.append(Skipped(each, f"lies more than {_DEEPEST} folders deep, and was not looked into"))
            elif entry.is_file(follow_symlinks=False) or os.path.lexists(each / SAVED_MODEL):
                yield each
            elif entry.is_dir(follow_symlinks=False):
                folders.append(each)
        pending += [(each, depth + 1) for each in reversed(folders)]


def _file(path: Path) -> Path:
    """A file that is named, or a checkpoint by its prefix."""
    for each in (path, path.with_name(f"{path.name}{INDEX}")):
        if os.path.lexists(each):
            return each
    raise UsageError(f"{path} does not exist", "name a folder or a weight file that is there")


def _listed(folder: Path, walked: Walked) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: natural(entry.name))
    except OSError as error:
        walked.closed.append(Skipped(folder, f"cannot be read: {error.strerror}"))
        return []
    walked.entries += len(listed)
    if walked.entries > MOST:
        raise UsageError(f"there are more than {MOST:,} files to look at", "name the folders that hold weights")
    return listed


def _may_hold(path: Path) -> bool:
    """Whether weights may lie there, by the names. Nobody wonders about git's own folder, or about packages."""
    if path.name in _NEVER or path.name == ".git" or os.path.lexists(path / "pyvenv.cfg"):
        return False
    if path.is_symlink() or not path.is_dir():
        return is_called_so(path)
    left = _PEEKED
    for _, folders, names in os.walk(path):
        folders[:] = [each for each in folders if each != ".git" and each not in _NEVER]
        left -= len(folders) + len(names)
        if SAVED_MODEL in names or any(is_called_so(Path(name)) for name in names) or left < 0:
            return True
    return False


def _why_not(entry: "os.DirEntry[str]", path: Path, ignored: frozenset[Path]) -> str | None:
    """Why not to look at a file or a folder; None where there is no reason."""
    if entry.is_symlink():
        return _link(path)
    if path in ignored and not os.path.lexists(f"{path}.dvc"):
        return "git ignores it"
    if not entry.is_dir(follow_symlinks=False):
        return None
    if path.name in _NEVER or path.name.startswith("."):
        return _NEVER.get(path.name, "hidden")
    for name, what in _TELLING.items():
        if os.path.lexists(path / name):
            return what
    return None


def is_called_so(path: Path) -> bool:
    """Whether a file has one of the usual suffixes."""
    return path.name.lower().endswith(SUFFIXES)


def _link(path: Path) -> str | None:
    """Links are not followed, and those that may lead to weights are worth a word."""
    try:
        target = path.stat()
    except OSError:
        return None
    if stat.S_ISDIR(target.st_mode) or (stat.S_ISREG(target.st_mode) and is_called_so(path)):
        return f"a link to {os.readlink(path)}: name what it leads to"  # noqa: PTH115 - raw text
    return None


def _ignored(top: Path, walked: Walked) -> frozenset[Path]:
    """What git is told to leave alone, whole folders by their own path; nothing where there is no repository."""
    if not os.path.lexists(top / ".git"):
        return frozenset()
    try:
        listed = Repository.around(top).call(
            "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory"
        )
    except GateError as error:
        walked.skipped.append(Skipped(top / ".git", f"so what git ignores was looked at too: {error.reason}"))
        return frozenset()
    return frozenset(top / os.fsdecode(name).rstrip("/") for name in listed.split(b"\0") if name)

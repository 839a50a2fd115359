"""Which files are others than they were in a commit: committed since, staged, edited, or new and not ignored.

Files are held against what HEAD has by their content. What the index says of them is not asked: its flags and its
times can hide an edit, and git would run filters to look closer.
"""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from gate.action import Event
from gate.git.checkout import is_same
from gate.git.commits import Commits, FirstCommitError
from gate.git.objects import FILE, FOLDER, LINK, SUBMODULE, Commit, Entry, Objects
from gate.git.repository import Repository
from gate.git.trees import Tree

_NAMES = ("-z", "--no-renames", "--name-only", "--ignore-submodules=none")


class _MadeByPushError(Exception):
    """The branch holds HEAD, and nothing says what it held before the push."""


@dataclass(frozen=True)
class _Kept:
    """An entry of the index."""

    is_flagged: bool
    """Git was told not to look at it."""
    is_submodule: bool


class Head:
    """The files in the working tree, held against the commit that is checked out; each is read once."""

    def __init__(self, repository: Repository, commit: Commit) -> None:
        self.repository = repository
        self.commit = commit
        self._trees: dict[str, dict[bytes, Entry]] = {}
        self._edited: dict[bytes, bool] = {}

    def is_any_edited(self, names: Iterable[bytes]) -> bool:
        """Whether one of these files has another content than HEAD has, or is none; submodules are passed over."""
        unread = []
        for name in names:
            if name not in self._edited:
                unread.append(name)
            elif self._edited[name]:
                return True
        if not unread:
            return False
        with Objects(self.repository) as objects:
            tree = Tree(objects, self.commit.tree, "HEAD")
            for name in unread:
                self._edited[name] = not self._is_same(tree, name)
                if self._edited[name]:
                    return True
        return False

    def _is_same(self, tree: Tree, name: bytes) -> bool:
        entry = self._entry(tree.objects, name)
        file = self.repository.top / os.fsdecode(name)
        try:
            kind = stat.S_IFMT(file.lstat().st_mode)
            if entry is None or kind not in (stat.S_IFREG, stat.S_IFLNK):
                return entry is not None and entry.kind == SUBMODULE
            if entry.kind == LINK:
                return kind == LINK and _link_name(file, len(entry.name)) == entry.name
            return kind == entry.kind == FILE and is_same(tree, entry, file)
        except OSError:
            return False

    def _entry(self, objects: Objects, path: bytes) -> Entry | None:
        """What HEAD has at a path. Follows no links."""
        found: Entry | None = Entry(FOLDER, self.commit.tree)
        for part in path.split(b"/"):
            if found is None or found.kind != FOLDER:
                return None
            if found.name not in self._trees:
                self._trees[found.name] = objects.tree(found.name)
            found = self._trees[found.name].get(part)
        return found


def _link_name(link: Path, length: int) -> str:
    """What git calls a link's content where names have `length` digits."""
    target = os.fsencode(link.readlink())
    digest = hashlib.sha256 if length == 64 else hashlib.sha1
    return digest(b"blob %d\0%b" % (len(target), target), usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Changes:
    """What is known of the files below `top`, by their paths from there: those that changed, those that git keeps.

    `since` says which commit they are compared with, and why; `ref` is what was asked for. Files that git keeps can be
    edited without being among `changed`: `head` tells, and reads them for that. `everything` is why all of them have
    to be taken for changed; empty where git can tell.
    """

    top: Path
    ref: str
    since: str
    changed: frozenset[bytes]
    kept: frozenset[bytes]
    head: Head
    everything: str = ""


def changes(folder: Path, ref: str, event: Event | None) -> Changes:
    """What changed since `ref`, as `gate.git.commits` understands it, in the repository around `folder`.

    Raises `GateError` where that cannot be told.
    """
    repository = Repository.around(folder)
    with Objects(repository) as objects:
        commits = Commits(repository, objects, event)
        head = commits.head
        kept = _kept(repository)
        found = Changes(
            repository.top,
            ref,
            "the beginning",
            _uncommitted(repository, head, kept),
            frozenset(kept),
            Head(repository, head),
        )

        def is_changed(_: Commit) -> bool:
            """Asked only where `ref` is a branch that holds HEAD, and the event does not say what it held before."""
            if event is not None and event.name == "push":
                raise _MadeByPushError
            return False

        try:
            since = commits.meant(ref, is_changed, is_same=False)
        except FirstCommitError as error:
            return replace(found, everything=error.reason)
        except _MadeByPushError:
            return replace(found, everything=f"HEAD is in {ref}, and what that held before this push is not known")
        committed = repository.call("diff-tree", "-r", *_NAMES, since.commit.name, head.name)
    return replace(found, since=f"{since.short}, {since.why}", changed=found.changed.union(_names(committed)))


def _kept(repository: Repository) -> dict[bytes, _Kept]:
    """The index: a letter, a mode, an object, a stage, a tab and a path (git-ls-files(1), `-v` and `--stage`)."""
    found = {}
    for each in _names(repository.call("ls-files", "-z", "-v", "--stage")):
        said, _, path = each.partition(b"\t")
        letter, mode = said.split()[:2]
        found[path] = _Kept(letter.islower() or letter == b"S", int(mode, 8) == SUBMODULE)
    return found


def _uncommitted(repository: Repository, head: Commit, kept: dict[bytes, _Kept]) -> frozenset[bytes]:
    """What is staged, new or gone, and submodules that have another commit checked out."""
    staged = _names(repository.call("diff-index", "--cached", *_NAMES, head.name))
    # A case in which names differ is a difference, whatever the file system of whoever made the clone took it for.
    new = _names(repository.call("-c", "core.ignoreCase=false", "ls-files", "-z", "--others", "--exclude-standard"))
    gone = (path for path in kept if not os.path.lexists(repository.top / os.fsdecode(path)))
    submodules = [path for path, each in kept.items() if each.is_submodule]
    flagged = (path for path in submodules if kept[path].is_flagged)
    moved: Iterator[bytes] = iter(())
    if submodules:
        # Of a submodule its commit is seen; to see more, git would run itself there. Of files no filter is run: none
        # is looked at.
        asked = ("diff-files", "-z", "--name-only", "--ignore-submodules=dirty", "--")
        moved = _names(repository.call(*asked, *map(os.fsdecode, submodules)))
    return frozenset((*staged, *new, *gone, *flagged, *moved))


def _names(listed: bytes) -> Iterator[bytes]:
    return (name for name in listed.split(b"\0") if name)

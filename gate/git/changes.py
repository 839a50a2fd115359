"""Which files are others than they were in a commit: committed since, staged, edited, or new and not ignored."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gate.action import Event
from gate.git.checkout import is_same
from gate.git.commits import Commits, FirstCommitError
from gate.git.objects import FILE, Commit, Objects
from gate.git.repository import Repository
from gate.git.trees import Tree

_NAMES = ("-z", "--no-renames", "--name-only")


@dataclass(frozen=True)
class Changes:
    """What is known of the files below `top`, by their paths from there: those that changed, those that git keeps.

    `since` says which commit they are compared with, and why.
    """

    top: Path
    since: str
    changed: frozenset[bytes]
    kept: frozenset[bytes]


def changes(folder: Path, ref: str, event: Event | None) -> Changes:
    """What changed since `ref`, as `gate.git.commits` understands it, in the repository around `folder`.

    Raises `GateError` where that cannot be told.
    """
    repository = Repository.around(folder)
    with Objects(repository) as objects:
        commits = Commits(repository, objects, event)
        work = _WorkingTree(repository, objects, commits.head)
        kept = frozenset(_names(repository.call("ls-files", "-z")))
        try:
            since = commits.meant(ref, lambda _: False, is_same=False)
        except FirstCommitError:
            return Changes(repository.top, "the beginning", kept | work.changed, kept)
        committed = repository.call("diff-tree", "-r", *_NAMES, since.commit.name, commits.head.name)
        told = f"{since.short}, {since.why}"
        return Changes(repository.top, told, work.changed.union(_names(committed)), kept)


class _WorkingTree:
    """The working tree against the commit that is checked out."""

    def __init__(self, repository: Repository, objects: Objects, head: Commit) -> None:
        self.repository = repository
        self.head = head
        self.tree = Tree(objects, head.tree, "HEAD")

    @cached_property
    def changed(self) -> frozenset[bytes]:
        """Staged, edited and new files. Those whose times alone tell of an edit are read: a copy has other times."""
        staged = _names(self.repository.call("diff-index", "--cached", *_NAMES, self.head.name))
        # Of a submodule its commit is seen; to see more, git would run itself there.
        edited = _names(
            self.repository.call(*self._without_filters, "diff-files", *_NAMES, "--ignore-submodules=dirty")
        )
        new = _names(self.repository.call("ls-files", "-z", "--others", "--exclude-standard"))
        return frozenset((*staged, *(each for each in edited if not self._is_same(each)), *new))

    def _is_same(self, path: bytes) -> bool:
        found = self.tree.entry(path)
        if found is None or found[0].kind != FILE or found[1] != path:
            return False
        file = self.repository.top / os.fsdecode(path)
        return not file.is_symlink() and is_same(self.tree, found[0], file)

    @property
    def _without_filters(self) -> tuple[str, ...]:
        """No filter is run, whatever the configuration has: git would have one look at a file whose time is recent."""
        said = self.repository.ask("config", "--name-only", "--get-regexp", r"^filter\.") or ""
        keys = dict.fromkeys(key for key in said.splitlines() if key.endswith((".clean", ".smudge", ".process")))
        return tuple(part for key in keys for part in ("-c", f"{key}="))


def _names(listed: bytes) -> Iterator[bytes]:
    return (name for name in listed.split(b"\0") if name)

"""What the branch that is merged into has: its manifest and small files, from git's objects. Runs nothing of it."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from gate.action import Event
from gate.errors import GateError, UsageError
from gate.git.checkout import is_checked_out
from gate.git.commits import Commits, FirstCommitError
from gate.git.matching import matching_from
from gate.git.objects import FILE, Commit, Objects
from gate.git.repository import Repository
from gate.git.trees import Tree
from gate.loosening.wanted import REMOTE
from gate.manifest import LoadedManifest
from gate.manifest.load import MAX_BYTES, parse_manifest
from gate.manifest.model import Policy
from gate.path_globs import is_glob

_LARGEST = 64 * 1024 * 1024
"""Of a lock."""


class NoBase(GateError):  # noqa: N818 - what there is
    """There is nothing to compare with, and that is as it should be: a first commit, a new manifest."""


class NoText(GateError):  # noqa: N818 - what it is
    """It is there, and no small file of text."""


@dataclass(frozen=True)
class Base:
    """One commit, and the one that is checked out."""

    objects: Objects
    repository: Repository
    commits: Commits
    ref: str
    """The branch or commit that it was found by."""
    folder: Path
    """The manifest's, from which paths are written."""
    shown: str
    """`1a2b3c4d5e6f, where HEAD left origin/main`"""
    short: str
    then: Tree
    tip: Tree | None
    """What the branch holds last, which may be later; None where no branch is named."""
    now: Tree
    is_local: bool
    """Whether files that are not committed count: nobody but the author sees the result."""

    def text(self, path: Path) -> str | None:
        """A file as it was; None where there was none. Raises `NoText`, and `GateError` where it cannot be had."""
        found = self.then.entry(self._inside(path))
        if found is None or found[0].kind != FILE:
            return None
        data = self.objects.blob(found[0].name, _LARGEST)
        if data is None:
            raise NoText(f"{self._named(path)} is larger than {_LARGEST:,} bytes")
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise NoText(f"{self._named(path)} is not UTF-8") from error

    def manifest(self, path: Path, shown: str) -> LoadedManifest:
        """The manifest as it was, as untrusted text. Raises `NoBase`, and `GateError` where it cannot be had."""
        try:
            text = self.text(path)
        except NoText as error:
            raise NoBase(f"the manifest in {self.shown} cannot be used: {error.reason}") from error
        if text is None:
            raise NoBase(f"{shown} is not in {self.shown}: a new manifest, compared with none")
        if len(text) > MAX_BYTES:
            raise NoBase(f"{shown} in {self.shown} is no manifest: it is larger than {MAX_BYTES:,} bytes")
        try:
            return parse_manifest(text, f"{self.short}:{shown}")
        except UsageError as error:
            first = str(error).partition("\n")[0]
            raise NoBase(f"the manifest in {self.shown} cannot be used, and asks for nothing: {first}") from error

    def last_policy(self, path: Path, shown: str) -> Policy | None:
        """What the last commit of the branch asks of the manifest: a change begun before that has to keep to it too."""
        if self.tip is not None and self.tip.tree != self.then.tree:
            with suppress(NoBase):
                return replace(self, then=self.tip).manifest(path, shown).manifest.policy
        return None

    def matching(self, pattern: str) -> Iterator[str]:
        """What a glob of the manifest matched, as far as git keeps it. Raises `GateError` where that cannot be told."""
        fixed = pattern.split("/")[: next(at for at, part in enumerate(pattern.split("/")) if is_glob(part))]
        real = Path(os.path.normpath(self.folder.resolve() / "/".join(fixed)))
        if real.is_relative_to(self.repository.top):
            for found in sorted(matching_from(self.then, self.repository, self.folder, pattern)):
                yield os.path.relpath(self.repository.top / os.fsdecode(found), self.folder.resolve())

    def is_merged_into(self, ref: str) -> bool:
        """Whether `ref` names the branch that is compared with."""
        return self.is_one_branch(ref, self.ref)

    def is_one_branch(self, one: str, other: str) -> bool:
        """Whether both name one branch, here or at the origin, and that is at one commit."""
        if _branch(one) != _branch(other):
            return False
        with suppress(GateError):
            first, second = self.commits.tip(one), self.commits.tip(other)
            return first is not None and second is not None and first.commit == second.commit
        return False

    def is_another(self, path: Path) -> bool:
        """Whether git keeps a file that is new since, or was another one; what git does not keep cannot be told."""
        with suppress(GateError):
            inside = self._inside(path)
            was, now = ({*_files(tree, inside)} for tree in (self.then, self.now))
            if self.is_local and now:
                return not is_checked_out(self.then, self.repository.top, inside) or not was
            return bool(now) and was != now
        return False

    def _inside(self, path: Path) -> bytes:
        return self.repository.inside(path, self.folder)

    def _named(self, path: Path) -> str:
        return f"{os.path.relpath(path, self.folder)} at {self.short}"


@contextmanager
def opened(files: Sequence[Path], folder: Path, ref: str, event: Event | None) -> Iterator[Base]:
    """The commit that `ref` means for what is checked out around `folder`, as long as the context lasts.

    Where `files` are not as HEAD has them, they can be compared with HEAD itself.

    Raises `NoBase` where there is none, and `GateError` where it cannot be had.
    """
    repository = Repository.around(folder)
    inside = [repository.inside(file, folder) for file in files]
    with Objects(repository) as objects:

        def is_changed(head: Commit) -> bool:
            tree = Tree(objects, head.tree, "HEAD")
            return not all(is_checked_out(tree, repository.top, each) for each in inside)

        commits = Commits(repository, objects, event)
        last = commits.tip(ref)
        try:
            meant = commits.meant(ref, is_changed, is_same=False)
        except FirstCommitError as error:
            raise NoBase(error.reason, error.hint) from error
        except GateError:  # several such commits, or none that is here: the author's doing, and no way out
            if last is None:
                raise
            meant = last
        tip = None if last is None else Tree(objects, last.commit.tree, last.short)
        if last and tip and _is_new(Tree(objects, meant.commit.tree, meant.short), tip, inside[0]):
            meant = last  # it left the branch before there was a manifest
        yield Base(
            objects,
            repository,
            commits,
            ref,
            folder,
            f"{meant.short}, {meant.why.replace(REMOTE, '')}",
            meant.short,
            Tree(objects, meant.commit.tree, meant.short),
            tip,
            Tree(objects, commits.head.tree, "HEAD"),
            event is None,
        )


def _is_new(then: Tree, tip: Tree, path: bytes) -> bool:
    return then.entry(path) is None and tip.entry(path) is not None


def _branch(ref: str) -> str:
    """A branch's name, without where it is."""
    for prefix in ("refs/heads/", "refs/remotes/origin/", "origin/"):
        if ref.startswith(prefix):
            return ref.removeprefix(prefix)
    return ref


def _files(tree: Tree, path: bytes) -> Iterator[tuple[bytes, str]]:
    members = tree.members(path)
    if members is not None:
        yield from ((name, entry.name) for name, entry in members.files.items())

"""What the branch that is merged into has: its manifest and small files, from git's objects. Runs nothing of it."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from gate.action import Event
from gate.errors import GateError, UsageError
from gate.git.checkout import is_checked_out
from gate.git.commits import Commits, FirstCommitError, Meant
from gate.git.matching import matching
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


class Elsewhere(GateError):  # noqa: N818 - where it is
    """The manifest's history is another repository's than the one that is checked out: the author's doing, and red."""


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
    named: tuple[Path, ...]
    """The manifest below the top: as it is named, and as it really lies."""
    shown: str
    """`1a2b3c4d5e6f, where HEAD left origin/main`"""
    short: str
    then: Tree
    tip: Tree | None
    """What the branch holds last, which may be later; None where no branch is named."""
    now: Tree
    is_local: bool
    """Whether files that are not committed count: nobody but the author sees the result."""

    @cached_property
    def place(self) -> Path:
        """The manifest's folder, as the commit has it: where HEAD leads there by a link, what the link replaced."""
        for each in self.named:
            if self.then.entry(os.fsencode(each)) is not None:
                return each.parent
        replaced = self.then.first(lambda path, _: self._leads_here(path))
        return self.named[-1].parent if replaced is None else Path(os.fsdecode(replaced)).parent

    def _leads_here(self, path: bytes) -> bool:
        real = os.fsencode(self.named[-1])
        if path.rpartition(b"/")[2] != real.rpartition(b"/")[2]:
            return False
        with suppress(GateError):
            found = self.now.entry(path)
            return found is not None and found[1] == real
        return False

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
        parts = pattern.split("/")
        first = next(at for at, part in enumerate(parts) if is_glob(part))
        place = self.repository.top / self.place
        fixed = Path(os.path.normpath(place / "/".join(parts[:first])))
        if fixed.is_relative_to(self.repository.top):
            folder = os.fsencode(fixed.relative_to(self.repository.top))
            for found in sorted(matching(self.then, b"" if folder == b"." else folder, "/".join(parts[first:]))):
                yield os.path.relpath(self.repository.top / os.fsdecode(found), place)

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
        """Whether a file is new since, or another one, or no more git's; what git never kept cannot be told."""
        with suppress(GateError):
            inside = self._inside(path)
            was, now = {*_files(self.then, inside)}, set[tuple[bytes, str]]()
            with suppress(GateError):  # a link out of the repository, a submodule
                now = {*_files(self.now, inside)}
            if self.is_local and now:
                return not is_checked_out(self.then, self.repository.top, inside) or not was
            return was != now
        return False

    def _inside(self, path: Path) -> bytes:
        top = self.repository.top
        found = Path(os.path.normpath(top / self.place / os.path.relpath(path, self.folder)))
        if not found.is_relative_to(top):
            raise GateError(f"{path} lies outside the repository {top}", "name a file that git keeps there")
        return os.fsencode(found.relative_to(top))

    def _named(self, path: Path) -> str:
        return f"{os.path.relpath(path, self.folder)} at {self.short}"


@contextmanager
def opened(files: Sequence[Path], folder: Path, ref: str, event: Event | None) -> Iterator[Base]:
    """The commit that `ref` means for what is checked out around `folder`, as long as the context lasts.

    Where `files` are not as HEAD has them, they can be compared with HEAD itself.

    Raises `NoBase` where there is none, `Elsewhere` in another repository, and `GateError` where it cannot be had.
    """
    repository = Repository.around(folder)
    _refuse_others(repository, files[0], ref, event)
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

        def base_of(meant: Meant) -> Base:
            return Base(
                objects,
                repository,
                commits,
                ref,
                folder,
                (repository.named(files[0]), Path(os.fsdecode(inside[0]))),
                f"{meant.short}, {meant.why.replace(REMOTE, '')}",
                meant.short,
                Tree(objects, meant.commit.tree, meant.short),
                None if last is None else Tree(objects, last.commit.tree, last.short),
                Tree(objects, commits.head.tree, "HEAD"),
                event is None,
            )

        base = base_of(meant)
        if last and not _is_usable(base, files[0]) and _is_usable(base_of(last), files[0]):
            base = base_of(last)  # it left the branch before there was a manifest that made sense
        yield base


def _is_usable(base: Base, path: Path) -> bool:
    with suppress(NoBase):
        return bool(base.manifest(path, path.name))
    return False


def _refuse_others(repository: Repository, path: Path, ref: str, event: Event | None) -> None:
    """Raises `Elsewhere` where another repository has the manifest, or a submodule in its place, or is the runner's."""
    hint = "judge a manifest that the repository itself keeps; that of a submodule is judged in its own repository"
    runners = event.workspace.resolve() if event is not None and event.workspace is not None else repository.top
    if runners != repository.top and os.path.lexists(runners / ".git"):
        raise Elsewhere(f"{path.name} lies in {repository.top}, and the runner's repository is {runners}", hint)
    for top, within in repository.others(path):
        if _keeps(Repository(top), within, ref, event):
            raise Elsewhere(f"{within} of {top} lies in another repository, {repository.top}", hint)


def _keeps(repository: Repository, path: Path, ref: str, event: Event | None) -> bool:
    """Whether HEAD, or the branch that is merged into, has a file or a submodule there, or a link that leads away."""
    with Objects(repository) as objects:
        commits = Commits(repository, objects, event)
        found: list[Commit] = []
        with suppress(GateError):
            found.append(commits.head)
            found.append(commits.meant(ref, lambda _: False, is_same=False).commit)
        if last := commits.tip(ref) if found else None:
            found.append(last.commit)
        for commit in found:
            try:
                if Tree(objects, commit.tree, commit.name).entry(os.fsencode(path)) is not None:
                    return True
            except GateError:
                return True
    return False


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

"""What a `GitReference` fetches: the files that a path stands for in the commit that is meant."""

import filecmp
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gate.errors import GateError, MissingFileError
from gate.git.checkout import blob_name, files_of, is_checked_out
from gate.git.commits import Commits, Meant
from gate.git.lfs import LONGEST, Pointer, Store, pointer
from gate.git.lfs_download import download
from gate.git.objects import Commit, Entry, Objects
from gate.git.repository import Repository
from gate.git.room import full_or, room_for
from gate.git.trees import Members, Tree
from gate.references.git import GitReference
from gate.references.interface import Fetched, Missing, NotFetchedError, Sources
from gate.workspace import Workspace

_FOLDER = "reference"
_ELSEWHERE = (
    "let git keep the file itself, or a pointer of Git LFS, or name a file or an address as the reference: from "
    "elsewhere, git alone cannot say what it was"
)


def fetched(asked: GitReference, sources: Sources) -> Fetched | Missing:
    """The files at the commit that is meant, copied into the run's own folder; raises `GateError`."""
    base = sources.workspace.base
    repository = Repository.around(base)
    path, weights = (repository.inside(each, base) for each in (asked.path, asked.weights))
    is_same = path == weights
    with Objects(repository) as objects:

        def is_changed(head: Commit) -> bool:
            return not is_checked_out(Tree(objects, head.tree, "HEAD"), repository.top, weights)

        meant = Commits(repository, objects, sources.event).meant(asked.ref, is_changed, is_same)
        tree = Tree(objects, meant.commit.tree, meant.short)
        members = tree.members(path)
        if members is None:
            return _missing(asked, tree, meant, path, base)
        shown = f"{asked.written} at {meant.short}"
        copy = _Copy(objects, repository, sources.scratch / _FOLDER, shown, meant, sources.offline)
        at = copy.write(members, os.fsdecode(path.rpartition(b"/")[2]) or _FOLDER)
    notes = [f"reference: {shown}, {meant.why}{copy.origin}"]
    if is_same and _are_same(at, asked.weights):
        notes.append(f"{asked.written} is byte for byte what it is there: nothing has changed it since")
    return Fetched(at, shown, Workspace(sources.scratch, [sources.scratch]), tuple(notes))


def _missing(asked: GitReference, tree: Tree, meant: Meant, path: bytes, base: Path) -> Missing:
    what = f"{asked.written} is not in {meant.short}, {meant.why}"
    if why := tree.hindrance(path):
        raise MissingFileError(f"{what}: {why}", _ELSEWHERE)
    if tree.objects.repository.ignores(path):
        raise MissingFileError(f"{what}, and never will be in any: git ignores it", _ELSEWHERE)
    moved = _moved(asked, tree, path, base)
    if asked.missing:
        also = f" ({moved})" if moved else ""
        return Missing(f"{what}: a new model, whose values are compared with nothing{also}")
    new = "of a new model, say `missing: allowed`"
    raise MissingFileError(what, f"{moved}; {new}" if moved else new)


def _moved(asked: GitReference, tree: Tree, path: bytes, base: Path) -> str:
    """Where in that commit the same file lies, or one of the same name; empty where there is none."""
    digest = blob_name(asked.weights, len(tree.tree))
    named = path.rpartition(b"/")[2]
    found = None
    with suppress(GateError):
        found = tree.first(lambda _, entry: entry.name == digest) if digest else None
        found = found or tree.first(lambda at, _: at.rpartition(b"/")[2] == named)
    if found is None:
        return ""
    moved = os.path.relpath(tree.objects.repository.top / os.fsdecode(found), base.resolve())
    return f"{moved} is there: if the file was moved, say `path: {moved}`"


def _are_same(reference: Path, weights: Path) -> bool:
    """Whether two paths stand for the same files of the same bytes."""
    ours, theirs = files_of(weights), files_of(reference)
    return ours.keys() == theirs.keys() and all(filecmp.cmp(ours[each], theirs[each], shallow=False) for each in ours)


@dataclass
class _Copy:
    """Files of a commit on their way into a folder."""

    objects: Objects
    repository: Repository
    folder: Path
    shown: str
    meant: Meant
    offline: bool

    def __post_init__(self) -> None:
        self._fetched = 0

    @property
    def origin(self) -> str:
        """Where else they are from; goes on after where they are from."""
        files = "" if self._fetched == 1 else f"{self._fetched} files "
        return f"; {files}from Git LFS" if self._fetched else ""

    def write(self, members: Members, named: str) -> Path:
        """Writes them all; the path that stands for them there."""
        root = self.folder / named if members.is_folder else self.folder
        for name, entry in members.files.items():
            to = root / os.fsdecode(name)
            to.parent.mkdir(parents=True, exist_ok=True)
            shown = f"{os.fsdecode(name)} of {self.shown}" if len(members.files) > 1 else self.shown
            self._file(entry, to, shown)
        root.mkdir(parents=True, exist_ok=True)
        return self.folder / named

    def _file(self, entry: Entry, to: Path, shown: str) -> None:
        small: list[bytes] = []
        try:
            with to.open("wb") as file:

                def begin(size: int) -> Callable[[bytes], object]:
                    room_for(size, to.parent, shown)
                    return small.append if size <= LONGEST else file.write

                self.objects.stream(entry.name, begin)
                file.write(b"".join(small))
        except OSError as error:
            raise full_or(error, f"{shown} cannot be copied out of git", to) from error
        if small and (found := pointer(b"".join(small), shown)):
            self._from_lfs(found, to, shown)

    def _from_lfs(self, found: Pointer, to: Path, shown: str) -> None:
        room_for(found.size, to.parent, shown)
        self._fetched += 1
        if Store(self.repository).copy(found, to, shown):
            return
        if self.offline:
            why = f"{self.meant.why}, is a Git LFS pointer: the file would be fetched"
            raise NotFetchedError(f"{shown}, {why}", "`weight-gate check` fetches it")
        why = download(self.repository, found, to, shown)
        if why:
            raise MissingFileError(
                f"{shown} is a Git LFS pointer, and the file is not in this clone ({why})",
                f"run `git lfs fetch origin {self.meant.commit.name}` first: `lfs: true` of actions/checkout fetches "
                "the files of the commit that it checks out, and of no other",
            )

"""Which files of a commit a glob matches: as `gate.workspace.Workspace.expand` finds them in the working tree."""

import os
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gate.errors import UnsafeFileError
from gate.git.members import whole
from gate.git.objects import FOLDER, SUBMODULE, Entry
from gate.git.repository import Repository
from gate.git.trees import Tree
from gate.path_globs import ANY_FOLDERS, is_glob, is_part_matched

_MOST = 200_000
"""Entries that are looked at: a few small trees can hold each other a thousand million times."""
_SAVED_MODEL = b"saved_model.pb"
_STATE = b"checkpoint"


def matching(tree: Tree, folder: bytes, pattern: str) -> frozenset[bytes]:
    """The models that a glob over a folder's paths matches, by their paths in the commit, links not followed.

    Raises `GateError` where that cannot be told.
    """
    found = _Matching(tree)
    paths = (os.fsencode(posixpath.normpath(os.fsdecode(path))) for path in found.all(folder, pattern.split("/")))
    return frozenset(found.whole(path) for path in paths if found.is_weights(path))


def matching_from(tree: Tree, repository: Repository, base: Path, pattern: str) -> frozenset[bytes]:
    """The same for a glob from the folder `base` of the working tree; raises `GateError` where that cannot be told."""
    parts = pattern.split("/")
    first = next(number for number, part in enumerate(parts) if is_glob(part))
    folder = repository.inside(base / "/".join([*parts[:first], ""]), base)
    return matching(tree, b"" if folder == b"." else folder, "/".join(parts[first:]))


class _Matching:
    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._seen = 0

    def all(self, at: bytes, parts: Sequence[str]) -> Iterator[bytes]:
        """What lies below a folder and is called as `parts` say."""
        listed = self._listed(at)
        if listed is None:
            return
        self._count(listed)
        first, rest = parts[0], parts[1:]
        if first == ANY_FOLDERS:
            for folder in self._folders(at):
                if rest:
                    yield from self.all(folder, rest)
                else:
                    yield folder
                    yield from (_joined(folder, name) for name in self._listed(folder) or ())
            return
        if is_glob(first):
            names = [name for name in listed if is_part_matched(first, os.fsdecode(name))]
        else:
            named = os.fsencode(first)
            names = [named] if named in listed or named in (b"", b".", b"..") else []
        for name in names:
            if rest:
                yield from self.all(_joined(at, name), rest)
            else:
                yield _joined(at, name)

    def is_weights(self, path: bytes) -> bool:
        """Not a folder, unless it is a SavedModel; not the file in which TensorFlow notes its latest checkpoint."""
        folder, _, named = path.rpartition(b"/")
        beside = self._listed(folder) or {}
        if named in beside and beside[named].kind == SUBMODULE:
            return False
        listed = self._listed(path)
        if listed is not None:
            return _SAVED_MODEL in listed
        return named != _STATE or not any(name.endswith(b".index") for name in beside)

    def whole(self, path: bytes) -> bytes:
        """A checkpoint's files are one model."""
        folder, _, named = path.rpartition(b"/")
        return _joined(folder, whole(named, self._listed(folder) or {}))

    def _folders(self, at: bytes) -> Iterator[bytes]:
        """A folder and all below it; one that a link leads back to is not entered again."""
        waiting: list[tuple[bytes, frozenset[bytes]]] = [(at, frozenset())]
        while waiting:
            folder, above = waiting.pop()
            found, listed = self.tree.entry(folder), self._listed(folder)
            if found is None or listed is None or found[1] in above:
                continue
            self._count(listed)
            yield folder
            below = (_joined(folder, name) for name, entry in listed.items() if entry.kind != SUBMODULE)
            waiting += [(each, above | {found[1]}) for each in below if self._listed(each) is not None]

    def _listed(self, path: bytes) -> Mapping[bytes, Entry] | None:
        """What lies in a folder; None where there is none, as behind a link that leads out."""
        try:
            found = self.tree.entry(path)
        except UnsafeFileError:
            return None
        if found is None or found[0].kind != FOLDER:
            return None
        return self.tree.listed(found[0].name)

    def _count(self, listed: Mapping[bytes, Entry]) -> None:
        self._seen += 1 + len(listed)
        if self._seen > _MOST:
            raise UnsafeFileError(
                f"the folders at {self.tree.shown} hold more than {_MOST:,} files", "write a narrower pattern"
            )


def _joined(folder: bytes, name: bytes) -> bytes:
    return folder + b"/" + name if folder else name

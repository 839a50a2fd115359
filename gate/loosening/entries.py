"""Which entries of two manifests judge the same weight files: by their paths, by their names where those moved.

A file has moved only where it is gone: one that lies where it lay and that nothing judges is judged no more.
"""

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gate.errors import UsageError
from gate.manifest import LoadedManifest
from gate.manifest.model import ModelEntry
from gate.position import Position
from gate.workspace import Workspace

if TYPE_CHECKING:
    from gate.loosening.base import Base


@dataclass(frozen=True, eq=False)
class Entry:
    """One entry of a manifest; `files` are the weight files that it judges here, from its folder."""

    loaded: LoadedManifest
    index: int
    files: tuple[str, ...]

    @property
    def said(self) -> ModelEntry:
        return self.loaded.manifest.models[self.index]

    @property
    def called(self) -> str:
        """What reports call its models together."""
        return self.said.weights if self.said.is_glob else self.said.name_of()

    def at(self, *route: str | int) -> Position:
        """Where something below it stands."""
        return self.loaded.position("models", self.index, *route)

    def at_if_said(self, *route: str | int) -> Position | None:
        """The same; None where the manifest does not say it."""
        place = self.at(*route)
        return None if place == self.at() else place


@dataclass(frozen=True)
class Match:
    """An entry that was there, and those of now of which each judges these files: one as strict as it was is enough."""

    before: Entry
    after: tuple[Entry, ...]
    files: tuple[str, ...]
    has_moved: bool = False
    """Its file is gone, and each of those of now has another one, of the same name."""

    def pairs(self, after: Entry) -> tuple[tuple[str, str], ...]:
        """Each file by its path then and now; of a glob without any, what the entries say."""
        if self.has_moved or not self.files:
            return ((self.before.said.weights, after.said.weights),)
        return tuple((file, file) for file in self.files)


@dataclass(frozen=True)
class Gone:
    """Files of an entry that was there, and that no entry judges now; none where it named one that is not there."""

    before: Entry
    files: tuple[str, ...]


def entries(loaded: LoadedManifest, workspace: Workspace, base: "Base | None" = None) -> tuple[Entry, ...]:
    """The entries of a manifest with their files, as far as paths stay in the workspace.

    Of the manifest of `base` what its globs matched there, too: a file that was moved or removed was judged.
    """
    found = []
    for index, entry in enumerate(loaded.manifest.models):
        then = base.matching(entry.weights) if base is not None and entry.is_glob else ()
        found.append(Entry(loaded, index, tuple(dict.fromkeys((*_files(entry, workspace), *then)))))
    return tuple(found)


def _files(entry: ModelEntry, workspace: Workspace) -> Iterator[str]:
    try:
        found = workspace.expand(entry.weights) if entry.is_glob else [entry.weights]
    except (UsageError, OSError, ValueError):
        return
    yield from (relative(workspace.base / file, workspace) for file in found)


def relative(path: Path, workspace: Workspace) -> str:
    """A path from the manifest's folder."""
    return os.path.relpath(os.path.normpath(path), workspace.base)


def matches(
    before: Sequence[Entry], after: Sequence[Entry], workspace: Workspace
) -> tuple[tuple[Match, ...], tuple[Gone, ...]]:
    """The pairs, and what is judged no more."""
    known = {file for entry in before for file in entry.files}
    said, judging, moved = (defaultdict[object, list[Entry]](list) for _ in range(3))
    for other in after:
        said[_words(other)].append(other)
        for file in other.files:
            judging[file].append(other)
        if _own_name(other) and known.isdisjoint(other.files):
            moved[_own_name(other)].append(other)
    found: list[Match] = []
    gone: list[Gone] = []
    for entry in before:
        if not entry.files and (alike := said.get(_words(entry))):
            found.append(Match(entry, tuple(alike), ()))
            continue
        lost: list[str] = []
        judged: dict[tuple[Entry, ...], list[str]] = {}
        for file in entry.files:
            if others := judging.get(file):
                judged.setdefault(tuple(others), []).append(file)
            elif (renamed := moved.get(_own_name(entry))) and not _is_there(file, workspace):
                found.append(Match(entry, tuple(renamed), (file,), has_moved=True))
            else:
                lost.append(file)
        found += [Match(entry, others, tuple(files)) for others, files in judged.items()]
        if lost or not entry.files:
            gone.append(Gone(entry, tuple(lost)))
    return tuple(found), tuple(gone)


def _is_there(file: str, workspace: Workspace) -> bool:
    """Whether a file, a folder or a checkpoint of that path is left."""
    return any(os.path.lexists(workspace.base / f"{file}{end}") for end in ("", ".index"))


def _own_name(entry: Entry) -> str:
    return "" if entry.said.is_glob else entry.said.name_of()


def _words(entry: Entry) -> tuple[str, str]:
    """Which files an entry names, in which words, and what it calls them."""
    return os.path.normpath(entry.said.weights), _own_name(entry)

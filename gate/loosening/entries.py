"""Which entries of two manifests judge the same weight files: by their paths, by their names where those moved."""

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gate.errors import UsageError
from gate.manifest import LoadedManifest
from gate.manifest.model import ModelEntry
from gate.position import Position
from gate.workspace import Workspace


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


@dataclass(frozen=True)
class Gone:
    """Files of an entry that was there, and that no entry judges now; none where it named one that is not there."""

    before: Entry
    files: tuple[str, ...]


def entries(loaded: LoadedManifest, workspace: Workspace) -> tuple[Entry, ...]:
    """The entries of a manifest with their files, as far as paths stay in the workspace."""
    return tuple(
        Entry(loaded, index, tuple(_files(entry, workspace))) for index, entry in enumerate(loaded.manifest.models)
    )


def _files(entry: ModelEntry, workspace: Workspace) -> Iterator[str]:
    try:
        found = workspace.expand(entry.weights) if entry.is_glob else [entry.weights]
    except (UsageError, OSError, ValueError):
        return
    yield from (relative(workspace.base / file, workspace) for file in found)


def relative(path: Path, workspace: Workspace) -> str:
    """A path from the manifest's folder."""
    return os.path.relpath(os.path.normpath(path), workspace.base)


def matches(before: Sequence[Entry], after: Sequence[Entry]) -> tuple[tuple[Match, ...], tuple[Gone, ...]]:
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
        alike, renamed = tuple(said.get(_words(entry), ())), tuple(moved.get(_own_name(entry), ()))
        lost: list[str] = []
        judged: dict[tuple[Entry, ...], list[str]] = {}
        for file in entry.files:
            if others := alike or tuple(judging.get(file, ())) or renamed:
                judged.setdefault(others, []).append(file)
            else:
                lost.append(file)
        if not entry.files and (others := alike or renamed):
            judged[others] = []
        found += [Match(entry, others, tuple(files)) for others, files in judged.items()]
        if lost or not judged:
            gone.append(Gone(entry, tuple(lost)))
    return tuple(found), tuple(gone)


def _own_name(entry: Entry) -> str:
    return "" if entry.said.is_glob else entry.said.name_of()


def _words(entry: Entry) -> tuple[str, str]:
    """Which files an entry names, in which words, and what it calls them."""
    return os.path.normpath(entry.said.weights), _own_name(entry)

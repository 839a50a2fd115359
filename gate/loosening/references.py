"""What the weights of a model are compared with: dropped, or another one. Which of two says more is not guessed."""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from gate.loosening.base import Base
from gate.loosening.entries import Entry
from gate.loosening.said import cropped, loosened
from gate.manifest.references import ReferenceEntry
from gate.results import Finding


@dataclass(frozen=True)
class Change:
    """An entry that was there, and one of now that judges its files: each by its path then and now."""

    before: Entry
    after: Entry
    files: tuple[tuple[str, str], ...]
    base: Base | None = None
    """Without it no name of a branch is known to be that of the branch that is merged into."""


def looser_references(change: Change) -> Iterator[Finding]:
    """What the later entry's reference lets through that the earlier one's does not, or may."""
    before, after = change.before, change.after
    was, now = before.said.reference, after.said.reference
    if was is None:
        return
    at, stood = after.at("reference"), before.at("reference")
    if now is None:
        reason = f"compared with {_shown(was)}, and now with nothing"
        yield loosened("reference-dropped", after.called, reason, at, was=stood)
        return
    for file, moved in change.files:
        if not _is_same(before.said.reference_for(file), after.said.reference_for(moved), file, moved, change.base):
            reason = f"compared with {_shown(was, file)}, and now with {_shown(now, moved)}"
            yield loosened("reference-changed", after.called, reason, at, was=stood)
            break
    if now.missing == "allowed" and was.missing != "allowed":
        reason = "the reference may be missing now"
        yield loosened("reference-changed", after.called, reason, after.at("reference", "missing"))
    known = set(was.removed)
    for file in dict.fromkeys(now.removed):
        if file not in known:
            reason = f"{cropped(file)} is said to be gone on purpose"
            yield loosened("model-removed", after.called, reason, after.at("reference", "removed"))


def _is_same(was: ReferenceEntry | None, now: ReferenceEntry | None, file: str, moved: str, base: Base | None) -> bool:
    """Whether a file is compared with the same thing; in place of a file, what the branch that is merged into has."""
    if was is None or now is None:
        return was is now
    if now.git is not None:
        path = posixpath.normpath(now.path or moved)
        if was.git is not None:
            is_same = was.git == now.git or (base is not None and base.is_one_branch(was.git, now.git))
            return is_same and path == posixpath.normpath(was.path or file)
        own = {posixpath.normpath(each) for each in (file, was.file) if each is not None}
        return was.url is None and path in own and base is not None and base.is_merged_into(now.git)
    return _target(was) == _target(now)


def _target(said: ReferenceEntry) -> tuple[str | None, ...]:
    paths = (posixpath.normpath(each) if each is not None else None for each in (said.file, said.lock))
    return (*paths, said.git, said.url, said.sha256)


def _shown(said: ReferenceEntry, file: str = "the file") -> str:
    if said.git is not None:
        return cropped(f"{said.path or file} at {said.git}")
    if said.url is not None:
        return f"{cropped(said.url)} ({(said.sha256 or '')[:12]})"
    return f"the lock {cropped(said.lock)}" if said.lock is not None else cropped(said.file or "")

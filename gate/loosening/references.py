"""What the weights of a model are compared with: dropped, of a weaker kind, or another one."""

from collections.abc import Iterator

from gate.loosening.entries import Entry
from gate.loosening.said import cropped, loosened
from gate.manifest.crosscheck import source
from gate.manifest.references import ReferenceEntry
from gate.results import Finding

_STRENGTH = {"lock": 1, "file": 2, "url": 3, "git": 4}
"""A lock has no values; a file can be replaced in the same change; an address is pinned; a commit is out of reach."""


def looser_references(before: Entry, after: Entry) -> Iterator[Finding]:
    """What the later entry's reference lets through that the earlier one's does not."""
    was, now = before.said.reference, after.said.reference
    if was is None:
        return
    at, stood = after.at("reference"), before.at("reference")
    shown = _shown(was)
    if now is None:
        yield loosened("reference-dropped", after.called, f"compared with {shown}, and now with nothing", at, was=stood)
        return
    kinds = source(was)[0], source(now)[0]
    if _STRENGTH[kinds[1]] < _STRENGTH[kinds[0]]:
        reason = f"compared with {shown}, and now with {_shown(now)}, which says less, or can be changed beside it"
        yield loosened("reference-changed", after.called, reason, at, was=stood)
    elif kinds[0] == kinds[1] and _target(was) != _target(now):
        yield loosened("reference-changed", after.called, f"compared with {shown}, and now with {_shown(now)}", at)
    if now.missing == "allowed" and was.missing != "allowed":
        reason = "the reference may be missing now"
        yield loosened("reference-changed", after.called, reason, after.at("reference", "missing"))
    known = set(was.removed)
    for file in dict.fromkeys(now.removed):
        if file not in known:
            reason = f"{cropped(file)} is said to be gone on purpose"
            yield loosened("model-removed", after.called, reason, after.at("reference", "removed"))


def _target(said: ReferenceEntry) -> tuple[str | None, ...]:
    return (said.file, said.lock, said.git, said.path, said.url, said.sha256)


def _shown(said: ReferenceEntry) -> str:
    if said.git is not None:
        return cropped(f"{said.path or 'the file'} at {said.git}")
    if said.url is not None:
        return f"{cropped(said.url)} ({(said.sha256 or '')[:12]})"
    return f"the lock {cropped(said.lock)}" if said.lock is not None else cropped(said.file or "")

"""Waivers that no day ends: what they leave out is left out for ever, unless somebody looks."""

from collections.abc import Iterator

from gate.loosening.entries import Entry
from gate.loosening.said import ENDLESS, cropped
from gate.manifest.load import LoadedManifest
from gate.position import Position
from gate.results import Finding, Loosening

_UNENDING = ("ignored", "any")


def endless(loaded: LoadedManifest) -> Iterator[Finding]:
    """The rules and the waivers of restoring that leave something out and have no `until`."""
    for index in range(len(loaded.manifest.models)):
        entry = Entry(loaded, index, ())
        for number, rule in enumerate(entry.said.tensors):
            if rule.expect in _UNENDING and rule.until is None:
                what = f"`{cropped(rule.match)}` is `expect: {rule.expect}`"
                yield _found(entry, what, rule.reason, entry.at("tensors", number))
        for number, waiver in enumerate(entry.said.restore.waive if entry.said.restore else ()):
            if waiver.until is None:
                what = f"`{cropped(waiver.match)}` need not be restored"
                yield _found(entry, what, waiver.reason, entry.at("restore", "waive", number))


def alone(loaded: LoadedManifest) -> Loosening:
    """What is said of a manifest that is compared with none."""
    return Loosening(endless=() if loaded.manifest.policy.loosening == "allow" else tuple(endless(loaded)))


def _found(entry: Entry, what: str, reason: str | None, at: Position) -> Finding:
    why = f" ({cropped(reason)})" if reason else ""
    return Finding(ENDLESS, f"{cropped(entry.called)}: {what}, and no `until` ends that{why}", position=at)

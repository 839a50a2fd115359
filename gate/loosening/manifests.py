"""What a manifest lets through that another one does not: its policy, models that are gone, and each model."""

from collections.abc import Iterator, Mapping
from datetime import date

from gate.loosening.base import Base
from gate.loosening.entries import Gone, Match, entries, matches
from gate.loosening.models import Seen, looser_model
from gate.loosening.references import Change
from gate.loosening.said import cropped, loosened
from gate.loosening.tensors import Kind
from gate.manifest import LoadedManifest
from gate.results import Finding
from gate.workspace import Workspace

STRICTNESS = ("allow", "warn", "fail")
_FEW = 5


def looser_manifest(
    before: LoadedManifest,
    after: LoadedManifest,
    workspace: Workspace,
    seen: Mapping[str, Seen],
    today: date,
    base: Base | None = None,
) -> tuple[Finding, ...]:
    """The findings, the worst first; `seen` is what was read, by the file's path as the manifest has it.

    `base` is what else there was beside the manifest `before`, without which more is told. Positions of `before` are
    of that manifest, under the name that it was loaded by.
    """
    found = [*_policy(before, after), *_device(before, after)]
    paired, gone = matches(entries(before, workspace, base), entries(after, workspace), workspace)
    found += (_gone(each, after) for each in gone)
    for match in paired:
        found += _least(match, seen, today, base)
    return tuple(sorted(found, key=lambda finding: -finding.severity))


def _policy(before: LoadedManifest, after: LoadedManifest) -> Iterator[Finding]:
    was, now = before.manifest.policy, after.manifest.policy
    if STRICTNESS.index(now.loosening) < STRICTNESS.index(was.loosening):
        reason = f"`policy.loosening` was {was.loosening} and is {now.loosening}"
        at, stood = after.position("policy", "loosening"), before.position("policy", "loosening")
        yield loosened("policy-weaker", "", reason, at, was=stood)
    if was.mutation_score is not None and (now.mutation_score is None or now.mutation_score < was.mutation_score):
        told = "is no longer asked for" if now.mutation_score is None else f"is {now.mutation_score:g}"
        reason = f"`policy.mutation_score` was {was.mutation_score:g} and {told}"
        at, stood = after.position("policy", "mutation_score"), before.position("policy", "mutation_score")
        yield loosened("policy-weaker", "", reason, at, was=stood)


def _device(before: LoadedManifest, after: LoadedManifest) -> Iterator[Finding]:
    was, now = before.manifest.defaults.device, after.manifest.defaults.device
    if was != now:
        at, stood = after.position("defaults", "device"), before.position("defaults", "device")
        yield loosened("loading-changed", "", f"`defaults.device` was {was} and is {now}", at, was=stood)


def _gone(gone: Gone, after: LoadedManifest) -> Finding:
    entry = gone.before
    if entry.said.is_glob and gone.files:
        few = ", ".join(map(cropped, gone.files[:_FEW])) + (", …" if len(gone.files) > _FEW else "")
        reason = f"{few} no longer judged: this pattern matched"
    else:
        reason = "no longer judged: no entry of the manifest names it or its file"
    return loosened("model-removed", entry.called, reason, after.position("models"), was=entry.at("weights"))


def _least(match: Match, seen: Mapping[str, Seen], today: date, base: Base | None) -> list[Finding]:
    """Where several entries judge the same files, all have to hold: what the strictest lets through counts."""
    every = []
    for after in match.after:
        pairs = match.pairs(after)
        read = [seen[file] for _, file in pairs if file in seen]
        change = Change(match.before, after, pairs, base)
        every.append(list(looser_model(change, _together(read), len(read) == len(pairs), today)))
    return min(every, key=len)


def _together(read: list[Seen]) -> Seen:
    found: dict[str, frozenset[Kind]] = {}
    for each in read:
        for name, kinds in each.items():
            found[name] = found.get(name, frozenset()) | kinds
    return found

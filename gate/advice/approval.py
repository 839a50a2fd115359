"""What an approval would change, where the reference, the golden outputs or the pin are the repository's own files."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from gate.advice.obstacles import Obstacles, obstacles
from gate.approvals.changes import Change, Kind, counts, everything, largest, named, of_values
from gate.approvals.scope import EVERYTHING, Scope
from gate.asked import REFERENCE
from gate.checks.interface import UNCHECKABLE, UNREADABLE, Subject
from gate.checks.predictions import BATCH
from gate.covering import covering
from gate.results import CheckResult, ModelResult, Outcome, Suggestion
from gate.tensors.pairing import names_in
from gate.wording import counted

_MANIFEST = "weight-gate.yml"
_OF_REFERENCE = frozenset({"structure", "values", "statistics", "loaded-values"})
_BARS_NOTHING = frozenset({"mutations"})
_RED = (Outcome.FAILED, Outcome.ERROR)
_MOST_GLOBS, _MOST_LARGEST = 6, 3


def advise(subject: Subject, judged: ModelResult) -> Iterator[Suggestion]:
    """The command, for whoever means the change; nothing where `weight-gate update` could write nothing.

    Where it could not work, what keeps it from that is said instead, and no command.
    """
    red = [check.check for check in judged.checks if check.outcome in _RED]
    of_reference = bool(_OF_REFERENCE.intersection(red)) and subject.renewable
    golden = [each.expected for each in subject.loading.predictions if isinstance(each.expected, Path)]
    renews_outputs = "predictions" in red and bool(golden)
    if subject.written is None or not (of_reference or renews_outputs or "digest" in red):
        return
    if _OF_REFERENCE.intersection(red) and subject.reference is not None and not subject.renewable:
        return
    changes = _changes(subject, judged) if of_reference else ()
    details = list(_details(subject, changes))
    if renews_outputs:
        details.append(f"golden outputs predicted anew: {', '.join(dict.fromkeys(path.name for path in golden))}")
    if "digest" in red:
        details.append("the pin `digest` is renewed")
    stays = list(_staying(subject, judged))
    globs = (EVERYTHING,) if renews_outputs or "digest" in red else _globs(subject, changes)
    takes = Scope(tuple(globs) if subject.is_locked else ()).takes  # a file becomes the reference as a whole
    found = obstacles(subject, takes) if of_reference and not stays else Obstacles()
    if stays:
        details.append(f"cannot be approved, so that nothing is as long as it is red: {', '.join(stays)}")
    if found.reasons:
        details.append("cannot be approved as the manifest is:")
        details += found.reasons
    code = "" if stays or found.reasons else _command(subject, judged, globs)
    yield Suggestion("approval", "what an approval would change", tuple(details), code or found.code, found.language)


def _staying(subject: Subject, judged: ModelResult) -> Iterator[str]:
    """The red checks that no approval makes green."""
    of_values = _tensors(judged, ("structure", "values"))
    for check in judged.checks:
        if check.outcome not in _RED or check.check in _BARS_NOTHING:
            continue
        if check.check in _OF_REFERENCE:
            unread = any(each.kind == UNREADABLE for each in check.findings)
            by_itself = check.check == "loaded-values" and not _tensors(judged, (check.check,)) <= of_values
            if by_itself or unread or not subject.renewable:
                yield check.check
        elif check.check == "predictions":
            if not _is_renewable(subject, check):
                yield check.check
        elif check.check != "digest":
            yield check.check


def _is_renewable(subject: Subject, check: CheckResult) -> bool:
    """Whether golden outputs, or a new reference, can make predictions hold: bounds of a metric are no such thing."""
    asked = subject.loading.predictions
    moves = any(
        isinstance(each.expected, Path) or (each.metric and each.metric.max_drop is not None) for each in asked
    ) or (subject.renewable and any(each.expected == REFERENCE for each in asked))
    return moves and not any(each.kind in (BATCH, UNCHECKABLE, "load-failed") for each in check.findings)


def _tensors(judged: ModelResult, checks: Sequence[str]) -> set[str | None]:
    return {each.tensor for check in judged.checks if check.check in checks for each in check.findings}


def _changes(subject: Subject, judged: ModelResult) -> tuple[Change, ...]:
    """What differs; from a lock, as far as findings tell: its digests were compared already."""
    if subject.reference is None:
        return ()
    if all(each.locked is None for each in subject.reference):
        return of_values(subject)
    names = {
        each.tensor for check in judged.checks if check.check in _OF_REFERENCE for each in check.findings if each.tensor
    }
    names |= names_in(each for each in subject.pairing.uncertain if each.reference in names)
    both = subject.pairing
    kinds = {
        name: Kind.REMOVED if name not in both.candidate else Kind.NEW if name not in both.reference else Kind.CHANGED
        for name in both.names
        if name in names
    }
    return tuple(Change(name, kind) for name, kind in kinds.items())


def _details(subject: Subject, changes: Sequence[Change]) -> Iterator[str]:
    for kind, names in named(changes).items():
        count = counts(changes)[kind]
        yield f"{count:,} of {counted(len(everything(subject).names), 'tensor')} {kind}: {', '.join(names)}"
    for each in largest(changes, _MOST_LARGEST):
        yield f"{each.name}: {each.told}"


def _command(subject: Subject, judged: ModelResult, globs: Sequence[str]) -> str:
    """What to type, but for the reason, which only a person can give: as it is, it is refused."""
    words = ["weight-gate", "update"]
    manifest = subject.written.file if subject.written else _MANIFEST
    words += [manifest] if manifest != _MANIFEST else []
    words += ["--model", judged.name]
    for glob in globs:
        words += ["--only", glob]
    words += ["--allow-code"] if subject.loading.runs_code else []
    return f"{shlex.join(words)} --reason '…'"


def _globs(subject: Subject, changes: Sequence[Change]) -> Sequence[str]:
    """What `--only` takes: the fewest globs that mean just these, or everything."""
    names = {each.name for each in changes}
    found = covering(names, (name for name in everything(subject).names if name not in names)) if names else ()
    few = 0 < len(found) <= _MOST_GLOBS and all(glob.isprintable() for glob in found)
    return found if few else (EVERYTHING,)

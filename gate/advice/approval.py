"""What an approval would change, where the reference, the golden outputs or the pin are the repository's own files."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from gate.approvals.changes import Change, Kind, counts, largest, named, of_values
from gate.approvals.scope import EVERYTHING
from gate.checks.interface import Subject
from gate.covering import covering
from gate.results import ModelResult, Outcome, Suggestion
from gate.wording import counted

_MANIFEST = "weight-gate.yml"
_OF_REFERENCE = frozenset({"structure", "values", "statistics", "loaded-values"})
_OF_FILE = ("read", "rules", "finite", "restore", "roundtrip")
_RED = (Outcome.FAILED, Outcome.ERROR)
_MOST_GLOBS, _MOST_LARGEST = 6, 3


def advise(subject: Subject, judged: ModelResult) -> Iterator[Suggestion]:
    """The command, for whoever means the change; nothing where `weight-gate update` could write nothing."""
    red = [check.check for check in judged.checks if check.outcome in _RED]
    of_reference = bool(_OF_REFERENCE.intersection(red)) and subject.renewable
    golden = [each.expected for each in subject.loading.predictions if isinstance(each.expected, Path)]
    renews_outputs = "predictions" in red and bool(golden)
    if not (of_reference or renews_outputs or "digest" in red):
        return
    if _OF_REFERENCE.intersection(red) and subject.reference is not None and not subject.renewable:
        return
    changes = _changes(subject, judged) if of_reference else ()
    details = list(_details(subject, changes))
    if renews_outputs:
        details.append(f"golden outputs predicted anew: {', '.join(dict.fromkeys(path.name for path in golden))}")
    if "digest" in red:
        details.append("the pin `digest` is renewed")
    stays = [name for name in _OF_FILE if name in red]
    if stays:
        details.append(f"cannot be approved, so that nothing is as long as it is red: {', '.join(stays)}")
    code = "" if stays else _command(subject, judged, changes)
    yield Suggestion("approval", "what an approval would change", tuple(details), code)


def _changes(subject: Subject, judged: ModelResult) -> tuple[Change, ...]:
    """What differs; from a lock, as far as findings tell: its digests were compared already."""
    if subject.reference is None:
        return ()
    if all(each.locked is None for each in subject.reference):
        return of_values(subject)
    names = {
        each.tensor for check in judged.checks if check.check in _OF_REFERENCE for each in check.findings if each.tensor
    }
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
        yield f"{count:,} of {counted(len(subject.pairing.names), 'tensor')} {kind}: {', '.join(names)}"
    for each in largest(changes, _MOST_LARGEST):
        yield f"{each.name}: {each.told}"


def _command(subject: Subject, judged: ModelResult, changes: Sequence[Change]) -> str:
    words = ["weight-gate", "update"]
    manifest = subject.written.file if subject.written else _MANIFEST
    words += [manifest] if manifest != _MANIFEST else []
    words += ["--model", judged.name]
    for glob in _globs(subject, changes):
        words += ["--only", glob]
    words += ["--allow-code"] if subject.loading.runs_code else []
    return f"{shlex.join(words)} --reason 'why it is meant'"


def _globs(subject: Subject, changes: Sequence[Change]) -> Sequence[str]:
    """What `--only` takes: the fewest globs that mean just these, or everything."""
    names = {each.name for each in changes}
    found = covering(names, (name for name in subject.pairing.names if name not in names)) if names else ()
    few = 0 < len(found) <= _MOST_GLOBS and all(glob.isprintable() for glob in found)
    return found if few else (EVERYTHING,)

"""Annotations: workflow commands for GitHub's runner, which puts them on the lines of the manifest.

GitHub keeps ten errors, ten warnings and ten notices of a step and drops the others without a word, so ten are
written, the worst of each kind before the second of any, and one notice says how many more there are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TextIO

from gate.errors import GateError
from gate.position import Position
from gate.reports.entry import Entry, entries, ranks
from gate.reports.escaping import command_data, command_property, plain, visible
from gate.reports.fold import Fold, severity
from gate.reports.loosening import APPROVED, Part, parts
from gate.reports.stream import emit
from gate.reports.wording import RED, complete, findings, story, title, where
from gate.results import CheckResult, Finding, ModelResult, Outcome, RunResult
from gate.wording import counted

MOST = 10
_CROWD = 5  # more of one check and kind are told in fewer
LONGEST = 4096

Level = Literal["error", "warning", "notice"]
_ORDER = (Outcome.ERROR, Outcome.FAILED, Outcome.NOT_RUN)


@dataclass(frozen=True)
class _Found:
    model: ModelResult
    check: CheckResult
    entry: Entry
    rank: int = 0  # how many of its kind come before it


def annotations(run: RunResult) -> str:
    """One command a line: errors, worst first; warnings for a loosened gate, or where that cannot be told, and for what
    was waived; notices for notes.

    There is an error in it exactly when the exit code is not 0.
    """
    found = list(_found(run))
    errors = [each for each in found if each.check.outcome in RED]
    errors.sort(key=lambda each: (_ORDER.index(each.check.outcome), each.rank, -severity(each.entry.worst)))
    waived = [each for each in found if each.check.outcome is Outcome.WAIVED]
    notes = [(model.name, model.position, note) for model in run.models for note in model.notes]
    manifest = Position(run.manifest) if run.manifest else None
    notes += [(APPROVED, each.position, each.reason) for each in run.loosening.approved]
    loosened = [(part.heading, each) for part in parts(run) if part.heading != APPROVED for each in _worst(part)]
    if run.left_out:  # one for them all: a warning for each would hide those that matter
        notes.insert(0, ("weight-gate", None, f"left out: {', '.join(left.name for left in run.left_out)}"))
    lines = [_finding(run, each, "error") for each in errors[:MOST]]
    untold = run.loosening.notes
    lines += [_command("warning", manifest, "weight-gate", [note]) for note in untold[:MOST]]
    room = MOST - len(untold[:MOST])
    lines += [_loosened(heading, each) for heading, each in loosened[:room]]
    rest = room - len(loosened[:room])
    lines += [_finding(run, each, "warning") for each in waived[:rest]]
    lines += [_command("notice", position, name, [note]) for name, position, note in notes[: MOST - 1]]
    unshown = [each.entry for each in errors[MOST:] + waived[rest:]]
    unshown += [each for _, each in loosened[room:]]
    left = sum(each.count for each in unshown) + len(untold[MOST:]) + len(notes[MOST - 1 :])
    if left:
        lines.append(_command("notice", None, "weight-gate", [f"{left:,} more findings: see summary"]))
    return "".join(f"{line}\n" for line in lines)


def write_annotations(run: RunResult, stream: TextIO) -> None:
    """Hand the annotations to the runner, which reads them from `stream`."""
    emit(stream, annotations(run))


def error_annotation(error: GateError) -> str:
    """The command for an error that came before any run: a manifest that cannot be used, say."""
    lines = [error.reason, f"What to do: {error.hint}"] if error.hint else [error.reason]
    return _command("error", error.position, "weight-gate", lines) + "\n"


def warning_annotation(error: GateError) -> str:
    """The command for what went wrong and has no part in the verdict."""
    return _command("warning", error.position, "weight-gate", [error.reason, f"What to do: {error.hint}"]) + "\n"


def _found(run: RunResult) -> Iterator[_Found]:
    for model in complete(run):
        wordless: dict[tuple[Outcome, str], list[CheckResult]] = {}
        for check in model.checks:
            if check.outcome in RED and not check.findings:
                key = (check.outcome, "" if check.outcome is Outcome.NOT_RUN else check.summary)
                wordless.setdefault(key, []).append(check)
            elif check.outcome is not Outcome.PASSED:
                of = entries(findings(check), _CROWD)
                yield from (_Found(model, check, each, rank) for each, rank in zip(of, ranks(of), strict=True))
        for checks in wordless.values():
            yield _Found(model, checks[0], Entry((Fold((_without_a_finding(checks),)),)), rank=1)


def _without_a_finding(checks: list[CheckResult]) -> Finding:
    """One for the checks of a model that ended alike and found nothing: not reached, or not made."""
    names = ", ".join(check.check for check in checks)
    if checks[0].outcome is Outcome.NOT_RUN:
        return Finding("not-run", f"{counted(len(checks), 'check')} not reached: {names}")
    (found,) = findings(checks[0])
    return found if len(checks) == 1 else Finding(found.kind, f"{names}: {found.reason}")


def _finding(run: RunResult, found: _Found, level: Level) -> str:
    worst = found.entry.worst
    lines = [title(found.entry), *story(found.entry)]
    if worst.hint:
        lines.append(f"What to do: {worst.hint}")
    heading = f"{found.model.name}: {found.check.check}: {found.check.outcome}"
    return _command(level, where(found.entry, found.check, found.model, run), heading, lines)


def _worst(part: Part) -> list[Entry]:
    """The entries of a part, the worst of each kind before the second of any."""
    of = entries(part.findings, _CROWD)
    order = sorted(zip(of, ranks(of), strict=True), key=lambda each: (each[1], -severity(each[0].worst)))
    return [each for each, _ in order]


def _loosened(heading: str, entry: Entry) -> str:
    return _command("warning", entry.worst.position, heading, [title(entry), *story(entry)])


def _command(level: Level, position: Position | None, heading: str, lines: list[str]) -> str:
    properties = []
    if position and len(file := command_property(visible(position.file))) <= LONGEST // 2:
        properties = [f"file={file}", f"line={position.line}", f"col={position.column}"]
    properties.append("title=" + _cropped(command_property(plain(heading)), 200))
    start = f"::{level} {','.join(properties)}::"
    text = command_data("\n".join(plain(line) for line in lines).strip() or plain(heading).strip() or "-")
    return start + _cropped(text, LONGEST - _units(start))


def _units(text: str) -> int:
    """Length as the runner counts: in UTF-16."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _cropped(escaped: str, limit: int) -> str:
    """`escaped`, no longer than `limit` and cut between characters, never inside `%0A`."""
    if _units(escaped) <= limit:
        return escaped
    kept = escaped[: limit - 3]
    while _units(kept) > limit - 3:
        kept = kept[:-1]
    if "%" in kept[-2:]:
        kept = kept[: kept.rindex("%")]
    return f"{kept}..."

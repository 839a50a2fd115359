"""Annotations: workflow commands for GitHub's runner, which puts them on the lines of the manifest.

GitHub keeps ten errors, ten warnings and ten notices of a step and drops the others without a word, so the worst
ten are written, and one notice says how many more there are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TextIO

from gate.errors import GateError
from gate.position import Position
from gate.reports.escaping import command_data, command_property, plain, visible
from gate.reports.fold import Fold, fold, severity
from gate.reports.stream import emit
from gate.reports.wording import RED, complete, findings, plural, story, title, where
from gate.results import CheckResult, Finding, ModelResult, Outcome, RunResult

MOST = 10
LONGEST = 4096

Level = Literal["error", "warning", "notice"]
_ORDER = (Outcome.ERROR, Outcome.FAILED, Outcome.NOT_RUN)


@dataclass(frozen=True)
class _Entry:
    model: ModelResult
    check: CheckResult
    fold: Fold


def annotations(run: RunResult) -> str:
    """One command a line: errors, worst first; warnings for what was waived; notices for notes.

    There is an error in it exactly when the exit code is not 0.
    """
    entries = list(_entries(run))
    errors = [entry for entry in entries if entry.check.outcome in RED]
    errors.sort(key=lambda entry: (_ORDER.index(entry.check.outcome), -severity(entry.fold.worst)))
    waived = [entry for entry in entries if entry.check.outcome is Outcome.WAIVED]
    notes = [(model, note) for model in run.models for note in model.notes]
    lines = [_finding(run, entry, "error") for entry in errors[:MOST]]
    lines += [_finding(run, entry, "warning") for entry in waived[:MOST]]
    lines += [_command("notice", model.position, model.name, [note]) for model, note in notes[: MOST - 1]]
    left = sum(entry.fold.count for entry in errors[MOST:] + waived[MOST:]) + len(notes[MOST - 1 :])
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


def _entries(run: RunResult) -> Iterator[_Entry]:
    for model in complete(run):
        unreached = [check for check in model.checks if _is_unreached(check)]
        for check in model.checks:
            if check.outcome is not Outcome.PASSED and not _is_unreached(check):
                for each in fold(findings(check)):
                    yield _Entry(model, check, each)
        if unreached:
            names = ", ".join(check.check for check in unreached)
            found = Finding("not-run", f"{plural(len(unreached), 'check')} not reached: {names}")
            yield _Entry(model, unreached[0], Fold((found,)))


def _is_unreached(check: CheckResult) -> bool:
    """Nothing but not reached: all of a model's become one annotation."""
    return check.outcome is Outcome.NOT_RUN and not check.findings


def _finding(run: RunResult, entry: _Entry, level: Level) -> str:
    worst = entry.fold.worst
    lines = [title(entry.fold), *story(entry.fold)]
    if worst.hint:
        lines.append(f"What to do: {worst.hint}")
    heading = f"{entry.model.name}: {entry.check.check}: {entry.check.outcome}"
    return _command(level, where(entry.fold, entry.check, entry.model, run), heading, lines)


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

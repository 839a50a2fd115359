"""The console: the verdict first and last, and between them what failed, where, why, and what to do.

Everything goes to the stream that the caller names. Tensor names are printed as they are, never as markup.
"""

import io
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from gate.reports.entry import Advice, Entry, advised, entries, pick
from gate.reports.escaping import harmless, plain, visible
from gate.reports.loading import loaded_alike, loaded_with, stepwise
from gate.reports.loosening import LOOSENED, Part, parts
from gate.reports.stream import Color, emit, wants_color
from gate.reports.wording import (
    RED,
    complete,
    coverage,
    crop,
    duration,
    findings,
    headline,
    left_out,
    numbers,
    outline,
    story,
    title,
    unsaid,
)
from gate.results import CheckResult, Conclusion, ModelResult, Outcome, RunResult, Suggestion
from gate.wording import counted

MOST_ENTRIES = 10  # of one check
_MOST_LINES = 12  # of one finding
_LONGEST = 1000  # of one text: longer ones lose their middle
_ITEM = 60  # of one step
_CROWD = 6  # more entries of one kind are told in fewer
_NAMES = 400  # of names that stand together
_NARROWEST, _WIDE = 40, 100
_TAB = "\ue000"  # stands for a tab, of which rich would make spaces; what is escaped holds none

_STYLES = {
    Outcome.PASSED: "green",
    Outcome.FAILED: "bold red",
    Outcome.ERROR: "bold magenta",
    Outcome.WAIVED: "yellow",
    Outcome.NOT_RUN: "yellow",
}
_VERDICT_STYLES = {
    Conclusion.SUCCESS: "bold green",
    Conclusion.FAILURE: "bold red",
    Conclusion.NOTHING_CHECKED: "bold red",
    Conclusion.NOTHING_TO_CHECK: "bold green",
    Conclusion.ERROR: "bold magenta",
    Conclusion.NOT_RUN: "bold yellow",
}
_OUTCOME_WIDTH = max(len(outcome) for outcome in Outcome)


def write_console(
    run: RunResult,
    stream: TextIO,
    *,
    color: Color = "auto",
    reports: Mapping[str, str] | None = None,
    width: int | None = None,
    quiet: bool = False,
) -> None:
    """Print the run; `reports` says where the report files lie, by kind.

    `quiet`: only what is not green, where the reports lie, and the verdict.
    """
    page = _Page(width or width_of(stream))
    if quiet:
        _red(page, run)
        _paths(page, reports or {})
    else:
        _verdict(page, run)
        page.line()
        alike = loaded_alike(run)
        for model in complete(run):
            _model(page, model, is_loading_told=not alike)
            page.line()
        _left_out(page, run)
        _loosening(page, list(parts(run)), run.loosening.notes)
        _closing(page, run, reports or {}, alike)
    _verdict(page, run)
    emit(stream, page.render(wants_color(stream, color)))


def write_model(model: ModelResult, stream: TextIO, *, color: Color = "auto") -> None:
    """Print one model as `write_console` does, without a verdict on the run."""
    page = _Page(width_of(stream))
    _model(page, model)
    emit(stream, page.render(wants_color(stream, color)))


def write_code(code: str, language: str, stream: TextIO, *, color: Color = "auto") -> None:
    """Print what is to be pasted or run, as `write_console` does."""
    page = _Page(width_of(stream))
    _code(page, code, language)
    emit(stream, page.render(wants_color(stream, color)))


def width_of(stream: TextIO) -> int:
    """The terminal's width; logs get one that a browser shows without a scroll bar."""
    columns = shutil.get_terminal_size((_WIDE, 24)).columns if stream.isatty() else 0
    if not columns:
        columns = int(os.environ["COLUMNS"]) if os.environ.get("COLUMNS", "").isdecimal() else _WIDE
    return max(columns, _NARROWEST)


class _Page:
    """Lines of styled words. Words are moved to the next line, never broken: a name can be copied whole."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._lines: list[Text] = []

    def line(self, *spans: tuple[str, str]) -> None:
        """One line of (text, style); the texts are escaped here."""
        self._add(Text.assemble(*((plain(text), style) for text, style in spans)))

    def verbatim(self, text: str, style: str = "") -> None:
        """The lines of `text` from the first column on, spaces at their ends and tabs too, to be cut out and used."""
        for line in text.split("\n"):
            shown = harmless(visible(line.removesuffix("\r"), keep="\t"))
            self._lines.append(Text(shown.replace("\t", _TAB), style))

    def paragraph(self, label: str, text: str, *, indent: int = 0, style: str = "", label_style: str = "") -> None:
        """`text` after `label`, its further lines under its first."""
        hang = indent + cell_len(label)
        if hang > self._width // 2:
            hang = indent + 2
        self._rows(label, wrap(plain(crop(text, _LONGEST)), self._width - hang), indent, hang, style, label_style)

    def items(self, label: str, items: Sequence[str], *, indent: int = 0, style: str = "") -> None:
        """`items` after `label`, with semicolons between them; none is broken where it fits into a line."""
        hang = indent + cell_len(label)
        shown = [plain(crop(item, _ITEM)) for item in items]
        pieces = [f" {item};" for item in shown[:-1]] + [f" {item}" for item in shown[-1:]]
        pieces[:1] = [piece.removeprefix(" ") for piece in pieces[:1]]
        self._rows(label, _packed(pieces, self._width - hang), indent, hang, style, style)

    def _rows(self, label: str, rows: Sequence[str], indent: int, hang: int, style: str, label_style: str) -> None:
        for number, row in enumerate(rows or [""]):
            head = (" " * indent + label) if number == 0 else " " * hang
            self._add(Text.assemble((plain(head), label_style), (row, style)))

    def _add(self, line: Text) -> None:
        line.rstrip()
        self._lines.append(line)

    def render(self, color: bool) -> str:
        out = io.StringIO()
        console = Console(
            file=out,
            force_terminal=color,
            color_system="standard" if color else None,
            no_color=not color,
            markup=False,
            emoji=False,
            highlight=False,
            legacy_windows=False,
            width=self._width,
            _environ={},
        )
        for line in self._lines:
            console.print(line, soft_wrap=True)
        return harmless(out.getvalue().replace(_TAB, "\t"))


def wrap(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` cells where its words allow it; no word is broken."""
    if cell_len(text) <= width:
        return [text] if text else []
    return _packed(re.findall(r" *[^ ]+", text), width)


def _packed(words: Iterable[str], width: int) -> list[str]:
    """`words`, each with the space before it, in lines of at most `width` cells where none is longer."""
    lines: list[str] = []
    line = ""
    for word in words:
        if line.strip() and cell_len(line + word) > width:
            lines.append(line)
            line = word.lstrip(" ")
        else:
            line += word
    return [*lines, line]


def _verdict(page: _Page, run: RunResult) -> None:
    page.paragraph("", f"weight-gate {run.version}: {headline(run)}", style=_VERDICT_STYLES[run.conclusion])


def _red(page: _Page, run: RunResult) -> None:
    """The checks that are not green, what one may do about them, and what this pull request loosens."""
    for model in complete(run):
        checks = tuple(check for check in model.checks if check.outcome in RED)
        if checks:
            _judged(page, replace(model, checks=checks))
            page.line()
    _loosening(page, [part for part in parts(run) if part.heading == LOOSENED], run.loosening.notes)


def _left_out(page: _Page, run: RunResult) -> None:
    told = [text for text, _ in left_out(run)]
    for text in told:
        page.paragraph("", text, style="yellow")
    if told:
        page.line()


def _model(page: _Page, model: ModelResult, *, is_loading_told: bool = True) -> None:
    _judged(page, model)
    page.paragraph("coverage  ", coverage(model), indent=2, label_style="dim")
    for note in model.notes:
        page.paragraph("note  ", note, indent=2, label_style="yellow")
    if is_loading_told and (told := loaded_with(model.runtime)):
        page.paragraph("loaded with  ", told, indent=2, label_style="dim")
    if model.steps:
        page.items("steps  ", stepwise(model.steps), indent=2, style="dim")
    if model.seconds:
        page.paragraph("time  ", duration(model.seconds), indent=2, label_style="dim", style="dim")


def _judged(page: _Page, model: ModelResult) -> None:
    """Its checks, and what one may do about them."""
    name = crop(model.name, _LONGEST)
    page.line((name, "bold"), ("  ", ""), (crop(model.weights, _LONGEST), "cyan"))
    if model.reference is not None:
        page.line(("  reference  ", "dim"), (crop(model.reference, _LONGEST), "cyan"))
    longest = max((cell_len(plain(check.check)) for check in model.checks), default=0)
    for check in model.checks:
        _check(page, check, min(longest, 16))
    for suggestion in model.suggestions:
        _suggestion(page, suggestion)


def _check(page: _Page, check: CheckResult, longest: int) -> None:
    took = f" ({duration(check.seconds)})" if check.seconds >= 0.1 else ""
    label = f"{check.outcome.upper():<{_OUTCOME_WIDTH}}  {check.check:<{longest}}  "
    page.paragraph(label, outline(check) + took, indent=2, label_style=_STYLES[check.outcome])
    if check.findings or check.outcome is Outcome.ERROR:
        _findings(page, check)


def _findings(page: _Page, check: CheckResult) -> None:
    found = findings(check)
    shown, left = pick(entries(found, _CROWD), MOST_ENTRIES)
    for advice in advised(shown, check.position):
        _advice(page, advice, check)
    if left:
        page.paragraph("", f"{unsaid(left)}, see the JSON report", indent=6, style="bold")


def _loosening(page: _Page, said: Sequence[Part], notes: Sequence[str]) -> None:
    """What the manifest lets through, after what it is about."""
    for part in said:
        page.line((part.heading, "bold yellow"))
        page.paragraph("", part.meaning, indent=2)
        _findings(page, part.check)
    for note in notes:
        page.paragraph("note  ", note, label_style="yellow")
    if said or notes:
        page.line()


def _suggestion(page: _Page, suggestion: Suggestion) -> None:
    page.paragraph("", suggestion.title, indent=2, style="bold")
    for line in suggestion.details:
        page.paragraph("", line, indent=4)
    _code(page, suggestion.code, suggestion.language)


def _code(page: _Page, code: str, language: str) -> None:
    """A patch from the first column on, between empty lines: `git apply` takes no line that is moved in."""
    if language == "diff" and code:
        page.line()
        page.verbatim(code.removesuffix("\n"), "cyan")
        page.line()
    else:
        for line in code.splitlines():
            page.line(("      " + line, "cyan"))


def _advice(page: _Page, advice: Advice, check: CheckResult) -> None:
    for reason, group in advice.by_reason:
        if reason:
            page.paragraph("", reason, indent=6)
        for each in group:
            if reason:
                _detail(page, each)
            else:
                _entry(page, each, check)
    indent = 8 if len(advice.entries) == 1 else 6  # under the one, or beside them all
    if advice.hint:
        page.paragraph("what to do: ", advice.hint, indent=indent, label_style="bold")
    if advice.position:
        page.line((" " * indent + "asked for at ", "dim"), (str(advice.position), "cyan"))


def _entry(page: _Page, each: Entry, check: CheckResult) -> None:
    if each.names or each.worst.reason != outline(check):
        page.paragraph("- ", title(each, _LONGEST if len(each.names) < 2 else _NAMES), indent=6, style="bold")
    lines = story(each)
    for line in lines[:_MOST_LINES]:
        page.paragraph("", line, indent=8)
    if len(lines) > _MOST_LINES:
        page.line((f"        {counted(len(lines) - _MOST_LINES, 'more line')}, see the JSON report", "dim"))


def _detail(page: _Page, each: Entry) -> None:
    """An entry whose reason stands above: its names and numbers."""
    label = title(each, _LONGEST if len(each.names) < 2 else _NAMES)
    page.paragraph("- ", f"{label}: {detail}" if (detail := numbers(each)) else label, indent=6, style="bold")


def _paths(page: _Page, reports: Mapping[str, str]) -> None:
    for kind, path in reports.items():
        page.line((f"{kind:<9} ", "dim"), (path, "cyan"))


def _closing(page: _Page, run: RunResult, reports: Mapping[str, str], loaded: str) -> None:
    red = [
        (model.name, ", ".join(check.check for check in model.checks if check.outcome in RED))
        for model in complete(run)
        if any(check.outcome in RED for check in model.checks)
    ]
    if len(run.models) > 1:
        for name, checks in red:
            page.paragraph(f"{crop(name, 60)}: ", checks, style="bold red")
    _paths(page, reports)
    if run.command:
        page.line(("reproduce ", "dim"), (run.command, "cyan"))
    if run.environment:
        told = "; ".join(f"{key} {value}" for key, value in sorted(run.environment.items()))
        page.paragraph("with      ", told, label_style="dim", style="dim")
    if loaded:
        page.paragraph("loaded with  ", loaded, label_style="dim")
    if run.seconds:
        page.paragraph("time      ", duration(run.seconds), label_style="dim", style="dim")
    if red or reports or run.command or run.environment or loaded or run.seconds:
        page.line()

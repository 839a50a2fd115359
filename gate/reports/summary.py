"""The job summary: Markdown for the page of the run, failures first.

GitHub shows no summary at all above 1 MiB, so the report keeps to a limit in bytes: it leaves out whole findings,
from the last one up, and says how many. Foreign text stands in code spans or is escaped: it forms no markup.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gate.reports.entry import Advice, Entry, advised, entries
from gate.reports.escaping import code, fenced, fenced_lines, markdown
from gate.reports.loading import loaded_alike, loaded_with, memory, merged
from gate.reports.loosening import LOOSENED, parts
from gate.reports.wording import (
    RED,
    complete,
    coverage,
    crop,
    duration,
    findings,
    headline,
    labels,
    left_out,
    numbers,
    outline,
    rank,
    speaker,
    story,
    tally,
)
from gate.results import CheckResult, Conclusion, ModelResult, Outcome, RunResult, Step, Suggestion
from gate.wording import counted

LIMIT = 1024 * 1024 - 16 * 1024  # the runner rewrites line ends and masks secrets, which may add some bytes

_NAME, _TEXT, _LINES = 200, 500, 20  # the longest name and line shown, and the most lines of one finding
_CROWD = 100  # more entries of one kind are told in fewer
_NAMES = 2000  # of names that stand together
_MARKS = {
    Outcome.PASSED: "✅",
    Outcome.FAILED: "❌",
    Outcome.ERROR: "⛔",
    Outcome.WAIVED: "⏭️",
    Outcome.NOT_RUN: "⏸️",
}
_VERDICT_MARKS = {
    Conclusion.SUCCESS: "✅",
    Conclusion.FAILURE: "❌",
    Conclusion.NOTHING_TO_CHECK: "⏭️",
    Conclusion.NOT_RUN: "⏸️",
}


@dataclass(frozen=True)
class _Item:
    text: str
    holds: int = 0  # findings that go missing with it


@dataclass(frozen=True)
class _Section:
    """Markdown that may be cut between its items, and nowhere else."""

    head: str
    items: Sequence[_Item]
    tail: str = "\n"


def summary(run: RunResult, limit: int = LIMIT) -> str:
    """The summary in at most `limit` bytes of UTF-8."""
    models = sorted(complete(run), key=rank)
    text = f"## {_VERDICT_MARKS.get(run.conclusion, '⛔')} weight-gate: {markdown(headline(run))}\n\n"
    if _size(text) > limit:
        return ""
    last = _reproduce(run)
    closing = _left_out(10**15, 10**15)
    room = limit - _size(text) - _size(closing)
    if _size(last) > max(room, 0) // 4:
        last = ""
    room -= _size(last)
    missing = parts = 0
    for section in _sections(run, models):
        shown, kept = _fit(section, room)
        room -= _size(shown)
        text += shown
        parts += len(section.items) - kept
        missing += sum(item.holds for item in section.items[kept:])
    if parts and limit >= _size(text) + _size(last) + _size(closing):
        text += _left_out(missing, parts)
    return text + last


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _left_out(missing: int, parts: int) -> str:
    what = f"{counted(missing, 'finding')}" if missing else counted(parts, "line")
    return f"**{what} left out here for their length: see the JSON report.**\n\n"


def _fit(section: _Section, room: int) -> tuple[str, int]:
    """As much of a section as there is room for, and how many of its items that is; never a head alone."""
    room -= _size(section.head) + _size(section.tail)
    kept = 0
    for item in section.items:
        room -= _size(item.text)
        if room < 0:
            break
        kept += 1
    if not kept:
        return "", 0
    return section.head + "".join(item.text for item in section.items[:kept]) + section.tail, kept


def _sections(run: RunResult, models: Sequence[ModelResult]) -> Iterator[_Section]:
    yield _table(models)
    yield _Section("", [_Item(_unjudged(*each)) for each in left_out(run)])
    yield from _loosening(run)
    for outcomes in (RED, {Outcome.WAIVED}):
        for model in models:
            for check in model.checks:
                if check.outcome in outcomes:
                    yield _details(model, check)
    for model in models:
        for suggestion in model.suggestions:
            yield _suggestion(model, suggestion)
    yield _facts(run, models)
    passes = [
        _Item(f"- {_short_code(model.name)} {markdown(check.check)}: {_short(outline(check))}\n")
        for model in models
        for check in model.checks
        if check.outcome is Outcome.PASSED
    ]
    heading = f"<details><summary>{counted(len(passes), 'check')} passed</summary>\n\n"
    yield _Section(heading, passes, "\n</details>\n\n")
    yield _steps(models)
    environment = {"weight-gate": run.version, "manifest": run.manifest or "none", "started": run.started}
    environment |= {"duration": duration(run.seconds)} | dict(sorted(run.environment.items()))
    rows = [_Item(f"- {_short(key)}: {_short_code(value)}\n") for key, value in environment.items()]
    yield _Section("<details><summary>Environment</summary>\n\n", rows, "\n</details>\n\n")


def _table(models: Sequence[ModelResult]) -> _Section:
    head = "| Model | Weights | Verdict | Checks | Compared |\n| --- | --- | --- | --- | --- |\n"
    return _Section(head, [_Item(_row(model)) for model in models])


def _unjudged(text: str, names: Sequence[str]) -> str:
    told = ", ".join(_short_code(name) for name in names[:_LINES]) + (", …" if len(names) > _LINES else "")
    return f"{_short(text)}: {told}\n"


def _row(model: ModelResult) -> str:
    red = [check.check for check in model.checks if check.outcome in RED]
    what = ", ".join(markdown(crop(name, _NAME)) for name in red[:8]) + (", …" if len(red) > 8 else "")
    cells = [
        _short_code(model.name),
        _short_code(model.weights) if model.weights else "",
        f"{_MARKS[model.outcome]} {model.outcome}",
        what or counted(len(model.checks), "check"),
        markdown(coverage(model)),
    ]
    return f"| {' | '.join(cells)} |\n"


def _details(model: ModelResult, check: CheckResult) -> _Section:
    title = f"{_MARKS[check.outcome]} {_short_code(model.name)} {markdown(check.check)}: {check.outcome}"
    if not check.findings:
        return _Section(f"**{title}**\\\n", [_Item("\\\n".join(_wordless(check)) + "\n", 1)])
    head = f"### {title}\n\n"
    found = findings(check)
    if len(found) > 1 or outline(check) != found[0].reason:
        head += f"{_short(outline(check))}\n\n"
    told = advised(entries(found, _CROWD), check.position)
    return _Section(head, [item for advice in told for item in _items(advice)])


def _loosening(run: RunResult) -> Iterator[_Section]:
    for number, part in enumerate(parts(run)):
        level, mark = ("####", "") if number else ("###", "⚠️ " if part.heading == LOOSENED else "")
        head = f"{level} {mark}{part.heading}\n\n{_short(part.meaning)}\n\n"
        told = advised(entries(part.findings, _CROWD), None)
        yield _Section(head, [item for advice in told for item in _items(advice)])


def _suggestion(model: ModelResult, suggestion: Suggestion) -> _Section:
    """Whole or not at all: half a patch would be worse than none."""
    text = "\\\n".join(_short(line) for line in suggestion.details)
    text += f"\n\n{fenced_lines(suggestion.code, suggestion.language)}" if suggestion.code else ""
    return _Section(f"### {_short_code(model.name)}: {_short(suggestion.title)}\n\n", [_Item(text.strip("\n") + "\n")])


def _wordless(check: CheckResult) -> Iterator[str]:
    """What is said of a check that found nothing of its own: it was not reached, or repeats what another one found."""
    yield _short(outline(check))
    if check.position and check.outcome is not Outcome.NOT_RUN:
        yield f"asked for at {_short_code(str(check.position))}"


def _items(advice: Advice) -> Iterator[_Item]:
    """One for each entry; what to do stands in the only one, or after them all."""
    lines = [f"**What to do:** {_short(advice.hint)}"] if advice.hint else []
    if advice.position:
        lines.append(f"asked for at {_short_code(str(advice.position))}")
    alone = len(advice.entries) == 1
    for reason, group in advice.by_reason:
        for number, each in enumerate(group):
            head = f"- **{_short(reason)}**\n" if reason and not number else ""
            text = _detail(each) if reason else _entry(each, lines if alone else [])
            yield _Item(head + text, each.count)
    if lines and not alone:
        yield _Item("\n" + "\\\n".join(lines) + "\n\n")


def _detail(each: Entry) -> str:
    """An entry whose reason stands above."""
    return f"  - {_names(each)}" + (f": {_short(told)}" if (told := numbers(each)) else "") + "\n"


def _names(each: Entry) -> str:
    shown, left = labels(each, _NAME if len(each.names) == 1 else _NAMES)
    told = ", ".join(code(name) for name in shown) + (f", and {left:,} more" if left else "")
    return told + (f" ({count})" if (count := tally(each)) else "")


def _entry(each: Entry, advice: Sequence[str]) -> str:
    worst = each.worst
    lines = [_short(line) for line in story(each)]
    cause = f"**{_short(worst.reason.strip() or 'no reason')}**"
    if which := speaker(each):
        lines[0] = f"{which}: {_short_code(worst.tensor or '')}: {cause}"
    elif each.names:
        lines[0] = cause
    first = _names(each) if each.names else cause
    if len(lines) > _LINES:
        lines[_LINES:] = [f"{counted(len(lines) - _LINES, 'more line')}, see the JSON report"]
    return "\\\n  ".join([f"- {first}", *lines, *advice]) + "\n"


def _facts(run: RunResult, models: Sequence[ModelResult]) -> _Section:
    items = []
    alike = loaded_alike(run)
    for model in models:
        reference = f"reference {_short_code(model.reference)}" if model.reference else "no reference"
        items.append(_Item(f"- {_short_code(model.name)}: {markdown(coverage(model))}; {reference}\n"))
        if not alike and (told := loaded_with(model.runtime)):
            items.append(_Item(f"- {_short_code(model.name)}: loaded with {_short(told)}\n"))
        items.extend(_Item(f"- {_short_code(model.name)}: {_short(note)}\n") for note in model.notes)
    if alike:
        items.append(_Item(f"- each loaded with {_short(alike)}\n"))
    items.extend(
        _Item(f"- {_short_code(run.manifest or 'manifest')}: {_short(note)}\n") for note in run.loosening.notes
    )
    return _Section("### Coverage and notes\n\n", items)


def _steps(models: Sequence[ModelResult]) -> _Section:
    head = "<details><summary>Steps of loading</summary>\n\n"
    head += "| Model | Step | Time | Peak memory |\n| --- | --- | --: | --: |\n"
    rows = [_Item(_step(model, step)) for model in models for step in merged(model.steps)]
    return _Section(head, rows, "\n</details>\n\n")


def _step(model: ModelResult, step: Step) -> str:
    cells = [_short_code(model.name), _short(step.what), duration(step.seconds), memory(step.peak_bytes)]
    return f"| {' | '.join(cells)} |\n"


def _reproduce(run: RunResult) -> str:
    return f"### Reproduce locally\n\n{fenced(run.command, 'sh')}\n" if run.command else ""


def _short(text: str) -> str:
    return markdown(crop(text, _TEXT))


def _short_code(text: str) -> str:
    return code(crop(text, _NAME))

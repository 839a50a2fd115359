"""JUnit XML: one suite per model, one case per check.

junit-xml builds the elements; what it gets wrong is guarded before and mended after: it drops a failure without
message and output, writes `disabled`, writes floats as they come and no `time` at all when it is 0.
"""

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Literal

import junit_xml as library

from gate.reports.entry import advised, entries, pick
from gate.reports.escaping import xml, xml_token
from gate.reports.loading import loaded_with, merged, stepwise
from gate.reports.loosening import parts
from gate.reports.wording import coverage, findings, headline, outline, story, title, unsaid, with_left_out
from gate.results import CheckResult, ModelResult, Outcome, RunResult

Dialect = Literal["extended", "strict"]

_MOST_ENTRIES = 200
_NAMES = 8000  # of names that stand together
_SUITE_TIMES = "1970-01-01T00:00:00"  # for a run that does not know when it started


def junit_xml(run: RunResult, dialect: Dialect = "extended") -> str:
    """The report as XML. `strict` satisfies both published schemas; `extended` adds file, line and root totals.

    It holds a failure or an error exactly when the exit code is not 0.
    """
    root = ET.Element("testsuites")
    names = _Unique()
    for number, model in enumerate(with_left_out(run)):
        root.append(_suite(run, model, number, names(model.name, model.weights), dialect))
    if dialect == "extended":
        root.set("name", "weight-gate")
        for total in ("tests", "failures", "errors", "skipped"):
            root.set(total, str(sum(int(suite.get(total, "0")) for suite in root)))
        root.set("time", _time(run.seconds))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


class _Unique:
    """Gives every thing a name of its own: GitLab drops the second of two equal cases."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def __call__(self, name: str, distinction: str = "") -> str:
        wanted = first = xml_token(name)
        if wanted in self._taken and distinction:
            wanted = first = f"{first} ({xml_token(distinction)})"
        number = 2
        while wanted in self._taken:
            wanted = f"{first} #{number}"
            number += 1
        self._taken.add(wanted)
        return wanted


def _suite(run: RunResult, model: ModelResult, number: int, name: str, dialect: Dialect) -> ET.Element:
    names = _Unique()
    cases = [_case(run, model, check, f"weight-gate.{name}", names(check.check)) for check in model.checks]
    suite = library.TestSuite(
        name,
        [case for case, _ in cases],
        hostname="localhost",
        id=str(number),
        package="weight-gate",
        timestamp=_timestamp(run.started),
        properties={xml_token(key): xml(value) for key, value in _properties(run, model)},
    )
    element: ET.Element = suite.build_xml_doc()
    _mend(element, cases, dialect)
    told = [*_told(run, model), *(_manifest(run) if number == 0 else ())]
    ET.SubElement(element, "system-out").text = xml("\n".join(told))
    ET.SubElement(element, "system-err")
    element.set("time", _time(model.seconds or sum(_finite(check.seconds) for check in model.checks)))
    return element


def _case(
    run: RunResult, model: ModelResult, check: CheckResult, classname: str, name: str
) -> tuple[library.TestCase, CheckResult]:
    case = library.TestCase(name, classname=classname)
    if check.outcome is not Outcome.PASSED:
        # Both are never empty: junit-xml would drop the element, and red would turn green.
        message = xml(" ".join(_message(check).split()))
        text = xml("\n".join(_story(run, model, check)))
        kind = xml_token(findings(check)[0].kind)
        if check.outcome is Outcome.FAILED:
            case.add_failure_info(message, text, kind)
        elif check.outcome is Outcome.WAIVED:
            case.add_skipped_info(message, text)
        else:
            case.add_error_info(message, text, kind)
    return case, check


def _mend(suite: ET.Element, cases: Iterable[tuple[library.TestCase, CheckResult]], dialect: Dialect) -> None:
    del suite.attrib["disabled"]
    for element, (_, check) in zip(suite.iter("testcase"), cases, strict=True):
        element.set("time", _time(check.seconds))
        position = check.position or next((one.position for one in findings(check) if one.position), None)
        if position and dialect == "extended":
            element.set("file", xml_token(position.file))
            element.set("line", str(position.line))
    for skipped in suite.iter("skipped"):
        del skipped.attrib["type"]  # the schema of Ant has none there


def _message(check: CheckResult) -> str:
    """One line: what the check says of itself and, where it says nothing, its first reason."""
    if check.outcome is Outcome.WAIVED:
        return findings(check)[0].reason
    return outline(check)


def _story(run: RunResult, model: ModelResult, check: CheckResult) -> Iterator[str]:
    """Everything: GitLab shows this text and nothing else."""
    yield f"{check.check}: {check.outcome}: {outline(check)}"
    yield f"weights: {model.weights}"
    if model.reference is not None:
        yield f"reference: {model.reference}"
    shown, left = pick(entries(findings(check), _MOST_ENTRIES), _MOST_ENTRIES)
    for advice in advised(shown, check.position):
        for each in advice.entries:
            yield ""
            if each.names or each.worst.reason != outline(check):
                yield title(each, 400 if len(each.names) == 1 else _NAMES)
            for line in story(each):
                yield f"  {line}"
        indent = "  "
        if len(advice.entries) > 1:  # of them all
            yield ""
            indent = ""
        if advice.hint:
            yield f"{indent}what to do: {advice.hint}"
        if advice.position:
            yield f"{indent}asked for at {advice.position}"
    if left:
        yield ""
        yield f"{unsaid(left)}: see the JSON report"
    yield ""
    yield f"reproduce: {run.command}"


def _told(run: RunResult, model: ModelResult) -> Iterator[str]:
    yield headline(run)
    for check in model.checks:
        yield f"{check.check}: {check.outcome}: {outline(check)}"
    yield f"coverage: {coverage(model)}"
    for note in model.notes:
        yield f"note: {note}"
    if told := loaded_with(model.runtime):
        yield f"loaded with: {told}"
    if model.steps:
        yield f"steps: {'; '.join(stepwise(model.steps))}"


def _manifest(run: RunResult) -> Iterator[str]:
    """What is said of the manifest, once: none of it is a case."""
    for part in parts(run):
        yield ""
        yield f"{part.heading}. {part.meaning}"
        for each in entries(part.findings, _MOST_ENTRIES):
            yield f"- {title(each, _NAMES)}"
            yield from (f"  {line}" for line in story(each))
            if each.worst.position:
                yield f"  asked for at {each.worst.position}"
    for note in run.loosening.notes:
        yield f"note: {note}"


def _properties(run: RunResult, model: ModelResult) -> Iterator[tuple[str, str]]:
    yield "weight-gate.version", run.version
    yield "weight-gate.conclusion", str(run.conclusion)
    yield "weight-gate.command", run.command
    yield "weight-gate.loosened", str(len(run.loosening.found))
    if run.manifest is not None:
        yield "weight-gate.manifest", run.manifest
    yield "weights", model.weights
    if model.reference is not None:
        yield "reference", model.reference
    covered = model.coverage
    yield "coverage.tensors", str(covered.tensors)
    yield "coverage.compared", str(covered.compared)
    yield "coverage.bytes", str(covered.bytes)
    yield "coverage.compared-bytes", str(covered.compared_bytes)
    yield "coverage.identical", str(covered.identical)
    for key, value in sorted(model.runtime.items()):
        yield f"runtime.{key}", value
    for step in merged(model.steps):
        yield f"steps.{step.what}.seconds", _time(step.seconds)
        yield f"steps.{step.what}.peak-bytes", str(step.peak_bytes)
    for key, value in sorted(run.environment.items()):
        yield f"environment.{key}", value


def _finite(seconds: float) -> float:
    return max(0.0, seconds) if math.isfinite(seconds) else 0.0  # in this order: max(-0.0, 0.0) is -0.0


def _time(seconds: float) -> str:
    return f"{_finite(seconds):.3f}"


def _timestamp(started: str) -> str:
    """ISO 8601, seconds, no zone: anything else breaks the schema of Ant."""
    try:
        return datetime.fromisoformat(started).strftime("%Y-%m-%dT%H:%M:%S")
    except ValueError:
        return _SUITE_TIMES

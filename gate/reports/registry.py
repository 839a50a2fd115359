"""Reports: a `RunResult` in, text out. They know results and positions; they know no checks and no formats.

A new report is one new module and one line in `REPORTS`.
"""

from collections.abc import Callable
from functools import partial

from gate.reports.annotations import annotations
from gate.reports.json_report import json_report
from gate.reports.junit import junit_xml
from gate.reports.summary import summary
from gate.results import RunResult

Report = Callable[[RunResult], str]

REPORTS: dict[str, Report] = {
    "junit": partial(junit_xml, dialect="extended"),
    "junit-strict": partial(junit_xml, dialect="strict"),
    "json": json_report,
    "summary": summary,
    "annotations": annotations,
}

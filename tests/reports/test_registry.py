import ast
from pathlib import Path

import pytest

import gate.reports
from gate.reports.registry import REPORTS
from reports.samples import mixed


@pytest.mark.parametrize("kind", REPORTS)
def test_every_report_is_text(kind: str) -> None:
    assert REPORTS[kind](mixed()).strip()


def test_reports_know_results_and_nothing_else_of_the_gate() -> None:
    allowed = {"gate.errors", "gate.ownership", "gate.position", "gate.results", "gate.wording"}
    for path in Path(gate.reports.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                if name.split(".")[0] in {"gate", "numpy", "tensorflow"}:
                    assert name in allowed or name.startswith("gate.reports"), (path.name, name)

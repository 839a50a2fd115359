"""The gate on each way in which weights go wrong without a word: red, with the tensor and the cause named."""

import json
from pathlib import Path
from typing import Any

import pytest

from failures.rows import Row, rows
from support.cli import run_gate

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # TensorFlow's own
]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.__name__.rpartition(".")[2])
def test_the_gate_is_red(row: Row, tmp_path: Path) -> None:
    row.make(tmp_path)
    found = run_gate("check", *(["--allow-code"] if row.ALLOW_CODE else []), cwd=tmp_path)
    report = json.loads((tmp_path / "weight-gate-reports" / "report.json").read_text(encoding="utf-8"))
    found_in = [
        (model["name"], finding)
        for model in report["models"]
        for check in model["checks"]
        if check["check"] == row.EXPECT.check
        for finding in check["findings"]
    ]
    assert found.returncode == 1, found.stdout + found.stderr
    assert row.EXPECT.kinds <= {finding["kind"] for _, finding in found_in}, found.stdout
    told = "\n".join(f"{model}\n{_told(finding)}" for model, finding in found_in)
    assert [text for text in row.EXPECT.says if text not in told] == [], told


def _told(finding: dict[str, Any]) -> str:
    return "\n".join([finding["tensor"] or "", finding["reason"], *finding["details"], finding["hint"]])

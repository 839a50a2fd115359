"""Every example in the image, green as it is and red once tampered with: the verdict of the pip installation.

Networkless and read-only, as docs/container.md says, by the workspace's owner and by root.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from image.engine import AS_ROOT, DOCUMENTED, copied, report_of, run, strangers
from support.cli import ROOT, run_gate

EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/weight-gate.yml"))


def verdict(folder: Path) -> Iterator[tuple[Any, ...]]:
    """What two runs agree on: outcomes, how much was checked, what does not hold; numbers differ in the last bits."""
    report = report_of(folder)
    yield report["exit_code"], report["conclusion"], report["checked_count"], report["failed_count"]
    for model in report["models"]:
        yield model["name"], model["outcome"], model["coverage"]
        for check in model["checks"]:
            found = [(each["kind"], each["tensor"]) for each in check["findings"]]
            yield check["check"], check["outcome"], check["checked"], found


def options_of(example: Path) -> tuple[str, ...]:
    return ("--allow-code",) if "code:" in (example / "weight-gate.yml").read_text(encoding="utf-8") else ()


@pytest.mark.parametrize("state", ["as it is", "tampered"])
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: each.name)
def test_the_verdict_is_that_of_the_pip_installation(example: Path, state: str, tmp_path: Path) -> None:
    original = example
    if state == "tampered":
        original = tmp_path / "tampered"
        subprocess.run([sys.executable, example / "tamper.py", original], check=True, capture_output=True)
    options = options_of(example)

    by_pip = copied(original, tmp_path / "pip")
    expected = run_gate("check", *options, cwd=by_pip)
    assert expected.returncode == (0 if state == "as it is" else 1), expected.stdout + expected.stderr

    for user, how in {"owner": DOCUMENTED, "root": AS_ROOT}.items():
        folder = copied(original, tmp_path / user)
        ran = run(folder, how, "check", *options)
        assert ran.code == expected.returncode, f"{user}: {ran.said}"
        assert list(verdict(folder)) == list(verdict(by_pip)), user
        assert strangers(folder) == [], user
        assert (folder / "weight-gate-reports" / "junit.xml").is_file()


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 5

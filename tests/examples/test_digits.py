"""Variations of examples/digits, and `make demo`; the example itself is in test_examples.py."""

import subprocess
import sys
from pathlib import Path

import pytest

from support.cli import ROOT, run_gate

DIGITS = ROOT / "examples" / "digits"


def without_digest(folder: Path) -> None:
    """The digest would catch anything: without it the rules have to. Data is enough for that."""
    lines = (DIGITS / "weight-gate.yml").read_text("utf-8").splitlines(keepends=True)
    said = [line for line in lines if "digest:" not in line]
    (folder / "weight-gate.yml").write_text("".join(said) + "    load: false\n", "utf-8")


def test_red_without_the_digest_too(tmp_path: Path) -> None:
    folder = tmp_path / "tampered"
    subprocess.run([sys.executable, DIGITS / "tamper.py", folder], check=True)
    without_digest(folder)
    result = run_gate("check", "--no-reports", cwd=folder)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "backbone/conv_1/kernel" in result.stdout
    assert "swapped" in result.stdout


def test_a_head_that_was_not_trained_is_red(tmp_path: Path) -> None:
    """The blessed model itself in place of the candidate: every tensor equal, and so every `changed` rule broken."""
    (tmp_path / "models" / "golden").mkdir(parents=True)
    for name in ("models/digits.keras", "models/golden/digits.keras"):
        (tmp_path / name).write_bytes((DIGITS / "models/golden/digits.keras").read_bytes())
    without_digest(tmp_path)
    result = run_gate("check", "--no-reports", cwd=tmp_path)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "head/hidden/kernel" in result.stdout
    assert "backbone/" not in result.stdout


@pytest.mark.tensorflow
def test_the_demo_succeeds(tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", DIGITS / "demo.sh"],
        env={"PATH": "/usr/bin:/bin", "PYTHON": sys.executable, "PYTHONPATH": str(ROOT), "REPORTS": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Green, then red, as it should be." in done.stdout
    assert (tmp_path / "digits" / "summary.md").is_file()
    assert (tmp_path / "digits-tampered" / "summary.md").is_file()

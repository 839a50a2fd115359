"""The example of examples/digits, run as its README says: green as it is, red once tampered with."""

import subprocess
import sys
from pathlib import Path

import pytest

from support.cli import ROOT, run_gate

DIGITS = ROOT / "examples" / "digits"


@pytest.fixture
def tampered(tmp_path: Path) -> Path:
    folder = tmp_path / "tampered"
    subprocess.run([sys.executable, DIGITS / "tamper.py", folder], check=True)
    return folder


def test_green_as_it_is(tmp_path: Path) -> None:
    result = run_gate("check", "--reports", tmp_path, cwd=DIGITS)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "27 of 27 tensors, 100 % of bytes compared; 19 bit for bit equal" in result.stdout
    assert {path.name for path in tmp_path.iterdir()} >= {"junit.xml", "report.json", "summary.md"}


def test_red_once_tampered_with(tampered: Path, tmp_path: Path) -> None:
    result = run_gate("check", "--reports", tmp_path / "reports", cwd=tampered)
    assert result.returncode == 1, result.stdout + result.stderr
    said = " ".join(result.stdout.split())
    assert "backbone/conv_1/kernel 1 of 432 elements differs from the reference" in said
    assert "worst at [1, 1, 0, 5]: 0, expected 0.107920699" in said
    assert "swapped: it holds what the reference has as backbone/conv_3/kernel" in said
    assert "the file is not the pinned one" in said


def test_red_without_the_digest_too(tampered: Path) -> None:
    """The digest would catch anything: without it the rules have to."""
    manifest = tampered / "weight-gate.yml"
    lines = manifest.read_text().splitlines(keepends=True)
    manifest.write_text("".join(line for line in lines if "digest:" not in line))
    result = run_gate("check", "--no-reports", cwd=tampered)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "backbone/conv_1/kernel" in result.stdout
    assert "swapped" in result.stdout


def test_a_head_that_was_not_trained_is_red(tmp_path: Path) -> None:
    """The blessed model itself in place of the candidate: every tensor equal, and so every `changed` rule broken."""
    manifest = tmp_path / "weight-gate.yml"
    lines = (DIGITS / "weight-gate.yml").read_text().splitlines(keepends=True)
    manifest.write_text("".join(line for line in lines if "digest:" not in line))
    (tmp_path / "models" / "golden").mkdir(parents=True)
    for name in ("models/digits.keras", "models/golden/digits.keras"):
        (tmp_path / name).write_bytes((DIGITS / "models/golden/digits.keras").read_bytes())
    result = run_gate("check", "--no-reports", cwd=tmp_path)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "head/hidden/kernel" in result.stdout
    assert "backbone/" not in result.stdout


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


def test_what_is_committed_stays_small() -> None:
    assert sum(path.stat().st_size for path in DIGITS.rglob("*.keras")) < 300_000

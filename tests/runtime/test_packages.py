"""Packages of a requirements file: for code of the repository, in the confined process, and for nobody else."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from support.cli import ROOT, run_gate
from support.wheels import wheel

pytestmark = pytest.mark.tensorflow

EXAMPLE = ROOT / "examples" / "weights_and_builder"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The example, whose builder needs a package; there is a wheel of it, which says where it is imported."""
    made = tmp_path / "repository"
    shutil.copytree(EXAMPLE, made, ignore=shutil.ignore_patterns("__pycache__", "weight-gate-reports"))
    models = made / "src" / "models.py"
    models.write_text("from wg_units import POOL\n" + models.read_text().replace("MaxPooling2D(2", "MaxPooling2D(POOL"))
    (made / "requirements.txt").write_text("wg-units==1.0\n")
    (tmp_path / "wheels").mkdir()
    wheel(tmp_path / "wheels", "wg_units", wg_units="POOL = 2\n", json="raise SystemExit('not the library')\n")
    return made


def check(folder: Path, *more: str, **environment: str) -> CompletedProcess[str]:
    wheels = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder.parent / "wheels"), **environment}
    return run_gate("check", "--device", "cpu", *more, cwd=folder, env=wheels)


def test_code_finds_its_packages_and_the_report_names_them(folder: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    found = check(folder, "--allow-code", "--requirements", "requirements.txt", "--scratch", str(scratch))
    assert found.returncode == 0, found.stdout
    assert "packages wg_units 1.0" in " ".join(found.stdout.split())
    assert "--requirements requirements.txt" in (folder / "weight-gate-reports" / "summary.md").read_text()
    assert list(scratch.iterdir()) == []


def test_without_them_the_model_cannot_be_loaded(folder: Path) -> None:
    found = check(folder, "--allow-code")
    assert found.returncode == 4
    assert "No module named 'wg_units'" in " ".join(found.stdout.split())


def test_packages_that_cannot_be_installed_are_an_error_and_a_finding(folder: Path) -> None:
    (folder / "requirements.txt").write_text("wg-nowhere\r\n")
    found = check(folder, "--allow-code", "--requirements", "requirements.txt")
    assert found.returncode == 4
    assert "No matching distribution found for wg-nowhere" in " ".join(found.stdout.split())
    assert "wg-nowhere" in (folder / "weight-gate-reports" / "junit.xml").read_text()


def test_a_signal_while_pip_waits_ends_both_in_time(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        process = subprocess.Popen(
            [sys.executable, "-m", "gate", "check", "--allow-code", "--requirements", "requirements.txt"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PIP_INDEX_URL": address, "PIP_RETRIES": "0"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        silent.settimeout(60)
        connection, _ = silent.accept()
        with connection:
            process.terminate()
            assert process.wait(7) == 143
            connection.settimeout(7)
            while connection.recv(4096):  # pip is gone when its end is closed
                pass
    assert "not run" in (folder / "weight-gate-reports" / "summary.md").read_text()

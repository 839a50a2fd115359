"""Cases that are just a manifest and files: see cases/README.md."""

import shutil
from pathlib import Path

import pytest

from support.cli import run_gate

CASES = Path(__file__).parent / "cases"
EXIT = {"pass": 0, "fail": 1}


def folders() -> list[Path]:
    return sorted(path for kind in ("pass", "fail", "error") for path in (CASES / kind).iterdir() if path.is_dir())


@pytest.mark.parametrize("folder", folders(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_case(folder: Path, tmp_path: Path) -> None:
    kind = folder.parent.name
    listed = folder / "expected.txt"
    lines = listed.read_text(encoding="utf-8").splitlines() if listed.exists() else []
    code = EXIT[kind] if kind in EXIT else int(lines.pop(0).removeprefix("exit "))
    assert lines or kind == "pass", "say what the command has to print"
    shutil.copytree(folder, tmp_path / "case", symlinks=True)
    found = run_gate("check", cwd=tmp_path / "case", env={"COLUMNS": "1000"})
    printed = found.stdout + found.stderr
    assert found.returncode == code, printed
    for line in lines:
        assert line in printed, printed
    assert "Traceback" not in printed
    assert (tmp_path / "case" / "weight-gate-reports" / "junit.xml").exists()


def test_there_are_cases_of_each_kind() -> None:
    assert {path.parent.name for path in folders()} == {"pass", "fail", "error"}

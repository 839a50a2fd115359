"""Digests against sha256sum's own output."""

import shutil
import subprocess
from pathlib import Path

import pytest

from gate.file_digest import digest_of
from gate.results import Outcome
from support.judging import check_of, judge, sample


def sha256sum(folder: Path, *names: str) -> str:
    return subprocess.run(["sha256sum", *names], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture(autouse=True)
def needs_sha256sum() -> None:
    if not shutil.which("sha256sum"):
        pytest.skip("no sha256sum here")


def test_one_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"weights")
    assert digest_of([tmp_path / "a"]) == "sha256:" + sha256sum(tmp_path, "a").split()[0]


def test_several_files(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "list").write_text(sha256sum(tmp_path, "a", "b"))
    assert digest_of([tmp_path / "b", tmp_path / "a"]) == "sha256:" + sha256sum(tmp_path, "list").split()[0]


@pytest.mark.parametrize("format", ["npz", "weights.json"])
def test_as_a_check(format: str, tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    wrong = judge(tmp_path / "first", sample(), format=format, digest=f"sha256:{'0' * 64}")
    finding = check_of(wrong, "digest").findings[0]
    assert finding.reason == "the file is not the pinned one"
    found = finding.details[1].removeprefix("found:  ")
    (tmp_path / "second").mkdir()
    right = judge(tmp_path / "second", sample(), format=format, digest=found)
    assert check_of(right, "digest").outcome == Outcome.PASSED
    names = sorted(path.name for path in (tmp_path / "second" / "new").iterdir())
    listed = sha256sum(tmp_path / "second" / "new", *names)
    if len(names) > 1:
        (tmp_path / "list").write_text(listed)
        listed = sha256sum(tmp_path, "list")
    assert found == "sha256:" + listed.split()[0]

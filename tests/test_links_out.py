"""Where reports go is the user's word: a link that a pull request commits does not say it."""

import shutil
from pathlib import Path

import pytest

from support.cli import run_gate
from support.files import WRITERS
from support.judging import sample


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "repository"
    (made / ".git").mkdir(parents=True)
    (made / "inside").mkdir()
    (tmp_path / "outside").mkdir()
    WRITERS["npz"](made / "a.npz", sample())
    (made / "weight-gate.yml").write_text("version: 1\nmodels:\n  - {weights: a.npz, load: false}\n")
    return made


@pytest.mark.parametrize("target", ["../outside", "../outside/new", ".git", ".git/hooks", "/tmp", "inside/on"])
@pytest.mark.parametrize("in_actions", [True, False])
def test_a_link_out_of_the_workspace_is_not_followed(folder: Path, target: str, in_actions: bool) -> None:
    (folder / "inside" / "on").symlink_to("../../outside")
    (folder / "weight-gate-reports").symlink_to(target)
    before = set(folder.parent.rglob("*"))
    found = run_gate("check", cwd=folder, env={"GITHUB_ACTIONS": "true"} if in_actions else {})
    assert found.returncode == 2
    assert "weight-gate-reports is a link that leads out of the workspace or into .git" in found.stderr
    assert set(folder.parent.rglob("*")) == before


def test_a_link_above_the_folder_counts_too(folder: Path) -> None:
    (folder / "build").symlink_to("../outside")
    found = run_gate("check", "--no-reports", "--junit-path", "build/made/junit.xml", cwd=folder)
    assert found.returncode == 2
    assert list((folder.parent / "outside").iterdir()) == []


def test_other_links_and_what_is_said_outright_are_followed(folder: Path) -> None:
    outside = folder.parent / "outside"
    (folder / "weight-gate-reports").symlink_to("inside")
    assert run_gate("check", cwd=folder).returncode == 0
    assert (folder / "inside" / "junit.xml").exists()
    (folder.parent / "link").symlink_to(outside)
    for named in (outside, "../outside", folder.parent / "link", "../link"):
        shutil.rmtree(outside)
        outside.mkdir()
        assert run_gate("check", "--reports", str(named), cwd=folder).returncode == 0
        assert (outside / "junit.xml").exists()

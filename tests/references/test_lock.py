"""A lock as the reference of a manifest: where it may lie, what it stands for, and that a broken one is never green."""

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gate.errors import UnreadableError
from gate.git.changes import changes
from gate.manifest import load_manifest
from gate.plan import plan
from gate.references.interface import Sources
from gate.references.lock import LockReference
from gate.selection import touched
from gate.workspace import Workspace
from support.cli import ROOT, run_gate
from support.files import WRITERS
from support.judging import judge_manifest, sample
from support.locks import write_lock
from support.repositories import Repo

DIGITS = ROOT / "examples" / "digits" / "models"
MANIFEST = """\
version: 1
models:
  - weights: model.npz
    reference: {lock: model.lock.yml}
    load: false
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    WRITERS["npz"](tmp_path / "model.npz", sample())
    write_lock(tmp_path / "model.npz", tmp_path / "model.lock.yml")
    (tmp_path / "weight-gate.yml").write_text(MANIFEST)
    return tmp_path


def check(folder: Path, code: int) -> str:
    done = run_gate("check", "--no-reports", cwd=folder)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return " ".join((done.stdout + done.stderr).split())


def judged(folder: Path, code: int) -> str:
    """The same in this process: all that was found."""
    result = judge_manifest(folder / "weight-gate.yml")
    assert result.exit_code == code
    return "\n".join(f"{each.position}: {each.reason}" for check in result.checks for each in check.findings)


def test_green_by_the_lock_and_red_once_the_file_changes(folder: Path) -> None:
    assert "reference model.lock.yml" in check(folder, 0)
    WRITERS["npz"](folder / "model.npz", {name: array + np.float32(1) for name, array in sample().items()})
    assert "another digest than the lock's" in check(folder, 1)


def test_a_lock_that_is_not_there(folder: Path) -> None:
    (folder / "model.lock.yml").unlink()
    said = check(folder, 4)
    assert "there is no lock at model.lock.yml" in said
    assert "--only '**'`, and commit it" in said


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("blake3:", "blake2:", "model.lock.yml:14:3"),
        ("lock: 1", "lock: 9", "it is of version 9"),
        ("- {name: conv_b/kernel", "<<<<<<< HEAD\n- {name: conv_b/kernel", "a merge conflict that nobody resolved"),
        ("tensors:", "tensors: []", "the line `tensors:` is missing"),
        ("# A weight-gate lock", "version: 1\n# A weight-gate lock", 'unknown key "version"'),
    ],
)
def test_a_broken_lock_is_never_green(folder: Path, old: str, new: str, said: str) -> None:
    lock = folder / "model.lock.yml"
    lock.write_text(lock.read_text().replace(old, new, 1))
    assert said in judged(folder, 4)


@pytest.mark.parametrize("line", range(10))
def test_a_line_that_is_gone_is_a_tensor_that_nobody_expects(folder: Path, line: int) -> None:
    lock = folder / "model.lock.yml"
    lines = lock.read_text().splitlines(keepends=True)
    del lines[13 + line]
    lock.write_text("".join(lines))
    assert "unexpected: the file has it" in judged(folder, 1)


def test_lines_that_were_exchanged_are_a_swap(folder: Path) -> None:
    """Whoever edits a lock approves; but not by half: names with one another's digests are what the file has not."""
    lock = folder / "model.lock.yml"
    text = (
        lock.read_text()
        .replace("conv_a/kernel", "x")
        .replace("conv_b/kernel", "conv_a/kernel")
        .replace("x,", "conv_b/kernel,")
    )
    lock.write_text(text)
    assert "swapped: it holds what the lock has as" in judged(folder, 1)


def test_a_lock_is_no_weight_file(folder: Path) -> None:
    for manifest in (
        MANIFEST.replace("weights: model.npz", "weights: model.lock.yml").replace(
            "{lock: model.lock.yml}", "model.npz"
        ),
        MANIFEST.replace("{lock: model.lock.yml}", "model.lock.yml"),
    ):
        (folder / "weight-gate.yml").write_text(manifest)
        said = check(folder, 4)
        assert "model.lock.yml is a lock of weight-gate, which holds no values" in said
        assert "name it under `reference: {lock: …}`" in said


def test_a_weight_file_is_no_lock(folder: Path) -> None:
    (folder / "weight-gate.yml").write_text(MANIFEST.replace("model.lock.yml", "model.npz"))
    assert "model.npz:1:" in check(folder, 4)


def test_it_stays_in_the_workspace(folder: Path) -> None:
    repo = folder / "repo"
    repo.mkdir()
    shutil.move(folder / "model.npz", repo / "model.npz")
    (repo / "weight-gate.yml").write_text(MANIFEST.replace("model.lock.yml", "../model.lock.yml"))
    assert "outside the workspace" in check(repo, 2)
    (repo / "model.lock.yml").symlink_to(folder / "model.lock.yml")
    with pytest.raises(UnreadableError, match="outside the workspace"):
        LockReference(repo / "model.lock.yml", "model.lock.yml").fetch(Sources(Workspace(repo, [repo])))


def test_each_file_of_a_glob_has_its_own(tmp_path: Path) -> None:
    for number, name in enumerate(("a", "b.v2")):
        path = WRITERS["npz"](
            tmp_path / f"{name}.npz", {n: array + np.float32(number) for n, array in sample().items()}
        )
        write_lock(path, tmp_path / f"{name.partition('.')[0]}.{path.name}.lock.yml")
    manifest = tmp_path / "weight-gate.yml"
    manifest.write_text(MANIFEST.replace("model.npz", "'*.npz'").replace("model.lock.yml", "'{stem}.{file}.lock.yml'"))
    result = judge_manifest(manifest)
    assert [Path(str(model.reference)).name for model in result.models] == ["a.a.npz.lock.yml", "b.b.v2.npz.lock.yml"]
    assert result.exit_code == 0


def test_a_change_of_the_lock_touches_the_model(folder: Path) -> None:
    repo = Repo.init(folder / "repo")
    for name in ("model.npz", "model.lock.yml", "weight-gate.yml"):
        shutil.copy(folder / name, repo.path / name)
    repo.commit()
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    repo.branch("change")
    repo.commit()

    def touched_models() -> list[str]:
        path = repo.path / "weight-gate.yml"
        workspace = Workspace.of_manifest(path)
        plans = plan(load_manifest(path), workspace, date(2026, 11, 21))
        found = touched(plans, changes(workspace.base, "origin/main", None), workspace, [path])
        return [each.name for each in found.plans]

    assert touched_models() == []
    with (repo.path / "model.lock.yml").open("a") as file:
        file.write("\n")
    assert touched_models() == ["model"]


@pytest.mark.tensorflow
def test_the_loaded_model_is_held_against_the_lock(tmp_path: Path) -> None:
    shutil.copy(DIGITS / "digits.keras", tmp_path / "digits.keras")
    write_lock(DIGITS / "golden" / "digits.keras", tmp_path / "digits.lock.yml")
    (tmp_path / "weight-gate.yml").write_text(
        """\
version: 1
models:
  - weights: digits.keras
    reference: {lock: digits.lock.yml}
    tensors:
      - {match: "backbone/**", expect: identical}
      - {match: "head/**", expect: changed}
"""
    )
    done = run_gate("check", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    report: Any = json.loads((tmp_path / "weight-gate-reports" / "report.json").read_text())
    outcomes = {each["check"]: each["outcome"] for each in report["models"][0]["checks"]}
    assert set(outcomes.values()) == {"passed"}
    assert {"values", "restore", "roundtrip", "loaded-values"} <= outcomes.keys()
    (loaded,) = (each for each in report["models"][0]["checks"] if each["check"] == "loaded-values")
    assert "19 identical bit for bit; 8 changed, as told" in loaded["summary"]

"""A reference from git, and a candidate from Git LFS, in the checks that load the model."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from support.cli import ROOT, run_gate
from support.repositories import Repo

pytestmark = pytest.mark.tensorflow

MODELS = ROOT / "examples" / "digits" / "models"
MANIFEST = """\
version: 1
models:
  - weights: digits.keras
    reference: {git: origin/main, missing: allowed}
    tensors:
      - {match: "backbone/**", expect: identical}
      - {match: "head/**", expect: changed}
      - {match: "head/norm/moving_*", expect: any}
    roundtrip: false
    predictions:
      - {expected: reference, agreement: {metric: argmax, at_least: 0.1}}
"""


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """main holds the blessed model, and the branch that is checked out the one that was trained from it."""
    made = Repo.init(tmp_path / "repo")
    made.commit({"digits.keras": (MODELS / "golden/digits.keras").read_bytes(), "weight-gate.yml": MANIFEST.encode()})
    made.git("update-ref", "refs/remotes/origin/main", "HEAD")
    made.branch("change")
    made.commit({"digits.keras": (MODELS / "digits.keras").read_bytes()})
    return made


def judged(repo: Repo, code: int) -> dict[str, Any]:
    done = run_gate("check", cwd=repo.path)
    assert done.returncode == code, done.stdout + done.stderr
    model: dict[str, Any] = json.loads((repo.path / "weight-gate-reports/report.json").read_text())["models"][0]
    return model


def outcomes(model: dict[str, Any]) -> dict[str, str]:
    return {check["check"]: check["outcome"] for check in model["checks"]}


def test_the_reference_is_loaded_to_predict_with(repo: Repo) -> None:
    model = judged(repo, 0)
    assert set(outcomes(model).values()) == {"passed"}
    assert {"values", "restore", "loaded-values", "predictions"} <= outcomes(model).keys()
    base = repo.git("rev-parse", "origin/main")[:12]
    assert model["reference"] == f"digits.keras at {base}"
    assert f"reference: digits.keras at {base}, where HEAD left origin/main" in model["notes"]


def test_a_new_model_is_loaded_all_the_same(repo: Repo) -> None:
    (repo.path / "digits.keras").rename(repo.path / "new.keras")
    manifest = MANIFEST.replace("digits.keras", "new.keras").replace(
        '      - {match: "backbone/**"', '      - {match: "nothing/**", expect: removed}\n      - {match: "backbone/**"'
    )
    repo.commit({"weight-gate.yml": manifest.encode()})
    model = judged(repo, 0)
    assert outcomes(model) == {"read": "passed", "finite": "passed", "restore": "passed", "reference": "waived"}
    (waived,) = (check for check in model["checks"] if check["check"] == "reference")
    assert "left out with it: 4 rules, 1 prediction" in waived["summary"]


def test_a_pointer_of_git_lfs_is_loaded(repo: Repo) -> None:
    data = (repo.path / "digits.keras").read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    kept = repo.path / ".git/lfs/objects" / digest[:2] / digest[2:4] / digest
    kept.parent.mkdir(parents=True)
    shutil.move(repo.path / "digits.keras", kept)
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(data)}\n"
    repo.commit({"digits.keras": pointer.encode()})
    model = judged(repo, 0)
    assert set(outcomes(model).values()) == {"passed"}
    assert any("digits.keras is a Git LFS pointer" in note for note in model["notes"])

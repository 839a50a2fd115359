"""`weight-gate init` as its users run it: what it writes, what it never writes over, its exit codes."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from support.automation import BINARIES, snapshot
from support.cli import ROOT, run_gate
from support.files import example, write
from support.repositories import Repo

WORKFLOW = Path(".github") / "workflows" / "weight-gate.yml"


def repository(folder: Path, count: int = 1) -> Repo:
    """One with models that are read as data."""
    repo = Repo.init(folder)
    for number in range(count):
        place = folder / "models" / f"m{number}"
        place.mkdir(parents=True)
        write("weights.h5", place, example(number), f"model_{number}")
    repo.commit()
    return repo


def test_what_it_writes_passes_check_at_once(tmp_path: Path) -> None:
    repository(tmp_path, 3)
    done = run_gate("init", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "wrote       weight-gate.yml and 3 locks" in done.stdout
    assert "weight-gate check weight-gate.yml: PASSED: 3 models, 0 loaded, 24 of 24 tensors compared" in done.stdout
    assert f"not written {WORKFLOW.as_posix()}" in done.stdout
    checked = run_gate("check", "--no-reports", cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout
    assert not (tmp_path / WORKFLOW).exists()
    assert not list(tmp_path.rglob("*.new")) + list(tmp_path.rglob(".weight-gate*"))


def test_a_change_after_it_is_red(tmp_path: Path) -> None:
    repository(tmp_path)
    run_gate("init", cwd=tmp_path)
    arrays = example(0)
    first = next(iter(arrays))
    write("weights.h5", tmp_path / "models" / "m0", {**arrays, first: arrays[first] * np.float32(1.5)}, "model_0")
    checked = run_gate("check", "--no-reports", cwd=tmp_path)
    assert checked.returncode == 1
    assert first in checked.stdout


def test_it_works_where_there_is_no_repository(tmp_path: Path) -> None:
    write("weights.h5", tmp_path, example())
    done = run_gate("init", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'commit: ""' in (tmp_path / "model.lock.yml").read_text()


@pytest.mark.parametrize("there", ["weight-gate.yml", "models/m1/model_1.lock.yml", WORKFLOW.as_posix()])
def test_it_never_writes_over_a_file_and_then_writes_nothing(tmp_path: Path, there: str) -> None:
    repository(tmp_path, 2)
    taken = tmp_path / there
    taken.parent.mkdir(parents=True, exist_ok=True)
    taken.write_text("mine")
    before = snapshot(tmp_path)
    done = run_gate("init", "--workflow", cwd=tmp_path)
    assert done.returncode == 2
    assert there in done.stderr
    assert "nothing was written" in done.stderr
    assert "--force" in done.stderr
    assert snapshot(tmp_path) == before
    forced = run_gate("init", "--workflow", "--force", cwd=tmp_path)
    assert forced.returncode == 0, forced.stdout + forced.stderr
    assert taken.read_text() != "mine"


def test_a_dry_run_prints_and_writes_nothing(tmp_path: Path) -> None:
    repository(tmp_path)
    before = snapshot(tmp_path)
    done = run_gate("init", "--dry-run", "--workflow", cwd=tmp_path)
    assert done.returncode == 0
    assert "  - weights: models/m0/model_0.weights.h5" in done.stdout
    assert "would write models/m0/model_0.lock.yml" in done.stdout
    assert "uses: org/weight-gate@v1" in done.stdout
    assert snapshot(tmp_path) == before


def test_nothing_found(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("no weights")
    done = run_gate("init", cwd=tmp_path)
    assert done.returncode == 3
    assert "no weight file that can be read in this folder: 1 file looked at, nothing written" in done.stdout
    assert set(snapshot(tmp_path)) == {"README.md"}


def test_only_pointers_is_an_error_and_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "m.keras").write_bytes(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12\n"
    )
    done = run_gate("init", cwd=tmp_path)
    assert done.returncode == 4
    assert "git lfs pull" in done.stdout
    assert set(snapshot(tmp_path)) == {"m.keras"}


def test_a_broken_file_is_a_comment_and_the_exit_code_says_it(tmp_path: Path) -> None:
    repository(tmp_path)
    (tmp_path / "cut.keras").write_bytes(b"PK\x03\x04" + b"\0" * 50)
    done = run_gate("init", cwd=tmp_path)
    assert done.returncode == 4
    assert "not judged  cut.keras" in done.stdout
    assert "# - NOT JUDGED: cut.keras" in (tmp_path / "weight-gate.yml").read_text()
    assert run_gate("check", "--no-reports", cwd=tmp_path).returncode == 0


def test_nan_is_not_allowed_behind_anybodys_back(tmp_path: Path) -> None:
    write("weights.h5", tmp_path, {"a/kernel": np.array([[1, np.nan]], "f4"), "a/bias": np.ones(2, "f4")})
    done = run_gate("init", cwd=tmp_path)
    assert done.returncode == 1
    assert "nan" not in str(yaml.safe_load((tmp_path / "weight-gate.yml").read_text())).lower()
    assert "nan: allowed" in (tmp_path / "weight-gate.yml").read_text()


def test_a_manifest_elsewhere_names_the_files_from_there(tmp_path: Path) -> None:
    repository(tmp_path)
    (tmp_path / "ci").mkdir()
    done = run_gate("init", "--manifest", "ci/gate.yml", "--workflow", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (model,) = yaml.safe_load((tmp_path / "ci" / "gate.yml").read_text())["models"]
    assert model["weights"] == "../models/m0/model_0.weights.h5"
    assert (tmp_path / "models" / "m0" / "model_0.lock.yml").is_file()
    (step,) = yaml.safe_load((tmp_path / WORKFLOW).read_text())["jobs"]["weights"]["steps"][1:]
    assert step["with"] == {"manifest": "ci/gate.yml"}
    assert run_gate("check", "--no-reports", "ci/gate.yml", cwd=tmp_path).returncode == 0


def test_paths_limit_it_and_stay_in_the_repository(tmp_path: Path) -> None:
    repository(tmp_path / "repo", 2)
    write("weights.h5", tmp_path, example(), "outside")
    done = run_gate("init", "models/m1", cwd=tmp_path / "repo")
    assert done.returncode == 0
    (model,) = yaml.safe_load((tmp_path / "repo" / "weight-gate.yml").read_text())["models"]
    assert model["weights"] == "models/m1/model_1.weights.h5"
    refused = run_gate("init", "..", "--force", cwd=tmp_path / "repo")
    assert refused.returncode == 2
    assert "lies outside" in refused.stderr


def test_a_link_never_leads_what_is_written_out_of_the_repository(tmp_path: Path) -> None:
    repository(tmp_path / "repo")
    (tmp_path / "out").mkdir()
    (tmp_path / "repo" / ".github").symlink_to(tmp_path / "out")
    done = run_gate("init", "--workflow", cwd=tmp_path / "repo")
    assert done.returncode == 2
    assert not list((tmp_path / "out").iterdir())
    assert not (tmp_path / "repo" / "weight-gate.yml").exists()


def as_anybody(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """`weight-gate ARGS…` without root's leave to read and write whatever the permissions say."""
    command = [sys.executable, "-m", "gate", *arguments]
    if os.geteuid() == 0:
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_a_folder_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    repository(tmp_path)
    locked = tmp_path / "models" / "m0"
    locked.chmod(0o555)
    before = snapshot(tmp_path)
    done = as_anybody("init", "--workflow", cwd=tmp_path)
    locked.chmod(0o755)
    assert done.returncode == 4
    assert "nothing was written" in done.stderr
    assert snapshot(tmp_path) == before
    assert not (tmp_path / ".github").exists()


def test_a_folder_that_cannot_be_read_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    repository(tmp_path, 2)
    closed = tmp_path / "models" / "m1"
    closed.chmod(0o000)
    done = as_anybody("init", cwd=tmp_path)
    closed.chmod(0o755)
    assert done.returncode == 4
    assert "not judged  the folder models/m1 cannot be read" in done.stdout
    assert "# - NOT JUDGED: the folder models/m1 cannot be read" in (tmp_path / "weight-gate.yml").read_text()


def test_a_folder_in_a_locks_place_leaves_nothing_behind(tmp_path: Path) -> None:
    repository(tmp_path)
    (tmp_path / "models" / "m0" / "model_0.lock.yml").mkdir()
    done = run_gate("init", "--force", cwd=tmp_path)
    assert done.returncode == 2
    assert "is a folder" in done.stderr
    assert not (tmp_path / "weight-gate.yml").exists()


def test_hostile_names_on_the_screen(tmp_path: Path) -> None:
    write("weights.h5", tmp_path, example(), "::error::x")
    write("weights.h5", tmp_path, example(1), "\x1b[31mred")
    write("weights.h5", tmp_path, example(2), "\u202ertl")
    done = run_gate("init", cwd=tmp_path)
    assert done.returncode == 4  # one of them has no name that a manifest could hold
    assert "::" not in done.stdout
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout
    dry = run_gate("init", "--dry-run", cwd=tmp_path)
    assert "::" not in dry.stdout
    assert run_gate("check", "--no-reports", cwd=tmp_path).returncode == 0


# Git.


def test_git_as_the_reference(tmp_path: Path) -> None:
    repo = repository(tmp_path / "origin", 2)
    repo.git("clone", "--quiet", str(tmp_path / "origin"), str(tmp_path / "clone"))
    clone = Repo(tmp_path / "clone")
    clone.git("switch", "--quiet", "--create", "topic")
    write("weights.h5", clone.path, example(7), "brand_new")
    clone.commit()
    done = run_gate("init", "--reference", "git", "--workflow", cwd=clone.path)
    assert done.returncode == 0, done.stdout + done.stderr
    models = yaml.safe_load((clone.path / "weight-gate.yml").read_text())["models"]
    assert {model["weights"]: model["reference"] for model in models} == {
        "models/m0/model_0.weights.h5": {"git": "origin/main"},
        "models/m1/model_1.weights.h5": {"git": "origin/main"},
        "brand_new.weights.h5": {"git": "origin/main", "missing": "allowed"},
    }
    assert not list(clone.path.rglob("*.lock.yml"))
    checkout = yaml.safe_load((clone.path / WORKFLOW).read_text())["jobs"]["weights"]["steps"][0]
    assert checkout["with"] == {"fetch-depth": 0, "persist-credentials": False}


def test_git_without_the_branch_is_an_error_that_says_what_to_fetch(tmp_path: Path) -> None:
    repository(tmp_path)
    done = run_gate("init", "--reference", "git", cwd=tmp_path)
    assert done.returncode == 4
    assert "origin/main" in done.stderr
    assert not (tmp_path / "weight-gate.yml").exists()


# The workflow.


@pytest.fixture(params=[False, True], ids=["plain", "lfs"])
def workflow(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    repository(tmp_path)
    if request.param:
        (tmp_path / ".gitattributes").write_text("*.h5 filter=lfs diff=lfs merge=lfs -text\n")
    done = run_gate("init", "--workflow", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    checkout = yaml.safe_load((tmp_path / WORKFLOW).read_text())["jobs"]["weights"]["steps"][0]
    assert checkout["with"].get("lfs", False) is request.param
    assert checkout["with"]["fetch-depth"] == 2
    return tmp_path / WORKFLOW


def test_the_workflow_pins_what_the_recipes_pin(workflow: Path) -> None:
    pin = next(line for line in workflow.read_text().splitlines() if "actions/checkout@" in line).strip()
    assert pin in (ROOT / "docs" / "recipes.md").read_text()
    loaded = yaml.safe_load(workflow.read_text())
    assert loaded[True] == {"pull_request": None, "merge_group": None}
    assert loaded["permissions"] == {}


@pytest.mark.linters
def test_the_linters_accept_the_workflow(workflow: Path) -> None:
    """As `make lint` runs them, once our own action is pinned as well: a newcomer's file names it by its tag."""
    shellcheck = ("--shellcheck", str(BINARIES / "shellcheck"))
    linters = ("jactionlint", "--strict-exit", "--no-hints", *shellcheck, "--profile")
    accepted("check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(workflow))
    accepted(*linters, "correctness", str(workflow))
    text = workflow.read_text().replace("weight-gate@v1", f"weight-gate@{'0' * 40} # v1.2.3")
    workflow.write_text(text)
    accepted(*linters, "pedantic", str(workflow))
    accepted("zizmor", "--offline", "--pedantic", "--strict-collection", str(workflow))


def accepted(linter: str, *arguments: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
    done = subprocess.run([BINARIES / linter, *arguments], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr


# Where there is a manifest already.


def test_a_new_model_is_added_to_the_manifest_that_is_there(tmp_path: Path) -> None:
    repository(tmp_path)
    run_gate("init", cwd=tmp_path)
    manifest = tmp_path / "weight-gate.yml"
    manifest.write_text("# mine\n" + manifest.read_text())
    again = run_gate("init", "--add", cwd=tmp_path)
    assert (again.returncode, "nothing to add" in again.stdout) == (0, True), again
    write("weights.h5", tmp_path / "models" / "m0", example(7), "new")
    before = snapshot(tmp_path)
    shown = run_gate("init", cwd=tmp_path)
    assert shown.returncode == 2
    assert "+  - weights: models/m0/new.weights.h5" in shown.stdout
    assert "--add" in shown.stderr
    assert snapshot(tmp_path) == before
    done = run_gate("init", "--add", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert manifest.read_text().startswith("# mine\n")
    said = yaml.safe_load(manifest.read_text())["models"]
    assert [each["weights"] for each in said] == ["models/m0/model_0.weights.h5", "models/m0/new.weights.h5"]
    assert (tmp_path / "models" / "m0" / "new.lock.yml").is_file()
    assert "git add weight-gate.yml models/m0/new.lock.yml" in done.stdout
    assert run_gate("check", "--no-reports", cwd=tmp_path).returncode == 0


def test_force_renews_no_lock(tmp_path: Path) -> None:
    repository(tmp_path)
    run_gate("init", cwd=tmp_path)
    lock = tmp_path / "models" / "m0" / "model_0.lock.yml"
    text = lock.read_text()
    done = run_gate("init", "--force", cwd=tmp_path)
    assert done.returncode == 0
    assert lock.read_text() == text
    assert "kept        models/m0/model_0.lock.yml: it fits the weights" in done.stdout
    write("weights.h5", tmp_path / "models" / "m0", example(5), "model_0")
    done = run_gate("init", "--force", cwd=tmp_path)
    assert done.returncode == 1
    assert lock.read_text() == text
    assert "weight-gate update" in done.stdout


def test_it_ends_with_what_to_do_next(tmp_path: Path) -> None:
    repository(tmp_path)
    done = run_gate("init", "--workflow", cwd=tmp_path)
    assert f"git add weight-gate.yml models/m0/model_0.lock.yml {WORKFLOW.as_posix()}\n" in done.stdout
    assert "echo weight-gate-reports/ >> .gitignore" in done.stdout
    (tmp_path / ".gitignore").write_text("/weight-gate-reports/\n")
    assert ">> .gitignore" not in run_gate("init", "--force", cwd=tmp_path).stdout


def test_below_another_manifest_it_refuses(tmp_path: Path) -> None:
    repository(tmp_path)
    run_gate("init", cwd=tmp_path)
    before = snapshot(tmp_path)
    done = run_gate("init", cwd=tmp_path / "models" / "m0")
    assert done.returncode == 2
    assert "--manifest ../../weight-gate.yml --add" in done.stderr
    assert snapshot(tmp_path) == before


def test_junk_is_passed_over_and_no_error_for_ever(tmp_path: Path) -> None:
    repository(tmp_path)
    (tmp_path / "models" / "old.h5").write_bytes(b"just words, no weights")
    (tmp_path / "models" / "backup.ckpt").write_bytes(bytes(range(1, 200)))
    done = run_gate("init", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "no model    models/old.h5: " in done.stdout
    assert "no model    models/backup.ckpt: " in done.stdout


def test_data_that_fits_no_input_is_said_and_not_proposed(tmp_path: Path) -> None:
    repository(tmp_path)
    np.savez(tmp_path / "validation.npz", images=np.zeros((3, 8)), labels=np.zeros(3))
    text = run_gate("init", "--dry-run", cwd=tmp_path).stdout
    assert "validation.npz (images [3, 8], labels [3])" in text
    assert "inputs: validation.npz" not in text


def test_code_that_is_proposed_is_there(tmp_path: Path) -> None:
    repository(tmp_path)
    assert "PATH.py:FUNCTION" in run_gate("init", "--dry-run", cwd=tmp_path).stdout
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "net.py").write_text(
        "import keras\nraise SystemExit('ran')\ndef load(path):\n    return keras.load(path)\n"
        "def build(units=3):\n    return keras.Sequential()\n"
    )
    text = run_gate("init", "--dry-run", cwd=tmp_path).stdout
    assert 'architecture: {code: "src/net.py:build"}' in text
    assert "--allow-code" in text
    assert "allow-code: true" in text

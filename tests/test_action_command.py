"""`weight-gate action` does what `weight-gate check` does, by the inputs of the action."""

import json
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from reports.runner import commands, outputs
from support.cli import run_gate
from support.files import WRITERS
from support.repositories import Repo, pull

MANIFEST = "version: 1\nmodels:\n  - weights: new.npz\n    reference: old.npz\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("old.npz", "new.npz"):
        WRITERS["npz"](tmp_path / name, {"w": np.arange(3, dtype=np.float32)})
    (tmp_path / "weight-gate.yml").write_text(MANIFEST)
    return tmp_path


def spoil(folder: Path) -> None:
    WRITERS["npz"](folder / "new.npz", {"w": np.arange(3, dtype=np.float32) + 1})


def runners(folder: Path, **inputs: str) -> dict[str, str]:
    """The environment of a step with these inputs, `_` for `-`, named as the runner names them."""
    event = folder / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7}}))
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_OUTPUT": str(folder / "outputs"),
        "GITHUB_STEP_SUMMARY": str(folder / "step.md"),
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(event),
        **{f"INPUT_{name.upper().replace('_', '-')}": value for name, value in inputs.items()},
    }


def told(folder: Path) -> dict[str, str]:
    return outputs((folder / "outputs").read_text())


def test_green_with_reports_where_the_inputs_say(folder: Path) -> None:
    env = runners(folder, reports="out", junit_path="build/test/junit.xml", manifest="weight-gate.yml")
    found = run_gate("action", cwd=folder, env=env)
    assert found.returncode == 0, found.stdout + found.stderr
    assert told(folder) == {
        "conclusion": "success",
        "checked-count": "3",
        "failed-count": "0",
        "junit-path": "build/test/junit.xml",
        "json-path": "out/report.json",
        "summary-path": "out/summary.md",
    }
    assert all((folder / told(folder)[f"{kind}-path"]).is_file() for kind in ("junit", "json", "summary"))
    assert "weight-gate" in (folder / "step.md").read_text()


def test_red_says_so_four_times(folder: Path) -> None:
    spoil(folder)
    found = run_gate("action", cwd=folder, env=runners(folder))
    assert found.returncode == 1
    assert told(folder)["conclusion"] == "failure"
    assert [(each.name, each.properties["line"]) for each in commands(found.stdout)][:1] == [("error", "4")]
    assert "old.npz" in (folder / "step.md").read_text()


@pytest.mark.parametrize("code", [0, 1])
def test_annotations_and_summary_can_be_left_out_and_change_no_verdict(folder: Path, code: int) -> None:
    if code:
        spoil(folder)
    found = run_gate("action", cwd=folder, env=runners(folder, annotations="false", summary="false"))
    assert found.returncode == code
    assert commands(found.stdout + found.stderr) == []
    assert not (folder / "step.md").exists()


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"allow_code": "yes"}, "`allow-code`"),
        ({"device": "tpu"}, "--device"),
        ({"timeout": "soon"}, "--timeout"),
        ({"pull_request_target": "true"}, "`pull-request-target`"),
    ],
)
def test_an_input_that_means_nothing_is_a_red_step(folder: Path, inputs: dict[str, str], said: str) -> None:
    found = run_gate("action", cwd=folder, env=runners(folder, **inputs))
    assert found.returncode == 2
    assert said in found.stderr
    (error,) = commands(found.stdout)
    assert error.name == "error"
    assert said in error.data
    assert (told(folder)["conclusion"], told(folder)["checked-count"]) == ("error", "0")
    assert "inputs of the action" in (folder / "step.md").read_text()
    assert not (folder / "weight-gate-reports").exists()


def test_pull_request_target_is_a_red_step(folder: Path) -> None:
    env = {**runners(folder), "GITHUB_EVENT_NAME": "pull_request_target"}
    found = run_gate("action", cwd=folder, env=env)
    assert found.returncode == 2
    assert "pull_request_target is refused" in found.stderr
    assert told(folder)["conclusion"] == "error"
    env["INPUT_PULL-REQUEST-TARGET"] = "allow"
    assert run_gate("action", cwd=folder, env=env).returncode == 4  # no commit is there


def test_pull_request_target_is_refused_by_the_command_too(folder: Path) -> None:
    env = {**runners(folder), "GITHUB_EVENT_NAME": "pull_request_target"}
    for options in ([], ["--allow-code"], ["--allow-code", "--pull-request-target=allow"]):
        found = run_gate("check", *options, cwd=folder, env=env)
        assert found.returncode == 2
        assert "refused in the event" in found.stderr or "pull_request_target is refused" in found.stderr
        assert told(folder)["conclusion"] == "error"
        assert not (folder / "weight-gate-reports").exists()


def test_pull_request_target_judges_the_pull_request_or_nothing(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Unless told otherwise, actions/checkout has the base branch there."""
    repository = Repo.init(folder)
    base = repository.commit()
    repository.branch("change")
    head = repository.commit({"README": b"changed"})
    merge = pull(repository, 7, "main", "change")
    event = tmp_path_factory.mktemp("runner") / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7, "head": {"sha": head}}}))
    env = {**runners(folder), "GITHUB_EVENT_NAME": "pull_request_target", "GITHUB_EVENT_PATH": str(event)}

    def checked(commit: str) -> CompletedProcess[str]:
        repository.git("checkout", "--quiet", "--force", "--detach", commit)
        return run_gate("check", "--pull-request-target=allow", cwd=folder, env=env)

    assert checked(head).returncode == 0
    assert checked(merge).returncode == 0
    wrong = checked(base)
    assert wrong.returncode == 4
    assert f"what is checked out, {base[:12]}, is not the pull request's commit" in wrong.stderr
    assert told(folder)["conclusion"] == "error"


@pytest.mark.parametrize("manifest", [None, "version: 1\nmodels: []\n", "version: 1\nmodels:\n  - weighs: x\n"])
def test_an_unusable_manifest_has_outputs_and_reports(folder: Path, manifest: str | None) -> None:
    (folder / "weight-gate.yml").unlink()
    if manifest:
        (folder / "weight-gate.yml").write_text(manifest)
    found = run_gate("action", cwd=folder, env=runners(folder, junit_path="j.xml"))
    assert found.returncode == 2
    assert told(folder)["conclusion"] == "error"
    assert told(folder)["junit-path"] == "j.xml"
    assert "<error" in (folder / "j.xml").read_text()


def test_a_report_on_what_is_judged_is_refused_and_nothing_is_written(folder: Path) -> None:
    before = (folder / "new.npz").read_bytes()
    (folder / "packages.txt").touch()
    for path in ("new.npz", "weight-gate.yml", "packages.txt"):
        env = runners(folder, junit_path=path, allow_code="true", requirements="packages.txt")
        found = run_gate("action", cwd=folder, env=env)
        assert found.returncode == 2
        assert "cannot be written" in found.stderr
        assert (told(folder)["conclusion"], told(folder)["junit-path"]) == ("error", "")
    assert (folder / "new.npz").read_bytes() == before
    assert (folder / "packages.txt").read_bytes() == b""
    assert (folder / "weight-gate.yml").read_text() == MANIFEST


def test_a_verdict_whose_reports_cannot_be_written_is_none(folder: Path) -> None:
    (folder / "file").touch()
    found = run_gate("action", cwd=folder, env=runners(folder, junit_path="file/junit.xml"))
    assert found.returncode == 4
    assert told(folder)["conclusion"] == "error"


def test_without_a_runner(folder: Path) -> None:
    found = run_gate("action", cwd=folder, env={"INPUT_MANIFEST": "weight-gate.yml"})
    assert found.returncode == 2
    assert "weight-gate check" in found.stderr


def test_what_the_step_was_told_is_found_in_an_interrupted_run(folder: Path) -> None:
    """The first words about a run are red: whoever kills it leaves no green output."""
    run_gate("action", cwd=folder, env=runners(folder))
    assert (folder / "outputs").read_text().startswith("conclusion<<weight-gate-end-0\nnot run\n")

"""`weight-gate check` in a pull request's job: the comment follows the verdict, and never leads it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from comments.server import ACTIONS, NUMBER, REPOSITORY, GitHub, always, refusal, silence
from gate.github.marker import Marker
from reports.runner import Command, commands
from support.cli import ROOT, run_gate
from support.files import WRITERS
from support.judging import sample
from support.repositories import Repo, pull

TOKEN = "ghs_actions"
SHA = "b" * 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    WRITERS["npz"](tmp_path / "new.npz", sample())
    WRITERS["npz"](tmp_path / "old.npz", sample())
    (tmp_path / "weight-gate.yml").write_text(
        "version: 1\nmodels:\n  - weights: new.npz\n    reference: old.npz\n", encoding="utf-8"
    )
    return tmp_path


@pytest.fixture
def repository(folder: Path) -> Repo:
    """With the folder committed: on a branch, its merge and elsewhere."""
    made = Repo.init(folder)
    made.commit()
    return made


def spoil(folder: Path) -> None:
    WRITERS["npz"](folder / "new.npz", sample() | {"head/bias": sample()["head/bias"] + 1})


def warnings(printed: str) -> list[Command]:
    """Those of the comment: that there is no base to compare the manifest with is another's."""
    found = [each for each in commands(printed) if each.name == "warning"]
    return [each for each in found if "loosens the gate cannot be told" not in each.data]


def job(
    github: GitHub,
    folder: Path,
    run: int = 1,
    more: Mapping[str, str] = MappingProxyType({}),
    fork: bool = False,
    sha: str = SHA,
) -> dict[str, str]:
    """The environment of a step, as far as the gate reads it."""
    head, base = {"full_name": "mallory/models" if fork else REPOSITORY}, {"full_name": REPOSITORY}
    pull = {
        "number": NUMBER,
        "head": {"sha": sha, "ref": "x", "repo": head},
        "base": {"sha": SHA, "ref": "main", "repo": base},
    }
    (folder / "event.json").write_text(json.dumps({"number": NUMBER, "pull_request": pull}), encoding="utf-8")
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(folder / "event.json"),
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_API_URL": github.api,
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_RUN_ID": "99",
        "GITHUB_RUN_NUMBER": str(run),
        "GITHUB_RUN_ATTEMPT": "1",
        "GITHUB_WORKFLOW_REF": f"{REPOSITORY}/.github/workflows/ci.yml@refs/pull/7/merge",
        "GITHUB_JOB": "gate",
        "INPUT_GITHUB-TOKEN": TOKEN,
        **more,
    }


def everything(folder: Path, done: subprocess.CompletedProcess[str]) -> str:
    reports = [each.read_text() for each in (folder / "weight-gate-reports").iterdir()]
    return "".join([done.stdout, done.stderr, *reports])


@pytest.mark.npm
def test_red_comments_and_green_puts_it_right(github: GitHub, folder: Path) -> None:
    assert run_gate("check", cwd=folder, env=job(github, folder)).returncode == 0
    assert github.bodies == []
    spoil(folder)
    done = run_gate("check", cwd=folder, env=job(github, folder, 2))
    assert done.returncode == 1
    (text,) = github.bodies
    marker = Marker.read(text)
    assert marker is not None
    assert (marker.at, marker.red) == ((2, 1), True)
    assert "## ❌ weight-gate: FAILED" in text
    assert "`head/bias`" in text
    assert "[run](<https://github.com/org/models/actions/runs/99/attempts/1>)" in text
    assert "commit" not in text.splitlines()[-1]  # there is no repository to tell it
    assert TOKEN not in everything(folder, done) + text
    WRITERS["npz"](folder / "new.npz", sample())
    assert run_gate("check", cwd=folder, env=job(github, folder, 3)).returncode == 0
    (text,) = github.bodies
    assert "## ✅ weight-gate: PASSED" in text


@pytest.mark.npm
def test_a_manifest_that_cannot_be_used_does_not_leave_a_green_comment(github: GitHub, folder: Path) -> None:
    spoil(folder)
    run_gate("check", cwd=folder, env=job(github, folder))
    WRITERS["npz"](folder / "new.npz", sample())
    run_gate("check", cwd=folder, env=job(github, folder, 2))
    (folder / "weight-gate.yml").write_text("version: 1\nmodels: 5\n", encoding="utf-8")
    assert run_gate("check", cwd=folder, env=job(github, folder, 3)).returncode == 2
    (text,) = github.bodies
    assert "⛔ weight-gate: ERROR" in text
    assert "weight-gate.yml:2" in text


@pytest.mark.npm
def test_gates_of_one_repository_have_a_comment_each(github: GitHub, folder: Path) -> None:
    spoil(folder)
    (folder / "other.yml").write_bytes((folder / "weight-gate.yml").read_bytes())
    for arguments, more in (
        ([], {}),
        (["./other.yml"], {}),
        (["other.yml"], {"GITHUB_RUN_NUMBER": "2"}),
        ([], {"GITHUB_JOB": "nightly"}),
        ([], {"GITHUB_WORKFLOW_REF": f"{REPOSITORY}/.github/workflows/else.yml@refs/heads/a@b"}),
        (["--device", "cpu"], {}),
        (["--model", "n*"], {}),
        (["--model", "n*", "--model", "n*"], {"GITHUB_RUN_NUMBER": "2"}),
    ):
        assert run_gate("check", *arguments, cwd=folder, env=job(github, folder, more=more)).returncode == 1
    assert len(github.bodies) == 6  # other.yml's is one, and n*'s
    assert all(each["user"]["login"] == ACTIONS for each in github.comments)


@pytest.mark.parametrize(
    "more",
    [
        {"INPUT_GITHUB-TOKEN": ""},
        {"GITHUB_ACTIONS": ""},
        {"GITHUB_REPOSITORY": ""},
        {"GITHUB_EVENT_PATH": "/nowhere"},
        *({"GITHUB_EVENT_NAME": name} for name in ("push", "merge_group", "schedule", "issue_comment", "")),
        {"GITHUB_EVENT_NAME": "pull_request_review"},
    ],
    ids=lambda more: "=".join(*more.items()) or "none",
)
def test_without_a_token_or_a_pull_request_nothing_is_asked_and_nothing_is_said(
    github: GitHub, folder: Path, more: dict[str, str]
) -> None:
    spoil(folder)
    done = run_gate("check", cwd=folder, env=job(github, folder, more=more))
    assert (done.returncode, done.stderr) == (1, "")
    assert not warnings(done.stdout)
    assert github.exchanges == []


@pytest.mark.parametrize("status", [401, 403, 404, 410, 422, 429, 500])
def test_trouble_is_a_warning_and_the_verdict_stays(github: GitHub, folder: Path, status: int) -> None:
    github.faults.append(always(refusal(status, "No\r\n::error::x ##[error]y\x1b[31m " + TOKEN)))
    done = run_gate("check", cwd=folder, env=job(github, folder))
    assert done.returncode == 0
    (warning,) = warnings(done.stdout)
    assert "pull request 7 got no comment: " in warning.data
    assert f"{status} No" in warning.data
    assert "What to do: " in warning.data
    assert {each.name for each in commands(done.stdout)} == {"warning", "notice"}  # notices are the gate's own notes
    (line,) = done.stderr.splitlines()
    assert line.startswith("warning: pull request 7 got no comment")
    assert commands(done.stderr) == []
    assert "\x1b" not in done.stderr
    assert TOKEN not in everything(folder, done)


def test_a_fork_is_told_what_a_fork_can_do(github: GitHub, folder: Path) -> None:
    spoil(folder)
    done = run_gate("check", cwd=folder, env=job(github, folder, more={"INPUT_GITHUB-TOKEN": "ghs_reader"}, fork=True))
    assert done.returncode == 1
    assert "comes from a fork" in done.stderr
    assert "permissions" not in done.stderr


def test_without_annotations_the_console_alone_says_it(github: GitHub, folder: Path) -> None:
    done = run_gate(
        "check", "--annotations=never", cwd=folder, env=job(github, folder, more={"INPUT_GITHUB-TOKEN": "x"})
    )
    assert done.returncode == 0
    assert commands(done.stdout) == []
    assert "does not know the token" in done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_github_is_silent_ends_it_at_once(github: GitHub, folder: Path, number: int, code: int) -> None:
    spoil(folder)
    asked: list[float] = []

    def noted(server: GitHub, handler: object) -> None:
        asked.append(time.monotonic())
        silence(server, handler)  # type: ignore[arg-type]

    github.faults.append(noted)
    process = subprocess.Popen(
        [sys.executable, "-m", "gate", "check"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **job(github, folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 60
    while not asked and time.monotonic() < until:
        time.sleep(0.02)
    children = _descendants(process.pid)
    assert len(children) == 1
    process.send_signal(number)
    started = time.monotonic()
    _, err = process.communicate(timeout=20)
    assert time.monotonic() - started < 3
    assert process.returncode == code
    assert "Traceback" not in err
    assert not any(Path(f"/proc/{each}").exists() for each in children)
    report = json.loads((folder / "weight-gate-reports" / "report.json").read_text())
    assert report["conclusion"] == "failure"  # the verdict was there already


def test_an_interrupted_run_does_not_comment(github: GitHub, folder: Path) -> None:
    script = (
        "import gate.run, os, signal, sys\n"
        "from gate.cli import main\n"
        "def stop(path, **options):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "gate.run.open_weights = stop\n"
        "sys.exit(main(['check']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **job(github, folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 143
    assert "NOT RUN" in done.stdout
    assert github.exchanges == []


def test_the_commit_that_is_named_is_the_one_that_was_judged(github: GitHub, folder: Path, repository: Repo) -> None:
    repository.branch("change")
    spoil(folder)
    head = repository.commit()
    merge = pull(repository, NUMBER, "main", "change")
    for run, commit in enumerate((head, merge), 1):
        repository.git("checkout", "--quiet", "--force", "--detach", commit)
        assert run_gate("check", cwd=folder, env=job(github, folder, run, sha=head)).returncode == 1
        (text,) = github.bodies
        assert text.endswith(f"commit {commit}.\n")


def test_of_another_commit_there_is_no_comment(github: GitHub, folder: Path, repository: Repo) -> None:
    spoil(folder)
    base = repository.head
    done = run_gate("check", cwd=folder, env=job(github, folder))
    assert done.returncode == 1
    assert f"what is checked out, {base[:12]}, is not its commit" in done.stderr
    assert github.exchanges == []


def test_a_process_that_cannot_be_started_changes_no_verdict(github: GitHub, folder: Path) -> None:
    script = "import sys\nfrom gate.cli import main\nsys.executable = '/nowhere/python'\nsys.exit(main(['check']))\n"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **job(github, folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "could not be started: No such file" in done.stderr
    assert "::warning" in done.stdout


def _descendants(pid: int) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = re.search(r"^PPid:\t(\d+)$", (process / "status").read_text(), re.MULTILINE)
        except OSError:
            continue
        if parent and int(parent[1]) == pid:
            found.append(int(process.name))
    return found

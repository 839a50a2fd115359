"""Runs workflows with act (https://nektosact.com), which does what GitHub's runner does, on the local engine.

A workflow says `uses: org/weight-gate@v1`, as users do; act finds that to be this repository's action.yml, with the
image that `make e2e` built. Checking out does nothing: the workspace is the repository.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from image.engine import IMAGE, owned
from support.cli import ROOT, TIMEOUT_SECONDS

ACT = Path(sys.executable).with_name("act")
_CI = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
CHECKOUT = re.findall(r"actions/checkout@[0-9a-f]{40}", _CI)[0]
_COMMAND = re.compile(r"^ *\S+ +(?=::)")
"""What act puts before a command that it carried out."""


@dataclass(frozen=True)
class Ran:
    """What came of one job. `entries` are act's own log lines."""

    code: int
    entries: tuple[dict[str, Any], ...]

    def printed(self, step: str) -> str:
        """All that a step printed, the commands among it too, as the runner would get it."""
        return "".join(_line(entry) for entry in self._of(step) if entry.get("raw_output") or "command" in entry)

    def outputs(self, step: str) -> dict[str, str]:
        """What a step told the next ones, through GITHUB_OUTPUT or by whatever command."""
        return {entry["name"]: entry["arg"] for entry in self._of(step) if entry.get("command") == "set-output"}

    def result(self, step: str) -> str:
        (found,) = {entry["stepResult"] for entry in self._of(step) if "stepResult" in entry}
        return str(found)

    @property
    def job(self) -> str:
        (found,) = [entry["jobResult"] for entry in self.entries if "jobResult" in entry]
        return str(found)

    def _of(self, step: str) -> list[dict[str, Any]]:
        """Those of a step, and of the steps that a composite action makes of it."""
        return [each for each in self.entries if each.get("stepID", [""])[0] == step and each.get("stage") == "Main"]


def _line(entry: dict[str, Any]) -> str:
    """A line as it was printed; outputs and the summary come out of files."""
    if entry.get("raw_output"):
        return str(entry["msg"])
    return "" if entry["command"] in {"set-output", "summary"} else _COMMAND.sub("", entry["msg"]) + "\n"


def action_in(folder: Path) -> Path:
    """The action as users get it, but with the image by its tag alone: what is here was never in a registry."""
    for file in ("action.yml", "gpu/action.yml"):
        made = folder / file
        made.parent.mkdir(parents=True, exist_ok=True)
        text = (ROOT / file).read_text(encoding="utf-8")
        made.write_text(re.sub(r"ghcr\.io/org/weight-gate:v[\d.]+(-gpu)?(@sha256:[0-9a-f]{64})?", IMAGE, text))
    return folder


def act(repository: Path, event: str, payload: dict[str, Any]) -> Ran:
    """Runs the repository's one workflow for an event, in its folder, which belongs to `OWNER` before."""
    return _act(owned(repository), event, payload, {}, "--bind", "--platform=ubuntu-latest=debian:trixie-slim")


def act_on_the_host(repository: Path, event: str, payload: dict[str, Any], **environment: str) -> Ran:
    """The same without a container around the steps, as on a runner of one's own, in a copy of the repository."""
    return _act(repository, event, payload, environment, "--platform=ubuntu-latest=-self-hosted")


def _act(repository: Path, event: str, payload: dict[str, Any], environment: Mapping[str, str], *options: str) -> Ran:
    scratch = repository.parent
    told = scratch / "event.json"
    told.write_text(json.dumps(payload), encoding="utf-8")
    command = [str(ACT), event, *options, f"--directory={repository}", f"--eventpath={told}"]
    command += ["--pull=false", "--rm", "--json", "--no-cache-server", f"--action-cache-path={scratch / 'cache'}"]
    command += [f"--local-repository=org/weight-gate@v1={action_in(scratch / 'action')}"]
    done = subprocess.run(
        command,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=TIMEOUT_SECONDS,
    )
    entries = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if not any("jobResult" in entry for entry in entries):
        pytest.fail(f"act did not run the workflow: {done.stderr}{done.stdout[-2000:]}")
    return Ran(done.returncode, tuple(entries))


def git(repository: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *who, *arguments], cwd=repository, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(repository: Path, message: str) -> str:
    """Everything there is, as a commit."""
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(repository, "rev-parse", "HEAD")


def begin(folder: Path, workflow: str) -> Path:
    """A repository on `main`, with a workflow that is not committed yet.

    act names its containers by the workflow and the job, so that no two of a name can run at a time.
    """
    (folder / ".github" / "workflows").mkdir(parents=True)
    (folder / ".github" / "workflows" / f"gate-{uuid4().hex[:12]}.yml").write_text(workflow, encoding="utf-8")
    (folder / ".gitignore").write_text("weight-gate-reports/\nbuild/\n", encoding="utf-8")
    git(folder, "init", "--quiet", "--initial-branch=main")
    return folder

"""gpu/action.yml, its script and all, but for the GPU: an engine without NVIDIA's toolkit refuses `--gpus all`."""

import os
import shutil
from pathlib import Path

from action.act import CHECKOUT, Ran, act_on_the_host, begin, commit
from reports.runner import commands
from support.cli import ROOT

EXAMPLE = ROOT / "examples" / "weights_and_builder"
WORKFLOW = f"""\
on: pull_request
permissions:
  contents: read
jobs:
  weights:
    runs-on: ubuntu-latest
    steps:
      - uses: {CHECKOUT}
      - id: gate
        uses: org/weight-gate/gpu@v1
        with:
          allow-code: true
          junit-path: build/$(id)'".xml
          INPUTS
      - id: after
        if: always()
        env:
          CONCLUSION: ${{{{ steps.gate.outputs.conclusion }}}}
          JUNIT: ${{{{ steps.gate.outputs.junit-path }}}}
        run: |
          echo "the gate said $CONCLUSION in $JUNIT"
          wc --lines "$JUNIT" weight-gate-reports/*
          git status --porcelain
          find . -not -user "$(id -u)"
"""
SHIM = """\
#!/bin/bash
echo "docker $*" >> {log}
arguments=()
while [ $# -gt 0 ]; do
  if [ "$1" = --gpus ]; then shift 2; else arguments+=("$1"); shift; fi
done
exec {docker} "${{arguments[@]}}"
"""


def pull_request(tmp_path: Path, **inputs: str) -> tuple[Ran, str]:
    """What the pull request comes to, and how the engine was called."""
    repository = tmp_path / "repository"
    shutil.copytree(EXAMPLE, repository, ignore=shutil.ignore_patterns("__pycache__", "weight-gate-reports"))
    given = "\n          ".join(f"{name}: {value}" for name, value in inputs.items())
    begin(repository, WORKFLOW.replace("INPUTS", given or "{}".strip("{}")))
    head = commit(repository, "a model and the code that builds it")
    shim, log = tmp_path / "bin" / "docker", tmp_path / "calls"
    shim.parent.mkdir()
    shim.write_text(SHIM.format(log=log, docker=shutil.which("docker")))
    shim.chmod(0o755)
    pull = {"number": 7, "base": {"ref": "main", "sha": head}, "head": {"ref": "x", "sha": head}}
    path = f"{shim.parent}{os.pathsep}{os.environ['PATH']}"
    ran = act_on_the_host(repository, "pull_request", {"number": 7, "pull_request": pull}, PATH=path)
    return ran, log.read_text()


def test_the_image_is_run_confined_with_the_inputs_and_the_outputs_come_back(tmp_path: Path) -> None:
    ran, calls = pull_request(tmp_path, device="cpu", summary="false")
    assert (ran.job, ran.result("gate")) == ("success", "success"), ran.printed("gate")
    assert """the gate said success in build/$(id)'".xml""" in ran.printed("after")
    # The JUnit and the two other reports are there, and nothing else is new.
    told = ran.printed("after").splitlines()
    assert [line.split()[1] for line in told[1:]] == [
        """build/$(id)'".xml""",
        "weight-gate-reports/report.json",
        "weight-gate-reports/summary.md",
        "total",
    ]
    (call,) = [line for line in calls.splitlines() if line.startswith("docker run")]
    for each in ("--gpus all", "--read-only", "--cap-drop ALL", f"--user {os.getuid()}:{os.getgid()}"):
        assert each in call
    assert "$(id)" not in call, "values go by the environment, never by the command line"


def test_without_a_gpu_it_is_red(tmp_path: Path) -> None:
    ran, _ = pull_request(tmp_path)
    assert ran.job == "failure"
    assert "the gate said error" in ran.printed("after")
    assert any("GPU" in each.data for each in commands(ran.printed("gate")) if each.name == "error")

"""Pull requests, pushes and merge groups, through a workflow that uses the action as users do."""

import runpy
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from junitparser import JUnitXml

from action.act import CHECKOUT, Ran, act, begin, commit, git
from image.engine import strangers
from reports.runner import commands
from support.cli import ROOT
from support.files import WRITERS
from support.wheels import wheel

DIGITS = ROOT / "examples" / "digits"
BUILDER = ROOT / "examples" / "weights_and_builder"
WORKFLOW = f"""\
on: [pull_request, pull_request_target, push, merge_group]
permissions:
  contents: read
jobs:
  weights:
    runs-on: ubuntu-latest
    steps:
      - uses: {CHECKOUT}
      - id: gate
        uses: org/weight-gate@v1
        with:
          junit-path: build/weights/junit.xml
      - id: after
        if: always()
        env:
          CONCLUSION: ${{{{ steps.gate.outputs.conclusion }}}}
          JUNIT: ${{{{ steps.gate.outputs.junit-path }}}}
        run: |
          echo "the gate said $CONCLUSION"
          if [ -n "$JUNIT" ]; then grep -c "<testcase" "$JUNIT"; else echo "no JUnit"; fi
"""
FROM_GIT = "  - name: digits\n    weights: models/digits.keras\n    reference: {git: origin/main}\n    load: false\n"


def lines_of(manifest: Path) -> dict[str, str]:
    """The manifest's lines by their numbers, as annotations have them."""
    return {str(number): line for number, line in enumerate(manifest.read_text().splitlines(), 1)}


def tampered(repository: Path) -> None:
    """Two kernels of the same shape change places."""
    arguments = sys.argv
    sys.argv = ["tamper.py", str(repository.parent / "tampered")]
    try:
        runpy.run_path(str(DIGITS / "tamper.py"), run_name="__main__")
    finally:
        sys.argv = arguments
    shutil.copy(repository.parent / "tampered" / "models" / "digits.keras", repository / "models")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The digits example on `main`, before anybody changed its weights."""
    folder = tmp_path / "repository"
    shutil.copytree(DIGITS / "models", folder / "models")
    shutil.copy(DIGITS / "weight-gate.yml", folder)
    begin(folder, WORKFLOW)
    shutil.copy(folder / "models" / "golden" / "digits.keras", folder / "models" / "digits.keras")
    commit(folder, "the blessed model")
    git(folder, "update-ref", "refs/remotes/origin/main", "HEAD")
    git(folder, "switch", "--quiet", "--create", "retrained")
    shutil.copy(DIGITS / "models" / "digits.keras", folder / "models")
    return folder


def pull_request(repository: Path, event: str = "pull_request") -> Ran:
    """What a pull request of all that is there comes to."""
    base, head = git(repository, "rev-parse", "main"), commit(repository, "another model")
    pull = {"number": 7, "base": {"ref": "main", "sha": base}, "head": {"ref": "retrained", "sha": head}}
    return act(repository, event, {"action": "synchronize", "number": 7, "pull_request": pull})


def judge_from_git(repository: Path) -> None:
    """The reference is no file beside the other: it is what the event says the branch held."""
    manifest = repository / "weight-gate.yml"
    _, rest = manifest.read_text().split("    digest:")
    manifest.write_text(f"version: 1\nmodels:\n{FROM_GIT}{rest.split(chr(10), 1)[1]}")


def test_a_good_change_is_green(repository: Path) -> None:
    ran = pull_request(repository)
    assert (ran.code, ran.job, ran.result("gate")) == (0, "success", "success"), ran.printed("gate")
    assert ran.outputs("gate")["conclusion"] == "success"
    assert ran.outputs("gate")["failed-count"] == "0"
    assert "the gate said success" in ran.printed("after")
    assert not [each for each in commands(ran.printed("gate")) if each.name == "error"]
    assert strangers(repository) == []


def test_two_swapped_layers_are_red_on_the_lines_of_the_manifest(repository: Path) -> None:
    tampered(repository)
    ran = pull_request(repository)
    assert (ran.code, ran.job, ran.result("gate")) == (1, "failure", "failure")
    assert ran.outputs("gate") == {
        "conclusion": "failure",
        "checked-count": ran.outputs("gate")["checked-count"],
        "failed-count": "3",
        "junit-path": "build/weights/junit.xml",
        "json-path": "weight-gate-reports/report.json",
        "summary-path": "weight-gate-reports/summary.md",
    }
    lines = lines_of(repository / "weight-gate.yml")
    errors = [each for each in commands(ran.printed("gate")) if each.name == "error"]
    assert {each.properties["file"] for each in errors} == {"weight-gate.yml"}
    swapped = [each for each in errors if "swapped" in each.data]
    assert len(swapped) == 1
    assert 'match: "backbone/**"' in lines[swapped[0].properties["line"]]
    (pinned,) = [each for each in errors if "not the pinned one" in each.data]
    assert "digest:" in lines[pinned.properties["line"]]
    # The next step has the outputs, and the JUnit is where the input said.
    junit = JUnitXml.fromfile(str(repository / "build" / "weights" / "junit.xml"))
    assert (junit.failures, junit.errors) == (3, 0)
    assert f"the gate said failure\n{sum(len(suite) for suite in junit)}" in ran.printed("after")
    assert not (repository / "weight-gate-reports" / "junit.xml").exists()
    assert strangers(repository) == []


@pytest.mark.parametrize("good", [True, False])
@pytest.mark.parametrize("event", ["pull_request", "push", "merge_group"])
def test_every_event_knows_what_the_branch_held(repository: Path, event: str, good: bool) -> None:
    judge_from_git(repository)
    if not good:
        tampered(repository)
    before, after = git(repository, "rev-parse", "main"), commit(repository, "another model")
    if event == "push":  # `main` has moved on: only the event knows where it was
        git(repository, "update-ref", "refs/remotes/origin/main", after)
    payloads: dict[str, dict[str, Any]] = {
        "pull_request": {
            "number": 7,
            "pull_request": {
                "number": 7,
                "base": {"ref": "main", "sha": before},
                "head": {"ref": "retrained", "sha": after},
            },
        },
        "push": {"ref": "refs/heads/main", "before": before, "after": after},
        "merge_group": {
            "action": "checks_requested",
            "merge_group": {
                "base_ref": "refs/heads/main",
                "base_sha": before,
                "head_ref": "refs/heads/gh-readonly-queue/main/pr-7",
                "head_sha": after,
            },
        },
    }
    ran = act(repository, event, payloads[event])
    assert ran.outputs("gate")["conclusion"] == ("success" if good else "failure"), ran.printed("gate")
    assert ran.code == (0 if good else 1)
    assert ("swapped" in ran.printed("gate")) is not good
    assert strangers(repository) == []


def test_pull_request_target_is_refused(repository: Path) -> None:
    ran = pull_request(repository, "pull_request_target")
    assert (ran.job, ran.outputs("gate")["conclusion"]) == ("failure", "error")
    (error,) = commands(ran.printed("gate"))
    assert error.name == "error"
    assert "pull_request_target is refused" in error.data
    assert "the gate said error\nno JUnit" in ran.printed("after")


def test_code_finds_its_packages_beside_tensorflow(tmp_path: Path) -> None:
    """What depends on `tensorflow` brings no second one: the image has it under another name."""
    given = """\
        env:
          PIP_NO_INDEX: 1
          PIP_FIND_LINKS: ${{ github.workspace }}/wheels
        with:
          allow-code: true
          requirements: requirements.txt
"""
    workflow = WORKFLOW.replace("        with:\n", given)
    folder = tmp_path / "repository"
    shutil.copytree(BUILDER, folder, ignore=shutil.ignore_patterns("__pycache__", "weight-gate-reports"))
    code = folder / "src" / "models.py"
    code.write_text("from wg_units import POOL\n" + code.read_text().replace("MaxPooling2D(2", "MaxPooling2D(POOL"))
    (folder / "wheels").mkdir()
    wheel(folder / "wheels", "wg_units", requires="tensorflow", wg_units="POOL = 2\n")
    (folder / "requirements.txt").write_text("wg-units\n")
    commit(begin(folder, workflow), "a builder that needs a package")
    ran = pull_request(folder)
    assert ran.outputs("gate")["conclusion"] == "success", ran.printed("gate")
    assert "packages wg_units 1.0" in " ".join(ran.printed("gate").split())
    assert strangers(folder) == []


HOSTILE = [
    "x\r::error::forged",
    "y\n::set-output name=conclusion::success",
    "  ::add-mask::a",
    "::stop-commands::forged",
    "##[error]forged",
    "##vso[task.complete result=Succeeded]",
    "%0A::warning::forged",
    ":\ufe0f:error::forged",
    "#\u200b#[error]forged",
    "\x1b[31m::error::forged",
    "n" * 3000,
]


def assert_meant(ran: Ran, repository: Path, errors: int) -> None:
    """Each command is one that the gate writes, on a line of the manifest that names a model."""
    printed = ran.printed("gate")
    assert "\r" not in printed
    found = commands(printed)
    assert {each.name for each in found} <= {"error", "warning", "notice"}  # warnings: the manifest is another one
    assert len([each for each in found if each.name == "error"]) == errors, printed
    lines = lines_of(repository / "weight-gate.yml")
    for each in found:
        assert each.data != "forged"
        assert set(each.properties) <= {"file", "line", "col", "title"}
        if "file" in each.properties:
            assert each.properties["file"] == "weight-gate.yml"
            assert each.name == "warning" or "weights:" in lines[each.properties["line"]]
    assert len(ran.outputs("gate")) == 6
    assert ran.outputs("gate")["conclusion"] == "error"
    assert strangers(repository) == []


def test_hostile_names_give_no_command_that_the_gate_did_not_mean(repository: Path) -> None:
    """The rules of GitHub's own parser, on all that the container printed."""
    blessed = {name: np.arange(3, dtype=np.float32) for name in HOSTILE}
    other = {name: value + 1 for name, value in blessed.items()}
    WRITERS["npz"](repository / "models" / "golden" / "a.npz", blessed)
    for file in ("b.npz", "m\r::error::forged ##[error].npz", "n\n::error::forged.npz"):
        WRITERS["npz"](repository / "models" / file, other)
    names = ["##[error]forged", "::error::forged", "::set-output name=conclusion::success"]
    (repository / "weight-gate.yml").write_text(
        "version: 1\nmodels:\n"
        + "".join(f'  - {{name: "{name}", weights: models/b.npz, reference: models/golden/a.npz}}\n' for name in names)
        + '  - {weights: "models/[mn]*.npz", reference: models/golden/a.npz}\n'
        + '  - {name: missing, weights: "models/missing::error::forged.npz"}\n'
    )
    assert_meant(pull_request(repository), repository, errors=7)


def test_so_do_hostile_words_in_a_manifest(repository: Path) -> None:
    (repository / "weight-gate.yml").write_text(
        "version: 1\nmodels:\n"
        '  - {name: "a\\r::error::forged", weights: "##[error]forged.npz"}\n'
        '  - {name: b, weights: "x\\n::error::forged", "y\\r::error::forged": 1}\n'
    )
    assert_meant(pull_request(repository), repository, errors=4)

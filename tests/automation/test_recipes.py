"""Every YAML block of docs/recipes.md is a whole file that its reader accepts: GitHub, GitLab, pre-commit, the gate."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.automation import ACTION, BINARIES, blocks, load
from support.cli import ROOT, run_gate

PAGE = ROOT / "docs" / "recipes.md"
# What is ours is named by the tag that moves, as most people will, and as the page says; what others wrote is not.
ZIZMOR = {
    "rules": {
        "unpinned-uses": {
            "config": {"policies": {"org/weight-gate/*": "ref-pin", "org/weight-gate": "ref-pin", "*": "hash-pin"}}
        },
        "unpinned-images": {"disable": True},  # the page shows `v1`, and says how an image is pinned
    }
}
LINTED = {"self-hosted-runner": {"labels": ["gpu"]}}


def kind_of(text: str) -> str:
    """What the block is a file for, by its keys; every block has to be one of these."""
    loaded: dict[Any, Any] = yaml.safe_load(text)
    if "jobs" in loaded:
        return "workflow"
    if "repos" in loaded:
        return "pre-commit"
    return "manifest" if "models" in loaded else "gitlab"


BLOCKS = [(kind_of(text), line, text) for line, text in blocks(PAGE)]


def of_kind(kind: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "text", [pytest.param(text, id=f"line {line}") for of, line, text in BLOCKS if of == kind]
    )


def test_there_is_one_for_every_reader() -> None:
    assert {kind for kind, _, _ in BLOCKS} == {"workflow", "gitlab", "pre-commit", "manifest"}
    assert len(blocks(PAGE, "yaml")) == PAGE.read_text(encoding="utf-8").count("```") // 2


@pytest.mark.linters
@of_kind("workflow")
def test_github_accepts_it(tmp_path: Path, text: str) -> None:
    path = workflow(tmp_path, text)
    accepted("check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(path))
    (tmp_path / "jactionlint.yaml").write_text(yaml.safe_dump(LINTED))
    shellcheck = ("--shellcheck", str(BINARIES / "shellcheck"))
    accepted(
        "jactionlint",
        "--strict-exit",
        "--profile",
        "correctness",
        *shellcheck,
        "-c",
        str(tmp_path / "jactionlint.yaml"),
        str(path),
    )


@pytest.mark.linters
@of_kind("workflow")
def test_it_is_safe_to_copy(tmp_path: Path, text: str) -> None:
    (tmp_path / "zizmor.yml").write_text(yaml.safe_dump(ZIZMOR))
    accepted(
        "zizmor",
        "--offline",
        "--strict-collection",
        "--config",
        str(tmp_path / "zizmor.yml"),
        str(workflow(tmp_path, text)),
    )


@of_kind("workflow")
def test_it_says_to_the_action_what_the_action_knows(text: str) -> None:
    loaded = yaml.safe_load(text)
    used = [
        step
        for job in loaded["jobs"].values()
        for step in job["steps"]
        if step.get("uses", "").startswith("org/weight-gate")
    ]
    for step in used:
        assert step["uses"] in {"org/weight-gate@v1", "org/weight-gate/gpu@v1"}
        assert set(step.get("with", {})) <= set(load(ACTION)["inputs"])
    for output in {word.split(".outputs.")[1].split(" ")[0] for word in text.split("${{")[1:] if ".outputs." in word}:
        assert output in load(ACTION)["outputs"]


@of_kind("workflow")
def test_nothing_in_it_makes_red_green(text: str) -> None:
    """By what the page itself warns of."""
    loaded = yaml.safe_load(text)
    events = loaded[True]  # YAML 1.1 reads the key `on` so
    assert events == {"pull_request": None, "merge_group": None}
    assert loaded["permissions"] == {}
    assert "continue-on-error" not in text
    for job in loaded["jobs"].values():
        gates = any(step.get("uses", "").startswith("org/weight-gate") for step in job["steps"])
        assert not (gates and {"if", "needs"} & set(job))
        assert job.get("if", "${{ always() }}") == "${{ always() }}"


@pytest.mark.linters
@of_kind("gitlab")
def test_gitlab_accepts_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / ".gitlab-ci.yml"
    path.write_text(text)
    accepted("check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci", str(path))
    (job,) = yaml.safe_load(text).values()
    assert job["image"]["entrypoint"] == [""]
    assert job["variables"] == {"GIT_DEPTH": 0}
    assert job["artifacts"]["when"] == "always"
    assert job["artifacts"]["reports"]["junit"] == "weight-gate-reports/junit.xml"
    assert job["allow_failure"] is False


@pytest.mark.linters
@of_kind("pre-commit")
def test_pre_commit_accepts_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / ".pre-commit-config.yaml"
    path.write_text(text)
    accepted("pre-commit", "validate-config", str(path))
    hooks = {hook["id"] for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
    assert {hook["id"] for repo in yaml.safe_load(text)["repos"] for hook in repo["hooks"]} == hooks


@of_kind("manifest")
def test_the_gate_accepts_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "weight-gate.yml"
    path.write_text(text)
    found = run_gate("validate", path)
    assert (found.returncode, found.stderr) == (0, "")


def test_every_link_within_the_page_leads_somewhere() -> None:
    text = PAGE.read_text(encoding="utf-8")
    headings = {line[3:].lower().replace(" ", "-") for line in text.splitlines() if line.startswith("## ")}
    links = {part.split(")")[0] for part in text.split("](#")[1:]}
    assert links <= headings
    assert headings <= links | {"a-required-check"}


def workflow(folder: Path, text: str) -> Path:
    path = folder / ".github" / "workflows" / "weights.yml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def accepted(linter: str, *args: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
    done = subprocess.run([BINARIES / linter, *args], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr

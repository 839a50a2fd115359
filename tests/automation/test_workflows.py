"""The repository's own workflows: what they may do, what they pin, that no job is left out, that the parts fit.

What a linter of `make lint` finds is not tested again here.
"""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

import gate
from support.automation import ACTION, SELF_ACTION, WORKFLOWS, jobs, load, steps
from support.cli import ROOT

CI = ROOT / ".github" / "workflows" / "ci.yml"
RELEASE = ROOT / ".github" / "workflows" / "release.yml"
GPU_ACTION = ROOT / "gpu" / "action.yml"
YAML_WITH_USES = (*WORKFLOWS, ACTION, GPU_ACTION, SELF_ACTION)
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
OF_THIS_COMMIT = "$/"


@pytest.mark.parametrize("path", YAML_WITH_USES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_others_wrote_is_pinned_by_commit_with_its_version_beside_it(path: Path) -> None:
    used = re.findall(r"^\s*(?:- )?uses: (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert [one for one in used if not one.startswith(OF_THIS_COMMIT) and not PINNED.fullmatch(one)] == []


def test_one_action_is_of_one_version_everywhere() -> None:
    """In what the documentation shows too: nobody raises a version there and not here."""
    pages = (*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md"))
    text = "\n".join(path.read_text(encoding="utf-8") for path in (*WORKFLOWS, *pages))
    found: dict[str, set[str]] = {}
    for name, commit, version in re.findall(r"uses: ([\w./-]+)@([0-9a-f]{40}) # (v\S+)", text):
        found.setdefault(name, set()).add(f"{commit} {version}")
    assert {name: pins for name, pins in found.items() if len(pins) > 1} == {}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_do_nothing_but_what_a_job_asks_for(path: Path) -> None:
    assert load(path)["permissions"] == {}
    for name, job in jobs(path).items():
        assert "permissions" in job, name
        assert 0 < job["timeout-minutes"] <= 60, name


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_checkout_leaves_a_token_behind(path: Path) -> None:
    for name, step in steps(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False, name


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_secret_but_the_token_of_the_run(path: Path) -> None:
    assert "secrets." not in path.read_text(encoding="utf-8")


def test_ci_only_reads() -> None:
    for name, job in jobs(CI).items():
        assert job["permissions"] in ({}, {"contents": "read"}), name


def test_ci_runs_wherever_something_can_be_merged() -> None:
    events = load(CI)[True]  # YAML 1.1 reads the key `on` so
    assert events == {"push": {"branches": ["main"]}, "pull_request": None, "merge_group": None}


def test_the_gate_waits_for_every_job_and_no_job_is_optional() -> None:
    every = jobs(CI)
    last = every["gate"]
    assert set(last["needs"]) == set(every) - {"gate"}
    assert last["if"] == "${{ always() }}"
    for name, job in every.items():
        assert name == "gate" or "if" not in job, f"{name} could be skipped, which GitHub counts as a success"
        assert "continue-on-error" not in job, name


@pytest.mark.linters  # runs jq
@pytest.mark.parametrize(
    ("needs", "verdict"),
    [
        ({"a": "success", "b": "success"}, 0),
        ({"a": "success", "b": "skipped"}, 1),
        ({"a": "cancelled", "b": "success"}, 1),
        ({"a": "failure"}, 1),
        ({}, 1),
    ],
)
def test_what_the_gate_makes_of_the_results(needs: dict[str, str], verdict: int) -> None:
    (step,) = jobs(CI)["gate"]["steps"]
    assert (
        run_step(step["run"], {"NEEDS": json.dumps({name: {"result": result} for name, result in needs.items()})})
        == verdict
    )


def test_ci_runs_all_of_what_runs_here() -> None:
    """Each section of .ci/run, and no section that there is not."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    sections = set(re.findall(r'^section (\S+) "', script, re.MULTILINE))
    called = {
        name
        for _, step in steps(CI)
        for line in re.findall(r"bash \.ci/run (.+)", step.get("run", ""))
        for name in line.split()
    }
    assert called == sections


def test_every_python_that_is_supported_is_tested() -> None:
    matrix = jobs(CI)["tests"]["strategy"]["matrix"]["python"]
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert matrix == re.findall(r"Programming Language :: Python :: (3\.\d+)", pyproject)


def test_this_commit_as_an_action_takes_and_gives_what_the_released_one_does() -> None:
    released, own = load(ACTION), load(SELF_ACTION)
    assert own["inputs"] == released["inputs"]
    assert own["outputs"] == released["outputs"]
    assert own["runs"].pop("image") == "../../../Dockerfile"
    assert (SELF_ACTION.parent / "../../../Dockerfile").resolve() == ROOT / "Dockerfile"
    released["runs"].pop("image")
    assert own["runs"] == released["runs"]


def test_the_action_on_a_gpu_differs_in_its_device_alone() -> None:
    released, gpu = load(ACTION), load(GPU_ACTION)
    assert gpu["inputs"].pop("device") | {"default": ""} == released["inputs"].pop("device")
    assert gpu["inputs"] == released["inputs"]
    for name, output in gpu["outputs"].items():
        assert output.pop("value") == f"${{{{ steps.gate.outputs.{name} }}}}"
    assert gpu["outputs"] == released["outputs"]
    (step,) = gpu["runs"]["steps"]
    passed = {name: value for name, value in step["env"].items() if name.startswith("INPUT_")}
    names = [*released["inputs"], "device"]
    assert passed == {f"INPUT_{name.upper().replace('-', '_')}": f"${{{{ inputs.{name} }}}}" for name in names}


def test_the_actions_name_the_image_of_this_version() -> None:
    image = load(RELEASE)["env"]["IMAGE"]
    assert load(ACTION)["runs"]["image"] == f"docker://{image}:v{gate.__version__}"
    assert load(GPU_ACTION)["runs"]["steps"][0]["env"]["IMAGE"] == f"{image}:v{gate.__version__}-gpu"


def test_the_self_test_judges_a_green_and_a_red_and_says_so_when_they_are_not() -> None:
    by_id = {step["id"]: step for name, step in steps(CI) if name == "action" and "id" in step}
    assert {name: step["uses"] for name, step in by_id.items()} == dict.fromkeys(
        ("green", "red"), "$/.github/actions/self"
    )
    assert "continue-on-error" not in by_id["green"]
    assert by_id["red"]["continue-on-error"] is True
    (judge,) = (step for name, step in steps(CI) if name == "action" and step.get("name") == "They were")
    assert judge["env"]["RED"] == "${{ steps.red.outcome }}"


SAID = {
    "GREEN": "success",
    "GREEN_SAYS": '{"conclusion": "success", "failed-count": "0"}',
    "RED": "failure",
    "RED_SAYS": '{"conclusion": "failure", "failed-count": "2"}',
}


@pytest.mark.linters  # runs jq
@pytest.mark.parametrize(
    ("other", "verdict"),
    [
        ({}, 0),
        ({"GREEN": "failure"}, 1),
        ({"RED": "success"}, 1),
        ({"RED": "skipped"}, 1),
        ({"RED_SAYS": '{"conclusion": "error", "failed-count": "2"}'}, 1),
        ({"GREEN_SAYS": "{}"}, 1),
        ({"RED_SAYS": "{}"}, 1),
        ({"RED_SAYS": ""}, 1),
    ],
)
def test_what_the_self_test_makes_of_the_outcomes(tmp_path: Path, other: dict[str, str], verdict: int) -> None:
    (judge,) = (step for name, step in steps(CI) if name == "action" and step.get("name") == "They were")
    (tmp_path / "green.xml").write_text("<testsuites/>\n")
    (tmp_path / "red.xml").write_text("<testsuites><failure/></testsuites>\n")
    assert min(run_step(judge["run"], SAID | other, tmp_path), 1) == verdict


def test_a_release_takes_its_digests_from_what_it_pushed_and_from_nowhere_else() -> None:
    every = jobs(RELEASE)
    built = {step.get("id"): step for step in every["image"]["steps"]}
    assert built["push"]["uses"].startswith("docker/build-push-action@")
    assert "push-by-digest=true" in built["push"]["with"]["outputs"]
    assert "tags" not in built["push"]["with"]
    assert built["digest"]["env"] == {"DIGEST": "${{ steps.push.outputs.digest }}"}
    assert every["image"]["outputs"] == {name: f"${{{{ steps.digest.outputs.{name} }}}}" for name in ("cpu", "gpu")}
    expected = {"CPU": "${{ needs.image.outputs.cpu }}", "GPU": "${{ needs.image.outputs.gpu }}"}
    for name in ("release", "major"):
        given = [step["env"] for step in every[name]["steps"] if "CPU" in step.get("env", {})]
        assert given
        assert all(environment.items() >= expected.items() for environment in given)


def test_a_release_tells_the_build_all_that_the_build_asks() -> None:
    (build,) = (step for step in jobs(RELEASE)["image"]["steps"] if step.get("id") == "push")
    told = dict(line.split("=", 1) for line in build["with"]["build-args"].splitlines())
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    asked = {
        word.split("=")[0] for line in re.findall(r"^ARG (.*)$", dockerfile, re.MULTILINE) for word in line.split()
    }
    assert set(told) == asked
    assert told["BASE"] == "debian:trixie-slim@${{ needs.verify.outputs.base }}"
    assert "FROM ${BASE} " in dockerfile
    flavours = jobs(RELEASE)["image"]["strategy"]["matrix"]["flavour"]
    assert all((ROOT / "requirements" / f"image-{flavour}.txt").is_file() for flavour in flavours)


def test_a_release_is_judged_before_anything_is_public() -> None:
    """The order: may it be, build and prove, tag and tell, the package, and the moving tag at the very end."""
    every = jobs(RELEASE)
    assert {name: as_list(job.get("needs", [])) for name, job in every.items()} == {
        "verify": [],
        "package": ["verify"],
        "image": ["verify"],
        "release": ["package", "image"],
        "pypi": ["release"],
        "major": ["image", "pypi"],
    }
    assert not [name for name, job in every.items() if "if" in job]
    writing = {name for name, job in every.items() if job["permissions"].get("contents") == "write"}
    assert writing == {"release", "major"}
    assert {name: job["environment"] for name, job in every.items() if "environment" in job} == {
        "release": "release",
        "pypi": "pypi",
        "major": "release",
    }


@pytest.mark.linters  # runs jq
@pytest.mark.parametrize(
    ("conclusions", "verdict"),
    [(["success"], 0), ([], 1), (["failure"], 1), (["success", "failure"], 1), (["cancelled"], 1), ([None], 1)],
)
def test_only_a_commit_that_was_green_is_released(tmp_path: Path, conclusions: list[str | None], verdict: int) -> None:
    """With a `gh` that answers as GitHub's API does, and tells what it was asked."""
    (step,) = (step for step in jobs(RELEASE)["verify"]["steps"] if "gh api" in step.get("run", ""))
    stand_in(tmp_path, "gh", json.dumps({"workflow_runs": [{"conclusion": each} for each in conclusions]}))
    said = {"GITHUB_REPOSITORY": "org/weight-gate", "GITHUB_SHA": "c0ffee", "RUNNER_TEMP": str(tmp_path)}
    assert min(run_step(step["run"], said | {"PATH": f"{tmp_path}:/usr/bin:/bin"}, tmp_path), 1) == verdict
    asked = (tmp_path / "asked").read_text()
    assert asked == "api repos/org/weight-gate/actions/workflows/ci.yml/runs?head_sha=c0ffee&branch=main&event=push\n"


@pytest.mark.linters  # runs jq
def test_a_base_image_without_a_digest_ends_the_release(tmp_path: Path) -> None:
    (step,) = (step for step in jobs(RELEASE)["verify"]["steps"] if step.get("id") == "base")
    said = {"RUNNER_TEMP": str(tmp_path), "GITHUB_OUTPUT": str(tmp_path / "out"), "PATH": f"{tmp_path}:/usr/bin:/bin"}
    for manifest in ("{}", '{"digest": "sha256:12"}', ""):
        stand_in(tmp_path, "docker", manifest)
        assert run_step(step["run"], said, tmp_path) != 0
    assert not (tmp_path / "out").exists()
    stand_in(tmp_path, "docker", json.dumps({"digest": f"sha256:{'0' * 64}"}))
    assert run_step(step["run"], said, tmp_path) == 0
    assert (tmp_path / "out").read_text() == f"digest=sha256:{'0' * 64}\n"


def test_the_wheel_is_looked_at_before_it_is_kept(tmp_path: Path) -> None:
    names = [step.get("name") or step["uses"].split("@")[0] for step in jobs(RELEASE)["package"]["steps"]]
    assert names.index("Install and call it") < names.index("actions/upload-artifact")


def test_dependabot_looks_at_every_action() -> None:
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text(encoding="utf-8"))["updates"]
    (actions,) = (update for update in updates if update["package-ecosystem"] == "github-actions")
    assert actions["directories"] == ["/", "/gpu", "/.github/actions/*"]
    assert SELF_ACTION.parent.parent == ROOT / ".github" / "actions"
    assert all(update["cooldown"]["default-days"] >= 7 for update in updates)


def as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def stand_in(folder: Path, name: str, answer: str) -> None:
    """A command that prints `answer`, and writes down what it was asked."""
    (folder / "answer").write_text(answer)
    path = folder / name
    path.write_text(f'#!/bin/sh\necho "$@" >"{folder}/asked"\ncat "{folder}/answer"\n')
    path.chmod(0o755)


def run_step(script: str, environment: dict[str, str], folder: Path | None = None) -> int:
    """The exit code of a step's own text, by the shell that the runner takes for `shell: bash`."""
    command = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script]
    done = subprocess.run(command, env=os.environ | environment, cwd=folder, capture_output=True, check=False)
    return done.returncode

"""action.yml, gpu/action.yml, the code that reads their inputs, and docs/action.md say the same."""

import re
from typing import Any

import pytest
import yaml

import gate
from gate.action import INPUTS, TOKEN, Runner, arguments
from gate.arguments.check import REPORTS
from gate.arguments.shared import MANIFEST
from gate.reports.outputs import github_outputs
from reports.runner import outputs
from reports.samples import mixed
from support.cli import ROOT

GPU = "gpu/action.yml"
DIGEST = "(@sha256:[0-9a-f]{64})?"


def loaded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    return found


def rows(heading: str) -> dict[str, list[str]]:
    """The cells of the table below a heading of docs/action.md, by the word in the first."""
    text = (ROOT / "docs" / "action.md").read_text(encoding="utf-8")
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = [re.split(r" *\| *", line.strip("| \n")) for line in section.splitlines() if line.startswith("| `")]
    return {cells[0].strip("`"): [cell.strip("`") for cell in cells[1:]] for cells in found}


def test_the_code_reads_exactly_the_inputs() -> None:
    assert tuple(loaded("action.yml")["inputs"]) == INPUTS


def test_both_actions_have_the_same_inputs_and_outputs() -> None:
    one, gpu = loaded("action.yml"), loaded(GPU)
    assert gpu["inputs"].pop("device") == {**one["inputs"].pop("device"), "default": "gpu"}
    assert gpu["inputs"] == one["inputs"]
    values = {name: output.pop("value") for name, output in gpu["outputs"].items()}
    assert gpu["outputs"] == one["outputs"]
    assert values == {name: f"${{{{ steps.gate.outputs.{name} }}}}" for name in one["outputs"]}


def test_the_outputs_are_those_that_are_written() -> None:
    assert list(loaded("action.yml")["outputs"]) == list(outputs(github_outputs(mixed(), {})))


def test_the_gpu_action_hands_on_every_input_by_the_environment() -> None:
    (step,) = loaded(GPU)["runs"]["steps"]
    handed = {name: value for name, value in step["env"].items() if name.startswith("INPUT_")}
    assert handed == {f"INPUT_{name.upper().replace('-', '_')}": f"${{{{ inputs.{name} }}}}" for name in INPUTS}
    assert "${{" not in step["run"]


def test_the_images_are_those_of_this_version() -> None:
    image = f"ghcr\\.io/org/weight-gate:v{re.escape(gate.__version__)}"
    assert re.fullmatch(f"docker://{image}{DIGEST}", loaded("action.yml")["runs"]["image"])
    assert re.fullmatch(f"{image}-gpu{DIGEST}", loaded(GPU)["runs"]["steps"][0]["env"]["IMAGE"])
    assert loaded("action.yml")["runs"]["args"] == ["action"]


def test_the_defaults_are_those_of_the_command_and_change_nothing() -> None:
    defaults = {name: each["default"] for name, each in loaded("action.yml")["inputs"].items()}
    assert (defaults["manifest"], defaults["reports"]) == (MANIFEST, REPORTS)
    given = {name: value for name, value in defaults.items() if value and name != TOKEN}
    said = arguments(Runner(present=True, inputs=given))
    assert said == ["check", f"--reports={REPORTS}", "--", MANIFEST]


@pytest.mark.parametrize("name", ["action.yml", GPU])
def test_no_input_is_required_and_names_are_kebab_case(name: str) -> None:
    for key, each in loaded(name)["inputs"].items():
        assert re.fullmatch("[a-z]+(-[a-z]+)*", key)
        assert set(each) == {"description", "default"}
        assert isinstance(each["default"], str)


def test_the_documentation_has_every_input_with_its_default() -> None:
    documented = rows("Inputs")
    inputs = loaded("action.yml")["inputs"]
    assert list(documented) == list(inputs)
    assert {name: cells[0] for name, cells in documented.items()} == {
        name: each["default"] for name, each in inputs.items()
    }


def test_the_documentation_has_every_output() -> None:
    assert list(rows("Outputs")) == list(loaded("action.yml")["outputs"])

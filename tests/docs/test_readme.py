"""README.md: each command works, each block of YAML is what it says it is, and the tables are the code's."""

import argparse
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from gate.formats import READERS
from gate.manifest.load import parse_manifest
from gate.parser import EXIT_CODES, parser
from image.engine import DOCUMENTED, IMAGE
from support.automation import BINARIES
from support.cli import ROOT, run_gate
from support.pages import Block, blocks

README = ROOT / "README.md"
TEXT = README.read_text("utf-8")
YAML = blocks(README, "yaml")
MANIFESTS = [block for block in YAML if block.text.startswith("version:")]
WORKFLOWS = [block for block in YAML if block not in MANIFESTS]
COMMANDS = [
    line.removeprefix("$ ").split("   #")[0].strip()
    for block in blocks(README, "console")
    for line in re.sub(r"\\\n +", "", block.text).splitlines()
]
# What the commands of the gate come to in examples/digits: these files are not the same.
EXIT = {"weight-gate diff models/golden/digits.keras models/digits.keras": 1}
OURS = [command for command in COMMANDS if command.startswith("weight-gate ")]


def test_there_is_nothing_else_to_type() -> None:
    first = [shlex.split(command)[0] for command in COMMANDS]
    assert sorted(set(first)) == ["docker", "make", "pip", "weight-gate"]
    assert COMMANDS.count("make demo") == COMMANDS.count("make test") == 1


@pytest.mark.parametrize("block", MANIFESTS, ids=lambda block: f"line {block.line}")
def test_manifests_are_manifests(block: Block) -> None:
    parse_manifest(block.text, "README.md")


def test_the_first_quick_start_is_eight_lines() -> None:
    (workflow,) = WORKFLOWS
    assert len(workflow.text.splitlines()) == 8
    steps = yaml.safe_load(workflow.text)["jobs"]["weights"]["steps"]
    assert steps[-1] == {"uses": "org/weight-gate@v1"}


@pytest.mark.linters
def test_workflows_are_workflows(tmp_path: Path) -> None:
    (tmp_path / "workflow.yml").write_text(WORKFLOWS[0].text, "utf-8")
    schema = "--builtin-schema=vendor.github-workflows"
    done = subprocess.run(
        [BINARIES / "check-jsonschema", schema, tmp_path / "workflow.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_docker_is_run_as_the_tests_of_the_image_run_it() -> None:
    (command,) = [shlex.split(command) for command in COMMANDS if command.startswith("docker ")]
    options = {
        "--network none": "--network=none", "--tmpfs /tmp": "--tmpfs=/tmp", "--cap-drop ALL": "--cap-drop=ALL",
    }  # fmt: skip
    typed = " ".join(command)
    for written, meant in options.items():
        typed = typed.replace(written, meant)
    given = typed.split()
    user = ["--user", "$(id", "-u):$(id", "-g)"]
    assert given[:3] == ["docker", "run", "--rm"]
    assert given[given.index("--user") :][:4] == user
    rest = [each for each in given[3:] if each not in user]
    documented = [each for each in DOCUMENTED if not each.startswith("--user=")]
    assert rest == [*documented, "-v", "$PWD:/work", f"{IMAGE.partition(':')[0]}:v1", "check"]


def test_docker_is_run_alike_on_every_page() -> None:
    (command,) = [command for command in COMMANDS if command.startswith("docker ")]
    assert command in " ".join((ROOT / "docs" / "container.md").read_text("utf-8").replace("\\\n", "").split())


@pytest.mark.tensorflow
@pytest.mark.parametrize("command", OURS)
def test_commands_of_the_gate_run(command: str, tmp_path: Path) -> None:
    folder = tmp_path / "digits"
    shutil.copytree(ROOT / "examples" / "digits", folder)
    arguments = shlex.split(command.partition(">")[0])[1:]
    if arguments[0] == "init":  # which writes over nothing
        (folder / "weight-gate.yml").unlink()
    done = run_gate(*arguments, cwd=folder)
    assert done.returncode == EXIT.get(command, 0), done.stdout + done.stderr
    assert done.stdout.strip()


def test_make_targets_are_there() -> None:
    targets = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text("utf-8"), flags=re.MULTILINE))
    assert {shlex.split(command)[1] for command in COMMANDS if command.startswith("make ")} <= targets


def test_the_extra_is_there() -> None:
    (command,) = [command for command in COMMANDS if command.startswith("pip ")]
    (extra,) = re.findall(r"weight-gate\[([a-z]+)\]", command)
    assert f"\n{extra} = [" in (ROOT / "pyproject.toml").read_text("utf-8")


def test_exit_codes_are_those_of_the_command_line() -> None:
    rows = re.findall(r"^\| ([\d, ]+) \| (.+) \|$", TEXT, flags=re.MULTILINE)
    told = [line.strip().split("  ", 1) for line in EXIT_CODES.splitlines()[1:]]
    assert rows == [(code, meaning.strip()) for code, meaning in told]


def test_every_input_that_it_names_is_an_input_or_an_option() -> None:
    actions = {option for each in _parsers(parser()) for action in each._actions for option in action.option_strings}
    inputs = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))["inputs"]
    for option in re.findall(r"`(--[a-z-]+)`", TEXT):
        assert option in actions, option
    assert "require-sandbox" in inputs


def _parsers(made: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    chosen = [each for each in made._actions if isinstance(each, argparse._SubParsersAction)]
    return [made, *(inner for each in chosen for inner in each.choices.values())]


def test_every_format_is_named() -> None:
    table = TEXT.partition("## Formats")[2].partition("## ")[0]
    words = {"checkpoint": "checkpoint", "saved_model": "SavedModel", "weights.json": "sharded"}
    for reader in READERS:
        assert words.get(reader, f".{reader}") in table, reader

"""Functions that a manifest names and that are not there: said with the line, before anything is loaded."""

from pathlib import Path

import pytest

from support.cli import run_gate
from support.files import WRITERS, example

MANIFEST = """\
version: 1
models:
  - weights: m.weights.h5
    architecture: {code: "src/build.py:build"}
"""


def made(folder: Path, code: str | None) -> Path:
    WRITERS["weights.h5"](folder / "m.weights.h5", example())
    (folder / "weight-gate.yml").write_text(MANIFEST)
    if code is not None:
        (folder / "src").mkdir()
        (folder / "src" / "build.py").write_text(code)
    return folder


@pytest.mark.parametrize("command", [["validate"], ["check"], ["check", "--allow-code"]])
@pytest.mark.parametrize(
    ("code", "told"),
    [
        (None, "weight-gate.yml:4:20: there is no src/build.py"),
        (
            "def make():\n    return 1\n",
            "weight-gate.yml:4:20: there is no function build in src/build.py: it has make",
        ),
        ("", "weight-gate.yml:4:20: there is no function build in src/build.py"),
    ],
)
def test_what_is_not_there_is_said_at_once(tmp_path: Path, command: list[str], code: str | None, told: str) -> None:
    done = run_gate(*command, cwd=made(tmp_path, code))
    assert done.returncode == 2, done
    assert told in done.stderr


@pytest.mark.parametrize(
    "code",
    [
        "def build(): ...",
        "build = print",
        "from os import getcwd as build",
        "from os import *",
        "if True:\n    def build(): ...",
        "class build: ...",
        "globals()['build'] = 1",
        "def __getattr__(name): ...",
        "not python at all",
        "raise SystemExit('this was run')\ndef build(): ...",
        "\0",
    ],
)
def test_what_may_be_there_is_left_to_loading(tmp_path: Path, code: str) -> None:
    assert run_gate("validate", cwd=made(tmp_path, code)).returncode == 0


def test_a_link_out_of_the_repository_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "there.py").write_text("secret = 1")
    folder = tmp_path / "here"
    folder.mkdir()
    (made(folder, "") / "src" / "build.py").unlink()
    (folder / "src" / "build.py").symlink_to(tmp_path / "there.py")
    assert "secret" not in run_gate("validate", cwd=folder).stderr


def test_code_is_shown_as_the_manifest_has_it(tmp_path: Path) -> None:
    done = run_gate("check", cwd=made(tmp_path, "def build(): ..."))
    assert "src/build.py:build" in done.stdout + done.stderr


def test_a_manifest_above_is_named(tmp_path: Path) -> None:
    made(tmp_path, None)
    below = tmp_path / "models" / "a"
    below.mkdir(parents=True)
    assert "../weight-gate.yml" not in run_gate("check", cwd=below).stderr  # no repository
    (tmp_path / ".git").mkdir()
    done = run_gate("check", cwd=below)
    assert done.returncode == 2
    assert "../../weight-gate.yml is there: `weight-gate check ../../weight-gate.yml`" in done.stderr
    assert "init" not in done.stderr

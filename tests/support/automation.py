"""The repository's own workflows and actions, and the YAML that the documentation shows, as data."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from support.cli import ROOT

WORKFLOWS = tuple(sorted((ROOT / ".github" / "workflows").glob("*.yml")))
ACTION = ROOT / "action.yml"
SELF_ACTION = ROOT / ".github" / "actions" / "self" / "action.yml"
BINARIES = ROOT / ".venv" / "bin"
"""Where `make lint` has the linters."""

_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)


def load(path: Path) -> dict[Any, Any]:
    """A file of YAML 1.1: the key `on` is True."""
    loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def jobs(workflow: Path) -> dict[str, dict[str, Any]]:
    """The jobs by their names."""
    found: dict[str, dict[str, Any]] = load(workflow)["jobs"]
    return found


def steps(workflow: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every step, with its job's name."""
    for name, job in jobs(workflow).items():
        for step in job["steps"]:
            yield name, step


def release_step(job: str, name: str) -> dict[str, Any]:
    """One step of the release."""
    (found,) = (step for step in jobs(ROOT / ".github/workflows/release.yml")[job]["steps"] if step.get("name") == name)
    return dict(found)


def blocks(page: Path, language: str = "yaml") -> list[tuple[int, str]]:
    """The fenced blocks of a Markdown page in one language, each with the line that it begins at."""
    text = page.read_text(encoding="utf-8")
    return [
        (text.count("\n", 0, found.start(3)) + 1, found[3]) for found in _BLOCK.finditer(text) if found[2] == language
    ]


def snapshot(folder: Path) -> dict[str, bytes]:
    """What every file of a folder holds, but git's own."""
    files = (path for path in folder.rglob("*") if path.is_file() and ".git" not in path.relative_to(folder).parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}

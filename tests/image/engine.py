"""Runs containers of the image that `make e2e` built, as its users do."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import gate
from support.cli import TIMEOUT_SECONDS

IMAGE = f"ghcr.io/org/weight-gate:v{gate.__version__}"

# A workspace belongs to somebody; root can make it belong to somebody else.
OWNER = 1000 if os.geteuid() == 0 else os.geteuid()
AS_ROOT = ("--network=none", "--read-only", "--tmpfs=/tmp")
"""Root keeps its capabilities: without them it can write into nobody else's workspace."""
CONFINED = (*AS_ROOT, "--cap-drop=ALL")
DOCUMENTED = (*CONFINED, f"--user={OWNER}:{OWNER}")
"""What docs/container.md says to type, by the workspace's owner."""


@dataclass(frozen=True)
class Ran:
    """What came of one container."""

    code: int
    stdout: str
    stderr: str

    @property
    def said(self) -> str:
        return self.stdout + self.stderr


def docker(*arguments: str, check: bool = True) -> str:
    """What a command of the engine prints."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS)
    assert done.returncode == 0 or not check, f"docker {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def run(workspace: Path, options: tuple[str, ...], *arguments: str, at: str = "/work") -> Ran:
    """`docker run OPTIONS -v WORKSPACE:/work IMAGE ARGUMENTS`, to its end."""
    done = subprocess.run(
        ["docker", "run", "--rm", *options, f"--volume={workspace}:{at}", IMAGE, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=TIMEOUT_SECONDS,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@contextmanager
def running(workspace: Path, options: tuple[str, ...], *arguments: str) -> Iterator[str]:
    """The name of such a container, which goes on in the background until it ends or the block does."""
    name = f"weight-gate-{uuid4().hex[:12]}"
    docker("run", "--detach", f"--name={name}", *options, f"--volume={workspace}:/work", IMAGE, *arguments)
    try:
        yield name
    finally:
        docker("rm", "--force", name)


def owned(folder: Path) -> Path:
    """The same folder, all of it now somebody's who is not root."""
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, OWNER, OWNER)
    return folder


def copied(source: Path, folder: Path) -> Path:
    """A workspace: a copy of `source` that belongs to `OWNER`."""
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__", "weight-gate-reports"))
    return owned(folder)


def strangers(folder: Path) -> list[str]:
    """What in a workspace does not belong to its owner, who could not remove it."""
    return sorted(str(path) for path in (folder, *folder.rglob("*")) if path.lstat().st_uid != OWNER)


def report_of(folder: Path) -> dict[str, Any]:
    """The JSON report of the last run there."""
    found: dict[str, Any] = json.loads((folder / "weight-gate-reports" / "report.json").read_text(encoding="utf-8"))
    return found


def confinement_of(folder: Path) -> str:
    """How far the process that loaded the only model was confined."""
    (model,) = report_of(folder)["models"]
    return str(model["runtime"]["confinement"])

"""Small repositories in which a model differs from what was blessed, and how they are updated."""

import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from support.cli import ROOT, TIMEOUT_SECONDS, run_gate
from support.files import example, write

BY = ("--by", "Ada <ada@example.com>")
ALL = ("--yes", "--only", "**", "--reason", "retrained on the spring data", *BY)


def changed(**changes: float) -> dict[str, Any]:
    """The example with numbers added to the tensors whose slashes are written as `__`."""
    arrays = example(0)
    for name, add in changes.items():
        arrays[name.replace("__", "/")] = arrays[name.replace("__", "/")] + np.float32(add)
    return arrays


def manifest(folder: Path, **entry: Any) -> Path:
    """The manifest of one model that is not loaded unless it says so."""
    path = folder / "weight-gate.yml"
    path.write_text(yaml.safe_dump({"version": 1, "models": [{"load": False, **entry}]}, sort_keys=False))
    return path


def golden(folder: Path, format: str = "npz", arrays: Mapping[str, Any] | None = None, **entry: Any) -> Path:
    """Weights that differ from a golden file of the same format in `head/kernel` and `head/bias`; the weights."""
    (folder / "golden").mkdir(parents=True)
    weights = write(format, folder, arrays or changed(head__kernel=1, head__bias=0.5))
    write(format, folder / "golden", example(0))
    manifest(folder, weights=weights.name, reference=f"golden/{weights.name}", **entry)
    return weights


def locked(folder: Path, format: str = "npz", arrays: Mapping[str, Any] | None = None, **entry: Any) -> Path:
    """The same against a lock, which `update` makes."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = write(format, folder, example(0))
    manifest(folder, weights=weights.name, reference={"lock": "model.lock.yml"}, **entry)
    assert update(folder, "--yes", "--only", "**", *BY).returncode == 0
    write(format, folder, arrays or changed(head__kernel=1, head__bias=0.5))
    return weights


def update(folder: Path, *args: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return run_gate("update", *args, cwd=folder, env=env)


def check(folder: Path, *args: str) -> int:
    return run_gate("check", "--no-reports", *args, cwd=folder).returncode


def files(folder: Path) -> dict[str, bytes]:
    """Every file with its bytes."""
    return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def approvals(folder: Path) -> list[dict[str, Any]]:
    """The record's entries, as another reader of YAML has them."""
    found = yaml.safe_load((folder / "weight-gate-approvals.yml").read_text("utf-8"))
    return list(found["approvals"])


def flat(text: str) -> str:
    return " ".join(text.split())


def on_terminal(folder: Path, answers: Sequence[tuple[str, str]], *args: str) -> tuple[int, str]:
    """`weight-gate update` on a pseudo-terminal: after each text that it prints, an answer; exit code and screen."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "INPUT_"))}
    environment |= {"PYTHONPATH": str(ROOT), "TERM": "dumb", "COLUMNS": "100"}
    child, terminal = pty.fork()  # with a terminal of its own, so that Ctrl-C is a signal
    if child == 0:
        os.chdir(folder)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.execve(sys.executable, [sys.executable, "-m", "gate", "update", *BY, *args], environment)
    screen, waiting = "", list(answers)
    while select.select([terminal], [], [], TIMEOUT_SECONDS)[0]:
        try:
            screen += os.read(terminal, 65536).decode("utf-8", "replace")
        except OSError:  # the other end is closed
            break
        if waiting and waiting[0][0] in screen:
            os.write(terminal, waiting.pop(0)[1].encode())
    else:
        os.kill(child, signal.SIGKILL)
    os.close(terminal)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert not waiting, screen
    return code, screen

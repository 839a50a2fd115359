"""Runs the gate as its users do: a process with arguments, an exit code and two streams."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_SECONDS = 300


def run_gate(
    *args: str | os.PathLike[str], cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`weight-gate ARGS…` in `cwd`, outside any CI and terminal: nothing of theirs but what is in `env`."""
    ours = {name: value for name, value in os.environ.items() if name != "COLUMNS"}  # pytest-xdist sets it
    scrubbed = {name: value for name, value in ours.items() if not name.startswith(("GITHUB_", "INPUT_"))}
    scrubbed["PYTHONPATH"] = str(ROOT)
    return subprocess.run(
        [sys.executable, "-m", "gate", *(os.fspath(arg) for arg in args)],
        cwd=cwd,
        env={**scrubbed, **(env or {})},
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        timeout=TIMEOUT_SECONDS,
    )

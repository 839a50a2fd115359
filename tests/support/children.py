"""Small real children, and an independent look at what is left of them.

A script sees `request()` and `answer(value)`, and `os`, `sys`, `json`, `time`, `signal`, `Path`. What a child and all
that comes of it have in common is a mark in their environment: `left(mark)` reads it from /proc.
"""

import os
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from gate.runtime.child import Child, ChildLimits
from support.cli import ROOT

MIB = 1024**2
LIMITS = ChildLimits(seconds=5, memory_bytes=300 * MIB)

_HEAD = """
import json, os, signal, sys, time
from pathlib import Path
_requests, _answers = os.fdopen(int(sys.argv[-2])), int(sys.argv[-1])
def request(): return json.loads(_requests.readline())
def answer(value): os.write(_answers, (json.dumps(value) + "\\n").encode())
def raw(data): os.write(_answers, data)
"""


@dataclass
class Children:
    """Starts children in one folder, all with one mark."""

    folder: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def environment(self) -> dict[str, str]:
        return {"CHILD_MARK": self.mark, "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}

    def start(self, script: str, limits: ChildLimits = LIMITS, environment: Mapping[str, str] | None = None) -> Child:
        """With the least environment that works, or the given one; in both with the mark."""
        seen = {**self.environment, **({} if environment is None else environment)}
        return Child([sys.executable, "-c", _HEAD + script], seen, self.folder, limits)

    def left(self) -> list[int]:
        """Who of them lives, even if only one of its threads does."""
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal() and self._is_one(entry)]

    def _is_one(self, process: Path) -> bool:
        with suppress(OSError):
            for thread in (process / "task").iterdir():
                with suppress(OSError):
                    if f"CHILD_MARK={self.mark}".encode() in (thread / "environ").read_bytes():
                        return True
        return False


def eventually(holds: Callable[[], bool], seconds: float = 3.0) -> bool:
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True

"""What a whole run allows the processes that load: code, time, memory, space, threads. From the command line."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gate.asked import Loading
from gate.errors import GateError
from gate.interpreter import untrusted

DEFAULT_SECONDS = 900.0
_SHARE = 0.9
"""Of the memory that there is: the parent needs some too, and has to survive the child."""
_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


@dataclass(frozen=True)
class Settings:
    """`base` is the manifest's folder, `roots` are the folders that code of the repository may read."""

    base: Path
    roots: tuple[Path, ...] = ()
    allow_code: bool = False
    require_sandbox: bool = False
    scratch: Path = field(default_factory=lambda: Path(tempfile.gettempdir()))
    seconds: float = DEFAULT_SECONDS
    memory_bytes: int = field(default_factory=lambda: available_memory())  # noqa: PLW0108 - it is defined below
    threads: int | None = None
    packages: tuple[Path, ...] = ()
    """Folders that a process may import from once it is confined, after all others."""
    installed: str = ""
    """What is in them, for the report."""
    workspace: Path | None = None
    """The runner's, which more may have been checked out into."""
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    @property
    def untrusted(self) -> tuple[Path, ...]:
        """The folders that a pull request may have written."""
        return untrusted((self.base, *self.roots, *([self.workspace] if self.workspace else [])))


def allowed(loading: Loading, settings: Settings) -> None:
    """Raises `GateError` where code of the repository would run, and may not."""
    if (code := loading.runs_code) and not settings.allow_code:
        raise GateError(
            f"{code} is code of the repository, which runs only with --allow-code",
            "say --allow-code where you trust the branch, or take the code out of the manifest",
        )


def available_memory() -> int:
    """What a process may take here: nine tenths of what the machine has left, or of what its container may take."""
    found = [_meminfo(), *(_number(Path(path)) for path in _CGROUP_LIMITS)]
    known = [each for each in found if each]
    return int(_SHARE * min(known)) if known else 1 << 62


def _meminfo() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        return None
    return None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text("ascii"))
    except (OSError, ValueError):  # not there, or `max`
        return None

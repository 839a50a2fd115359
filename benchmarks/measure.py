"""Runs one command as a whole process: seconds by the clock and of CPU, and the most private memory it had."""

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SAMPLE_SECONDS = 0.004
TIMEOUT_SECONDS = 1800


@dataclass(frozen=True)
class Contender:
    """One command, run in `folder`. It has to end with the exit code `expected` and print `says`.

    `needs` is a program that has to be there.
    """

    name: str
    folder: Path
    command: tuple[str, ...]
    says: str = ""
    expected: int = 0
    needs: str | None = None


@dataclass
class Measurement:
    """One contender's rounds: seconds by the clock, seconds of CPU, and the most private memory seen, in MiB."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    problem: str = ""


def environment() -> dict[str, str]:
    """What every contender gets: this repository importable, and no CI's variables."""
    dropped = ("GITHUB_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {**kept, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}


def measure(contender: Contender, result: Measurement) -> None:
    """Run it once."""
    peak = 0
    done = threading.Event()
    started = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            contender.command, cwd=contender.folder, env=environment(), stdout=output, stderr=subprocess.STDOUT
        )
        killer = threading.Timer(TIMEOUT_SECONDS, process.kill)
        killer.start()

        def sample() -> None:
            nonlocal peak
            while not done.wait(SAMPLE_SECONDS):
                peak = max(peak, private_kib(process.pid))

        sampler = threading.Thread(target=sample)
        sampler.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        done.set()
        killer.cancel()
        sampler.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read().decode("utf-8", "replace")
    if process.returncode != contender.expected or contender.says not in said:
        tail = " | ".join(said.strip().splitlines()[-3:])
        result.problem = f"exit {process.returncode}, expected {contender.expected} and `{contender.says}`: {tail}"
    result.wall.append(wall)
    result.cpu.append(usage.ru_utime + usage.ru_stime)
    result.memory.append(peak / 1024)


def private_kib(pid: int) -> int:
    """RssAnon of the process tree: memory of its own, without the pages of mapped files."""
    total = 0
    for member in tree(pid):
        try:
            status = Path(f"/proc/{member}/status").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon:"))
    return total


def tree(pid: int) -> Iterator[int]:
    """A process and all its descendants."""
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return
    for child in children.split():
        yield from tree(int(child))

"""The gate as the first process of a container, which the kernel sends no signal that it does not handle itself.

Interruptions in the middle of a load: partial reports within the 7.5 s that GitHub's runner leaves, and nothing left.
Without a container: tests/runtime/test_bad_children.py.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from junitparser import JUnitXml

from image.engine import AS_ROOT, DOCUMENTED, IMAGE, copied, docker, owned, report_of, running, strangers
from support.children import eventually
from support.cli import ROOT

SECONDS = 7
SLOW = """
import os, time
from pathlib import Path

def load(path):
    for _ in range(3):
        if os.fork() == 0:
            if os.fork() == 0:
                time.sleep(600)
            os._exit(0)
    Path(os.environ["TMPDIR"], "begun").touch()
    time.sleep(600)
"""
STRAY = SLOW.replace("time.sleep(600)\n            os._exit(0)", "time.sleep(0.1)\n            os._exit(0)")
MANIFEST = """\
version: 1
models:
  - name: first
    weights: models/golden/digits.keras
    load: false
  - name: slow
    weights: models/digits.keras
    load: {code: "slow.py:load"}
  - name: last
    weights: models/golden/digits.keras
    load: false
"""
CHECK = ("check", "--allow-code", "--scratch=/scratch")


class Interrupted:
    """A workspace whose second model never finishes loading, and the scratch folder that shows how far it is."""

    def __init__(self, folder: Path, hook: str = SLOW) -> None:
        self.workspace = copied(ROOT / "examples" / "digits", folder / "workspace")
        (self.workspace / "slow.py").write_text(hook, encoding="utf-8")
        (self.workspace / "weight-gate.yml").write_text(MANIFEST, encoding="utf-8")
        owned(self.workspace)
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        owned(self.scratch)
        self.mount = f"--volume={self.scratch}:/scratch"

    def wait_for_the_load(self) -> None:
        assert eventually(lambda: self.begun or self.over, 60)
        assert not self.over

    @property
    def begun(self) -> bool:
        return any("begun" in names for _, _, names in os.walk(self.scratch))

    @property
    def over(self) -> bool:
        """Reports say "not run" from the beginning, and something else in the end."""
        with suppress(OSError):
            return bool(report_of(self.workspace)["conclusion"] != "not run")
        return False

    def assert_reported(self) -> None:
        """The first model's verdict, and red where there is none."""
        report = report_of(self.workspace)
        assert {model["name"]: model["outcome"] for model in report["models"]} == {
            "first": "passed",
            "slow": "not run",
            "last": "not run",
        }
        junit = JUnitXml.fromfile(str(self.workspace / "weight-gate-reports" / "junit.xml"))
        assert {suite.name: suite.failures + suite.errors > 0 for suite in junit} == {
            "first": False,
            "slow": True,
            "last": True,
        }
        assert (self.workspace / "weight-gate-reports" / "summary.md").is_file()
        assert strangers(self.workspace) == []
        assert list(self.scratch.iterdir()) == []


@contextmanager
def in_time() -> Iterator[None]:
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < SECONDS


@pytest.mark.parametrize("how", [DOCUMENTED, AS_ROOT], ids=["owner", "root"])
def test_docker_stop(tmp_path: Path, how: tuple[str, ...]) -> None:
    gate = Interrupted(tmp_path)
    with running(gate.workspace, (*how, gate.mount), *CHECK) as name:
        gate.wait_for_the_load()
        with in_time():
            docker("stop", "--time=30", name)
        assert docker("inspect", "--format={{.State.ExitCode}}", name).strip() == "143"
        said = docker("logs", name)
    gate.assert_reported()
    assert "NOT RUN" in said


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_to_docker_run(tmp_path: Path, number: int, code: int) -> None:
    """What a terminal and GitHub's runner interrupt is the client, which passes it on."""
    gate = Interrupted(tmp_path)
    command = ["docker", "run", "--rm", *DOCUMENTED, gate.mount, f"--volume={gate.workspace}:/work", IMAGE, *CHECK]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as client:
        gate.wait_for_the_load()
        with in_time():
            client.send_signal(number)
            _, err = client.communicate(timeout=30)
    assert client.returncode == code
    assert "Traceback" not in err
    gate.assert_reported()


def test_a_signal_in_a_job_container(tmp_path: Path) -> None:
    """There something else is the first process, which waits for no orphans: none may be left to it."""
    gate = Interrupted(tmp_path)
    with running(gate.workspace, (*DOCUMENTED, gate.mount, "--entrypoint=tail"), "-f", "/dev/null") as name:
        before = processes(name)
        step = ["docker", "exec", name, "sh", "-c", f"echo $$ >/tmp/pid; exec weight-gate {' '.join(CHECK)}"]
        with subprocess.Popen(step, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as client:
            gate.wait_for_the_load()
            assert len(processes(name)) > len(before) + 3
            with in_time():
                docker("exec", name, "sh", "-c", 'kill -INT "$(cat /tmp/pid)"')
                client.communicate(timeout=30)
        assert client.returncode == 130
        assert processes(name) == before
    gate.assert_reported()


def test_orphans_are_waited_for(tmp_path: Path) -> None:
    """They are the first process's, and nobody else would."""
    gate = Interrupted(tmp_path, STRAY)
    with running(gate.workspace, (*DOCUMENTED, gate.mount), *CHECK) as name:
        gate.wait_for_the_load()
        assert eventually(lambda: not [each for each in zombies(name) if each.parent == 1], 5), processes(name)
        docker("stop", name)
    gate.assert_reported()


class Process(NamedTuple):
    command: str
    state: str
    parent: int


def zombies(name: str) -> list[Process]:
    return [each for each in processes(name).values() if each.state == "Z"]


def processes(name: str) -> dict[int, Process]:
    """The processes of a container, but for the shells that look."""
    script = 'for each in /proc/[0-9]*; do read -r line <"$each/stat" && echo "$line"; done 2>/dev/null'
    found = {}
    for line in docker("exec", name, "sh", "-c", script).splitlines():
        pid, _, rest = line.partition(" (")
        command, _, fields = rest.rpartition(") ")
        if command != "sh":
            state, parent = fields.split()[:2]
            found[int(pid)] = Process(command, state, int(parent))
    return found

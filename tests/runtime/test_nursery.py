"""Children that are forked from a process which has imported TensorFlow are as good as fresh ones, and as easily ended.

The stand-in for TensorFlow is enough for that, but for the question whether the real one can be forked at all.
"""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from gate.errors import GateError
from gate.runtime.environment import scrubbed
from gate.runtime.loaders.interface import How
from gate.runtime.nursery import Forked, Nursery
from gate.runtime.session import Session
from gate.runtime.settings import Settings
from support.children import Children, eventually
from support.cli import ROOT
from support.standin import stand_in

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is left of a child is looked for in /proc")

SERVE = """
import ctypes, os, signal, sys, tempfile, time
import numpy as np

def told(path):
    texts = {
        "cwd": os.getcwd(), "home": os.environ["HOME"], "tmp": tempfile.gettempdir(), "pid": str(os.getpid()),
        "parent": str(os.getppid()), "session": str(os.getsid(0) == os.getpid()),
        "hash": str(hash("a text")), "names": " ".join(sorted(os.environ)),
        "open": " ".join(sorted(os.readlink(f"/proc/self/fd/{name}").split(":")[0] for name in range(100)
                                if os.path.lexists(f"/proc/self/fd/{name}"))),
        "group": str(os.getpgrp() == os.getpid()),
        "interrupt": str(signal.getsignal(signal.SIGINT) is not signal.SIG_IGN),
    }
    return {name: np.array([text.encode()], object) for name, text in texts.items()}
def marks(path):
    import tensorflow
    seen = getattr(tensorflow, "mark", "none")
    tensorflow.mark = os.environ["MARK"] = "spoilt"
    os.umask(0o777)
    return {"seen": np.array([seen.encode()], object)}
def sleeps(path):
    if os.fork() == 0: time.sleep(1000)
    time.sleep(1000)
def crashes(path): ctypes.string_at(0)
def leaves_commands(path):
    print("::error::forged")
    os.write(2, b"::error::forged")
    os._exit(3)
"""


class World:
    """A nursery beside a stand-in for TensorFlow, and sessions from it."""

    def __init__(self, folder: Path, more: str = "", seed: str = "7") -> None:
        self.folder = folder
        self.scratch = folder / "scratch"
        (folder / "home").mkdir(parents=True)
        self.scratch.mkdir()
        (folder / "serve.py").write_text(SERVE)
        packages = stand_in(folder.with_name(f"{folder.name}-packages"), more)  # not in the workspace
        self.mark = Children(folder)
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(packages), str(ROOT)]),
            "OMP_MARK": f"CHILD_MARK={self.mark.mark}",
            "GITHUB_TOKEN": "secret",
        }
        self.seed = seed
        self.nursery = self.new_nursery()
        self.number = 0

    def new_nursery(self) -> Nursery:
        return Nursery({**scrubbed(self.environment, self.folder / "home", "cpu"), "PYTHONHASHSEED": self.seed})

    def session(self, **more: Any) -> Session:
        self.number += 1
        given = Settings(
            self.folder,
            (self.folder,),
            allow_code=True,
            environment=self.environment,
            **{"seconds": 20.0, "memory_bytes": 2 * 1024**3, **more},
        )
        return Session(given, "cpu", self.scratch / str(self.number), [], True, self.nursery)

    def how(self, function: str) -> How:
        return How("code", code=(str(self.folder / "serve.py"), function))

    def told(self, session: Session, function: str = "told") -> dict[str, str]:
        session.load(self.how(function), "path")
        return {each.name: each.read()[0].decode() for each in session.variables("it")}

    @property
    def nurse(self) -> int:
        assert self.nursery._process is not None
        return self.nursery._process.pid


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    with made.nursery:
        yield made
    assert not made.mark.left()
    assert list(made.scratch.iterdir()) == []


def test_a_child_is_a_process_of_its_own(world: World) -> None:
    with world.session() as one, world.session() as other:
        first, second = world.told(one), world.told(other)
    for found in (first, second):
        assert found["parent"] == str(os.getpid())
        assert (found["session"], found["group"], found["interrupt"]) == ("True", "True", "True")
        assert "GITHUB_TOKEN" not in found["names"].split()
        # Where it reads nothing, where it prints twice, where requests come from and answers go, and both ends of the
        # pipe by which forks tell that they came back.
        assert found["open"].split() == ["/dev/null", *["pipe"] * 6]
    assert first["pid"] != second["pid"]
    assert (first["home"], second["home"]) == tuple(str(world.scratch / name / "home") for name in "12")
    assert (first["tmp"], second["tmp"]) == tuple(str(world.scratch / name / "tmp") for name in "12")
    assert first["cwd"] == str(world.folder)


def test_tensorflow_is_imported_once(tmp_path: Path) -> None:
    counted = "import os; open(os.environ['TMPDIR'] + '/imported', 'a').write('x')"
    world = World(tmp_path, counted)
    with world.nursery:
        for _ in range(3):
            with world.session() as session:
                world.told(session)
    assert (tmp_path / "home" / "tmp" / "imported").read_text() == "x"


def test_nothing_of_one_child_is_seen_by_the_next(world: World) -> None:
    for _ in range(2):
        with world.session() as session:
            assert world.told(session, "marks") == {"seen": "none"}


def test_hashes_are_those_of_the_nursery(tmp_path: Path) -> None:
    found = []
    for name, seed in (("a", "7"), ("b", "7"), ("c", "8")):
        world = World(tmp_path / name, seed=seed)
        with world.nursery, world.session() as session:
            found.append(world.told(session)["hash"])
    assert found[0] == found[1] != found[2]


def test_a_child_that_crashes_leaves_the_others_alone(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    with world.session() as healthy:
        for function, words in (("crashes", r"crashed \(SIGSEGV\)"), ("leaves_commands", "exit status 3")):
            with world.session() as session, pytest.raises(GateError, match=words):
                session.load(world.how(function), "path")
        assert world.told(healthy)["parent"] == str(os.getpid())
    assert capfd.readouterr() == ("", "")


def test_limits_hold_for_forks_too(world: World) -> None:
    with world.session(seconds=1.0) as session, pytest.raises(GateError, match="did not finish within 1 s"):
        session.load(world.how("sleeps"), "path")
    assert len(world.mark.left()) == 1  # the nursery


def test_children_outlive_their_nursery(world: World) -> None:
    with world.session() as session:
        world.nursery.close()
        world.nursery.close()
        assert world.told(session)["parent"] == str(os.getpid())


def test_no_dead_process_is_left_unwaited_for(world: World) -> None:
    with world.session() as session:
        world.told(session)
    world.nursery.close()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    world = World(tmp_path)
    with world.nursery, world.session() as session:
        world.told(session)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_fork_takes_no_time(world: World) -> None:
    with world.session():
        pass
    began = time.monotonic()
    for _ in range(5):
        with world.session():
            pass
    assert (time.monotonic() - began) / 5 < 1


# Where nothing can be forked, a process of its own does the same


def test_a_nursery_that_was_killed(world: World) -> None:
    with world.session() as session:
        first = world.told(session)
    os.kill(world.nurse, signal.SIGKILL)
    for _ in range(2):
        with world.session() as session:
            found = world.told(session)
            assert found["hash"] == first["hash"]
            assert found["parent"] == str(os.getpid())
            assert found["tmp"] == str(world.scratch / str(world.number) / "tmp")


THREAD = "import threading, time; threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()"


def test_a_tensorflow_that_starts_threads(tmp_path: Path) -> None:
    """Forked, its children would lack them."""
    world = World(tmp_path, THREAD)
    with world.nursery, world.session() as session:
        assert world.told(session)["session"] == "True"
        assert world.nursery._process is None
    assert not world.mark.left()


def test_a_tensorflow_that_cannot_be_imported_is_told_in_its_own_words(tmp_path: Path) -> None:
    world = World(tmp_path, "raise ImportError('libfoo.so.1 is not there')")
    with world.nursery:
        for _ in range(2):
            with pytest.raises(GateError, match=r"ImportError: libfoo\.so\.1 is not there"):
                world.session()
    assert not world.mark.left()
    assert list(world.scratch.iterdir()) == []


def test_a_tensorflow_that_crashes_is_told(tmp_path: Path) -> None:
    """As on a processor that lacks instructions it was built for."""
    world = World(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGILL)")
    with world.nursery, pytest.raises(GateError, match=r"crashed \(SIGILL\)"):
        world.session()
    assert not world.mark.left()


# Ends

PARENT = """
import os, signal, sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from runtime.test_nursery import World
world = World(Path({folder!r}), {more!r})
print(world.mark.mark, flush=True)
with world.nursery, world.session() as session:
    print("ready", flush=True)
    time.sleep(1000)
"""


@pytest.mark.parametrize("more", ["", "import time; time.sleep(1000)"], ids=["with a child", "importing"])
def test_it_dies_with_its_parent(tmp_path: Path, more: str) -> None:
    script = PARENT.format(tests=str(ROOT / "tests"), folder=str(tmp_path), more=more)
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True
    ) as parent:
        assert parent.stdout is not None
        children = Children(tmp_path, parent.stdout.readline().strip())
        if more:
            assert eventually(lambda: len(children.left()) == 1, 10)
            time.sleep(0.3)
        else:
            assert parent.stdout.readline() == "ready\n"
            assert len(children.left()) == 2
        parent.kill()
    assert eventually(lambda: not children.left())


def test_waiting_for_a_fork_that_somebody_else_waited_for() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(5)
    os.waitpid(pid, 0)
    assert Forked(pid).wait(1) == 0


def test_waiting_tells_how_it_ended_or_that_it_did_not() -> None:
    pid = os.fork()
    if pid == 0:
        time.sleep(1000)
    forked = Forked(pid)
    with pytest.raises(subprocess.TimeoutExpired):
        forked.wait(0.05)
    os.kill(pid, signal.SIGKILL)
    assert forked.wait(5) == -signal.SIGKILL
    assert forked.wait(5) == -signal.SIGKILL


def test_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    """At many moments of a child's life, the first of them before there is a nursery."""
    script = textwrap.dedent("""
        import signal, sys
        from pathlib import Path
        sys.path.insert(0, {tests!r})
        from gate.errors import Interrupted
        from runtime.test_nursery import World

        def stop(number, frame):
            raise Interrupted(number)

        signal.signal(signal.SIGALRM, stop)
        world = World(Path({folder!r}))
        print(world.mark.mark, flush=True)
        for moment in range(30):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.001 + moment * 0.015)
                with world.nursery, world.session() as session:
                    world.told(session)
                    signal.pause()
            except Interrupted:
                world.nursery = world.new_nursery()
        print("done", flush=True)
        sys.stdin.read()
    """).format(tests=str(ROOT / "tests"), folder=str(tmp_path))
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
    ) as parent:
        assert parent.stdout is not None
        children = Children(tmp_path, parent.stdout.readline().strip())
        assert parent.stdout.readline() == "done\n"
        assert eventually(lambda: not children.left(), 5)
        parent.communicate()
    assert parent.returncode == 0


# The real one


@pytest.mark.tensorflow
def test_the_real_tensorflow_can_be_forked(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    given = Settings(tmp_path, environment=dict(os.environ), memory_bytes=4 * 1024**3)
    with ExitStack() as stack:
        nursery = stack.enter_context(Nursery(scrubbed(os.environ, home, "cpu")))
        first = stack.enter_context(Session(given, "cpu", tmp_path / "1", [], False, nursery))
        began = time.monotonic()
        second = stack.enter_context(Session(given, "cpu", tmp_path / "2", [], False, nursery))
        took = time.monotonic() - began
        assert first.runtime == second.runtime
        assert first.confinement == second.confinement
        assert not nursery._barren
    assert took < 2

"""A process that has imported TensorFlow and does nothing with it but fork: a fresh child in milliseconds, not seconds.

Importing leaves one thread (tried with TensorFlow 2.21), so a fork is a process just after its imports, whatever the
children before it loaded. Each is forked twice, and so given to the parent, who takes orphans while it has children
(`gate.runtime.process_tree`). What depends on the order of a set, in code of the repository, differs only between
children of two nurseries: a seed for hashes is the interpreter's.
"""

import array
import gc
import json
import os
import select
import signal
import socket
import subprocess
import tempfile
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gate.interpreter import command
from gate.runtime import kernel
from gate.runtime.uninterrupted import uninterrupted

_LONGEST = 1 << 20
_DESCRIPTORS = 3
_ADOPTION_SECONDS = 10.0
_START_SECONDS = 300.0


class Forked:
    """A child that is ours without our having started it; as much of `subprocess.Popen` as `Child` needs."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def wait(self, timeout: float) -> int:
        """Waits for its end; raises `subprocess.TimeoutExpired`."""
        until = time.monotonic() + timeout
        while self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # somebody else waited for it
                self.returncode = 0
                break
            if pid == self.pid:
                self.returncode = os.waitstatus_to_exitcode(status)
            elif time.monotonic() >= until:
                raise subprocess.TimeoutExpired("a child", timeout)
            else:
                time.sleep(0.005)
        return self.returncode


class Nursery:
    """Parent: starts the process with the first child, and ends it. A context manager."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._barren = False
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    @property
    def hash_seed(self) -> str:
        """What its children's hashes begin with."""
        return self._environment.get("PYTHONHASHSEED", "random")

    def child(self, environment: Mapping[str, str], folder: Path, descriptors: tuple[int, int, int]) -> Forked | None:
        """A child that works in `folder`; `descriptors` are its ends of requests, answers and what it prints.

        None where none can be had: importing may have failed, or have started threads. A process of its own then
        shows what there is to be said.
        """
        if self._barren:
            return None
        request = {"environment": dict(environment), "folder": str(folder), "parent": os.getpid()}
        self._barren = True  # unless all goes well: half an exchange would be the beginning of the next
        try:
            ours = self._started()
            socket.send_fds(ours, [json.dumps(request).encode()], list(descriptors))
            pid = json.loads(ours.recv(_LONGEST) or b"{}").get("pid")
        except (OSError, ValueError):
            pid = None
        self._barren = not isinstance(pid, int)
        if self._barren:
            self.close()
        return None if self._barren else Forked(pid)

    def _started(self) -> socket.socket:
        if self._socket is None:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs, uninterrupted():
                # In our own session: it is no stray of any child's tree.
                self._process = subprocess.Popen(  # noqa: S603 - what is run is ours
                    command("gate.runtime", str(theirs.fileno()), seeded=True),
                    cwd="/",
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    close_fds=True,
                )
            ours.settimeout(_START_SECONDS)
            self._socket = ours
        return self._socket

    def close(self) -> None:
        """Ends the process; children that it made live on."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def raise_children(descriptor: int) -> None:
    """The process itself: imports, then forks for each request, until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides; ours is the terminal's group too
    with suppress(OSError):
        kernel.prctl(kernel.SET_PDEATHSIG, signal.SIGKILL)  # importing takes seconds, in which it would not notice
    with socket.socket(fileno=descriptor) as ours:
        import keras  # noqa: F401
        import tensorflow  # noqa: F401, ICN001

        import gate.runtime.worker  # noqa: F401

        gc.freeze()
        while True:
            message, descriptors, _, _ = socket.recv_fds(ours, _LONGEST, _DESCRIPTORS)
            if not message:
                return
            ours.send(json.dumps(_forked(ours, json.loads(message), descriptors)).encode())
            for each in descriptors:
                os.close(each)


def _forked(ours: socket.socket, request: Mapping[str, Any], descriptors: list[int]) -> dict[str, Any]:
    """The id of a grandchild, which is the parent's from now on."""
    if sum(1 for _ in Path("/proc/self/task").iterdir()) > 1:
        return {"error": "importing TensorFlow started threads here, and a fork would lack them"}
    reading, writing = os.pipe()
    between = os.fork()
    if between == 0:
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            os.close(writing)
            _live(ours, request, descriptors)
        os.write(writing, array.array("q", [pid]).tobytes())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    os.waitpid(between, 0)
    return {"pid": array.array("q", told)[0]} if told else {"error": "it could not fork"}


def _live(ours: socket.socket, request: Mapping[str, Any], descriptors: list[int]) -> None:
    """The grandchild: set apart, it waits to be adopted, and works."""
    from gate.runtime.worker import serve

    status = 1
    try:
        requests, answers, prints = descriptors
        ours.close()
        os.setsid()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, each in enumerate((nothing, prints, prints)):
            os.dup2(each, number)
        for each in (nothing, prints):
            os.close(each)
        os.environ.clear()
        os.environ.update(request["environment"])
        tempfile.tempdir = None
        os.chdir(request["folder"])
        until = time.monotonic() + _ADOPTION_SECONDS
        parent = select.poll()
        parent.register(requests, 0)
        while os.getppid() != request["parent"] and time.monotonic() < until and not parent.poll(1):
            pass  # a parent that is gone has hung up
        serve(requests, answers)
        status = 0
    except BaseException:  # noqa: BLE001 - as an interpreter ends
        traceback.print_exc()
    os._exit(status)

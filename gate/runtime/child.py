"""One child process: started, asked, watched, and ended with all that came of it.

Requests and answers are lines of JSON through two pipes, whose numbers are the last two words of the child's command
line. What it prints goes into a bounded tail and nowhere else. Whatever ends it other than an answer is a
`ChildTrouble` that says what it was; then, and when `close` is called, nothing of it is left alive.

A child has one user at a time, and lives no longer than the thread that started it (see `sandbox.restrain`).
"""

import json
import os
import selectors
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gate.errors import GateError
from gate.runtime import endings
from gate.runtime.endings import Ending, Means
from gate.runtime.nursery import Forked, Nursery
from gate.runtime.output_tail import OutputTail
from gate.runtime.process_tree import ProcessTree
from gate.runtime.uninterrupted import uninterrupted

LONGEST_ANSWER = 64 * 1024 * 1024
_PERIOD = 0.05
_LOOKING_SHARE = 20
"""Looking for new processes reads all of /proc: it may take one part in twenty of the time."""
_SLOWEST_LOOK = 2.0
_DEAF_SECONDS = 10.0
_PIECE = 1024 * 1024


@dataclass(frozen=True)
class ChildLimits:
    """What one child may take."""

    seconds: float
    """For one request."""
    memory_bytes: int
    """Of all its processes together, without what is mapped from files."""
    file_bytes: int | None = None
    """The largest file it may write; the child sets it for itself (`sandbox.restrain`)."""


class ChildTrouble(GateError):  # noqa: N818 -- the trouble is the child's
    """The child gave no answer. `what` it did completes a sentence that the caller begins."""

    def __init__(self, ending: Ending, output: str = "", peak_bytes: int = 0) -> None:
        super().__init__(f"the process that loads it {ending.what}", ending.hint)
        self.what = ending.what
        self.output = output
        """The end of what it printed: raw and hostile."""
        self.peak_bytes = peak_bytes


class Child:
    """A running child. A context manager: nothing of it is left afterwards."""

    def __init__(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        limits: ChildLimits,
        nursery: Nursery | None = None,
    ) -> None:
        self._limits = limits
        self._peak = 0
        self._members: list[int] = []
        self._next_sample = self._next_look = 0.0
        self._nursery = nursery
        self._process: subprocess.Popen[bytes] | Forked | None = None
        self._tail: OutputTail | None = None
        self._open: set[int] = set()
        self._ended = False
        self._tree = ProcessTree()
        try:
            self._start(argv, environment, folder)
        except OSError as error:
            self.close()
            ending = Ending(f"could not be started: {error.strerror or error}", "see that the machine has room for it")
            raise ChildTrouble(ending) from error
        except BaseException:
            self.close()
            raise

    def _start(self, argv: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        theirs_requests, self._requests = self._pipe()
        self._answers, theirs_answers = self._pipe()
        printed, prints = self._pipe()
        os.set_blocking(self._requests, False)
        os.set_blocking(self._answers, False)
        if self._nursery is not None:
            self._process = self._nursery.child(environment, folder, (theirs_requests, theirs_answers, prints))
            environment = {**environment, "PYTHONHASHSEED": self._nursery.hash_seed}
        if self._process is None:
            with uninterrupted():
                self._process = subprocess.Popen(  # noqa: S603 - what is run is ours
                    [*argv, str(theirs_requests), str(theirs_answers)],
                    cwd=folder,
                    env=dict(environment),
                    stdin=subprocess.DEVNULL,
                    stdout=prints,
                    stderr=prints,
                    pass_fds=(theirs_requests, theirs_answers),
                    start_new_session=True,
                )
        self._pid = self._process.pid
        self._tree.rooted(self._pid)
        for each in (theirs_requests, theirs_answers, prints):
            self._shut(each)
        self._open.discard(printed)
        self._tail = OutputTail(printed)

    def _pipe(self) -> tuple[int, int]:
        ends = os.pipe()
        self._open.update(ends)
        return ends

    def _shut(self, descriptor: int) -> None:
        if descriptor in self._open:
            self._open.discard(descriptor)
            os.close(descriptor)

    @property
    def peak_bytes(self) -> int:
        """The most memory that all its processes were seen to hold together, so far."""
        return self._peak

    @property
    def output(self) -> str:
        """The end of what it printed to stdout and stderr so far; complete after `close`. Raw and hostile."""
        return self._tail.text if self._tail else ""

    @property
    def _means(self) -> Means:
        return Means(self._peak, self._limits.memory_bytes, self._limits.file_bytes)

    def ask(self, request: Mapping[str, Any], seconds: float | None = None) -> dict[str, Any]:
        """Sends a request and waits for its answer; raises `ChildTrouble`, and the child is gone, where none comes."""
        if self._ended:
            raise ValueError("the child is closed")
        allowed = self._limits.seconds if seconds is None else seconds
        line = self._exchange(json.dumps(request).encode() + b"\n", allowed)
        self._sample()
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise self._trouble(endings.wrong_answer("gave an answer that is not JSON")) from error
        if not isinstance(answer, dict):
            raise self._trouble(endings.wrong_answer("gave an answer that is not a JSON object"))
        return answer

    def _exchange(self, request: bytes, seconds: float) -> bytes:
        """Line out, line in."""
        unsent = memoryview(request)
        received = bytearray()
        until = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._requests, selectors.EVENT_WRITE)
            selector.register(self._answers, selectors.EVENT_READ)
            while True:
                result = self._result()
                for key, _ in selector.select(0 if result else min(_PERIOD, max(0.0, until - time.monotonic()))):
                    if key.fd == self._requests:
                        unsent = self._send(unsent)
                        if not unsent:
                            selector.unregister(self._requests)
                    elif not self._receive(received):
                        selector.unregister(self._answers)
                        until = min(until, time.monotonic() + _DEAF_SECONDS)
                if received.endswith(b"\n"):
                    return self._one_line(received)
                if result:
                    raise self._trouble(endings.ended(result, len(received), self._means))
                self._watch()
                if time.monotonic() >= until:
                    gone = self._answers not in selector.get_map()
                    raise self._trouble(endings.deaf() if gone else endings.too_late(seconds))

    def _send(self, unsent: memoryview) -> memoryview:
        try:
            return unsent[os.write(self._requests, unsent) :]
        except BlockingIOError:
            return unsent
        except BrokenPipeError:
            return unsent[len(unsent) :]  # how it ended says more than that it does not listen

    def _receive(self, received: bytearray) -> bool:
        """Takes what is there, up to a line's end; False at the end of all."""
        while not received.endswith(b"\n"):
            try:
                piece = os.read(self._answers, _PIECE)
            except BlockingIOError:
                return True
            if not piece:
                return False
            received += piece
            if len(received) > LONGEST_ANSWER:
                raise self._trouble(endings.wrong_answer("gave an answer that is too long"))
        return True

    def _one_line(self, received: bytearray) -> bytes:
        if received.count(b"\n") > 1:
            raise self._trouble(endings.wrong_answer("gave more than one answer"))
        return bytes(received)

    def _result(self) -> os.waitid_result | None:
        """How the child ended, if it has. It is waited for only in `close`: until then nobody else gets its id."""
        return os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)

    def _watch(self) -> None:
        now = time.monotonic()
        if now >= self._next_look:
            self._members = self._tree.look()
            took = time.monotonic() - now
            self._next_look = now + min(_SLOWEST_LOOK, max(2 * _PERIOD, _LOOKING_SHARE * took))
        if now >= self._next_sample:
            self._sample()
            self._next_sample = now + _PERIOD
            if self._peak > self._limits.memory_bytes:
                raise self._trouble(endings.too_large(self._means))

    def _sample(self) -> None:
        self._peak = max(self._peak, self._tree.memory(self._members, self._peak))

    def _trouble(self, ending: Ending) -> ChildTrouble:
        self.close()
        return ChildTrouble(ending, self.output, self._peak)

    def close(self) -> None:
        """Ends whatever is left of it; may be called again."""
        try:
            self._end()
        except BaseException:
            # A signal may come in the middle (`Interrupted`); it comes once.
            self._end()
            raise

    def _end(self) -> None:
        if self._ended:
            return
        self._tree.kill()
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(1)
            if self._process.returncode is None:
                # It cannot die now (it waits for a device). Python would warn of it where nobody can help.
                self._process.returncode = 0
        self._ended = True
        self._tree.close()
        for descriptor in list(self._open):
            self._shut(descriptor)
        if self._tail is not None:
            self._tail.finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

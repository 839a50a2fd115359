"""How a child came to its end, in words for the user: what it did ("crashed (SIGSEGV)") and what to do about it.

The words complete a sentence: "the process that loads it …".
"""

import os
import signal
from dataclasses import dataclass

from gate.formats.text import size

_CRASHES = {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP, signal.SIGSYS}
_MORE_MEMORY = "give the job more memory, raise the memory limit, or load a smaller model"


@dataclass(frozen=True)
class Ending:
    """What the process did, and what the user can do."""

    what: str
    hint: str


@dataclass(frozen=True)
class Means:
    """What it had and what it took."""

    peak_bytes: int
    memory_bytes: int
    file_bytes: int | None

    @property
    def text(self) -> str:
        return f"peak {size(self.peak_bytes)}, limit {size(self.memory_bytes)}"


def too_late(seconds: float) -> Ending:
    """It was still at it when its time was over."""
    return Ending(f"did not finish within {seconds:g} s", "raise the time limit, or see what it waits for")


def too_large(means: Means) -> Ending:
    """It held more memory than it may."""
    return Ending(f"needed more memory than its limit: {means.text}", _MORE_MEMORY)


def deaf() -> Ending:
    """It closed its end of a pipe and did not end."""
    return Ending("closed its connection to weight-gate and went on", "see what it printed last")


def wrong_answer(what: str) -> Ending:
    """It answered, and the answer is none."""
    return Ending(what, "code that it ran wrote to a descriptor that is not its own: see what it printed last")


def ended(result: os.waitid_result, received: int, means: Means) -> Ending:
    """It ended before its answer was complete; `received` bytes of one had come."""
    if result.si_code == os.CLD_EXITED:
        return _exited(result.si_status, received)
    return _killed(result.si_status, means)


def _exited(status: int, received: int) -> Ending:
    if received:
        return Ending(
            f"ended with exit status {status} in the middle of its answer, after {received} bytes",
            "see what it printed last",
        )
    hint = "something in the model or its code ends the process: see what it printed last"
    if status == 0:
        return Ending("ended without an answer, as if all were well (exit status 0)", hint)
    return Ending(f"ended with exit status {status} before it answered", hint)


def _killed(number: int, means: Means) -> Ending:
    name = _name(number)
    if number == signal.SIGKILL:
        return Ending(
            f"was killed ({name}), which is what the kernel does when memory runs out: {means.text}", _MORE_MEMORY
        )
    if number == signal.SIGXFSZ:
        limit = f" of {size(means.file_bytes)}" if means.file_bytes is not None else ""
        return Ending(f"wrote a file beyond its limit{limit} ({name})", "raise the limit, or see what it writes")
    if number in _CRASHES:
        return Ending(
            f"crashed ({name})", "a defect of TensorFlow, of the model or of its code: see what it printed last"
        )
    return Ending(f"was ended by a signal that weight-gate did not send ({name})", "see who ends processes here")


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"

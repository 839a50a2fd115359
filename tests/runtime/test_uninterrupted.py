"""A signal that comes while a process is being started ends the run after that, and not before."""

import signal
import threading
from collections.abc import Callable
from types import FrameType

import pytest

from gate.errors import Interrupted
from gate.runtime.uninterrupted import uninterrupted


def handled(number: int, frame: FrameType | None) -> None:
    raise Interrupted(number)


def terminated_within(rest: Callable[[], None]) -> None:
    with uninterrupted():
        signal.raise_signal(signal.SIGTERM)
        rest()


def fails() -> None:
    raise OSError("no room")


def test_what_was_begun_is_finished_first() -> None:
    before = signal.signal(signal.SIGTERM, handled)
    done: list[str] = []
    try:
        with pytest.raises(Interrupted) as caught:
            terminated_within(lambda: done.append("finished"))
        assert signal.getsignal(signal.SIGTERM) is handled
    finally:
        signal.signal(signal.SIGTERM, before)
    assert done == ["finished"]
    assert caught.value.exit_code == 128 + signal.SIGTERM


def test_an_error_within_does_not_swallow_it() -> None:
    before = signal.signal(signal.SIGTERM, handled)
    try:
        with pytest.raises(Interrupted):
            terminated_within(fails)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_other_threads_need_nothing() -> None:
    found: list[int] = []

    def work() -> None:
        with uninterrupted():
            found.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [1]

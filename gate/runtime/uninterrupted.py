"""Interruptions that wait for a moment: a process that is being started must not be lost before it is known."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Within: what would call a handler of Python's is remembered, and calls it at the end.

    Handlers run in the main thread alone, whichever thread the system gives a signal to, so masks of a thread would not
    do, and other threads need nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[tuple[int, FrameType | None]] = []
    found = {number: signal.getsignal(number) for number in signal.valid_signals()}
    handlers = {number: handler for number, handler in found.items() if callable(handler)}

    def remember(number: int, frame: FrameType | None) -> None:
        received.append((number, frame))

    try:
        for number in handlers:
            signal.signal(number, remember)
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for received_number, frame in received:
            handlers[signal.Signals(received_number)](received_number, frame)

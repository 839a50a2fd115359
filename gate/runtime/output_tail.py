"""What a child prints: read as fast as it comes, so that it never waits, and forgotten but for the end."""

import os
import select
import threading

KEPT_BYTES = 64 * 1024
_PIECE = 64 * 1024
_PERIOD_MS = 100


class OutputTail:
    """A thread that reads a pipe to its end and keeps the last 64 KiB. It owns the descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._kept = b""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._drain, name="output-tail", daemon=True)
        self._thread.start()

    @property
    def text(self) -> str:
        """The end of what came so far: hostile, undecodable bytes replaced."""
        return self._kept.decode("utf-8", "replace")

    def finish(self, seconds: float = 5.0) -> None:
        """Takes what is still in the pipe, whether or not somebody holds its other end, and stops."""
        self._stopping.set()
        self._thread.join(seconds)

    def _drain(self) -> None:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        try:
            while True:
                if not poll.poll(0 if self._stopping.is_set() else _PERIOD_MS):
                    if self._stopping.is_set():
                        return
                    continue
                piece = os.read(self._descriptor, _PIECE)
                if not piece:
                    return
                self._kept = (self._kept + piece)[-KEPT_BYTES:]
        finally:
            os.close(self._descriptor)

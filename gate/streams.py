"""The process's standard streams, as the gate needs them.

A verdict that nobody could read is an error (exit 4), so what goes wrong on stdout is a `ReportError`. Stderr only
explains; when it is closed or full, there is nobody left to tell.
"""

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, NoReturn, TextIO, cast

from gate.errors import ReportError


def standard_output() -> TextIO:
    """Stdout; raises `ReportError` on what cannot be written to it."""
    return cast("TextIO", _Output(sys.stdout))


def standard_error() -> TextIO:
    """Stderr; drops what cannot be written to it."""
    return cast("TextIO", _Stderr(sys.stderr))


def standard_input() -> TextIO | None:
    """Stdin where somebody can answer there: a terminal; else None."""
    stream = sys.stdin
    return stream if stream is not None and not stream.closed and stream.isatty() else None


class _Stream:
    """Everything of `stream` that is not said otherwise; `None` is a stream that was closed before we began."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @property
    def encoding(self) -> str:
        return getattr(self._stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        return self._stream is not None and self._stream.isatty()

    def write(self, text: str) -> int:
        raise NotImplementedError

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)


class _Output(_Stream):
    def write(self, text: str) -> int:
        if self._stream is None:
            raise ReportError("there is no standard output to write to", "do not close it")
        try:
            return self._stream.write(text)
        except (OSError, ValueError) as error:
            self._give_up(error)

    def flush(self) -> None:
        try:
            if self._stream is not None:
                self._stream.flush()
        except (OSError, ValueError) as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> NoReturn:
        # What is still buffered would fail once more when Python ends, with an exit code of its own.
        with suppress(OSError, ValueError, AttributeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ReportError(
            f"what was found could not be written to standard output: {reason}", "see that its reader stays"
        ) from error


class _Stderr(_Stream):
    def write(self, text: str) -> int:
        with suppress(OSError, ValueError, AttributeError):
            if self._stream is not None:
                self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError, AttributeError):
            if self._stream is not None:
                self._stream.flush()

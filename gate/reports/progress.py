"""What is being checked right now, for somebody who watches."""

from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from rich.text import Text

from gate.reports.escaping import plain
from gate.reports.stream import is_terminal, is_utf8
from gate.reports.wording import crop

if TYPE_CHECKING:
    from rich.status import Status as Shown


class Progress:
    """Shows what is being checked, on a terminal; anywhere else it does nothing at all."""

    def __init__(self, stream: TextIO) -> None:
        self._status: Shown | None = None
        if is_terminal(stream):
            from rich.console import Console  # noqa: PLC0415 - most runs have no terminal, and need not wait for it
            from rich.status import Status  # noqa: PLC0415

            console = Console(file=stream, markup=False, emoji=False, highlight=False)
            self._status = Status(Text(""), console=console, spinner="dots" if is_utf8(stream) else "line")

    def __enter__(self) -> Self:
        if self._status:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status:
            self._status.stop()

    def step(self, model: str, check: str) -> None:
        """Say that `check` of `model` begins."""
        if self._status:
            room = max(self._status.console.width - 4, 20)
            shown = plain(f"{crop(model, room // 2)}: {crop(check, room // 3)}")
            self._status.update(Text(crop(shown, room), no_wrap=True, overflow="ellipsis"))

"""Whether a fork that the project's code made has come back from it, beside the process that was asked.

Both would then answer, and read the next request: whose words are heard would be a matter of luck.
"""

import os
import select
from types import TracebackType
from typing import Self

_SECONDS = 2.0
_BACK = b"b"


class Forks:
    """Within: a request is carried out. A fork inherits the pipe's end, a program that is started does not."""

    def __init__(self) -> None:
        self._itself = os.getpid()
        self._read, self._write = os.pipe()

    def came_back(self) -> bool:
        """Whether one did, when all that was asked is done. Waits for those that still run, but not for long.

        A fork that asks tells the other process, and ends here.
        """
        if os.getpid() != self._itself:
            os.write(self._write, _BACK)
            os._exit(1)
        self._close()
        ready, _, _ = select.select([self._read], [], [], _SECONDS)
        return bool(ready) and os.read(self._read, 1) == _BACK

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close()
        os.close(self._read)

    def _close(self) -> None:
        if self._write >= 0:
            os.close(self._write)
            self._write = -1

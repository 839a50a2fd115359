"""One file from an address to a path: bounded in size and time, tried again where that may help."""

import asyncio
import shutil
import time
from collections.abc import Coroutine
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any

from gate.errors import GateError
from gate.references.limits import Limits
from gate.references.remote import FETCH_IT, BrokeOffError, explained, remote

_LOOK_SECONDS = 0.1


def download(url: str, shown: str, to: Path, limits: Limits) -> None:
    """Writes what lies at `url` to the file `to`; messages call the address `shown`. Raises `GateError`."""
    until = time.monotonic() + limits.seconds
    for number in range(1, limits.tries + 1):
        try:
            _once(url, shown, to, limits, until)
        except Exception as error:  # noqa: BLE001 - libraries raise what they like: all of it is told in our words
            trouble = explained(error, shown)
        else:
            return
        pause = limits.pause_seconds * 4 ** (number - 1)
        if not trouble.passing or number == limits.tries or time.monotonic() + pause > until:
            times = f" ({number} tries)" if number > 1 else ""
            raise GateError(f"{trouble.reason}{times}", trouble.hint) from trouble.cause
        time.sleep(pause)


def _once(url: str, shown: str, to: Path, limits: Limits, until: float) -> None:
    system, path, close = remote(url)
    counter = _counter(limits, shown, to.parent)
    to.unlink(missing_ok=True)  # a try that was ended may have the file open

    async def fetch() -> None:
        try:
            # The coroutines of fsspec's interface have an underscore; those without can be neither watched nor stopped.
            await system._get_file(path, str(to), callback=counter)  # noqa: SLF001
        finally:
            await close()

    _watched(_started(fetch(), system.loop), counter, limits, until)


def _started(coroutine: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop) -> "Future[None]":
    """It runs in fsspec's own thread; this one stays free to count the time, and to be interrupted."""
    return asyncio.run_coroutine_threadsafe(coroutine, loop)


def _watched(running: "Future[None]", counter: Any, limits: Limits, until: float) -> None:
    """Waits for the end, and ends it where it takes too long."""
    since, before = time.monotonic(), 0
    try:
        while not wait([running], _LOOK_SECONDS).done:
            now = time.monotonic()
            if now > until:
                raise GateError(f"the download takes more than {limits.seconds:g} s", FETCH_IT)
            if counter.value - before >= limits.least_bytes:
                since, before = now, counter.value
            elif now - since > limits.stall_seconds:
                raise BrokeOffError(f"next to nothing came in {limits.stall_seconds:g} s")
        running.result()
    finally:
        running.cancel()


def _counter(limits: Limits, shown: str, folder: Path) -> Any:
    """What fsspec tells how much there is and how much came; ends the download where that is too much."""
    from fsspec.callbacks import Callback  # noqa: PLC0415 - only where something is fetched

    class Counter(Callback):  # type: ignore[misc]
        def call(self, *_args: Any, **_more: Any) -> None:
            if max(self.size or 0, self.value) > limits.most_bytes:
                raise GateError(f"{shown} is larger than {limits.most_bytes:,} bytes, which is the most", FETCH_IT)

        def set_size(self, size: int | None) -> None:
            super().set_size(size)
            free = shutil.disk_usage(folder).free
            if (size or 0) > free:
                raise GateError(
                    f"{shown} has {size:,} bytes, and {folder} has room for {free:,}",
                    "name a folder with more room with --scratch",
                )

    return Counter()

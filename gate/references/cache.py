"""The folder in which references outlive a run: `references/<SHA-256>/<name>`.

A file's digest is its address, so runs share the folder without a word: each writes a file of its own and moves it into
place, and whichever comes last changes nothing. What lies there is believed no more than what comes from the network.
"""

import hashlib
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gate.errors import GateError
from gate.ownership import give_to_owner_of

_PRIVATE = 0o700
_ABANDONED_SECONDS = 24 * 3600
"""A file of a run that was killed; no download takes that long."""


class Cache:
    """`folder` is kept if it can be; `spare` is what is written to where `folder` is none, or cannot be written."""

    def __init__(self, folder: Path | None, spare: Path) -> None:
        self._folders = [each / "references" for each in (folder, spare) if each is not None]

    def find(self, sha256: str, name: str) -> Path | None:
        """The file of this digest, hashed anew. One that has another is thrown away."""
        for folder in self._folders:
            path = folder / sha256 / name
            with suppress(OSError):
                if sha256_of(path) == sha256:
                    return path
                path.unlink()
        return None

    @contextmanager
    def part(self) -> Iterator[Path]:
        """Where to write a file that is not known yet; gone afterwards, unless it was `keep`-ed."""
        folder = self._writable()
        path = folder / f".{secrets.token_hex(8)}.part"
        try:
            yield path
        finally:
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def keep(self, part: Path, sha256: str, name: str) -> Path:
        """Moves a file of this digest into place."""
        path = part.parent / sha256 / name
        try:
            _make_folder(path.parent)
            give_to_owner_of(path.parent, part)
            os.replace(part, path)  # noqa: PTH105 - says what it does
        except OSError as error:
            raise GateError(
                f"the cache {part.parent} cannot be used: {error.strerror}", "remove it, or name another with --cache"
            ) from error
        return path

    def _writable(self) -> Path:
        for folder in self._folders:
            with suppress(OSError):
                _make_folder(folder)
                if os.access(folder, os.W_OK | os.X_OK):
                    _sweep(folder)
                    return folder
        raise GateError(f"{self._folders[-1]} cannot be written to", "name a folder that can with --scratch")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a regular file, in hexadecimal digits; empty for a pipe or a device. Follows no link."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        return hashlib.file_digest(file, "sha256").hexdigest() if regular else ""


def _make_folder(folder: Path) -> None:
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(_PRIVATE, exist_ok=True)
        give_to_owner_of(each.parent, each)


def _sweep(folder: Path) -> None:
    """Removes what runs left that were killed."""
    for part in folder.glob(".*.part"):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > _ABANDONED_SECONDS:
                part.unlink()

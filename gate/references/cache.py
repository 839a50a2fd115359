"""The folder in which references outlive a run: `references/<SHA-256>/<name>`.

A file's digest is its address, so runs share the folder without a word: each writes a file of its own and moves it into
place, and whichever comes last changes nothing. What lies there is believed no more than what comes from the network:
nothing is read in place, and what is copied out is hashed on the way.
"""

import hashlib
import os
import secrets
import shutil
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from gate.errors import GateError
from gate.git.room import full_or, room_for
from gate.ownership import give_to_owner_of

_PRIVATE = 0o700
_CHUNK = 1 << 20
_ABANDONED_SECONDS = 24 * 3600
"""A file of a run that was killed; no download takes that long."""


class Cache:
    """`folder` is None where nothing outlives the run."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = None if folder is None else folder / "references"

    def copy(self, sha256: str, to: Path) -> bool:
        """Copies the file of this digest to `to`, whose name it has; False where it is not there.

        The digest is that of what was copied: others may write to the folder, and what lies in it can be another file
        the moment after it was read. A file that has another digest is thrown away.
        """
        if self._folder is None:
            return False
        path = self._folder / sha256 / to.name
        try:
            file = _opened(path)
        except OSError:
            file = None
        if file is not None:
            with file:
                if _copied(file, to, path) == sha256:
                    return True
            to.unlink(missing_ok=True)
        with suppress(OSError):
            path.unlink()
        return False

    def keep(self, file: Path, sha256: str) -> None:
        """Puts a copy of a file of this digest into the folder, where that can be written.

        A copy and no link: what is done to the one is not done to the other. Raises `GateError`.
        """
        if self._folder is None or not _is_writable(self._folder):
            return
        _sweep(self._folder)
        path, part = self._folder / sha256 / file.name, self._folder / f".{secrets.token_hex(8)}.part"
        try:
            _make_folder(path.parent)
            shutil.copyfile(file, part)
            give_to_owner_of(path.parent, part)
            os.replace(part, path)  # noqa: PTH105 - says what it does
        except OSError as error:
            raise GateError(
                f"the cache {self._folder} cannot be used: {error.strerror}", "remove it, or name another with --cache"
            ) from error
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file of ours, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _opened(path: Path) -> BinaryIO | None:
    """A regular file; None for anything else. Follows no link."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    return None


def _copied(file: BinaryIO, to: Path, path: Path) -> str:
    """The SHA-256 of what was copied: as much as there was when it began;"""
    left = os.fstat(file.fileno()).st_size
    room_for(left, to.parent, str(path))
    digest = hashlib.sha256()
    try:
        with to.open("xb") as out:
            while left and (data := file.read(min(left, _CHUNK))):
                left -= len(data)
                digest.update(data)
                out.write(data)
    except OSError as error:
        raise full_or(error, f"{path} cannot be copied", to) from error
    return digest.hexdigest()


def _is_writable(folder: Path) -> bool:
    with suppress(OSError):
        _make_folder(folder)
        return os.access(folder, os.W_OK | os.X_OK)
    return False


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

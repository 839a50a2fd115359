"""Parent: scratch folders, in which hostile processes write; how much fits in, and an end to them."""

import os
from contextlib import suppress
from pathlib import Path

from gate.errors import GateError
from gate.formats.text import size


def free_bytes(folder: Path) -> int:
    """How much may still be written there."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def room_for(folder: Path, needed: int, what: str) -> None:
    """Raises `GateError` where `needed` bytes do not fit into a scratch folder."""
    free = free_bytes(folder)
    if needed > free:
        raise GateError(
            f"{what} needs {size(needed)} of scratch space, and {folder} has {size(free)} free",
            "name a folder with more room with --scratch",
        )


def remove(folder: Path) -> None:
    """Removes a folder however deep it is nested (`shutil.rmtree` recurses), and whatever its modes say.

    Never follows a link, and never fails: what cannot be removed stays.
    """
    waiting = [folder]
    graves = 0
    while waiting:
        found = waiting.pop()
        for entry in _entries(found):
            with suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    # Beside the folder, so that no path ever grows too long.
                    graves += 1
                    grave = folder.with_name(f".{folder.name}.{graves}")
                    _open(Path(entry.path))
                    os.rename(entry.path, grave)  # noqa: PTH104 - as all here
                    waiting.append(grave)
                else:
                    os.unlink(entry.path)  # noqa: PTH108
        with suppress(OSError):
            found.rmdir()


def _entries(folder: Path) -> list["os.DirEntry[str]"]:
    with suppress(OSError):
        _open(folder)
        with os.scandir(folder) as entries:
            return list(entries)
    return []


def _open(folder: Path) -> None:
    """Lets us into it, and lets it be moved."""
    with suppress(OSError):
        folder.chmod(0o700)

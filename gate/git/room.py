"""Room for what is copied out of a repository."""

import errno
import shutil
from pathlib import Path

from gate.errors import GateError, UnreadableError

_MORE = "name a folder with more room with --scratch"


def room_for(size: int, folder: Path, shown: str) -> None:
    """Raises `GateError` where a file of `size` bytes does not fit into a folder."""
    free = shutil.disk_usage(folder).free
    if size > free:
        raise GateError(f"{shown} needs {size:,} bytes of scratch space, and {folder} has {free:,} free", _MORE)


def full_or(error: OSError, otherwise: str, to: Path) -> GateError:
    """What to say of an error while `to` is written: that there is no room for it, or `otherwise`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return GateError(f"there is no room for {to.name} in {to.parent}: {error.strerror}", _MORE)
    return UnreadableError(f"{otherwise}: {error.strerror}", "check that it can be read")

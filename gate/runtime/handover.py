"""Parent: takes over a file that a child wrote, and maps it; nothing that the child does changes it any more.

Who reads a mapped file that somebody cuts dies of it (SIGBUS), and a child may run hostile code or operations. So a
file is moved to where the child can reach it by no name, and is mapped as it is, at no cost, only where the kernel
says that nobody has it open for writing (it gives a read lease then, see fcntl(2)); in any doubt it is copied first.
"""

import fcntl
import mmap
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import IO

from gate.errors import GateError
from gate.formats.mapping import MappedFile
from gate.formats.text import size

_PIECE = 1024 * 1024


def take(path: Path, private: Path, shown: str) -> MappedFile | None:
    """The file's content; None where it is empty. `private` is a folder beside the child's, on the same disk.

    Raises `OSError` where `path` is no regular file.
    """
    ours = private / path.name
    path.rename(ours)
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(ours, flags), "rb", buffering=0) as file:
        ours.unlink()
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError("no regular file")
        if _is_settled(file.fileno()):
            return _mapped(file, shown)
        with tempfile.TemporaryFile(dir=private) as copy:
            _copy(file, copy, private, shown)
            return _mapped(copy, shown)


def _is_settled(descriptor: int) -> bool:
    """Whether nobody can change the file: it has no name, nobody writes to it, and no hole waits for a block."""
    status = os.fstat(descriptor)
    try:
        if status.st_nlink or os.lseek(descriptor, 0, os.SEEK_HOLE) < status.st_size:
            return False
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError:  # a file system that has no leases, or an empty file
        return False
    return True


def _copy(file: IO[bytes], copy: IO[bytes], private: Path, shown: str) -> None:
    needed, free = os.fstat(file.fileno()).st_size, shutil.disk_usage(private).free
    if needed > free:
        raise GateError(
            f"{shown}: the process that loads it handed over {size(needed)}, and {size(free)} are free in {private}",
            "name a folder with more room with --scratch",
        )
    os.lseek(file.fileno(), 0, os.SEEK_SET)  # looking for holes moved it
    shutil.copyfileobj(file, copy, _PIECE)
    copy.flush()


def _mapped(file: IO[bytes], shown: str) -> MappedFile | None:
    if not os.fstat(file.fileno()).st_size:
        return None
    return MappedFile.of(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), shown)

"""Git LFS: what stands in a repository for a large file, and where the file is.

The form of a pointer: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from gate.errors import UnreadableError
from gate.git.regular import open_regular
from gate.git.repository import Repository
from gate.git.room import full_or

LONGEST = 1024
"""Bytes of a pointer: by its specification they are fewer."""
_HEAD = b"version https://git-lfs.github.com/spec/v1\n"
_FORM = re.compile(rb"(?:ext-[^\n]*\n)*oid sha256:(?P<oid>[0-9a-f]{64})\nsize (?P<size>[0-9]{1,18})\n?")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Pointer:
    """The SHA-256 and the size of the file that a pointer stands for."""

    oid: str
    size: int


def pointer(data: bytes, shown: str) -> Pointer | None:
    """What `data` points to; None where it is no pointer. Raises `UnreadableError` for one that nobody can follow."""
    if len(data) > LONGEST or not data.startswith(_HEAD):
        return None
    found = _FORM.fullmatch(data, len(_HEAD))
    if found is None:
        raise UnreadableError(f"{shown} is a damaged Git LFS pointer", "add the file again with `git lfs`")
    if data.startswith(b"ext-", len(_HEAD)):
        raise UnreadableError(
            f"{shown} is a Git LFS pointer with extensions, which only a program of yours undoes",
            "name the file itself as the reference",
        )
    return Pointer(found["oid"].decode(), int(found["size"]))


def pointer_at(path: Path) -> Pointer | None:
    """The same of a file; None where there is none."""
    try:
        with open_regular(path) as file:
            return pointer(file.read(LONGEST + 1), path.name)
    except OSError:
        return None


class Store:
    """The files of Git LFS that a clone has."""

    def __init__(self, repository: Repository) -> None:
        configured = repository.ask("config", "--type=path", "--get", "lfs.storage")
        self.folder = repository.common / (configured or "lfs") / "objects"

    def copy(self, found: Pointer, to: Path, shown: str) -> bool:
        """Copies the file, and sees that it is the right one; False where it is not in this clone."""
        source = self.folder / found.oid[:2] / found.oid[2:4] / found.oid
        try:
            with open_regular(source) as file:
                digest = hashlib.sha256()
                with to.open("wb") as copy:
                    while data := file.read(_CHUNK):
                        digest.update(data)
                        copy.write(data)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise full_or(error, f"{shown} cannot be copied from Git LFS", to) from error
        if digest.hexdigest() != found.oid:
            raise UnreadableError(f"what Git LFS has of {shown} is damaged", "run `git lfs fsck`, then `git lfs fetch`")
        return True

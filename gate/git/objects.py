"""Commits, trees and blobs, read one after another from `git cat-file --batch`, each held against its own name.

The form of objects: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects.
"""

import hashlib
import re
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Self

from gate.errors import GateError, UnreadableError
from gate.git.repository import Repository, last_words

SHORT = 12
"""Digits of an object's name that are shown."""
FETCH_ALL = "fetch the whole history: give actions/checkout `fetch-depth: 0`, or run `git fetch --unshallow`"
WITHOUT_FILTER = "clone with all objects: in a workflow give actions/checkout no `filter`"
_DAMAGED = "see `git fsck`; clone the repository again"
_DISTRUST = "do not trust the branch"
_NAME = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ENTRY = re.compile(rb"([0-7]{5,6}) ([^\0]*)\0", re.DOTALL)
_CHUNK = 1 << 20
_LARGEST_COMMIT = 16 << 20
_LARGEST_TREE = 256 << 20

FILE = 0o100000
LINK = 0o120000
FOLDER = 0o040000
SUBMODULE = 0o160000
_KIND = 0o170000


@dataclass(frozen=True)
class Commit:
    """What a commit names."""

    name: str
    tree: str
    parents: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """One entry of a tree: `kind` is `FILE`, `LINK`, `FOLDER` or `SUBMODULE`, `name` the object's."""

    kind: int
    name: str


class Objects:
    """The objects of a repository. Close it when done."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `close`
        try:
            self._git = subprocess.Popen(  # noqa: S603 - what is run is git
                # Blobs of a megabyte are streamed, in git too.
                repository.command("-c", "core.bigFileThreshold=1m", "cat-file", "--batch"),
                cwd=repository.top,
                env=repository.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
            )
        except OSError as error:
            self._said.close()
            raise GateError(f"git could not be started: {error.strerror}", "see that git works here") from error

    def commit(self, name: str) -> Commit | None:
        """A commit; None where it is not in this clone."""
        data = self._whole(name, b"commit", _LARGEST_COMMIT)
        if data is None:
            return None
        head = data.partition(b"\n\n")[0].split(b"\n")
        named = [line.decode("ascii", "replace").split(" ", 1) for line in head]
        trees = [rest for key, *rest in named if key == "tree" and rest]
        if not trees:
            raise UnreadableError(f"the commit {name} names no tree", "clone the repository again")
        return Commit(name, trees[0][0], tuple(rest[0] for key, *rest in named if key == "parent" and rest))

    def tree(self, name: str) -> dict[bytes, Entry]:
        """What lies in a folder, by its names."""
        data = self._whole(name, b"tree", _LARGEST_TREE)
        if data is None:
            raise self.lacking(name)
        size = len(name) // 2
        found: dict[bytes, Entry] = {}
        at = 0
        while at < len(data):
            written = _ENTRY.match(data, at)
            if written is None or written.end() + size > len(data):
                raise UnreadableError(f"the tree {name[:SHORT]} is malformed", _DISTRUST)
            mode, called = written.groups()
            end, at = written.end(), written.end() + size
            if called in (b"", b".", b"..", b".git") or b"/" in called:
                raise UnreadableError(f"the tree {name[:SHORT]} names a file as no file is called", _DISTRUST)
            found[called] = Entry(int(mode, 8) & _KIND, data[end:at].hex())
        return found

    def blob(self, name: str, limit: int) -> bytes | None:
        """A small file's bytes; None where it is larger than `limit`."""
        parts: list[bytes] = []

        def keep(size: int) -> Callable[[bytes], object] | None:
            return parts.append if size <= limit else None

        return b"".join(parts) if self.stream(name, keep) else None

    def stream(self, name: str, begin: Callable[[int], Callable[[bytes], object] | None]) -> bool:
        """A file's bytes, in pieces: `begin` is told how many and gives what takes them, or None to have none of it.

        Returns whether it was taken; raises `GateError` where the object is not in this clone, or is another one.
        """
        size = self._begin(name, b"blob")
        if size is None:
            raise self.lacking(name)
        try:
            take = begin(size)
            self._copy(name, b"blob", size, take)
        except BaseException:
            self.close()  # the rest of it would be taken for the next answer
            raise
        return take is not None

    def lacking(self, name: str) -> GateError:
        """The error for an object that this clone does not have."""
        if self.repository.is_partial:
            return GateError(f"the object {name[:SHORT]} is not in this clone, which is a partial one", WITHOUT_FILTER)
        if self.repository.shallow:
            return GateError(f"the object {name[:SHORT]} is not in this clone, which is shallow", FETCH_ALL)
        return GateError(f"the object {name[:SHORT]} is not in this clone", _DAMAGED)

    def _whole(self, name: str, kind: bytes, limit: int) -> bytes | None:
        size = self._begin(name, kind)
        if size is None:
            return None
        if size > limit:
            self.close()
            raise UnreadableError(f"the {kind.decode()} {name[:SHORT]} is larger than {limit:,} bytes", _DISTRUST)
        parts: list[bytes] = []
        self._copy(name, kind, size, parts.append)
        return b"".join(parts)

    def _begin(self, name: str, kind: bytes) -> int | None:
        """Asks for an object: how many bytes follow; None where it is missing."""
        if not _NAME.fullmatch(name):
            raise UnreadableError(f"an object is called {name[:SHORT]}, as none is", _DISTRUST)
        stdin, stdout = self._pipes()
        try:
            stdin.write(name.encode("ascii") + b"\n")
            stdin.flush()
        except OSError as error:
            raise self._ended() from error
        head = stdout.readline().split()
        if len(head) == 2 and head[1] == b"missing":
            return None
        if len(head) != 3 or not head[2].isdigit():
            raise self._ended()
        if head[1] != kind:
            self.close()
            raise GateError(f"{name[:SHORT]} is no {kind.decode()} but a {head[1].decode('ascii', 'replace')}")
        return int(head[2])

    def _copy(self, name: str, kind: bytes, size: int, take: Callable[[bytes], object] | None) -> None:
        _, stdout = self._pipes()
        digest = (hashlib.sha256 if len(name) == 64 else hashlib.sha1)(usedforsecurity=False)
        digest.update(b"%b %d\0" % (kind, size))
        left = size
        while left:
            data = stdout.read(min(left, _CHUNK))
            if not data:
                raise self._ended()
            left -= len(data)
            digest.update(data)
            if take is not None:
                take(data)
        stdout.read(1)
        if digest.hexdigest() != name:
            self.close()
            raise UnreadableError(f"the object {name[:SHORT]} is damaged", _DAMAGED)

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._git.stdin is None or self._git.stdout is None or self._git.stdin.closed:
            raise self._ended()
        return self._git.stdin, self._git.stdout

    def _ended(self) -> GateError:
        said = b""
        if not self._said.closed:
            self.close_process()
            self._said.seek(0)
            said = self._said.read()
        self.close()
        if b"promisor remote" in said:
            return GateError("an object is not in this clone, which is a partial one", WITHOUT_FILTER)
        words = f": {last_words(said)}" if said else ""
        return GateError(f"git could not read the repository {self.repository.top}{words}", _DAMAGED)

    def close_process(self) -> None:
        """Ends git; what it said stays."""
        self._git.kill()
        self._git.wait()
        for pipe in (self._git.stdin, self._git.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    continue  # what was still to be written to it

    def close(self) -> None:
        """Ends git. More than once is once."""
        self.close_process()
        self._said.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

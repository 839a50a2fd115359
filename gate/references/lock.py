"""A lock in place of a blessed file: digests and statistics, in the repository."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from gate.references.interface import Fetched, Reference, Sources


@dataclass(frozen=True)
class LockReference(Reference):
    """`reference: {lock: classifier.lock.yml}`."""

    renewable: ClassVar[bool] = True

    path: Path
    written: str

    @property
    def shown(self) -> str:
        return self.written

    def fetch(self, sources: Sources) -> Fetched:
        """What the lock says, as weights without values; raises `UnreadableError` where it is none."""
        from gate.locks.text import read_lock  # noqa: PLC0415 - only where there is one
        from gate.locks.weights import weights_of  # noqa: PLC0415

        sources.workspace.confine(self.path)
        lock = read_lock(self.path, self.written)
        made = lock.made
        who = f" by {made.by}" if made.by else ""
        why = f": {made.reason}" if made.reason else ""
        at = f" at commit {made.commit}" if made.commit else ""
        note = f"reference: {self.written}, a lock of {lock.weights}, made {made.when}{who}{at}{why}"
        weights = weights_of(lock, self.written, self.path)
        return Fetched(self.path, self.written, sources.workspace, (note,), weights)

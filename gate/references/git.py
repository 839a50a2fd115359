"""A reference from git: what lies at a path in an earlier commit."""

from dataclasses import dataclass
from pathlib import Path

from gate.references.interface import Fetched, Missing, Reference, Sources


@dataclass(frozen=True)
class GitReference(Reference):
    """`reference: {git: origin/main}`. `weights` is the file that is judged, `path` the one it is compared with."""

    ref: str
    path: Path
    written: str
    weights: Path
    missing: bool = False

    @property
    def shown(self) -> str:
        return f"{self.written} at {self.ref}"

    def fetch(self, sources: Sources) -> Fetched | Missing:
        """The files at the commit that is meant (docs/references.md), copied into the run's own folder."""
        from gate.references.git_copy import fetched  # noqa: PLC0415 - only where something is had from git

        return fetched(self, sources)

"""A blessed file that lies in the workspace."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from gate.references.interface import Fetched, Reference, Sources
from gate.references.lfs import from_clone, has_pointers


@dataclass(frozen=True)
class PathReference(Reference):
    """`reference: models/golden.keras`."""

    renewable: ClassVar[bool] = True

    path: Path
    written: str

    @property
    def shown(self) -> str:
        return self.written

    def fetch(self, sources: Sources) -> Fetched:
        sources.workspace.confine(self.path)
        kept = from_clone(self.path, self.written, sources) if has_pointers(self.path) else None
        return kept or Fetched(self.path, self.written, sources.workspace)

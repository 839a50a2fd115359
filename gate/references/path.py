"""A blessed file that lies in the workspace."""

from dataclasses import dataclass
from pathlib import Path

from gate.formats import open_weights
from gate.references.interface import Reference
from gate.tensors.weightset import WeightSet
from gate.workspace import Workspace


@dataclass(frozen=True)
class PathReference(Reference):
    """`reference: models/golden.keras`."""

    path: Path
    written: str

    @property
    def shown(self) -> str:
        return self.written

    def open(self, workspace: Workspace, scratch: Path | None = None) -> WeightSet:  # noqa: ARG002
        return open_weights(workspace.confine(self.path), shown=self.written)

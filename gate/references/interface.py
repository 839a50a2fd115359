"""The seam of all references: what a manifest asks to compare with, and how its tensors are had."""

from abc import ABC, abstractmethod
from pathlib import Path

from gate.tensors.weightset import WeightSet
from gate.workspace import Workspace


class Reference(ABC):
    """Something that weights are compared with."""

    @property
    @abstractmethod
    def shown(self) -> str:
        """What reports call it."""

    @abstractmethod
    def open(self, workspace: Workspace, scratch: Path | None = None) -> WeightSet:
        """Its tensors; raises an `UnreadableError` that says what is wrong with the reference."""

"""The seam of all references: what a manifest asks to compare with, and how it is had as a file on this machine."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, ClassVar

from gate.action import Event
from gate.errors import GateError
from gate.workspace import Workspace

if TYPE_CHECKING:  # what fetches nothing need not wait for numpy
    from gate.tensors.weightset import WeightSet


@dataclass(frozen=True)
class Sources:
    """Where references may come from in a run, and what they may use.

    `scratch` is a folder for files that are gone after the run; `cache` is one for files that outlive it, made when it
    is needed; `event` is what started the runner's job. `offline`: what the network would have to give is
    `NotFetchedError`.
    """

    workspace: Workspace
    scratch: Path = field(default_factory=lambda: Path(gettempdir()))
    cache: Path | None = None
    event: Event | None = None
    offline: bool = False


class NotFetchedError(GateError):
    """A reference is not on this machine, and nothing may be fetched."""


@dataclass(frozen=True)
class Fetched:
    """A reference on this machine.

    `path` is what is read, `shown` what reports call it, `workspace` what the files that it leads to have to stay in;
    `notes` say where it comes from. `weights` is what was read there already, where it is no file of weights.
    """

    path: Path
    shown: str
    workspace: Workspace
    notes: tuple[str, ...] = ()
    weights: "WeightSet | None" = None


@dataclass(frozen=True)
class Missing:
    """There is no reference, and the manifest allows that; `reason` says why."""

    reason: str


class Reference(ABC):
    """Something that weights are compared with."""

    renewable: ClassVar[bool] = False
    """Whether `weight-gate update` can write it: a file of the working tree."""

    @property
    @abstractmethod
    def shown(self) -> str:
        """What reports call it, as long as it is not fetched."""

    @abstractmethod
    def fetch(self, sources: Sources) -> Fetched | Missing:
        """Get it; raises a `GateError` that says what is wrong, and never gives another file than the one asked for."""

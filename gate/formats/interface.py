"""The seam of all file formats: what a reader gets (`Source`, with its `Limits`) and gives (`WeightSet`).

A new format is one module with one `Reader` and one line in `gate.formats.READERS`.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

from gate.formats.source import Source
from gate.tensors.weightset import WeightSet


class Reader(ABC):
    """One file format. Readers keep no state; `read` raises nothing but errors of `gate.errors`."""

    key: ClassVar[str]
    """The format's key in `READERS` and in `WeightSet.format`."""
    title: ClassVar[str]
    """What people call it."""

    @abstractmethod
    def recognises(self, source: Source) -> bool:
        """Whether the content is of this format, whatever the file is called. Cheap; damage is found by `read`."""

    @abstractmethod
    def read(self, source: Source) -> WeightSet:
        """All tensors of the file, unread, under the names of docs/names.md, in the file's own order."""

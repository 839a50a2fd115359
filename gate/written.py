"""Where a model stands in a manifest: what one needs to propose a change of it."""

from dataclasses import dataclass
from pathlib import PurePath


@dataclass(frozen=True)
class Written:
    """The manifest's text as it is in its file, what messages call that file, and which of `models` this is."""

    text: str
    file: str
    index: int
    is_glob: bool = False

    @property
    def patched(self) -> str:
        """The file as a patch names it, from the current folder; its bare name where it lies elsewhere."""
        path = PurePath(self.file)
        return path.name if path.is_absolute() or ".." in path.parts else str(path)

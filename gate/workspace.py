"""Where a manifest's paths lie: relative to the manifest, inside its repository or a folder named with `--root`."""

import os
from collections.abc import Iterable
from glob import glob
from pathlib import Path

from gate.checkpoint_names import PART
from gate.errors import UnreadableError, UsageError
from gate.position import Position

_LONGEST_NAME = 255
"""What Linux takes (NAME_MAX of limits.h)."""


class Workspace:
    """The folders that a manifest may read from.

    `base` is what relative paths start at; `roots` are the folders that paths, and whatever symbolic links lead to,
    have to stay in.
    """

    def __init__(self, base: Path, roots: Iterable[Path]) -> None:
        self.base = _absolute(base)
        self.roots = tuple(root.resolve() for root in roots)

    @classmethod
    def of_manifest(cls, manifest: Path, extra: Iterable[Path] = ()) -> "Workspace":
        """The manifest's folder, inside the repository around it; without a repository, the folder alone.

        Raises `UsageError` for a folder of `extra` that is none.
        """
        extra = tuple(extra)
        for root in extra:
            if not root.is_dir():
                raise UsageError(f"--root {root} is no folder", "name a folder that is there, or leave it out")
        base = _absolute(manifest).parent
        repository = next((folder for folder in (base, *base.parents) if os.path.lexists(folder / ".git")), base)
        return cls(base, (repository, *extra))

    def locate(self, written: str, position: Position | None = None) -> Path:
        """The path that `written` means; raises `UsageError` where its words lead out of every root, or are none."""
        path = Path(os.path.normpath(self.base / written))
        if any(len(os.fsencode(part)) > _LONGEST_NAME for part in path.parts):
            raise UsageError(
                f"{written} is no path: a name in it is longer than {_LONGEST_NAME} bytes", "correct it", position
            )
        if not self._inside(Path(os.path.normpath(self.base.resolve() / written))):
            raise UsageError(
                f"{written} lies outside the workspace",
                "move the file into the repository, or name its folder with --root",
                position,
            )
        return path

    def confine(self, path: Path) -> Path:
        """The real path behind links; raises `UnreadableError` where that is outside every root."""
        real = path.resolve()
        if not self._inside(real):
            raise UnreadableError(
                f"{self.shown(path)} is a link to a file outside the workspace",
                "put the file itself there, or name the folder that holds it with --root",
            )
        return real

    def expand(self, pattern: str, position: Position | None = None) -> list[str]:
        """The files that a glob matches, sorted, written as the pattern is."""
        self.locate(pattern, position)
        found = glob(pattern, root_dir=self.base, recursive=True, include_hidden=True)  # noqa: PTH207 - names as written
        return sorted({self._whole(name) for name in found if self._is_weights(self.base / name)})

    def shown(self, path: Path) -> str:
        """A path as the user would write it: relative to the current folder where it lies below it."""
        here = Path.cwd()
        return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)

    def _inside(self, path: Path) -> bool:
        return any(path.is_relative_to(root) for root in self.roots)

    @staticmethod
    def _is_weights(path: Path) -> bool:
        """Not a folder, unless it is a SavedModel; not the file in which TensorFlow notes its latest checkpoint."""
        if path.is_dir():
            return (path / "saved_model.pb").exists()
        return path.name != "checkpoint" or not any(path.parent.glob("*.index"))

    def _whole(self, name: str) -> str:
        """A checkpoint's files are one model: its prefix, or its index where the prefix is empty."""
        part = PART.fullmatch(name)
        if part is None or not (self.base / f"{part[1]}.index").is_file():
            return name
        return part[1] if not part[1].endswith(("/", "\\")) and part[1] else f"{part[1]}.index"


def _absolute(path: Path) -> Path:
    return Path(os.path.normpath(path.absolute()))

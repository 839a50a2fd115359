"""Parent: weights as the files that they are: what a loader is given, what it reads, the same once more elsewhere."""

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from gate.formats.tensorflow.find import INDEX, STATE
from gate.runtime.tagged_copy import prefix
from gate.tensors.weightset import WeightSet


class Artifact:
    """`path` is the manifest's; `by_code` says that the project's own loader takes it, which may read its neighbours.

    Such a loader is given what the manifest names, which may be the folder of a checkpoint.
    """

    def __init__(self, weights: WeightSet, path: Path, by_code: bool = False) -> None:
        self.format = weights.format
        self.path = _loaded_path(weights, path)
        self.as_folder = by_code and weights.format == "checkpoint" and path.is_dir()
        self._by_code = by_code
        self._all = tuple(weights.files)

    @property
    def files(self) -> list[Path]:
        """The files under the names that the manifest has for them: a cache may have others behind its links."""
        return [self.path] if len(self._all) == 1 and self.path.is_file() else list(self._all)

    @property
    def nbytes(self) -> int:
        return sum(file.stat().st_size for file in self._all)

    @property
    def readable(self) -> list[Path]:
        """What has to be read to load it: its folder for a SavedModel, else its files and the path to them."""
        if self.format == "saved_model":
            return [self._all[0].parent, *(file.resolve() for file in self._all)]  # a cache keeps links there
        beside = [self._meta, self._all[0].with_name(STATE)] if self.format == "checkpoint" else []
        named = [self.path] if self.path.is_file() else []
        return [file for file in (*self._all, *named, *beside) if file.exists()]

    def given(self, path: Path | None = None) -> str:
        """The path as the loader takes it, or another to the same: that of an empty prefix ends in a slash."""
        path = path or self.path
        return str(path.parent) if self.as_folder else prefix(path)

    def elsewhere(self, folder: Path) -> Path:
        """The same by a path in a new folder."""
        folder.mkdir()
        self._link_neighbours(folder)
        for file in self._named:
            (folder / file.name).symlink_to(file.absolute())
        is_folder = self.path.is_dir() and self.format != "saved_model"
        return folder if is_folder else folder / self.path.name

    def neighbours(self, folder: Path) -> None:
        """Make a folder for a copy, with what the copy's loader may look for beside it."""
        folder.mkdir()
        self._link_neighbours(folder, STATE)  # the copy of a checkpoint has one of its own

    @property
    def _named(self) -> list[Path]:
        """What it is in its folder: a SavedModel is one folder in another."""
        if self.format == "saved_model":
            return [self.path]
        meta = [self._meta] if self.format == "checkpoint" else []
        return [*self.files, *(each for each in meta if each.is_file())]

    @property
    def _meta(self) -> Path:
        """Where the graph of a TF1 checkpoint lies; one with an empty prefix has `.index` and `.meta`."""
        return self._all[0].with_name(f"{self._all[0].name.removesuffix(INDEX)}.meta")

    def _link_neighbours(self, folder: Path, *but: str) -> None:
        """For the project's own loader alone: no other asks for labels or a configuration beside the weights."""
        if self._by_code:
            own = {file.name for file in self._named}
            # The copy of a SavedModel is called as it is behind a link.
            _link_rest(self._named[0].parent, folder, {*own, self.path.resolve().name, *but})


def _loaded_path(weights: WeightSet, path: Path) -> Path:
    """What is given to the loader: a prefix for a checkpoint, a folder for a SavedModel."""
    if weights.format == "checkpoint":
        index = weights.files[0]
        name = index.name.removesuffix(INDEX)
        return index.with_name(name) if name else index.parent
    return weights.files[0].parent if weights.format == "saved_model" else path


def _link_rest(source: Path, target: Path, but: Collection[str]) -> None:
    with suppress(OSError):  # what cannot be linked is not there: the loader says so in its own words
        for each in source.iterdir():
            if each.name not in but:
                (target / each.name).symlink_to(each.absolute())

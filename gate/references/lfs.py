"""Weights in whose place Git LFS has left pointers: the files themselves, where this clone has them."""

import shutil
from itertools import islice
from pathlib import Path

from gate.errors import GateError
from gate.git.checkout import files_of
from gate.git.lfs import Store, pointer_at
from gate.git.repository import Repository
from gate.git.room import full_or, room_for
from gate.references.interface import Fetched, Sources
from gate.workspace import Workspace

_MOST_FILES = 10_000
"""Of a model. A folder with more is none, and whoever reads it says so."""


def has_pointers(path: Path) -> bool:
    """Whether a pointer stands in the place of weights, or of a part of them."""
    return any(pointer_at(each) for each in islice(files_of(path).values(), _MOST_FILES))


def from_clone(path: Path, shown: str, sources: Sources) -> Fetched | None:
    """The weights that `path` stands for, copied into the run's own folder; None where this clone lacks one of them.

    Raises `GateError` where what it has is damaged, or there is no room.
    """
    try:
        store = Store(Repository.around(path.parent))
    except GateError:
        return None  # whoever reads the pointer says how to fetch the file
    files = files_of(path)
    folder = sources.scratch / "lfs"
    root = folder / path.name if path.is_dir() else folder
    count = 0
    for name, file in files.items():
        real = sources.workspace.confine(file)
        to = root / name.decode("utf-8", "surrogateescape")
        to.parent.mkdir(parents=True, exist_ok=True)
        found = pointer_at(real)
        room_for(found.size if found else real.stat().st_size, folder, shown)
        if found is None:
            try:
                shutil.copyfile(real, to)
            except OSError as error:
                raise full_or(error, f"{file.name} cannot be copied", to) from error
        elif store.copy(found, to, str(file.name)):
            count += 1
        else:
            return None
    files_are = "the file is" if count == 1 else f"{count} files are"
    note = f"{shown} is a Git LFS pointer: {files_are} taken from what Git LFS has in this clone"
    return Fetched(folder / path.name, shown, Workspace(folder, [folder]), (note,))

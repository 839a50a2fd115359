"""The files that are checked out, held against those of a commit: by content, without filters and without the index."""

import hashlib
import os
from pathlib import Path

from gate.git.lfs import LONGEST, pointer
from gate.git.members import LARGEST_INDEX, belonging, stands_alone
from gate.git.objects import Entry
from gate.git.regular import open_regular
from gate.git.trees import Tree

_CHUNK = 1 << 20


def is_checked_out(tree: Tree, top: Path, path: bytes) -> bool:
    """Whether the files that `path` stands for in a commit are the ones in the working tree.

    Files that the commit does not have make no difference, unless it has none of them.
    """
    members = tree.members(path)
    at = top / os.fsdecode(path)
    if members is None:
        return not files_of(at)
    folder = at if members.is_folder else at.parent
    return all(is_same(tree, entry, folder / os.fsdecode(name)) for name, entry in members.files.items())


def files_of(path: Path) -> dict[bytes, Path]:
    """The files that a path stands for in the working tree, called as `Tree.members` calls those of a commit."""
    if path.is_dir():
        within = ((Path(folder), names) for folder, _, names in os.walk(path))
        every = (folder / name for folder, names in within for name in names)
        return {os.fsencode(each.relative_to(path)): each for each in every if each.is_file()}
    named = os.fsencode(path.name)
    if path.is_file() and stands_alone(named):
        return {named: path}
    if not path.parent.is_dir():
        return {}

    def read() -> bytes | None:
        return path.read_bytes() if path.stat().st_size <= LARGEST_INDEX else None

    beside = {os.fsencode(each.name) for each in path.parent.iterdir() if each.is_file()}
    names = belonging(named, beside, read)
    return {name: path.parent / os.fsdecode(name) for name in names if name in beside}


def blob_name(path: Path, length: int) -> str | None:
    """What git calls a file's content where names have `length` digits; None where there is no file."""
    digest = (hashlib.sha256 if length == 64 else hashlib.sha1)(usedforsecurity=False)
    try:
        with open_regular(path) as file:
            digest.update(b"blob %d\0" % os.fstat(file.fileno()).st_size)
            while data := file.read(_CHUNK):
                digest.update(data)
    except OSError:
        return None
    return digest.hexdigest()


def is_same(tree: Tree, entry: Entry, path: Path) -> bool:
    """Whether a file is the one of a commit, or the one of Git LFS that it points to."""
    found = blob_name(path, len(entry.name))
    if found is None or found == entry.name:
        return found is not None
    if int(tree.objects.repository.call("cat-file", "-s", entry.name)) > LONGEST:
        return False
    kept = pointer(tree.objects.blob(entry.name, LONGEST) or b"", str(path))
    if kept is None or path.stat().st_size != kept.size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == kept.oid

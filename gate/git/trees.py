"""A path in a commit, and the files that make the weights there: one, a checkpoint's, a folder's, a model's shards."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from gate.errors import GateError, UnsafeFileError
from gate.git.members import LARGEST_INDEX, belonging
from gate.git.objects import FILE, FOLDER, LINK, SUBMODULE, Entry, Objects

_MOST_LINKS = 40
"""As many as Linux follows in one path."""
_LONGEST_LINK = 4096
_MOST_FILES = 20_000


@dataclass(frozen=True)
class Members:
    """The files that a path stands for: below it, where it is a folder, else beside it."""

    is_folder: bool
    files: Mapping[bytes, Entry]


class Tree:
    """The working tree of one commit. `shown` is what messages call the commit."""

    def __init__(self, objects: Objects, tree: str, shown: str) -> None:
        self.objects = objects
        self.tree = tree
        self.shown = shown
        self._read: dict[str, dict[bytes, Entry]] = {}

    def members(self, path: bytes) -> Members | None:
        """The files that `path` stands for; None where the commit has none.

        Raises `GateError` where something else lies there: a submodule, a link that leads out.
        """
        found = self.entry(path)
        if found is not None and found[0].kind == FOLDER:
            return Members(True, dict(self._below(*found)))
        folder, _, named = path.rpartition(b"/")
        parent = self.entry(folder)
        if parent is None or parent[0].kind != FOLDER:
            return None

        def read() -> bytes | None:
            return self.objects.blob(found[0].name, LARGEST_INDEX) if found is not None else None

        names = belonging(named, self.listed(parent[0].name), read)
        files = {name: self._file(_joined(parent[1], name)) for name in names}
        there = {name: entry for name, entry in files.items() if entry is not None}
        return Members(False, there) if there else None

    def entry(self, path: bytes) -> tuple[Entry, bytes] | None:
        """What lies at a path once links are followed, and where that is; None where nothing does."""
        done: list[bytes] = []
        todo = [part for part in reversed(path.split(b"/")) if part not in (b"", b".")]
        stack = [Entry(FOLDER, self.tree)]
        links = 0
        while todo:
            part = todo.pop()
            if part == b"..":
                if not done:
                    raise self._leads_out(path)
                done.pop()
                stack.pop()
                continue
            found = self.listed(stack[-1].name).get(part) if stack[-1].kind == FOLDER else None
            if found is None:
                return None
            if found.kind == SUBMODULE:
                where = _text(_joined(b"/".join(done), part))
                raise GateError(
                    f"{_text(path)} lies in the submodule {where}, whose history is another repository's",
                    "put a manifest into that repository, or name a file as the reference",
                )
            if found.kind == LINK:
                links += 1
                target = self.objects.blob(found.name, _LONGEST_LINK)
                if links > _MOST_LINKS or target is None:
                    raise UnsafeFileError(f"{_text(path)} at {self.shown} is a link without an end", "mend the link")
                if target.startswith(b"/"):
                    raise self._leads_out(path)
                todo += [each for each in reversed(target.split(b"/")) if each not in (b"", b".")]
                continue
            done.append(part)
            stack.append(found)
        return stack[-1], b"/".join(done)

    def hindrance(self, path: bytes) -> str:
        """Why it does not follow from `members` having nothing at `path` that there was nothing; empty where it does.

        A link leads to what git does not keep, and so does the pointer of DVC beside a file, or beside a folder.
        """
        at, folder = b"", self.tree
        parts = [part for part in path.split(b"/") if part not in (b"", b".")]
        for number, part in enumerate(parts):
            listed = self.listed(folder)
            is_last = number + 1 == len(parts)
            kept_elsewhere = {name.removesuffix(b".dvc") for name in listed if name.endswith(b".dvc")}
            here = _joined(at, part)
            names = belonging(part, kept_elsewhere, lambda: None) if is_last else [part]
            if pointers := [name for name in names if name in kept_elsewhere]:
                return f"{_text(_joined(at, pointers[0]))}.dvc is there: DVC keeps the file, and git does not"
            found = listed.get(part)
            if found is None and is_last:
                names = [name for name in belonging(part, listed, lambda: None) if name in listed]
                found, here = (listed[names[0]], _joined(at, names[0])) if names else (None, here)
            if found is None:
                return ""
            if found.kind == LINK:
                return f"{_text(here)} is a link there, to what git does not keep"
            if found.kind != FOLDER:
                return f"{_text(here)} is something else there"
            at, folder = here, found.name
        return ""

    def first(self, is_like: Callable[[bytes, Entry], bool]) -> bytes | None:
        """The first file that is like what is looked for, among as many as one looks at for a hint."""
        with suppress(UnsafeFileError):
            files = ((path, entry) for path, entry in self._walk(self.tree, b"") if entry.kind == FILE)
            return next((path for path, entry in files if is_like(path, entry)), None)
        return None

    def _file(self, path: bytes) -> Entry | None:
        found = self.entry(path)
        return found[0] if found is not None and found[0].kind == FILE else None

    def _below(self, folder: Entry, at: bytes) -> Iterator[tuple[bytes, Entry]]:
        for path, entry in self._walk(folder.name, at):
            file = self._file(_joined(at, path)) if entry.kind == LINK else entry if entry.kind == FILE else None
            if file is not None:
                yield path, file

    def _walk(self, tree: str, at: bytes) -> Iterator[tuple[bytes, Entry]]:
        """All that lies below a folder and is none; a few small trees can hold each other a thousand million times."""
        waiting = [(b"", tree)]
        seen = 0
        while waiting:
            within, name = waiting.pop()
            for called, entry in self.listed(name).items():
                seen += 1
                if seen > _MOST_FILES:
                    raise UnsafeFileError(
                        f"{_text(at) or 'the folder'} at {self.shown} holds more than {_MOST_FILES:,} files",
                        "name the weights alone",
                    )
                path = _joined(within, called)
                if entry.kind == FOLDER:
                    waiting.append((path, entry.name))
                else:
                    yield path, entry

    def listed(self, tree: str) -> Mapping[bytes, Entry]:
        """What lies in a folder, by the name of its tree."""
        if tree not in self._read:
            self._read[tree] = self.objects.tree(tree)
        return self._read[tree]

    def _leads_out(self, path: bytes) -> GateError:
        return UnsafeFileError(
            f"{_text(path)} at {self.shown} is a link out of the repository", "put the file itself there"
        )


def _joined(folder: bytes, name: bytes) -> bytes:
    return folder + b"/" + name if folder else name


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")

"""HDF5 as data: one open file, walked once, into a tree of groups and lazy datasets.

In: a window on a mapped file. Out: `Folder`s and `Stored` datasets, each already checked: hard links only, no object
twice, bounded depth and count, storage inside the file, no two datasets on the same bytes, nothing never written.
The format is that of the "HDF5 File Format Specification Version 3.0" (The HDF Group).
Importing this module imports h5py: do so when an HDF5 file is there.
"""

from collections.abc import Callable
from contextlib import suppress
from math import prod
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5l, h5o, h5t

from gate.errors import UnreadableError, UnsafeFileError
from gate.formats.hdf5_data import TypeCache, dataset
from gate.formats.hdf5_heap import CheckedWindow
from gate.formats.hdf5_tree import Dataset, Folder, Stored
from gate.formats.limits import Limits
from gate.formats.mapping import Window
from gate.formats.seam import DAMAGED, guard
from gate.formats.text import decoded_text, quoted, size


class Hdf5File:
    """An open HDF5 file and its tree. `shown` names it in messages."""

    def __init__(self, window: Window, shown: str, limits: Limits) -> None:
        self.window = window
        self.shown = shown
        self.limits = limits
        with guard(f"{shown} cannot be opened as HDF5"):
            self._file: Any = h5py.File(CheckedWindow(window), "r")
        if self._file.userblock_size:
            self.close()
            raise UnreadableError(
                f"{shown} is HDF5 with a block of other data in front, as MATLAB writes it",
                "save the weights with Keras",
            )
        try:
            with guard(f"{shown}: the HDF5 structure cannot be read"):
                self.root = _Walk(self).tree()
        except BaseException:
            self.close()
            raise

    @property
    def id(self) -> Any:
        return self._file.id

    def close(self) -> None:
        # h5py may raise anything while it closes what was damaged; there is nothing left to lose.
        with suppress(Exception):
            self._file.close()


class _Walk:
    """One pass over the whole file, with h5py's low-level interface: five times quicker than the other."""

    def __init__(self, file: Hdf5File) -> None:
        self.file = file
        self.limits = file.limits
        self.seen: dict[int, str] = {}
        self.extents: list[tuple[int, int, str]] = []
        self.expanded = 0
        self.types: TypeCache = {}

    def tree(self) -> Folder:
        root_id = h5g.open(self.file.id, b"/")
        self._once(int(h5o.get_info(root_id).addr), "/")
        root = Folder("", self._attributes((), "/"))
        pending: list[tuple[Folder, tuple[bytes, ...], int]] = [(root, (), 1)]
        while pending:
            folder, parts, depth = pending.pop()
            identifier = self._open(parts)
            if depth > self.limits.max_depth:
                raise UnsafeFileError(
                    f"{self.file.shown}: groups nest deeper than {self.limits.max_depth} at {quoted(folder.path)}",
                    "no model needs that; do not trust the file",
                )
            for name, address in self._links(identifier, folder.path):
                path = f"{folder.path}/{decoded_text(name)}" if folder.path else decoded_text(name)
                child = self._child(identifier, (*parts, name), address, path)
                folder.children[decoded_text(name)] = child
                if isinstance(child, Folder):
                    pending.append((child, (*parts, name), depth + 1))
        self._refuse_overlaps()
        return root

    def _links(self, identifier: Any, path: str) -> list[tuple[bytes, int]]:
        """Names and addresses of the objects in a group; any link that is not a plain one is refused."""
        names: list[tuple[bytes, int]] = []
        hard = h5l.TYPE_HARD
        room = self.limits.max_objects - len(self.seen)

        wrong: list[tuple[bytes, int]] = []

        def visit(name: bytes, info: Any) -> bool:
            # An exception must not pass through HDF5, so what is wrong ends the walk as its result.
            if info.type != hard or len(names) >= room:
                wrong.append((name, int(info.type)))
                return True
            names.append((name, int(info.u)))
            return False

        identifier.links.iterate(visit, info=True)
        for name, kind in wrong:
            if kind != hard:
                self._refuse_link(identifier, name, kind, path)
            raise UnsafeFileError(
                f"{self.file.shown} holds more than {self.limits.max_objects} objects",
                "no model needs that; do not trust the file",
            )
        return names

    def _refuse_link(self, identifier: Any, name: bytes, kind: int, path: str) -> None:
        where = quoted(f"{path}/{decoded_text(name)}")
        if kind == h5l.TYPE_EXTERNAL:
            file, target = identifier.links.get_val(name)
            what = f"an external link to {quoted(decoded_text(target))} in {quoted(decoded_text(file))}"
        elif kind == h5l.TYPE_SOFT:
            what = f"a soft link to {quoted(decoded_text(identifier.links.get_val(name)))}"
        else:
            what = "a user-defined link"
        raise UnsafeFileError(
            f"{self.file.shown}: {where} is {what}",
            "weight files have no links: save the model again, or do not trust the file",
        )

    def _open(self, parts: tuple[bytes, ...]) -> Any:
        """The object at a path. Open objects cost HDF5 tens of kilobytes each, so none is kept open."""
        return h5o.open(self.file.id, b"/".join((b"", *parts)) or b"/")

    def _child(self, identifier: Any, parts: tuple[bytes, ...], address: int, path: str) -> Folder | Stored:
        self._once(address, path)
        child = h5o.open(identifier, parts[-1])
        attribute = self._attributes(parts, path)
        if isinstance(child, h5g.GroupID):
            return Folder(path, attribute)
        if not isinstance(child, h5d.DatasetID):
            raise UnreadableError(
                f"{self.file.shown}: {quoted(path)} is neither a group nor a dataset", "save the model again"
            )
        with guard(f"{self.file.shown}: dataset {quoted(path)}"):
            data = dataset(
                child, attribute, self.file.window, f"{self.file.shown}: {quoted(path)}", self.limits, self.types
            )
        self._account(data, path)
        return Stored(path, address, data, attribute)

    def _once(self, address: int, path: str) -> None:
        if address in self.seen:
            raise UnsafeFileError(
                f"{self.file.shown}: {quoted(path)} and {quoted(self.seen[address])} are the same object",
                "a weight file stores each tensor once: save the model again",
            )
        self.seen[address] = path

    def _account(self, data: Dataset, path: str) -> None:
        """Count what is declared against what is there: in total, since each alone may look harmless."""
        self.extents.extend((start, start + length, path) for start, length in data.extents)
        self.expanded += data.expanded
        stored = self.file.window.length
        if self.expanded > self.limits.may_expand(stored):
            raise UnsafeFileError(
                f"{self.file.shown}: {size(stored)} of file declare more than {size(self.expanded)} of tensors",
                "this is how a decompression bomb looks; if the file is meant, save it uncompressed",
            )

    def _refuse_overlaps(self) -> None:
        self.extents.sort()
        end, owner = 0, ""
        for start, stop, path in self.extents:
            if stop > self.file.window.length:
                raise UnreadableError(
                    f"{self.file.shown} is cut short: {quoted(path)} ends at byte {stop} of {self.file.window.length}",
                    "fetch the file again",
                )
            if start < end:
                raise UnsafeFileError(
                    f"{self.file.shown}: {quoted(path)} and {quoted(owner)} claim the same bytes",
                    "no program writes this: do not trust the file",
                )
            end, owner = stop, path

    def _attributes(self, parts: tuple[bytes, ...], path: str) -> Callable[[str], Any]:
        """How to read one attribute of an object: None when absent, else what h5py makes of it."""

        def read(name: str) -> Any:
            with guard(f"{self.file.shown}: attribute {quoted(name)} of {quoted(path)}"):
                encoded = name.encode()
                identifier = self._open(parts)
                if not h5a.exists(identifier, encoded):
                    return None
                return self._value(h5a.open(identifier, encoded), name, path)

        return read

    def _value(self, attribute: Any, name: str, path: str) -> Any:
        if attribute.shape is None or 0 in attribute.shape:
            return np.empty(0)
        if prod(attribute.shape) * attribute.dtype.itemsize > self.limits.max_attribute_bytes:
            raise UnreadableError(
                f"{self.file.shown}: attribute {quoted(name)} of {quoted(path)} is too large", DAMAGED
            )
        kind = attribute.get_type()
        if not isinstance(kind, h5t.TypeStringID | h5t.TypeIntegerID | h5t.TypeFloatID):
            raise UnreadableError(f"{self.file.shown}: attribute {quoted(name)} of {quoted(path)} is not text", DAMAGED)
        value = np.empty(attribute.shape, attribute.dtype)
        attribute.read(value)
        return value

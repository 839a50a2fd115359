"""HDF5 through libhdf5, for files that use what this package leaves to it: the same tree, with the same checks.

Importing this module imports h5py: do so when such a file is there.
"""

from collections.abc import Callable
from contextlib import suppress
from math import prod
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5l, h5o, h5t

from gate.errors import UnreadableError
from gate.formats.hdf5 import refusals
from gate.formats.hdf5.checked_window import CheckedWindow
from gate.formats.hdf5.ledger import Ledger
from gate.formats.hdf5.through_h5py_data import TypeCache, dataset
from gate.formats.hdf5.tree import Folder, Stored
from gate.formats.limits import Limits
from gate.formats.mapping import Window
from gate.formats.seam import DAMAGED, guard
from gate.formats.text import decoded_text, quoted


def through_h5py(window: Window, shown: str, limits: Limits) -> tuple[Folder, Callable[[], None]]:
    """The tree of the file in a window, and how to close it. `shown` names it in messages."""
    with guard(f"{shown} cannot be opened as HDF5"):
        file: Any = h5py.File(CheckedWindow(window), "r")

    def close() -> None:
        # h5py may raise anything while it closes what was damaged; there is nothing left to lose.
        with suppress(Exception):
            file.close()

    if file.userblock_size:
        close()
        raise refusals.user_block(shown)
    try:
        with guard(f"{shown}: the HDF5 structure cannot be read"):
            return _Walk(file.id, window, shown, limits).tree(), close
    except BaseException:
        close()
        raise


class _Walk:
    """One pass over the whole file, with h5py's low-level interface: five times quicker than the other."""

    def __init__(self, file: Any, window: Window, shown: str, limits: Limits) -> None:
        self.file = file
        self.window = window
        self.shown = shown
        self.limits = limits
        self.ledger = Ledger(shown, window.length, limits)
        self.types: TypeCache = {}
        self.parts: dict[int, tuple[bytes, ...]] = {}

    def tree(self) -> Folder:
        root_id = h5g.open(self.file, b"/")
        address = int(h5o.get_info(root_id).addr)
        self._once(address, (), "/")
        root = Folder("", address, self)
        pending: list[tuple[Folder, tuple[bytes, ...], int]] = [(root, (), 1)]
        while pending:
            folder, parts, depth = pending.pop()
            identifier = self._open(parts)
            self.ledger.depth(depth, folder.path)
            for name, address in self._links(identifier, folder.path):
                path = f"{folder.path}/{decoded_text(name)}" if folder.path else decoded_text(name)
                child = self._child(identifier, (*parts, name), address, path)
                if decoded_text(name) in folder.children:
                    raise UnreadableError(f"{self.shown}: {quoted(path)} is there twice", DAMAGED)
                folder.children[decoded_text(name)] = child
                if isinstance(child, Folder):
                    pending.append((child, (*parts, name), depth + 1))
        self.ledger.refuse_overlaps()
        return root

    def _links(self, identifier: Any, path: str) -> list[tuple[bytes, int]]:
        """Names and addresses of the objects in a group; any link that is not a plain one is refused."""
        names: list[tuple[bytes, int]] = []
        hard = h5l.TYPE_HARD
        room = self.limits.max_objects - len(self.ledger.seen)
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
            self.ledger.room(len(names) + 1)
        return names

    def _refuse_link(self, identifier: Any, name: bytes, kind: int, path: str) -> None:
        if kind == h5l.TYPE_EXTERNAL:
            file, target = identifier.links.get_val(name)
            what = f"an external link to {quoted(decoded_text(target))} in {quoted(decoded_text(file))}"
        elif kind == h5l.TYPE_SOFT:
            what = f"a soft link to {quoted(decoded_text(identifier.links.get_val(name)))}"
        else:
            what = "a user-defined link"
        shown = f"{path}/{decoded_text(name)}" if path else decoded_text(name)
        raise refusals.link(f"{self.shown}: {quoted(shown)}", what)

    def _open(self, parts: tuple[bytes, ...]) -> Any:
        """The object at a path. Open objects cost HDF5 tens of kilobytes each, so none is kept open."""
        return h5o.open(self.file, b"/".join((b"", *parts)) or b"/")

    def _child(self, identifier: Any, parts: tuple[bytes, ...], address: int, path: str) -> Folder | Stored:
        self._once(address, parts, path)
        child = h5o.open(identifier, parts[-1])
        if isinstance(child, h5g.GroupID):
            return Folder(path, address, self)
        if not isinstance(child, h5d.DatasetID):
            raise refusals.neither(f"{self.shown}: {quoted(path)}")

        def attribute(name: str) -> Any:
            return self.attribute(address, path, name)

        with guard(f"{self.shown}: dataset {quoted(path)}"):
            data = dataset(child, attribute, self.window, path, self.ledger, self.types)
        return Stored(path, address, data, self)

    def _once(self, address: int, parts: tuple[bytes, ...], path: str) -> None:
        self.ledger.once(address, path)
        self.parts[address] = parts

    def attribute(self, address: int, path: str, name: str) -> Any:
        """One attribute of an object: None when absent, else what h5py makes of it."""
        path = path or "/"
        with guard(f"{self.shown}: attribute {quoted(name)} of {quoted(path)}"):
            encoded = name.encode()
            identifier = self._open(self.parts[address])
            if not h5a.exists(identifier, encoded):
                return None
            return self._value(h5a.open(identifier, encoded), name, path)

    def _value(self, attribute: Any, name: str, path: str) -> Any:
        if attribute.shape is None or 0 in attribute.shape:
            return np.empty(0)
        if prod(attribute.shape) * attribute.dtype.itemsize > self.limits.max_attribute_bytes:
            raise refusals.attribute_too_large(self.shown, name, path)
        kind = attribute.get_type()
        if not isinstance(kind, h5t.TypeStringID | h5t.TypeIntegerID | h5t.TypeFloatID):
            raise refusals.attribute_no_text(self.shown, name, path)
        value = np.empty(attribute.shape, attribute.dtype)
        attribute.read(value)
        return value

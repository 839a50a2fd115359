"""One pass over a whole file, into a tree of groups and lazy datasets, each already checked.

Hard links only, no object twice, bounded depth and count, storage inside the file, no two datasets on the same bytes,
nothing never written. Depth is walked with a list, not with calls.
"""

from collections.abc import Callable
from functools import partial
from struct import error
from typing import Any

from gate.errors import GateError, UnreadableError
from gate.formats.hdf5 import refusals
from gate.formats.hdf5.attributes import NotText, TooLarge, attribute
from gate.formats.hdf5.btree2 import records
from gate.formats.hdf5.checksum import Checksums
from gate.formats.hdf5.datasets import Datasets
from gate.formats.hdf5.fractal import FractalHeap
from gate.formats.hdf5.groups import Groups
from gate.formats.hdf5.headers import (
    ATTRIBUTE_INFO,
    DATASPACE,
    DATATYPE,
    LINK_INFO,
    SYMBOLS,
    USUAL,
    Header,
    Message,
    header,
)
from gate.formats.hdf5.heaps import GlobalHeaps
from gate.formats.hdf5.image import UNDEFINED, Image, number
from gate.formats.hdf5.ledger import Ledger
from gate.formats.hdf5.signals import Damaged, Unsupported
from gate.formats.hdf5.superblock import superblock
from gate.formats.hdf5.tree import Folder, Stored
from gate.formats.limits import Limits
from gate.formats.mapping import Window
from gate.formats.seam import DAMAGED
from gate.formats.text import decoded_text, quoted

_BY_HASH, _HASH_RECORD = 8, 17


class Walk:
    """Reads one file. `shown` names it in messages. Raises `Unsupported` for what is left to libhdf5."""

    def __init__(self, window: Window, shown: str, limits: Limits, otherwise: Callable[[], Folder]) -> None:
        """`otherwise` is the same tree by libhdf5."""
        self._otherwise = otherwise
        self.shown = shown
        self.image = Image(window)
        self.checksums = Checksums()
        self.ledger = Ledger(shown, window.length, limits)
        self.heaps = GlobalHeaps(self.image)
        self.limits = limits
        self._path = ""
        self._last: tuple[int, list[Message]] = (-1, [])

    def tree(self) -> Folder:
        """The root group with all below."""
        try:
            try:
                return self._tree()
            except Unsupported:
                self.checksums.verify()  # a flipped bit may look like a rare part of the format
                raise
        except (GateError, Unsupported):
            raise
        except Exception as problem:
            where = f": {quoted(self._path)}" if self._path else ""
            raise UnreadableError(f"{self.shown} cannot be read as HDF5{where}: {_said(problem)}", DAMAGED) from problem

    def _tree(self) -> Folder:
        image, ledger, checksums = self.image, self.ledger, self.checksums
        start = superblock(image, self.shown, checksums)
        groups = Groups(image, start, checksums, self.shown)
        datasets = Datasets(image, ledger, checksums)
        ledger.once(start.root, "/")
        found = header(image, start.root, checksums)
        if not self._is_group(found, "/"):
            raise Damaged("its root is no group")
        root = Folder("", start.root, self)
        pending: list[tuple[Folder, bytes | Header, int]] = [(root, groups.place(found), 1)]
        while pending:
            folder, place, depth = pending.pop()
            above = folder.path
            self._path = above or "/"
            ledger.depth(depth, above)
            entries = groups.entries(place, above)
            ledger.room(len(entries))
            children = folder.children
            for encoded, address in entries:
                name = decoded_text(encoded)
                path = f"{above}/{name}" if above else name
                self._path = path
                if name in children:
                    raise Damaged("another has the same name")
                ledger.once(address, path)
                head = image.peek(address, USUAL)
                table: bytes | Header | None = groups.usual(head)
                data = datasets.usual(head, address, path) if table is None else None
                if table is None and data is None:
                    found = header(image, address, checksums, head)
                    if self._is_group(found, path):
                        table = groups.place(found)
                    else:
                        data = datasets.dataset(found, partial(self._own_attribute, found, path), path)
                        datasets.remember(head, address, found, data)
                if data is not None:
                    children[name] = Stored(path, address, data, self)
                elif table is not None:
                    children[name] = child = Folder(path, address, self)
                    pending.append((child, table, depth + 1))
        self._path = ""
        checksums.verify()
        ledger.refuse_overlaps()
        image.allow_more()
        return root

    def _is_group(self, found: Header, path: str) -> bool:
        single = found.single
        group = SYMBOLS in single or LINK_INFO in single
        dataset = DATASPACE in single and DATATYPE in single
        if group and (dataset or (SYMBOLS in single and LINK_INFO in single)):
            raise Damaged("it is two kinds of object at once")
        if not group and not dataset:
            raise refusals.neither(f"{self.shown}: {quoted(path)}")
        return group

    def attribute(self, address: int, path: str, name: str) -> Any:
        """One attribute of the object at an address: None when absent, else what h5py makes of it."""
        path = path or "/"
        try:
            if self._last[0] != address:  # who asks for one attribute often asks for the next
                self._last = (address, self._messages(header(self.image, address, None)))
            return self._value(self._last[1], path, name)
        except GateError:
            raise
        except Unsupported:
            here = self._otherwise().at(path)
            return None if here is None else here.attribute(name)
        except Exception as problem:
            raise UnreadableError(
                f"{self.shown}: attribute {quoted(name)} of {quoted(path)}: {_said(problem)}", DAMAGED
            ) from problem

    def _own_attribute(self, found: Header, path: str, name: str) -> Any:
        """The same while the walk is at the object."""
        return self._value(self._messages(found), path, name)

    def _value(self, messages: list[Message], path: str, name: str) -> Any:
        try:
            return attribute(messages, name.encode(), self.heaps, self.limits.max_attribute_bytes)
        except NotText as problem:
            raise refusals.attribute_no_text(self.shown, name, path) from problem
        except TooLarge as problem:
            raise refusals.attribute_too_large(self.shown, name, path) from problem

    def _messages(self, found: Header) -> list[Message]:
        """The attributes in the header, or in a heap when they are many (§ IV.A.2.v)."""
        if ATTRIBUTE_INFO not in found.single:
            return found.attributes
        body = found.single[ATTRIBUTE_INFO].own
        at = 2 + (2 if number(body, 1, 1) & 1 else 0)
        heap, tree = number(body, at, 8), number(body, at + 8, 8)
        if heap == UNDEFINED:
            return found.attributes
        fractal = FractalHeap(self.image, heap, self.checksums)
        messages: list[Message] = []
        for record in records(self.image, tree, _BY_HASH, _HASH_RECORD, self.checksums):
            data, at = fractal.located(record[:8])
            messages.append(Message(data, at, record[8]))
        self.checksums.verify()
        return messages


def _said(problem: Exception) -> str:
    if isinstance(problem, Damaged):
        return str(problem)
    if isinstance(problem, MemoryError):
        return "not enough memory to read it"
    if isinstance(problem, error):
        return "its metadata are cut short"
    return quoted(str(problem) or type(problem).__name__)

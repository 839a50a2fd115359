"""One HDF5 file read twice: by the gate's own reader, and by h5py, whose word is what to expect."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from gate.formats import Limits
from gate.formats.hdf5.signals import Unsupported
from gate.formats.hdf5.tree import Folder, Stored
from gate.formats.hdf5.walk import Walk
from gate.formats.mapping import MappedFile, Window

Tree = dict[str, Any]


class NeedsLibhdf5(Exception):  # noqa: N818 -- no error
    """The gate's own reader leaves this file to libhdf5."""


def _never() -> Folder:
    raise NeedsLibhdf5


def root(path: Path, limits: Limits = Limits()) -> Folder:  # noqa: B008 -- frozen
    """The tree, by the gate's own reader alone."""
    try:
        return Walk(Window(MappedFile(path, path.name)), path.name, limits, _never).tree()
    except Unsupported as reason:
        raise NeedsLibhdf5(*reason.args) from reason


def own(path: Path, limits: Limits = Limits()) -> Tree:  # noqa: B008 -- frozen
    """Every object of a file: attributes by the names that h5py has for them, and data."""
    return tree_of(root(path, limits), path)


def tree_of(top: Folder, path: Path) -> Tree:
    """What is in a tree that was read already; h5py is asked for the names of attributes only."""
    found: Tree = {}
    with h5py.File(path) as file:

        def visit(folder: Folder) -> None:
            found[folder.path or "/"] = (folder.address, list(folder.children), attributes(folder))
            for child in folder.children.values():
                if isinstance(child, Folder):
                    visit(child)
                else:
                    array = child.data.read()
                    assert (array.dtype, array.shape) == (child.data.dtype, child.data.shape)
                    assert array.flags.c_contiguous
                    assert not array.flags.writeable
                    found[child.path] = (child.address, *described(array), attributes(child))

        def attributes(item: Folder | Stored) -> dict[str, Any]:
            assert item.attribute("no such attribute") is None
            return {name: listed(item.attribute(name)) for name in file[item.path or "/"].attrs}

        visit(top)
    return found


def by_h5py(path: Path) -> Tree:
    """The same, by h5py's high-level interface."""
    found: Tree = {}
    with h5py.File(path) as file:

        def visit(name: str, item: Any) -> None:
            address = h5py.h5o.get_info(item.id).addr
            attributes = {key: listed(item.attrs[key]) for key in item.attrs}
            if isinstance(item, h5py.Group):
                children = sorted(item, key=lambda key: key.encode("utf-8", "surrogateescape"))
                found[name] = (address, children, attributes)
                for key in children:
                    visit(f"{name}/{key}" if name != "/" else key, item[key])
            else:
                array = np.zeros(0, item.dtype) if item.shape is None else np.array(item[()], item.dtype)
                found[name] = (address, *described(array.reshape(item.shape or array.shape)), attributes)

        visit("/", file)
    return found


def described(array: Any) -> tuple[str, tuple[int, ...], bytes]:
    """Type in native order, shape and bytes."""
    if array.dtype.isbuiltin == 2 or array.dtype.kind == "V":  # ml_dtypes, opaque to h5py
        return f"V{array.dtype.itemsize}", array.shape, array.tobytes()
    native = array.astype(array.dtype.newbyteorder("="))
    kind = str(native.dtype)
    return kind, array.shape, native.tobytes()


def listed(value: Any) -> Any:
    """An attribute without the accidents of its representation."""
    if isinstance(value, h5py.Empty):
        return []
    items = np.asarray(value).tolist()
    return decoded(items)


def decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [decoded(item) for item in value]
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value

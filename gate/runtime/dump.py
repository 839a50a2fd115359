"""How the child hands tensors back: one file of raw bytes that the parent maps, and an entry for each in the answer.

The child is not trusted: the parent believes an entry only as far as the file is long enough for it.
"""

from collections.abc import Iterable, Mapping
from math import prod
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from gate.errors import GateError, UnreadableError
from gate.formats.mapping import MappedFile, empty
from gate.runtime.held import Held
from gate.tensors.dtypes import dtype_called
from gate.tensors.model_order import Order
from gate.tensors.weightset import Array, Group, Layer, Step, Tensor, WeightSet

_ALIGNED = 64
_BLOCK = 8 * 1024 * 1024
_KINDS = frozenset("biufc")
TEXT = "text"

Entry = dict[str, Any]


class Writer:
    """Child: appends arrays to one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("wb")

    def add(self, array: Array) -> Entry:
        """Writes an array; the entry says where it is. Texts are written as UTF-8 with their lengths."""
        if array.dtype.kind in "OSU":
            return self._texts(array)
        if not _is_carried(array.dtype):
            raise GateError(f"a variable or output has the dtype {array.dtype}", "have it hold numbers or texts")
        start = self._aligned()
        flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        for at in range(0, flat.size, _BLOCK):
            self._file.write(flat[at : at + _BLOCK].data)
        return {"dtype": array.dtype.name, "shape": list(array.shape), "offset": start, "bytes": int(flat.size)}

    def _texts(self, array: Array) -> Entry:
        texts = [each if isinstance(each, bytes) else str(each).encode() for each in array.reshape(-1).tolist()]
        start = self._aligned()
        data = b"".join(texts)
        self._file.write(data)
        lengths = [len(text) for text in texts]
        return {"dtype": TEXT, "shape": list(array.shape), "offset": start, "bytes": len(data), "lengths": lengths}

    def _aligned(self) -> int:
        self._file.write(bytes(-self._file.tell() % _ALIGNED))
        return self._file.tell()

    def close(self) -> None:
        self._file.close()


def variables_entry(held: Held) -> Entry:
    """What is said of a variable beside its data."""
    return {
        "name": held.name,
        "variable": held.variable,
        "steps": [[step.name, step.node, step.attribute, step.kind] for step in held.steps],
        "order": None if held.order is None else list(held.order),
        "index": held.index,
        "group": held.group.value,
        "keys": list(held.keys),
        "dtype": TEXT if held.dtype.kind in "OSU" else held.dtype.name,
        "shape": list(held.shape),
    }


class Dump:
    """Parent: arrays of one file of the child (`gate.runtime.handover`); None is an empty one."""

    def __init__(self, file: MappedFile | None, what: str) -> None:
        self.what = what
        self._file = file

    def array(self, entry: Mapping[str, Any]) -> Array:
        """One array; raises `UnreadableError` where the child's word and its file do not agree."""
        try:
            shape = tuple(int(size) for size in entry["shape"])
            start, length = int(entry["offset"]), int(entry["bytes"])
            if entry["dtype"] == TEXT:
                return self._texts(shape, start, length, entry["lengths"])
            dtype = _dtype(str(entry["dtype"]))
        except (KeyError, TypeError, ValueError) as error:
            raise self._unbelievable() from error
        if any(size < 0 for size in shape) or prod(shape) * dtype.itemsize != length or start < 0:
            raise self._unbelievable()
        if not length:
            return empty(dtype, shape)
        if self._file is None:
            raise self._unbelievable()
        return self._file.array(start, dtype, shape)

    def _texts(self, shape: tuple[int, ...], start: int, length: int, lengths: Iterable[int]) -> Array:
        lengths = [int(each) for each in lengths]
        data = self._file.bytes_at(start, length) if self._file and length else b""
        if sum(lengths) != length or len(data) != length or prod(shape) != len(lengths) or min([0, *lengths]) < 0:
            raise self._unbelievable()
        edges = np.cumsum([0, *lengths])
        texts = np.empty(len(lengths), object)
        texts[:] = [data[edges[i] : edges[i + 1]] for i in range(len(lengths))]
        texts = texts.reshape(shape)
        texts.flags.writeable = False
        return texts

    def _unbelievable(self) -> UnreadableError:
        return UnreadableError(
            f"{self.what}: the answer and the file of the process that loaded it do not agree",
            "see what the project's code prints or ends in; if there is none, report this as a defect of weight-gate",
        )

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def variables(entries: Iterable[Mapping[str, Any]], dump: Dump | None, shown: str, folder: Path) -> WeightSet:
    """The variables that a child listed, as a weight set; without a dump they have no data."""
    tensors: dict[str, Tensor] = {}
    layers: dict[str, Layer] = {}
    for entry in entries:
        name = _unique(str(entry["name"]), tensors)
        tensors[name] = _tensor(name, entry, dump, layers)
    close = dump.close if dump else (lambda: None)
    return WeightSet(shown, "loaded", tensors, close=close, files=(folder,))


def _tensor(name: str, entry: Mapping[str, Any], dump: Dump | None, layers: dict[str, Layer]) -> Tensor:
    steps = tuple(Step(_text(name), str(node), _text(of), _text(kind)) for name, node, of, kind in entry["steps"])
    order: Order | None = None if entry["order"] is None else tuple(map(_place, entry["order"]))
    node = steps[-1].node if steps else ""
    layer = layers.setdefault(f"{entry['group']}:{node}", Layer(steps, order))
    text = entry["dtype"] == TEXT

    def read() -> Array:
        if dump is None:
            raise UnreadableError(f"{name} was listed only", "report this as a defect of weight-gate")
        return dump.array(entry)

    return Tensor(
        name,
        np.dtype(object) if text else _dtype(str(entry["dtype"])),
        tuple(int(size) for size in entry["shape"]),
        read,
        Group(entry["group"]),
        "\n".join(map(str, entry["keys"])),
        layer=layer,
        variable=str(entry["variable"]),
        index=None if entry["index"] is None else int(entry["index"]),
    )


def _text(said: object) -> str | None:
    return None if said is None else str(said)


def _place(said: object) -> int | str:
    return said if isinstance(said, int) else str(said)


def _unique(name: str, taken: Mapping[str, Tensor]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}~{number}"
    return free


def _dtype(name: str) -> np.dtype[Any]:
    """The dtype that an entry names; raises `ValueError` or `TypeError` where no tensor has such a one."""
    dtype = dtype_called(name)
    if not _is_carried(dtype):
        raise ValueError(f"no dtype of a tensor: {name}")
    return dtype


def _is_carried(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in _KINDS or hasattr(ml_dtypes, dtype.name)


def written(path: Path, arrays: Mapping[str, Array]) -> dict[str, Entry]:
    """Child: some arrays in a file of their own, by name."""
    writer = Writer(path)
    try:
        return {name: writer.add(array) for name, array in arrays.items()}
    finally:
        writer.close()

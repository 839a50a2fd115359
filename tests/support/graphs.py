"""Object graphs and SavedModels, written from TensorFlow's `.proto` files alone: nothing of the reader."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from support.bundles import Array, bytes_field, number_field, texts, varint, write_bundle

GRAPH_KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"
ATTRIBUTE = "/.ATTRIBUTES/VARIABLE_VALUE"


@dataclass
class Object:
    """One object; `key` is where the value of a variable lies."""

    children: Sequence[tuple[str, int]] = ()
    full_name: str = ""
    key: str | None = None
    slots: Sequence[tuple[str, int, int]] = ()
    attribute: str = "VARIABLE_VALUE"
    container: bool = False

    def stored(self) -> bytes:
        """A `TrackableObject` of trackable_object_graph.proto."""
        message = references(self.children)
        if self.key is not None:
            told = bytes_field(1, self.attribute.encode()) + bytes_field(2, self.full_name.encode())
            message += bytes_field(2, told + bytes_field(3, self.key.encode()))
        for name, original, variable in self.slots:
            told = number_field(1, original) + bytes_field(2, name.encode()) + number_field(3, variable)
            message += bytes_field(3, told)
        return message

    def saved(self) -> bytes:
        """A `SavedObject` of saved_object_graph.proto."""
        if self.key is not None:
            return references(self.children) + bytes_field(7, bytes_field(6, self.full_name.encode()))
        kind = b"trackable_list_wrapper" if self.container else b"_generic_user_object"
        return references(self.children) + bytes_field(4, bytes_field(1, kind))


def references(children: Iterable[tuple[str, int]]) -> bytes:
    """Repeated `ObjectReference`."""
    return b"".join(bytes_field(1, number_field(1, held) + bytes_field(2, name.encode())) for name, held in children)


def graph_bytes(objects: Iterable[Object]) -> bytes:
    """A `TrackableObjectGraph`."""
    return b"".join(bytes_field(1, each.stored()) for each in objects)


def variable(path: str, full_name: str = "", **more: Any) -> Object:
    """A variable whose value lies where TensorFlow puts it."""
    return Object(full_name=full_name, key=f"{path}{ATTRIBUTE}", **more)


def values_of(objects: Iterable[Object]) -> dict[str, Array]:
    """A value for each key of the objects, each unlike the others."""
    keys = dict.fromkeys(each.key for each in objects if each.key is not None)
    return {key: np.array([number, 1], np.float32) for number, key in enumerate(keys)}


def write_checkpoint(prefix: Path, objects: Sequence[Object], values: Mapping[str, Array] | None = None) -> Path:
    """A TF2 checkpoint; the path of its index."""
    values = values_of(objects) if values is None else values
    graph = texts(graph_bytes(objects)).reshape(())
    prefix.parent.mkdir(parents=True, exist_ok=True)
    return write_bundle(prefix, {**values, GRAPH_KEY: graph})


@dataclass
class Function:
    """A function whose last arguments are bound to objects; `reads` are (argument, name of the op that reads it)."""

    name: str
    arguments: Sequence[str]
    bound: Sequence[int]
    reads: Sequence[tuple[str, str]] = ()

    def definition(self) -> bytes:
        """A `FunctionDef`."""
        signature = bytes_field(1, self.name.encode())
        signature += b"".join(bytes_field(2, bytes_field(1, each.encode())) for each in self.arguments)
        message = bytes_field(1, signature)
        for argument, op in self.reads:
            node = bytes_field(1, op.encode()) + bytes_field(2, b"ReadVariableOp")
            message += bytes_field(3, node + bytes_field(3, argument.encode()))
        return message

    def concrete(self) -> bytes:
        """An entry of `concrete_functions`."""
        packed = b"".join(varint(number) for number in self.bound)
        return bytes_field(1, self.name.encode()) + bytes_field(2, bytes_field(2, packed))


@dataclass
class Saved:
    """A SavedModel before it is written."""

    objects: Sequence[Object] = ()
    functions: Sequence[Function] = ()
    assets: Sequence[str] = ()
    graphs: int = 1
    more: bytes = b""
    """Fields to append, right or wrong."""
    values: Mapping[str, Array] | None = None
    stored: Sequence[Object] | None = field(default=None)
    """The object graph of the bundle, where it is another one."""

    def meta_graph(self) -> bytes:
        """A `MetaGraphDef`."""
        library = b"".join(bytes_field(1, each.definition()) for each in self.functions)
        message = bytes_field(1, bytes_field(4, b"serve")) + bytes_field(2, bytes_field(2, library))
        message += b"".join(bytes_field(6, bytes_field(2, name.encode())) for name in self.assets)
        objects = b"".join(bytes_field(1, each.saved()) for each in self.objects)
        objects += b"".join(bytes_field(2, each.concrete()) for each in self.functions)
        return message + (bytes_field(7, objects) if objects else b"")

    def encoded(self) -> bytes:
        """The whole `saved_model.pb`."""
        return number_field(1, 1) + bytes_field(2, self.meta_graph()) * self.graphs + self.more

    def write(self, folder: Path) -> Path:
        """The folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "saved_model.pb").write_bytes(self.encoded())
        stored = self.objects if self.stored is None else self.stored
        if any(each.key for each in stored):
            write_checkpoint(folder / "variables" / "variables", stored, self.values)
        return folder

"""The object graph of a TF2 checkpoint: which object holds which, and under which key a variable's value lies.

Format: tensorflow/core/protobuf/trackable_object_graph.proto. The graph is stored as a text of the bundle under `KEY`.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from gate.errors import UnreadableError
from gate.formats.limits import Limits
from gate.formats.tensorflow.wire import Value, WireError, fields, int32, part, text
from gate.formats.text import quoted

KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"
VARIABLE_VALUE = "VARIABLE_VALUE"
ROOT = 0


@dataclass(frozen=True, slots=True)
class Attribute:
    """One value of an object: `VARIABLE_VALUE` of a variable, `table-keys` of a lookup table, …"""

    name: str
    full_name: str
    key: str


@dataclass(slots=True, eq=False)
class Node:
    """One object. `children` are (name, number of the object); `slots` are (name, variable, its slot variable)."""

    children: list[tuple[str, int]] = field(default_factory=list)
    attributes: list[Attribute] = field(default_factory=list)
    slots: list[tuple[str, int, int]] = field(default_factory=list)

    @property
    def names(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.children)


Graph = list[Node]


def parse_object_graph(data: bytes | memoryview, shown: str, limits: Limits) -> Graph:
    """A `TrackableObjectGraph`. Every child that is named is there."""
    try:
        graph = [_node(part(value)) for number, _, value in fields(data) if number == 1]
    except WireError as error:
        raise UnreadableError(f"{shown}: its object graph has {error}", "save the checkpoint again") from error
    if not graph:
        raise UnreadableError(f"{shown}: its object graph has no objects", "save the checkpoint again")
    check_children(graph, shown, limits)
    return graph


def check_children(graph: Graph, shown: str, limits: Limits) -> None:
    """Refuse a graph that names objects it does not have, or more than any model does."""
    count = len(graph)
    edges = sum(len(node.children) + len(node.slots) for node in graph)
    if count > limits.max_objects or edges > 4 * limits.max_objects:
        raise UnreadableError(f"{shown}: its object graph has {count:,} objects", "no model needs that")
    for node in graph:
        slots = ((name, held) for name, *pair in node.slots for held in pair)
        for name, child in (*node.children, *slots):
            if not 0 <= child < count:
                raise UnreadableError(
                    f"{shown}: its object graph names the object {child} ({quoted(name)}), and has {count}",
                    "the file is damaged: save the checkpoint again",
                )


def _node(message: memoryview) -> Node:
    node = Node()
    for number, _, value in fields(message):
        if number == 1:
            node.children.append(child(value))
        elif number == 2:
            node.attributes.append(_attribute(part(value)))
        elif number == 3:
            node.slots.append(slot(value))
    return node


def child(value: Value) -> tuple[str, int]:
    """An `ObjectReference`: what the object is called here, and its number."""
    name, target = "", 0
    for number, _, inner in fields(part(value)):
        if number == 1:
            target = int32(inner)
        elif number == 2:
            name = text(inner)
    return name, target


def slot(value: Value) -> tuple[str, int, int]:
    """A `SlotVariableReference`: the slot's name, the variable, and the variable that is its slot."""
    name, original, variable = "", 0, 0
    for number, _, inner in fields(part(value)):
        if number == 1:
            original = int32(inner)
        elif number == 2:
            name = text(inner)
        elif number == 3:
            variable = int32(inner)
    return name, original, variable


def _attribute(message: memoryview) -> Attribute:
    name = full_name = key = ""
    for number, _, value in fields(message):
        if number == 1:
            name = text(value)
        elif number == 2:
            full_name = text(value)
        elif number == 3:
            key = text(value)
    return Attribute(name, full_name, key)


Edge = tuple[int, str]
"""The object that holds, and what it calls the one it holds."""


def reach(graph: Graph, start: int, follow: Callable[[str, int], bool], found: dict[int, Edge | None]) -> None:
    """Add every object that can be reached from `start` to `found`, with the edge of a shortest way there.

    `follow(name, held)` tells which edges count. Objects in `found` are not entered again.
    """
    if start not in found:
        found[start] = None
    pending = deque([start])
    while pending:
        holder = pending.popleft()
        for name, held in graph[holder].children:
            if held not in found and follow(name, held):
                found[held] = (holder, name)
                pending.append(held)

"""What a `saved_model.pb` says: its assets, its objects, and what the functions of its variables are called.

Formats: saved_model.proto, meta_graph.proto, saved_object_graph.proto, function.proto, op_def.proto and node_def.proto
of TensorFlow. Few fields are looked at; nothing of the graph is run, and most of it is never unpacked.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from gate.errors import UnreadableError
from gate.formats.limits import Limits
from gate.formats.tensorflow.object_graph import Graph, Node, check_children, child
from gate.formats.tensorflow.wire import WireError, fields, int32, messages, part, text, varints

_CHILDREN, _USER_OBJECT, _VARIABLE = 1, 4, 7
_AGAIN = "the file is damaged: save the model again"


@dataclass
class Function:
    """A function that reads variables: by the object's number, the names of the ops that read it."""

    name: str
    variables: tuple[int, ...]
    """The objects that are bound to the last arguments."""
    reads: dict[int, tuple[str, ...]] = field(default_factory=dict)


@dataclass
class SavedModel:
    """`graph` is empty where the model has no objects: TF1's, and those of Estimators."""

    assets: tuple[str, ...]
    graph: Graph
    variable_names: dict[int, str]
    containers: set[int]
    """Objects that are lists, tuples or dicts."""
    functions: tuple[Function, ...]
    saver: bool
    """Whether the graph says how its variables are restored, as every graph with variables does."""
    version: str = ""
    """Of the TensorFlow that wrote it, where it says so."""


def parse_saved_model(data: memoryview, shown: str, limits: Limits) -> SavedModel:
    """The whole file. Raises `UnreadableError` where it is none."""
    try:
        graphs = list(messages(data, 2))
        if not graphs:
            raise UnreadableError(f"{shown} holds no graph", _AGAIN)
        saver = any(True for graph in graphs for _ in messages(graph, 3))
        model = SavedModel(_assets(graphs), [], {}, set(), (), saver, _version(graphs))
        for graph in graphs:
            for objects in messages(graph, 7):
                _objects(objects, graph, model)
    except WireError as error:
        raise UnreadableError(f"{shown} is no SavedModel, or is damaged: it has {error}", _AGAIN) from error
    check_children(model.graph, shown, limits)
    return model


def _version(graphs: list[memoryview]) -> str:
    """`tensorflow_version` of the first `MetaInfoDef` that has it."""
    told = (info for graph in graphs for info in messages(graph, 1))
    return next((text(value) for info in told for number, _, value in fields(info) if number == 5), "")


def _assets(graphs: list[memoryview]) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for graph in graphs:
        for asset in messages(graph, 6):
            names.update((text(value), None) for number, _, value in fields(asset) if number == 2)
    return tuple(names)


def _objects(message: memoryview, graph: memoryview, model: SavedModel) -> None:
    if model.graph:
        return  # one graph has the objects
    bound: dict[str, tuple[int, ...]] = {}
    for number, _, value in fields(message):
        if number == 1:
            node = Node()
            for inner, _, what in fields(part(value)):
                if inner == _CHILDREN:
                    node.children.append(child(what))
                elif inner == _VARIABLE:
                    model.variable_names[len(model.graph)] = _variable_name(part(what))
                elif inner == _USER_OBJECT and _is_container(part(what)):
                    model.containers.add(len(model.graph))
            model.graph.append(node)
        elif number == 2:
            name, inputs = _concrete(part(value))
            bound[name] = inputs
    model.functions = tuple(_functions(graph, bound, model.variable_names))


def _is_container(message: memoryview) -> bool:
    """Whether a `SavedUserObject` is one of tensorflow/python/trackable/data_structures.py."""
    name = next((text(value) for number, _, value in fields(message) if number == 1), "")
    return name.startswith("trackable_") and name.endswith("_wrapper")


def _variable_name(message: memoryview) -> str:
    return next((text(value) for number, _, value in fields(message) if number == 6), "")


def _concrete(message: memoryview) -> tuple[str, tuple[int, ...]]:
    """One entry of `concrete_functions`: the function's name and the objects bound to it."""
    name, inputs = "", []
    for number, _, value in fields(message):
        if number == 1:
            name = text(value)
        elif number == 2:
            for inner, _, what in fields(part(value)):
                if inner == 2:
                    inputs += [int32(each) for each in varints(what)]
    return name, tuple(inputs)


def _functions(graph: memoryview, bound: dict[str, tuple[int, ...]], variables: dict[int, str]) -> Iterator[Function]:
    """Those that read a variable themselves, rather than hand it to another function."""
    for definition in messages(graph, 2):
        for library in messages(definition, 2):
            for message in messages(library, 1):
                function = _function(message, bound, variables)
                if function is not None and function.reads:
                    yield function


def _function(message: memoryview, bound: dict[str, tuple[int, ...]], variables: dict[int, str]) -> Function | None:
    signature = next(messages(message, 1), None)
    if signature is None:
        return None
    name = next((text(value) for number, _, value in fields(signature) if number == 1), "")
    inputs = bound.get(name)
    if not inputs:
        return None
    arguments = [_argument(argument) for argument in messages(signature, 2)]
    captured = dict(zip(arguments[-len(inputs) :], inputs, strict=False)) if len(arguments) >= len(inputs) else {}
    wanted = {argument: number for argument, number in captured.items() if number in variables}
    reads: dict[int, list[str]] = {}
    for node in messages(message, 3):
        op = where = source = ""
        for number, _, value in fields(node):
            if number == 1:
                where = text(value)
            elif number == 2:
                op = text(value)
                if op != "ReadVariableOp":
                    break
            elif number == 3 and not source:
                source = text(value)
        if op == "ReadVariableOp" and source in wanted:
            reads.setdefault(wanted[source], []).append(where)
    found = {number: tuple(names) for number, names in reads.items()}
    return Function(name, tuple(inputs), found)


def _argument(message: memoryview) -> str:
    return next((text(value) for number, _, value in fields(message) if number == 1), "")

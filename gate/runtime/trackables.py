"""Objects that TensorFlow tracks: their variables, and the keys under which checkpoints store them.

A key is the way to a variable through the object graph (tensorflow/core/protobuf/trackable_object_graph.proto). There
may be several ways to one; a checkpoint stores it under the first that it finds.
"""

from collections import deque
from typing import Any

END = "/.ATTRIBUTES/VARIABLE_VALUE"
_MOST_KEYS = 16
_MOST_OBJECTS = 1_000_000


def keys_of(root: Any) -> dict[int, tuple[Any, list[str]]]:
    """`id` of each variable below `root` -> the variable, and its keys, shortest first."""
    import tensorflow as tf

    found: dict[int, tuple[Any, list[str]]] = {}
    ways: dict[int, list[tuple[str, ...]]] = {id(root): [()]}
    pending = deque([root])
    objects = [root]  # keeps them alive: ids are compared
    while pending:
        holder = pending.popleft()
        for name, held in tf.train.TrackableView.children(holder).items():
            here = [(*way, _escaped(name)) for way in ways[id(holder)][:_MOST_KEYS]]
            known = ways.get(id(held))
            if known is None:
                ways[id(held)] = here
                pending.append(held)
                objects.append(held)
            elif len(known) < _MOST_KEYS:
                known += here[: _MOST_KEYS - len(known)]
            if len(objects) > _MOST_OBJECTS:
                return found
    for held in objects:
        if _is_variable(held):
            found[id(held)] = (held, ["/".join(way) + END for way in ways[id(held)]])
    return found


def _is_variable(held: Any) -> bool:
    import tensorflow as tf

    return isinstance(held, tf.Variable)


def _escaped(name: str) -> str:
    """`tensorflow/python/checkpoint/util` and `trackable/base`: `.` is doubled, and a slash is `.S`."""
    return name.replace(".", "..").replace("/", ".S")

"""Objects that TensorFlow tracks: their variables, and the keys under which checkpoints store them, or did.

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
        if is_variable(held):
            found[id(held)] = (held, ["/".join(way) + END for way in ways[id(held)]])
    return found


def keys_in(graph: Any, number: int, root: Any) -> dict[int, tuple[str, ...]]:
    """By the `id` of each variable below `root` its key in a checkpoint, where `root` is the object of that number.

    Objects are those of the graph as TensorFlow takes them when it restores: by the names under which others hold them,
    from the root on. The checkpoint may have stored one under the key of another way.
    """
    import tensorflow as tf

    found: dict[int, tuple[str, ...]] = {}
    seen = {id(root): root}  # keeps them alive: ids are compared
    pending = deque([(number, root)])
    while pending:
        number, holder = pending.popleft()
        if is_variable(holder):
            found[id(holder)] = tuple(each.checkpoint_key for each in graph.nodes[number].attributes)
            continue
        held = tf.train.TrackableView.children(holder)
        for child in graph.nodes[number].children:
            each = held.get(child.local_name)
            if each is not None and id(each) not in seen and child.node_id < len(graph.nodes):
                seen[id(each)] = each
                pending.append((child.node_id, each))
    return found


def names_in(holder: Any) -> frozenset[str]:
    """What an object calls the objects that it holds."""
    import tensorflow as tf

    return frozenset(tf.train.TrackableView.children(holder))


def is_variable(held: Any) -> bool:
    """Whether it is a variable of TensorFlow, or one of Keras 3, which is none of TensorFlow's."""
    import tensorflow as tf

    return isinstance(held, tf.Variable) or all(hasattr(held, name) for name in ("assign", "dtype", "shape"))


def _escaped(name: str) -> str:
    """`tensorflow/python/checkpoint/util` and `trackable/base`: `.` is doubled, and a slash is `.S`."""
    return name.replace(".", "..").replace("/", ".S")

"""TF2 object checkpoints into a model that is built first, by `tf.train.Checkpoint`.

A checkpoint is of an object that holds the model, or of the model itself: which one is told by the names of the
objects in its graph, compared with those of the model.
"""

import gc
from typing import Any

from gate.runtime.loaders.architecture import built
from gate.runtime.loaders.interface import How, Loaded, Refused, Sentinel, first_line
from gate.runtime.loaders.keras_model import KerasLoaded
from gate.runtime.trackables import keys_in, names_in

_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


def load_checkpoint(how: How, path: str, sentinel: Sentinel) -> Loaded:
    """Restores the model's variables, and the optimizer's where they are asked for."""
    import tensorflow as tf

    model = built(how.architecture, how.compile)
    try:
        graph = _graph(path)
        held_as, number = _place_of(model, graph)
        loaded = KerasLoaded(model, keys_in(graph, number, model))
        sentinel(loaded)
        checkpoint = tf.train.Checkpoint(**{held_as: model}) if held_as else tf.train.Checkpoint(model)
        status = checkpoint.read(path)
        status.expect_partial()  # what was restored is told by the tags, not by TensorFlow's messages
        del status
        gc.collect()
    except (OSError, Refused):
        raise
    except Exception as error:
        raise Refused(
            f"`tf.train.Checkpoint` refused it: {type(error).__name__}: {first_line(error)}",
            "the checkpoint is of another architecture than the one that was built for it",
            verdict=True,
        ) from error
    return loaded


def _graph(path: str) -> Any:
    """The objects of a checkpoint, as a `TrackableObjectGraph`; the first is its root."""
    import tensorflow as tf
    from tensorflow.core.protobuf import trackable_object_graph_pb2

    reader = tf.train.load_checkpoint(path)
    if not reader.has_tensor(_GRAPH):
        raise Refused(
            "it has no object graph: it was written by `tf.compat.v1.train.Saver`, not by `tf.train.Checkpoint`",
            "load it by `load: {code: …}`, or keep its .meta file beside it",
        )
    graph = trackable_object_graph_pb2.TrackableObjectGraph()
    graph.ParseFromString(reader.get_tensor(_GRAPH))
    return graph


def _place_of(model: Any, graph: Any) -> tuple[str, int]:
    """What the root calls the model, and its number; without a name where the root is the model."""
    ours = names_in(model)
    root = graph.nodes[0]
    best, most = ("", 0), _alike(root, ours)
    for child in root.children:
        alike = _alike(graph.nodes[child.node_id], ours)
        if alike > most:
            best, most = (child.local_name, child.node_id), alike
    return best


def _alike(node: Any, ours: frozenset[str]) -> int:
    return len({child.local_name for child in node.children} & ours)

"""TF2 object checkpoints into a model that is built first, by `tf.train.Checkpoint`.

A checkpoint is of an object that holds the model, or of the model itself: which one is told by the names of the
objects in its graph, compared with those of the model.
"""

import gc
from collections.abc import Mapping
from typing import Any

from gate.runtime.loaders.architecture import built
from gate.runtime.loaders.interface import How, Loaded, Refused, Sentinel, first_line
from gate.runtime.loaders.keras_model import KerasLoaded


def load_checkpoint(how: How, path: str, sentinel: Sentinel) -> Loaded:
    """Restores the model's variables, and the optimizer's where they are asked for."""
    import tensorflow as tf

    loaded = KerasLoaded(built(how.architecture, how.compile))
    sentinel(loaded)
    prefix = path
    try:
        held_as = attribute_of_model(prefix, loaded.model)
        checkpoint = tf.train.Checkpoint(**{held_as: loaded.model}) if held_as else tf.train.Checkpoint(loaded.model)
        status = checkpoint.read(prefix)
        status.expect_partial()  # what was restored is told by the tags, not by TensorFlow's messages
        del status
        gc.collect()
    except OSError:
        raise
    except Exception as error:
        raise Refused(
            f"`tf.train.Checkpoint` refused it: {type(error).__name__}: {first_line(error)}",
            "the checkpoint is of another architecture than the one that was built for it",
            verdict=True,
        ) from error
    return loaded


def attribute_of_model(prefix: str, model: Any) -> str:
    """What the checkpoint's root calls the model; empty where the root is the model."""
    import tensorflow as tf
    from tensorflow.core.protobuf import trackable_object_graph_pb2

    reader = tf.train.load_checkpoint(prefix)
    if not reader.has_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"):
        raise Refused(
            "it has no object graph: it was written by `tf.compat.v1.train.Saver`, not by `tf.train.Checkpoint`",
            "load it by `load: {code: …}`, or keep its .meta file beside it",
        )
    graph = trackable_object_graph_pb2.TrackableObjectGraph()
    graph.ParseFromString(reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"))
    ours = set(_children(tf, model))
    root = graph.nodes[0]
    best, most = "", _alike(root, ours)
    for child in root.children:
        alike = _alike(graph.nodes[child.node_id], ours)
        if alike > most:
            best, most = child.local_name, alike
    return best


def _alike(node: Any, ours: set[str]) -> int:
    return len({child.local_name for child in node.children} & ours)


def _children(tf: Any, model: Any) -> Mapping[str, Any]:
    found: Mapping[str, Any] = tf.train.TrackableView.children(model)
    return found

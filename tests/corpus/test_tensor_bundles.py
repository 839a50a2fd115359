"""Checkpoints and SavedModels that other people trained: every tensor, bit for bit, as TensorFlow has it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from corpus.models import BUNDLES, Bundle
from corpus.packages import Corpus
from gate.formats import open_weights
from gate.tensors.weightset import Group
from support.checkpoints import as_tensorflow_has_it

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.corpus,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # TensorFlow's own
]

OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


def prefix_of(bundle: Bundle, corpus: Corpus) -> str:
    """As TensorFlow wants it: an empty prefix is a path that ends in `/`."""
    return str(corpus(bundle.package, bundle.prefix)) + ("/" if bundle.prefix.endswith("/") else "")


@pytest.mark.parametrize("bundle", BUNDLES, ids=str)
def test_every_tensor_is_as_tensorflow_has_it(bundle: Bundle, corpus: Corpus) -> None:
    """In the bundle, and under the names and in the groups that users see: none lost, none twice, none mixed up."""
    import tensorflow as tf

    prefix = prefix_of(bundle, corpus)
    if not prefix.endswith("/"):
        assert as_tensorflow_has_it(Path(prefix)) == bundle.keys

    # `tf.train.load_checkpoint` takes an empty prefix for a folder, and believes its `checkpoint` file.
    theirs = tf.compat.v1.train.NewCheckpointReader(prefix)
    shapes, dtypes = theirs.get_variable_to_shape_map(), theirs.get_variable_to_dtype_map()
    assert len(shapes) == bundle.keys
    with open_weights(corpus(bundle.package, bundle.path)) as weights:
        assert sorted(tensor.stored_as for tensor in weights) == sorted(set(shapes) - {OBJECT_GRAPH})
        assert len(weights) == bundle.keys - bundle.graph
        for tensor in weights:
            expected = np.asarray(theirs.get_tensor(tensor.stored_as))
            found = tensor.read()
            assert list(found.shape) == list(tensor.shape) == shapes[tensor.stored_as]
            assert found.dtype == tensor.dtype == dtypes[tensor.stored_as].as_numpy_dtype
            assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("bundle", [bundle for bundle in BUNDLES if bundle.graph], ids=str)
def test_names_are_those_that_the_variables_had(bundle: Bundle, corpus: Corpus) -> None:
    """These models hold all layers themselves, so a variable's full name is the one name of docs/names.md."""
    import tensorflow as tf
    from tensorflow.core.protobuf import trackable_object_graph_pb2

    graph = trackable_object_graph_pb2.TrackableObjectGraph()
    graph.ParseFromString(tf.train.load_checkpoint(prefix_of(bundle, corpus)).get_tensor(OBJECT_GRAPH))
    full_names = {value.checkpoint_key: value.full_name for node in graph.nodes for value in node.attributes}
    slots = {slot.slot_variable_node_id for node in graph.nodes for slot in node.slot_variables}
    assert slots
    optimizers = {value.checkpoint_key for number in slots for value in graph.nodes[number].attributes}
    with open_weights(corpus(bundle.package, bundle.path)) as weights:
        for tensor in weights:
            if tensor.group is Group.WEIGHTS:
                assert tensor.name == full_names[tensor.stored_as]
            elif tensor.group is Group.OPTIMIZER:
                optimizers.discard(tensor.stored_as)
    assert not optimizers


@pytest.mark.parametrize("bundle", [bundle for bundle in BUNDLES if bundle.meta], ids=str)
def test_groups_are_those_of_the_graph(bundle: Bundle, corpus: Corpus) -> None:
    """A TF1 graph says which variables are trained; beside these only moving statistics are the model's."""
    from tensorflow.core.protobuf import meta_graph_pb2

    meta = meta_graph_pb2.MetaGraphDef()
    meta.ParseFromString(corpus(bundle.package, bundle.meta).read_bytes())
    trained = saved_names(meta, "trainable_variables")
    moving = {name for name in saved_names(meta, "variables") if name.endswith(("/moving_mean", "/moving_variance"))}
    with open_weights(corpus(bundle.package, bundle.path)) as weights:
        found = {tensor.stored_as: tensor for tensor in weights}
        assert set(found) == saved_names(meta, "variables")
        assert {name for name, tensor in found.items() if tensor.group is Group.WEIGHTS} == trained | moving
        assert {tensor.group for tensor in weights} == {Group.WEIGHTS, Group.OPTIMIZER}
        assert all(tensor.name == tensor.stored_as for tensor in weights if tensor.group is Group.WEIGHTS)


def saved_names(meta: Any, collection: str) -> set[str]:
    """Under which names the variables of a collection are saved: a part of one, under that of the whole."""
    from tensorflow.core.framework import variable_pb2

    names = set()
    for data in meta.collection_def[collection].bytes_list.value:
        variable = variable_pb2.VariableDef.FromString(data)
        names.add(variable.save_slice_info_def.full_name or variable.variable_name.removesuffix(":0"))
    return names

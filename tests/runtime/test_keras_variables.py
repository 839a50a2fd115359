"""The variables of a model in memory have the names, the places and the numbers that its files have.

Every tensor of a zoo model has values that no other has, so bytes tell which variable a tensor of a file is.
"""

from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gate.formats import open_weights
from gate.runtime.held import Held
from gate.runtime.keras_variables import keras_variables
from gate.runtime.trackables import keys_of
from gate.tensors.model_order import Order, certain, sort_key
from gate.tensors.weightset import Group
from support.models import MODELS, fill, variables_of

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # TensorFlow's own
    pytest.mark.filterwarnings("ignore::UserWarning"),  # Keras' own, on formats that it calls legacy
]

Content = tuple[str, tuple[int, ...], bytes]


@pytest.fixture(autouse=True)
def fresh() -> None:
    import keras

    keras.backend.clear_session()


def content(array: Any) -> Content:
    array = np.asarray(array)
    return (str(array.dtype), array.shape, array.tobytes())


def names(model: Any, *groups: Group) -> list[str]:
    return [each.name for each in keras_variables(model) if each.group in (groups or (Group.WEIGHTS,))]


def attributes(held: Held) -> list[str | None]:
    return [step.attribute for step in held.steps]


# Against files


@pytest.mark.parametrize("name", MODELS)
def test_a_variable_is_called_as_in_the_file(name: str, tmp_path: Path) -> None:
    model = MODELS[name]()
    fill(variables_of(model))
    model.save(tmp_path / "m.keras")
    ours = {content(each.read()): each for each in keras_variables(model) if each.group is Group.WEIGHTS}
    assert len(ours) == len(model.weights)
    with open_weights(tmp_path / "m.keras") as file:
        theirs = [tensor for tensor in file if tensor.group is Group.WEIGHTS]
        assert {content(tensor.read()) for tensor in theirs} == ours.keys()
        for tensor in theirs:
            held, layer = ours[content(tensor.read())], tensor.layer
            assert layer is not None
            assert layer.named
            assert tuple(step.name for step in held.steps) == layer.chain
            for one, other in zip(held.steps, layer.steps, strict=True):
                assert other.kind in {None, one.kind}
                # Files have properties for attributes: `layers` of a model, `key_dense` for `_key_dense`.
                assert other.attribute in {None, one.attribute, (one.attribute or "").removeprefix("_")}
            assert held.index == tensor.index
            if not tensor.variable.isdecimal():  # a class of its author's own: the file has numbers
                assert held.variable == tensor.variable


@pytest.mark.parametrize("name", MODELS)
def test_layers_are_told_apart_and_in_the_order_of_the_file(name: str, tmp_path: Path) -> None:
    model = MODELS[name]()
    fill(variables_of(model))
    model.save(tmp_path / "m.keras")
    ours = {content(each.read()): each for each in keras_variables(model) if each.group is Group.WEIGHTS}
    nodes: dict[str, set[str]] = {}
    orders: dict[str, tuple[Order | None, Order | None]] = {}
    with open_weights(tmp_path / "m.keras") as file:
        for tensor in file:
            if tensor.group is Group.WEIGHTS and tensor.layer is not None:
                held = ours[content(tensor.read())]
                nodes.setdefault(tensor.layer.node, set()).add(held.steps[-1].node if held.steps else "")
                orders[tensor.layer.node] = (held.order, tensor.layer.order)
    assert all(len(each) == 1 for each in nodes.values())
    assert len(set().union(*nodes.values())) == len(nodes)
    for (one, first), (other, second) in combinations(orders.values(), 2):
        if certain([one, other]) and certain([first, second]):
            assert (sort_key(one or ()) < sort_key(other or ())) == (sort_key(first or ()) < sort_key(second or ()))
    if name in {"past_ten", "nested", "nested_default", "convolutions", "odd_names"}:
        assert certain(order for order, _ in orders.values())


def test_states_of_random_generators_are_a_group_of_their_own() -> None:
    from keras import Input, Sequential
    from keras import layers as kl

    model = Sequential([Input((4,)), kl.Dropout(0.5), kl.Dense(2), kl.GaussianNoise(0.1, name="noise")])
    assert names(model, Group.RNG) == [
        "rng/dropout/seed_generator/seed_generator_state",
        "rng/noise/seed_generator_1/seed_generator_state",
    ]
    assert names(model) == ["dense/kernel", "dense/bias"]


# What a variable can do


def test_values_are_read_and_written() -> None:
    model = MODELS["precisions"]()
    variables = keras_variables(model)
    kinds = {each.dtype.name for each in variables}
    assert kinds == {"bfloat16", "float16", "float32", "float64"}
    for number, each in enumerate(variables):
        assert each.read().dtype == each.dtype
        assert each.read().shape == each.shape
        assert each.assign is not None
        each.assign(np.full(each.shape, number, each.dtype))
    values = [set(np.asarray(each, "f8").reshape(-1)) for each in model.weights]
    assert values == [{float(number)} for number in range(len(variables))]


def test_integers_booleans_and_scalars() -> None:
    import keras
    from keras import Input, Sequential

    class Counts(keras.Layer):  # type: ignore[misc]
        def build(self, shape: Any) -> None:
            self.seen = self.add_weight(name="seen", shape=(), dtype="int64", initializer="zeros", trainable=False)
            self.on = self.add_weight(name="on", shape=(2,), dtype="bool", initializer="zeros", trainable=False)
            self.none = self.add_weight(name="none", shape=(0, 3))

        def call(self, inputs: Any) -> Any:
            return inputs

    found = {each.name: each for each in keras_variables(Sequential([Input((3,)), Counts(name="counts")]))}
    assert {name: (each.dtype.name, each.shape) for name, each in found.items()} == {
        "counts/none": ("float32", (0, 3)), "counts/seen": ("int64", ()), "counts/on": ("bool", (2,)),
    }  # fmt: skip
    assert {name: each.read().tolist() for name, each in found.items()} == {
        "counts/none": [], "counts/seen": 0, "counts/on": [False, False],
    }  # fmt: skip


# Where layers are held


@pytest.fixture
def dense() -> Callable[..., Any]:
    from keras import layers as kl

    def make(name: str) -> Any:
        layer = kl.Dense(2, use_bias=False, name=name)
        layer.build((None, 2))
        return layer

    return make


def holder(**held: Any) -> Any:
    """A model of a user's own that holds these things, in this order."""
    import keras

    class Holder(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            for attribute, value in held.items():
                setattr(self, attribute, value)

        def call(self, inputs: Any) -> Any:
            return inputs

    return Holder()


def test_containers_are_no_part_of_a_name(dense: Callable[..., Any]) -> None:
    model = holder(
        rows=[[dense("a"), dense("b")], (dense("c"),)],
        by={"x": dense("d"), "y": {"z": [dense("e")]}},
        alone=dense("f"),
    )
    found = {each.name: attributes(each) for each in keras_variables(model)}
    assert found == {
        "a/kernel": [None], "b/kernel": [None], "c/kernel": [None], "d/kernel": [None], "e/kernel": [None],
        "f/kernel": ["alone"],
    }  # fmt: skip
    assert len({each.steps[-1].node for each in keras_variables(model)}) == 6


def test_layers_in_sets_are_found_too(dense: Callable[..., Any]) -> None:
    assert sorted(names(holder(some={dense("a"), dense("b")}))) == ["a/kernel", "b/kernel"]


def test_a_layer_under_two_attributes_is_where_the_file_has_it(dense: Callable[..., Any], tmp_path: Path) -> None:
    """Keras saves it under the first by name, private ones last; so it is called here."""
    shared, hidden = dense("shared"), dense("hidden")
    model = holder(zeta=shared, _private=hidden, alpha=shared, home=hidden)
    model.built = True
    found = {each.steps[0].name: attributes(each) for each in keras_variables(model)}
    assert found == {"shared": ["alpha"], "hidden": ["home"]}
    model.save_weights(tmp_path / "m.weights.h5")
    with open_weights(tmp_path / "m.weights.h5") as file:
        layers = [tensor.layer for tensor in file if tensor.layer]
        assert {each.steps[0].name: [step.attribute for step in each.steps] for each in layers} == found


def test_private_attributes_are_looked_into(dense: Callable[..., Any]) -> None:
    assert names(holder(_inner=dense("inner"), __hidden=dense("hidden"))) == ["inner/kernel", "hidden/kernel"]


def test_things_that_hold_each_other_end(dense: Callable[..., Any]) -> None:
    model = holder(layer=dense("a"))
    round_and_round: list[Any] = []
    round_and_round.append(round_and_round)
    object.__setattr__(model, "endless", round_and_round)
    object.__setattr__(model.layer, "model", model)
    assert names(model) == ["a/kernel"]


def test_a_trained_model_has_no_more_weights_than_before() -> None:
    """Keras keeps dicts with layers for keys, metrics and losses in attributes once it trains."""
    import keras
    from keras import Input, Sequential
    from keras import layers as kl

    model = Sequential([Input((3,)), kl.Dense(2, name="a"), kl.Dense(1, name="b")])
    before = names(model)
    model.compile("adam", "mse", metrics=["mae", keras.metrics.RootMeanSquaredError()])
    model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0)
    assert names(model) == before == ["a/kernel", "a/bias", "b/kernel", "b/bias"]
    total = len(keras_variables(model))
    assert total == len({id(each) for each in (*model.variables, *model.optimizer.variables)})


def test_metrics_of_a_users_model_are_metrics(dense: Callable[..., Any]) -> None:
    import keras

    model = holder(layer=dense("a"), loss_seen=keras.metrics.Mean(name="seen"))
    assert names(model) == ["a/kernel"]
    assert names(model, Group.METRICS) == ["metrics/seen/total", "metrics/seen/count"]


def test_a_layer_that_is_called_a_metric_is_none() -> None:
    import keras

    class Metric(keras.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(name="distance")
            self.num_documents = self.add_weight(name="num_documents", shape=())

    assert names(holder(metric=Metric())) == ["distance/num_documents"]


def test_a_variable_of_tensorflow_is_called_by_its_attribute(dense: Callable[..., Any]) -> None:
    import tensorflow as tf

    model = holder(layer=dense("a"), scale=tf.Variable(1.0, name="other"))
    assert names(model) == ["a/kernel", "scale"]


def test_variables_of_tensorflow_in_lists(dense: Callable[..., Any]) -> None:
    """Neither Keras nor TensorFlow saves them: a load that leaves them as they were built has to be told."""
    import tensorflow as tf

    model = holder(layer=dense("a"))
    object.__setattr__(model, "scales", [tf.Variable(1.0), {"x": tf.Variable(2.0)}])
    assert names(model) == ["a/kernel", "scales/0", "scales/1/0"]


def test_states_that_are_kept_from_call_to_call_are_no_weights() -> None:
    """A checkpoint has them, `.keras` does not."""
    from keras import Input, Sequential
    from keras import layers as kl

    model = Sequential([Input(batch_shape=(2, 5, 3)), kl.LSTM(4, stateful=True, name="rnn")])
    assert len(names(model)) == 3
    assert names(model, Group.METRICS) == ["metrics/rnn/states/0", "metrics/rnn/states/1"]


def test_a_state_of_one_layer_that_is_a_weight_of_another_is_a_weight(dense: Callable[..., Any]) -> None:
    model = holder(alpha=dense("a"), beta=dense("b"))
    object.__setattr__(model.alpha, "kept", model.beta.kernel)
    assert names(model) == ["a/kernel", "b/kernel"]
    assert names(model, Group.METRICS) == []


def test_what_no_layer_leads_to_is_listed_by_its_path(dense: Callable[..., Any]) -> None:
    """A layer that is tracked, and held where nothing looks."""

    class Box:
        def __init__(self, layer: Any) -> None:
            self.layer = layer

    model = holder(layer=dense("a"))
    model.box = Box(dense("b"))
    model._layers.append(model.box.layer)
    assert names(model) == ["a/kernel", "b/kernel"]
    model._layers.remove(model.box.layer)
    model._trainable_variables.append(model.box.layer.kernel)
    assert names(model)[0].rpartition("/")[2] == "kernel"
    assert len(names(model)) == 2


# Keys


def test_a_variable_of_two_layers_has_both_names(tmp_path: Path) -> None:
    """Keras saves it twice, and each of the file's names leads to it."""
    import keras
    from keras import layers as kl

    class Tied(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.words = kl.Embedding(7, 4, name="words")
            self.words.build(None)
            self.table = self.words.embeddings

        def call(self, inputs: Any) -> Any:
            return keras.ops.matmul(self.words(inputs), keras.ops.transpose(self.table))

    model = Tied()
    model(np.zeros((1, 3), "i4"))
    (held,) = keras_variables(model)
    model.save_weights(tmp_path / "m.weights.h5")
    with open_weights(tmp_path / "m.weights.h5") as file:
        assert len(file) == 2
        assert set(file.tensors) <= set(held.keys)


def test_keys_are_those_that_are_given() -> None:
    model = MODELS["attributes"]()
    keys = {of: tuple(found) for of, (_, found) in keys_of(model).items()}
    found = {each.name: each.keys for each in keras_variables(model, keys)}
    assert found["dense/kernel"] == ("first/_kernel/.ATTRIBUTES/VARIABLE_VALUE",)
    assert found["block/scale"] == ("block/scale/.ATTRIBUTES/VARIABLE_VALUE",)
    assert all(found.values())


# Optimizers


def test_an_optimizer_around_another(tmp_path: Path) -> None:
    """Keras saves the inner one's variables with those of the outer one, and again on their own."""
    model = MODELS["loss_scaled"]()
    model.save(tmp_path / "m.keras")
    ours = [each for each in keras_variables(model) if each.group is Group.OPTIMIZER]
    assert len(ours) == len(model.optimizer.variables)
    with open_weights(tmp_path / "m.keras") as file:
        theirs = {tensor.name for tensor in file if tensor.group is Group.OPTIMIZER}
    assert theirs <= {key for each in ours for key in each.keys}


def test_an_optimizers_variables_have_its_names() -> None:
    found = names(MODELS["momentum"](), Group.OPTIMIZER)
    assert found[:2] == ["optimizer/iteration", "optimizer/learning_rate"]
    assert len(found) == 8
    assert all(each.endswith("_momentum") for each in found[2:])


# Keras 2


def test_tf_keras() -> None:
    import tf_keras
    from tf_keras import layers as kl

    class Block(kl.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(name="block")
            self.zeta = kl.Dense(4, name="first")
            self.alpha = [kl.Dense(4, name="second")]
            self.scale = self.add_weight(name="scale", shape=(4,))

        def call(self, inputs: Any) -> Any:
            return self.alpha[0](self.zeta(inputs)) * self.scale

    given = tf_keras.Input((4,))
    inner = tf_keras.Sequential([tf_keras.Input((4,)), kl.Dense(4, name="deep")], name="inner")
    model = tf_keras.Model(given, kl.BatchNormalization(name="norm")(Block()(inner(given))))
    model.compile("adam", "mse", metrics=["mae"])
    found = {each.name: attributes(each) for each in keras_variables(model) if each.group is Group.WEIGHTS}
    assert found == {
        "inner/deep/kernel": [None, None], "inner/deep/bias": [None, None],
        "block/scale": [None], "block/second/kernel": [None, None], "block/second/bias": [None, None],
        "block/first/kernel": [None, "zeta"], "block/first/bias": [None, "zeta"],
        "norm/gamma": [None], "norm/beta": [None], "norm/moving_mean": [None], "norm/moving_variance": [None],
    }  # fmt: skip
    assert len(found) == len(model.weights)

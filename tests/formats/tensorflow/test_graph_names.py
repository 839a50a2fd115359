"""Which variables of a TF1 checkpoint are the optimizer's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gate.formats import open_weights
from gate.formats.tensorflow.graph_names import group_of_keys
from gate.tensors.weightset import Group


def train_and_save(prefix: Path, parts: int, scope: str, make: Callable[[Any], Any]) -> None:
    """A layer of partitioned variables, trained for a step by an optimizer that was made in `scope`."""
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default():
        with v1.variable_scope("dnn", partitioner=v1.fixed_size_partitioner(parts)):
            shapes = {"layer/weights": [12, 3], "layer/biases": [12]}
            made = [v1.get_variable(name, shape, use_resource=False) for name, shape in shapes.items()]
        loss = sum(v1.reduce_sum(v1.square(v1.convert_to_tensor(variable))) for variable in made)
        with v1.variable_scope(scope) if scope else v1.name_scope(""):
            v1.get_variable("learning_rate", [], trainable=False)
            step = v1.train.get_or_create_global_step()
            train = make(v1.train).minimize(loss, step)
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            session.run(train)
            v1.train.Saver().save(session, str(prefix))


OPTIMIZERS: dict[str, tuple[Callable[[Any], Any], int]] = {
    "RMSProp": (lambda train: train.RMSPropOptimizer(0.1), 2),
    "Adam": (lambda train: train.AdamOptimizer(0.1), 2),
    "Adagrad": (lambda train: train.AdagradOptimizer(0.1), 1),
    "Momentum": (lambda train: train.MomentumOptimizer(0.1, 0.9), 1),
    "Ftrl": (lambda train: train.FtrlOptimizer(0.1), 2),
}


@pytest.mark.tensorflow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("scope", ["", "d", "dnn", "multi_class_head/dnn", "a/scope/longer/than/the/name/of/any/part"])
def test_slots_of_a_partitioned_variable(optimizer: str, scope: str, tmp_path: Path) -> None:
    """TensorFlow cuts the scope and as much of the name off each slot as the scope is long."""
    make, slots = OPTIMIZERS[optimizer]
    train_and_save(tmp_path / "model", 1, scope, make)
    with open_weights(tmp_path / "model") as weights:
        assert {t.name for t in weights if t.group is Group.WEIGHTS} == {"dnn/layer/weights", "dnn/layer/biases"}
        powers = 2 if optimizer == "Adam" else 0
        assert sum(t.group is Group.OPTIMIZER for t in weights) == 2 * slots + powers + 2


@pytest.mark.tensorflow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_slots_of_two_parts_are_stored_with_gaps(tmp_path: Path) -> None:
    """TensorFlow's own files: the weights are whole, the slots under a scope are not."""
    make, _ = OPTIMIZERS["RMSProp"]
    train_and_save(tmp_path / "model", 2, "d", make)
    with open_weights(tmp_path / "model") as weights:
        assert {t.name for t in weights if t.group is Group.WEIGHTS} == {"dnn/layer/weights", "dnn/layer/biases"}
        for tensor in weights:
            if tensor.group is Group.WEIGHTS:
                assert tensor.read().shape == tensor.shape


@pytest.mark.parametrize(
    "key",
    [
        "dnn/kernel/part_0/other",  # no slot's name
        "dnn/kernel/rnal/part_0/Adam",  # not what is left of the variable's name
        "dnn/kernel/rnel/part_/Adam",
        "dnn/kernel/inner/Adam",
        "cnn/kernel/rnel/part_0/Adam",  # of a variable that is not there
        "kernel/Adam",  # of another variable
    ],
)
def test_what_only_looks_like_a_slot_is_a_weight(key: str) -> None:
    assert group_of_keys({"dnn/kernel": (2, 3), key: (2, 3)})[key] is Group.WEIGHTS


def test_a_slot_has_the_shape_of_its_variable() -> None:
    cut = "dnn/kernel/rnel/part_0/Adam"
    assert group_of_keys({"dnn/kernel": (2, 3), cut: (2, 3)})[cut] is Group.OPTIMIZER
    assert group_of_keys({"dnn/kernel": (2, 3), cut: (3, 2)})[cut] is Group.WEIGHTS


def test_a_learning_rate_is_one_number() -> None:
    assert group_of_keys({"head/learning_rate": ()})["head/learning_rate"] is Group.OPTIMIZER
    assert group_of_keys({"head/learning_rate": (3,)})["head/learning_rate"] is Group.WEIGHTS

"""Default layer names: paired in order where that is certain, left alone where it is not."""

import inspect
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.tensors.default_names import default_class
from gate.tensors.pairing import pair
from gate.tensors.weightset import Layer, Tensor, layer_of
from support.tensors import tensor


def tensors(names: list[str]) -> dict[str, Tensor]:
    """One tensor per layer, in the model's order."""
    return {
        name: replace(tensor(name, [1]), layer=Layer(layer_of(name).steps, (place,)))
        for place, name in enumerate(names)
    }


def align(ours: list[str], theirs: list[str]) -> dict[str, str]:
    """The names of a reference, each with the one it is compared under."""
    found = pair(tensors(ours), tensors(theirs))
    names = {tensor.name: name for name, tensor in found.reference.items()}
    return {name: names[name] for name in theirs}


def notes(ours: list[str], theirs: list[str]) -> tuple[str, ...]:
    return pair(tensors(ours), tensors(theirs)).notes


def test_the_same_builder_called_twice() -> None:
    first = ["conv2d/kernel", "conv2d/bias", "dense/kernel", "dense_1/kernel"]
    second = ["conv2d_1/kernel", "conv2d_1/bias", "dense_9/kernel", "dense_10/kernel"]
    assert list(align(first, second).values()) == first
    assert list(align(second, first).values()) == second
    told = "conv2d_1 as conv2d, dense_9 as dense, dense_10 as dense_1"
    assert notes(first, second) == (f"default layer names, paired in order: the reference's {told}",)


def test_equal_names_stay_whatever_their_order() -> None:
    names = ["dense_1/kernel", "dense/kernel"]
    assert align(names, names[::-1]) == {name: name for name in names}


def test_nested_models_are_layers_too() -> None:
    ours = ["functional/dense/kernel", "functional_1/dense_1/kernel"]
    theirs = ["functional_4/dense_8/kernel", "functional_5/dense_9/kernel"]
    assert list(align(ours, theirs).values()) == ours


def test_names_that_people_gave_are_never_touched() -> None:
    ours, theirs = ["block_1/kernel", "block_2/kernel"], ["block_2/kernel", "block_3/kernel"]
    assert align(ours, theirs) == {name: name for name in theirs}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (["dense/k", "dense_1/k"], ["dense_2/k", "dense_3/k", "dense_4/k"]),  # another number of layers
        (["dense/k", "dense_1/k"], ["dense_5/k", "dense_4/k"]),  # order and numbers disagree
        (["dense/k"], ["conv2d/k"]),  # another class
        (["dense_1/k", "dense_2/k"], ["dense/k", "dense_1/k"]),  # one name on both sides: which is which?
        (["dense/k", "dense_2/k"], ["dense/k", "dense_1/k"]),  # a new head
    ],
)
def test_what_is_not_certain_is_left_alone(ours: list[str], theirs: list[str]) -> None:
    assert align(ours, theirs) == {name: name for name in theirs}


def test_variables_are_no_layers() -> None:
    assert align(["head/dense"], ["head/dense_1"]) == {"head/dense_1": "head/dense_1"}


layers = st.lists(st.integers(0, 30), min_size=1, max_size=6, unique=True).map(
    lambda numbers: [f"dense_{n}/kernel" if n else "dense/kernel" for n in sorted(numbers)]
)


def test_without_an_order_numbers_count() -> None:
    ours = {name: tensor(name, [1]) for name in ("dense/k", "dense_1/k")}
    theirs = {name: tensor(name, [1]) for name in ("dense_10/k", "dense_9/k")}
    assert [(name, t.name) for name, t in pair(ours, theirs).reference.items()] == [
        ("dense_1/k", "dense_10/k"),
        ("dense/k", "dense_9/k"),
    ]


@given(layers, layers)
def test_never_two_tensors_under_one_name(ours: list[str], theirs: list[str]) -> None:
    found = align(ours, theirs)
    assert list(found) == theirs
    assert len(set(found.values())) == len(theirs)
    if len(ours) == len(theirs) and not set(ours) & set(theirs):
        assert list(found.values()) == ours
    else:
        assert list(found.values()) == theirs


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dense", "dense"),
        ("dense_12", "dense"),
        ("batch_normalization_3", "batch_normalization"),
        ("dense_x", None),
        ("head", None),
        ("conv_1", None),
        ("dense_\u0661", None),
    ],
)
def test_default_class(name: str, expected: str | None) -> None:
    assert default_class(name) == expected


@pytest.mark.tensorflow
def test_every_layer_of_keras_is_known() -> None:
    keras = pytest.importorskip("keras")
    classes = [c for c in vars(keras.layers).values() if inspect.isclass(c) and issubclass(c, keras.layers.Layer)]
    assert len(classes) > 100
    snake = __import__("keras.src.utils.naming", fromlist=["x"]).to_snake_case
    assert [c.__name__ for c in classes if default_class(snake(c.__name__)) is None] == []

"""Which variable is the one of a tensor's name: layers' names first, then keys; what neither tells is uncertain."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gate.runtime.homes import aligned, homes
from gate.tensors.model_order import Order
from gate.tensors.weightset import Group, Layer, Step, Tensor

END = "/.ATTRIBUTES/VARIABLE_VALUE"
Tensors = Mapping[str, Tensor]


class Side:
    """Tensors of a file, or variables in memory: layers share a `Layer`, as everywhere."""

    def __init__(self, kinds: bool) -> None:
        self.kinds = kinds
        self.tensors: dict[str, Tensor] = {}
        self.layers: dict[str, Layer] = {}

    def add(
        self,
        chain: Sequence[str | None],
        variable: str,
        shape: tuple[int, ...] = (4, 4),
        at: str = "",
        keys: Sequence[str] = (),
        order: Order | None = None,
        name: str = "",
        index: int | None = None,
        group: Group = Group.WEIGHTS,
    ) -> "Side":
        """One tensor. `at` are the attributes and places that lead to its layer, parted by slashes."""
        ways = at.split("/") if at else [f"{place}" for place in range(len(chain))]
        steps = tuple(
            Step(
                step,
                "/".join(ways[: depth + 1]),
                None if way.isdecimal() else way,
                "some_class" if self.kinds else None,
            )
            for depth, (step, way) in enumerate(zip(chain, ways, strict=True))
        )
        node = steps[-1].node if steps else ""
        layer = self.layers.setdefault(f"{node}:{chain}", Layer(steps, order))
        called = name or "/".join([*(step or way for step, way in zip(chain, ways, strict=True)), variable])
        self.tensors[called] = Tensor(
            called, np.dtype(np.float32), shape, lambda: np.zeros(shape, np.float32), group, "\n".join(keys),
            layer, variable, index,
        )  # fmt: skip
        return self


def model() -> Side:
    return Side(kinds=True)


def file() -> Side:
    return Side(kinds=False)


def of(tensors: Side, variables: Side) -> Mapping[str, str]:
    return homes(tensors.tensors, variables.tensors).of


def key(way: str) -> list[str]:
    return [f"{way}{END}"]


# By names


def test_names_of_layers() -> None:
    ours = model().add(["a"], "kernel").add(["b"], "kernel").add(["inner", "c"], "bias", (4,))
    theirs = file().add(["b"], "kernel").add(["inner", "c"], "bias", (4,)).add(["a"], "kernel")
    assert of(theirs, ours) == {"a/kernel": "a/kernel", "b/kernel": "b/kernel", "inner/c/bias": "inner/c/bias"}


def test_what_the_other_side_does_not_have_has_no_home() -> None:
    ours = model().add(["a"], "kernel").add(["new"], "kernel", (2, 2))
    theirs = file().add(["a"], "kernel").add(["old"], "kernel", (3, 3))
    assert of(theirs, ours) == {"a/kernel": "a/kernel"}


def test_default_names_are_counted_anew() -> None:
    ours = model().add(["dense_5"], "kernel", order=(0,)).add(["dense_6"], "kernel", order=(1,), at="1")
    theirs = file().add(["dense"], "kernel", order=(0,)).add(["dense_1"], "kernel", order=(1,), at="1")
    found = homes(theirs.tensors, ours.tensors)
    assert found.of == {"dense/kernel": "dense_5/kernel", "dense_1/kernel": "dense_6/kernel"}
    assert found.notes == (
        "default layer names, paired in order: the reference's dense as dense_5, dense_1 as dense_6",
    )


def test_what_could_be_several_is_uncertain() -> None:
    ours = model().add(["a"], "kernel", at="0").add(["b"], "kernel", at="1")
    theirs = file().add([None], "kernel", at="first").add([None], "kernel", at="second")
    found = homes(theirs.tensors, ours.tensors)
    assert found.of == {}
    assert found.uncertain == {"first/kernel", "second/kernel"}


def test_recurrent_layers_of_keras_2_0_had_no_cells() -> None:
    ours = model().add(["lstm", "lstm_cell"], "kernel").add(["lstm", "lstm_cell"], "recurrent_kernel", (2, 4))
    theirs = file().add(["lstm"], "kernel").add(["lstm"], "recurrent_kernel", (2, 4))
    assert of(theirs, ours) == {
        "lstm/kernel": "lstm/lstm_cell/kernel",
        "lstm/recurrent_kernel": "lstm/lstm_cell/recurrent_kernel",
    }


def test_two_cells_in_a_layer_of_one_leave_it_open() -> None:
    ours = model().add(["both", "one"], "kernel", at="0/0").add(["both", "other"], "kernel", at="0/1")
    assert of(file().add(["both"], "kernel"), ours) == {}


# By keys


def test_objects_that_tensorflow_tracks_have_no_names_but_keys() -> None:
    """Of a SavedModel the file knows layers, and what is loaded does not."""
    ours = (
        file()
        .add(["variables"], "0", keys=key("variables/0"), at="v")
        .add(["variables"], "1", keys=key("variables/1"), at="v")
    )
    theirs = file().add(["a"], "kernel", keys=key("variables/1")).add(["b"], "kernel", keys=key("variables/0"), at="1")
    assert of(theirs, ours) == {"a/kernel": "variables/1", "b/kernel": "variables/0"}


def test_a_variable_of_a_graph_goes_by_its_name_with_or_without_its_output() -> None:
    ours = file().add(["scope"], "w", keys=["scope/w"]).add(["scope"], "b", (4,), keys=["scope/b", "scope/b_whole"])
    theirs = (
        file()
        .add(["scope"], "w", keys=["scope/w:0"], name="x")
        .add(["scope"], "b", (4,), keys=["scope/b_whole"], name="y")
    )
    assert of(theirs, ours) == {"x": "scope/w", "y": "scope/b"}


def test_a_layers_name_comes_before_the_key() -> None:
    """A checkpoint loads by its keys: built in the other order, each layer gets the other's weights."""
    ours = model()
    ours.add(["b"], "kernel", keys=key("layers/0"), at="0").add(["a"], "kernel", keys=key("layers/1"), at="1")
    theirs = file()
    theirs.add(["a"], "kernel", keys=key("layers/0"), at="0").add(["b"], "kernel", keys=key("layers/1"), at="1")
    assert of(theirs, ours) == {"a/kernel": "a/kernel", "b/kernel": "b/kernel"}


def test_so_does_a_part_of_it() -> None:
    ours = model()
    ours.add(["inner", "b"], "kernel", keys=key("0/0"), at="0/0").add(
        ["inner", "a"], "kernel", keys=key("0/1"), at="0/1"
    )
    theirs = file()
    theirs.add([None, "a"], "kernel", keys=key("0/0"), at="0/0").add([None, "b"], "kernel", keys=key("0/1"), at="0/1")
    assert of(theirs, ours) == {"0/a/kernel": "inner/a/kernel", "0/b/kernel": "inner/b/kernel"}


def test_a_key_decides_where_the_file_knows_no_name() -> None:
    ours = model()
    ours.add(["dense"], "kernel", keys=key("first"), at="0").add(["dense_1"], "kernel", keys=key("second"), at="1")
    theirs = file()
    theirs.add([None], "kernel", keys=key("second"), at="x").add([None], "kernel", keys=key("first"), at="y")
    found = homes(theirs.tensors, ours.tensors)
    assert found.of == {"x/kernel": "dense_1/kernel", "y/kernel": "dense/kernel"}
    assert found.uncertain == frozenset()
    assert found.notes == ()


def test_a_key_comes_before_attributes_and_shapes() -> None:
    ours = model().add(["dense"], "kernel", keys=key("one"), at="x").add(["other"], "kernel", keys=key("two"), at="y")
    theirs = file().add([None], "kernel", keys=key("two"), at="x").add([None], "kernel", keys=key("one"), at="y")
    assert of(theirs, ours) == {"x/kernel": "other/kernel", "y/kernel": "dense/kernel"}


def test_without_keys_attributes_tell() -> None:
    ours = model().add(["dense"], "kernel", at="x").add(["other"], "kernel", at="y")
    theirs = file().add([None], "kernel", at="y").add([None], "kernel", at="x")
    found = homes(theirs.tensors, ours.tensors)
    assert found.of == {"x/kernel": "dense/kernel", "y/kernel": "other/kernel"}
    assert [note.partition(":")[0] for note in found.notes] == ["paired by attribute"]


def test_one_layer_in_two_attributes() -> None:
    """The file has the one, memory the other."""
    ours = model().add(["dense"], "kernel", keys=[*key("again"), *key("one")], at="again")
    ours.add(["dense_1"], "kernel", (4, 2), keys=key("other"), at="other")
    theirs = file().add([None], "kernel", keys=key("one"), at="one")
    theirs.add([None], "kernel", (4, 2), keys=key("other"), at="other")
    assert of(theirs, ours) == {"one/kernel": "dense/kernel", "other/kernel": "dense_1/kernel"}


def test_a_key_is_no_reason_where_the_file_has_a_name() -> None:
    """The layer has another name now: that is to be told."""
    ours = model().add(["renamed"], "kernel", keys=key("layers/0"))
    assert of(file().add(["named"], "kernel", keys=key("layers/0")), ours) == {}


def test_optimizers_are_in_no_layer() -> None:
    """Their variables have the model's name in their own."""
    ours = model().add(["optimizer"], "dense_kernel_momentum", keys=key("opt/2"), group=Group.OPTIMIZER)
    theirs = file().add(["optimizer"], "seq_1_dense_kernel_momentum", keys=key("opt/2"), group=Group.OPTIMIZER)
    assert of(theirs, ours) == {"optimizer/seq_1_dense_kernel_momentum": "optimizer/dense_kernel_momentum"}


def test_states_of_layers_are_no_weights_of_theirs() -> None:
    ours = model().add(["lstm"], "states/0", keys=key("1/states/0"), group=Group.METRICS)
    theirs = file().add(["lstm"], "rnn_state", keys=key("1/states/0"))
    assert list(of(theirs, ours).values()) == ["lstm/states/0"]


def test_several_tensors_of_one_variable() -> None:
    """Several layers hold it, and all of them saved it: `keys` has all names that files may call it by."""
    names = ["0", "embeddings", "words/0", "words/embeddings", "again/0", "again/embeddings"]
    ours = model().add([], "embeddings", keys=names, index=0).add(["out"], "kernel", (4, 2))
    theirs = file().add([], "0", index=0).add(["words"], "embeddings").add(["again"], "embeddings", at="1")
    theirs.add(["out"], "kernel", (4, 2), at="2")
    assert of(theirs, ours) == {
        "0": "embeddings", "words/embeddings": "embeddings", "again/embeddings": "embeddings",
        "out/kernel": "out/kernel",
    }  # fmt: skip


# Two loads of one model


def shapes(*named: tuple[str, tuple[int, ...]]) -> Tensors:
    def tensor(name: str, shape: tuple[int, ...]) -> Tensor:
        return Tensor(name, np.dtype(np.float32), shape, lambda: np.zeros(shape, np.float32))

    return {name: tensor(name, shape) for name, shape in named}


def test_equal_names_are_the_same_in_any_order() -> None:
    first = shapes(("a/kernel", (2,)), ("b/kernel", (2,)))
    second = shapes(("b/kernel", (2,)), ("a/kernel", (2,)))
    assert aligned(first, second) == {"a/kernel": "a/kernel", "b/kernel": "b/kernel"}


def test_names_that_were_counted_on_go_by_place() -> None:
    first = shapes(("dense/kernel", (2,)), ("dense_1/kernel", (2,)))
    second = shapes(("dense_1/kernel", (2,)), ("dense_2/kernel", (2,)))
    assert aligned(first, second) == {"dense/kernel": "dense_1/kernel", "dense_1/kernel": "dense_2/kernel"}


def test_where_places_do_not_agree_names_do() -> None:
    first = shapes(("a/kernel", (2,)), ("b/kernel", (3,)))
    second = shapes(("b/kernel", (3,)), ("c/kernel", (4,)), ("a/kernel", (2,)))
    assert aligned(first, second) == {"a/kernel": "a/kernel", "b/kernel": "b/kernel"}


def test_nothing_has_no_homes() -> None:
    empty: dict[str, Any] = {}
    assert homes(empty, empty).of == {}
    assert aligned(empty, empty) == {}

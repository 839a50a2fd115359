"""Each rule of pairing once: what it pairs, and what it must leave alone."""

from collections.abc import Mapping
from functools import partial
from itertools import count

import numpy as np
import pytest

from gate.tensors.model_order import Order
from gate.tensors.pairing import Pairing, Rename, Uncertain, pair
from gate.tensors.weightset import Layer, Step, Tensor

Names = tuple[str | None, ...]
FILES = count()


def file(*layers: tuple[str, Layer, Mapping[str, tuple[int, ...]]]) -> dict[str, Tensor]:
    """Tensors `PREFIX/VARIABLE` of given shapes; variables that are numbers have their numbers."""
    found = {}
    place = next(FILES)
    for prefix, layer, variables in layers:
        for index, (variable, shape) in enumerate(variables.items()):
            name = f"{prefix}/{variable}"
            found[name] = Tensor(
                name, np.dtype(np.float32), shape, partial(np.zeros, shape, np.float32), stored_as=f"{place}: {name}",
                layer=layer, variable=variable, index=index if variable.isdecimal() else None,
            )  # fmt: skip
    return found


def layer(*names: str | None, order: Order | None = None, attributes: Names = (), file: str = "") -> Layer:
    steps = []
    for at, name in enumerate(names):
        node = f"{file}{'/'.join(map(str, names[: at + 1]))}{order if at + 1 == len(names) else ''}"
        steps.append(Step(name, node, attributes[at] if attributes else None))
    return Layer(tuple(steps), order)


def pairs(found: Pairing) -> dict[str, str]:
    """The reference's own names, by the candidate's."""
    return {name: found.reference[name].name for name in found.both}


DENSE = {"kernel": (4, 4), "bias": (4,)}


def test_equal_chains_pair_whatever_their_shapes() -> None:
    ours = file(("a", layer("a"), DENSE), ("b", layer("b"), DENSE))
    theirs = file(("b", layer("b"), {"kernel": (9, 9)}), ("a", layer("a"), DENSE))
    found = pair(ours, theirs)
    assert pairs(found) == {"a/kernel": "a/kernel", "a/bias": "a/bias", "b/kernel": "b/kernel"}
    assert found.uncertain == ()


def test_a_chain_that_lacks_names_pairs_with_the_only_one_it_fits() -> None:
    ours = file(("outer/inner/a", layer("outer", "inner", "a"), DENSE), ("b", layer("b"), DENSE))
    theirs = file(("a", layer(None, None, "a"), DENSE), ("b", layer("b"), DENSE))
    assert pairs(pair(ours, theirs))["outer/inner/a/kernel"] == "a/kernel"


def test_what_was_paired_tells_the_layers_around() -> None:
    """`same` alone could be either twin's; `left` and `right` inside tell which twin is which."""
    ours = file(
        ("one/same", layer("one", "same"), DENSE), ("one/left", layer("one", "left"), DENSE),
        ("two/same", layer("two", "same"), DENSE), ("two/right", layer("two", "right"), DENSE),
    )  # fmt: skip
    first, second = Step(None, "first"), Step(None, "second")
    theirs = file(
        ("x", Layer((second, Step("same", "second/same"))), DENSE),
        ("right", Layer((second, Step("right", "second/right"))), DENSE),
        ("y", Layer((first, Step("same", "first/same"))), DENSE),
        ("left", Layer((first, Step("left", "first/left"))), DENSE),
    )  # fmt: skip
    found = pairs(pair(ours, theirs))
    assert (found["one/same/kernel"], found["two/same/kernel"]) == ("y/kernel", "x/kernel")


def test_one_chain_must_be_part_of_the_other() -> None:
    ours, theirs = file(("a/x", layer("a", "x"), DENSE)), file(("b/x", layer("b", "x"), DENSE))
    assert pair(ours, theirs).both == ()


@pytest.mark.parametrize("other", [{"kernel": (4, 5), "bias": (5,)}, {"gamma": (4, 4), "beta": (4,)}])
def test_parts_of_chains_need_the_same_shapes_and_variables(other: Mapping[str, tuple[int, ...]]) -> None:
    ours, theirs = file(("a/x", layer("a", "x"), DENSE)), file(("x", layer(None, "x"), other))
    assert pair(ours, theirs).both == ()


def test_attributes_of_layers_that_are_paired() -> None:
    ours = file(
        ("m/embedding", layer("m", "embedding", attributes=(None, "words")), DENSE), ("m/b", layer("m", "b"), DENSE)
    )
    theirs = file(("m/words", layer("m", "other", attributes=(None, "_words")), DENSE), ("m/b", layer("m", "b"), DENSE))
    assert pairs(pair(ours, theirs))["m/embedding/kernel"] == "m/words/kernel"


def test_a_wrapper_is_not_what_it_wraps() -> None:
    """Keras 2 calls `each/dense/kernel` `each/kernel`; so may a layer of its own be called that holds another."""
    ours, theirs = file(("each/dense", layer("each", "dense"), DENSE)), file(("each", layer("each"), DENSE))
    assert pair(ours, theirs).both == ()


def test_a_layer_without_a_name_pairs_with_the_only_one_left_over() -> None:
    ours = file(("a", layer("a"), DENSE), ("b", layer("b"), {"kernel": (9, 4)}))
    theirs = file(("?", layer(None), DENSE), ("b", layer("b"), {"kernel": (9, 4)}))
    assert pairs(pair(ours, theirs))["a/kernel"] == "?/kernel"
    two = {**ours, **file(("c", layer("c"), DENSE))}
    assert "a/kernel" not in pairs(pair(two, theirs))


TWINS = file(("one/x", layer("one", "x", order=(0, 0)), DENSE), ("two/x", layer("two", "x", order=(1, 0)), DENSE))


def nameless(*orders: Order | None) -> dict[str, Tensor]:
    return file(*((f"x{at}", layer(None, "x", order=order, file=str(at)), DENSE) for at, order in enumerate(orders)))


def test_several_pair_in_the_order_of_the_model() -> None:
    found = pair(TWINS, nameless((7,), (3,)))
    assert pairs(found)["one/x/kernel"] == "x1/kernel"
    assert pairs(found)["two/x/kernel"] == "x0/kernel"
    assert found.notes == ("paired by position: the reference's x1 as one/x, x0 as two/x",)
    assert found.ways["one/x/kernel"] == "position"


@pytest.mark.parametrize("orders", [(None, None), (("left",), ("right",)), ((1,), None), ((1,), (1,))])
def test_without_an_order_several_are_uncertain(orders: tuple[Order | None, Order | None]) -> None:
    found = pair(TWINS, nameless(*orders))
    assert found.both == ()
    assert found.uncertain[0] == Uncertain("x0/kernel", ("one/x/kernel", "two/x/kernel"))
    assert len(found.uncertain) == 4


def test_a_rename_settles_what_is_uncertain() -> None:
    found = pair(TWINS, nameless(None, None), [Rename("^x0/", "two/x/")])
    assert pairs(found) == {
        "two/x/kernel": "x0/kernel", "two/x/bias": "x0/bias", "one/x/kernel": "x1/kernel", "one/x/bias": "x1/bias",
    }  # fmt: skip


def test_places_are_no_names() -> None:
    """A file without names calls its first dense layer `dense`: that is not the layer of this name."""
    ours = file(("dense_1", layer("dense_1", order=(0,)), DENSE), ("dense", layer("dense", order=(1,)), DENSE))
    theirs = file(("dense", layer(None, order=(0,)), DENSE), ("dense_1", layer(None, order=(1,)), DENSE))
    assert pairs(pair(ours, theirs)) == {
        "dense_1/kernel": "dense/kernel", "dense_1/bias": "dense/bias",
        "dense/kernel": "dense_1/kernel", "dense/bias": "dense_1/bias",
    }  # fmt: skip


def test_a_number_meets_a_name_through_shapes_or_not_at_all() -> None:
    ours = file(("a", layer("a"), {"scale": (4,), "table": (4, 9)}))
    theirs = file(("a", layer("a"), {"0": (4,), "1": (4, 9)}))
    assert pairs(pair(ours, theirs)) == {"a/scale": "a/0", "a/table": "a/1"}
    ours = file(("a", layer("a"), {"scale": (4,), "offset": (4,)}))
    theirs = file(("a", layer("a"), {"0": (4,), "1": (4,)}))
    assert pair(ours, theirs).uncertain == (
        Uncertain("a/0", ("a/scale", "a/offset")),
        Uncertain("a/1", ("a/scale", "a/offset")),
    )


def test_two_names_of_one_shape_never_meet() -> None:
    ours, theirs = file(("a", layer("a"), {"gamma": (4,)})), file(("a", layer("a"), {"beta": (4,)}))
    found = pair(ours, theirs)
    assert (found.only_candidate, found.only_reference, found.uncertain) == (("a/gamma",), ("a/beta",), ())

"""Layers whose names one file does not tell: paired by attribute and place, where no name speaks against it."""

import numpy as np

from gate.tensors.match_variables import match_variables
from gate.tensors.model_order import Order
from gate.tensors.pairing import Pairing, pair
from gate.tensors.weightset import Layer, Step, Tensor

Place = tuple[str | None, str | None]
"""A layer's name and the attribute that holds it."""


def tensor(name: str, path: list[Place], order: Order | None, size: int = 3) -> Tensor:
    nodes = [f"{name}:{depth}" if depth == len(path) - 1 else str(path[: depth + 1]) for depth in range(len(path))]
    steps = tuple(Step(step, node, attribute) for (step, attribute), node in zip(path, nodes, strict=True))
    layer = Layer(steps, order)
    return Tensor(name, np.dtype("f4"), (size,), lambda: np.zeros(size, "f4"), layer=layer, variable="kernel")


def paired(ours: list[Tensor], theirs: list[Tensor]) -> tuple[Pairing, dict[str, str]]:
    pairing = pair({t.name: t for t in ours}, {t.name: t for t in theirs})
    return pairing, {name: pairing.reference[name].name for name in pairing.both}


def listed(*names: str | None, front: str = "") -> list[Tensor]:
    return [tensor(f"{front}{at}", [(name, None)], (at,)) for at, name in enumerate(names)]


def test_a_layer_without_a_name_has_its_place_in_the_list() -> None:
    pairing, found = paired(listed("dense", "dense_1", "dense_2"), listed("dense_5", None, None, front="their "))
    assert found == {"0": "their 0", "1": "their 1", "2": "their 2"}
    assert any("position" in note for note in pairing.notes)


def test_a_name_that_is_elsewhere_speaks_against_it() -> None:
    swapped = {"0": "their 1", "1": "their 0"}
    assert paired(listed("a", "b"), listed("b", None, front="their "))[1] == swapped
    assert paired(listed("a", "b"), listed(None, "a", front="their "))[1] == swapped


def test_numbers_that_rise_elsewhere_speak_against_it() -> None:
    _, found = paired(listed("dense_1", "dense", "x"), listed("dense_5", "dense_6", None, front="their "))
    assert found.get("0") != "their 0"
    assert found.get("1") != "their 1"


def test_lists_of_other_lengths_have_no_places_in_common() -> None:
    pairing, found = paired(listed("a", "b", "c"), listed(None, None, front="their "))
    assert found == {}
    assert len(pairing.uncertain) == 2


def test_attributes_lead_to_the_layers_in_them() -> None:
    ours = [
        tensor(f"{n}", [("sequential", "features"), (f"dense_{n}", None)], ("features", "layers", n)) for n in (1, 2)
    ]
    ours += [tensor("other", [("dense_3", None)], ("layers", 0))]
    theirs = [tensor(f"their {n}", [(None, "features"), (None, None)], ("features", n)) for n in (1, 2)]
    theirs += [tensor("their other", [(None, "other")], ("other",))]
    assert paired(ours, theirs)[1] == {"1": "their 1", "2": "their 2", "other": "their other"}


def test_layers_known_by_name_here_and_by_attribute_there_are_uncertain() -> None:
    ours = [tensor(name, [(name, None)], (at,)) for at, name in enumerate(("a", "b"))]
    theirs = [tensor(name, [(None, name)], (name,)) for name in ("first", "second")]
    pairing, found = paired(ours, theirs)
    assert found == {}
    assert {each.reference: set(each.candidates) for each in pairing.uncertain} == {
        "first": {"a", "b"}, "second": {"a", "b"},
    }  # fmt: skip


def test_the_same_whole_name_is_enough() -> None:
    ours = [tensor(f"blocks/{n}/kernel", [(None, None)], ("blocks", n)) for n in range(3)]
    theirs = [tensor(f"blocks/{n}/kernel", [(None, None)], ("blocks", n)) for n in range(2)]
    pairing, found = paired(ours, theirs)
    assert found == {name: name for name in ("blocks/0/kernel", "blocks/1/kernel")}
    assert pairing.only_candidate == ("blocks/2/kernel",)


def test_two_variables_of_one_name_in_a_layer_are_not_paired_by_it() -> None:
    """As the iterations of an optimizer in an optimizer."""
    ours = [tensor("iteration", [("optimizer", None)], None)]
    theirs = [tensor(name, [("optimizer", None)], None) for name in ("inner/iteration", "outer/iteration")]
    assert match_variables(ours, theirs).pairs == ()

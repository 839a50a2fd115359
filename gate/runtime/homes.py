"""Which variable is the one of a tensor's name: by the keys that both have, else by names (`gate.tensors.pairing`)."""

from collections.abc import Mapping
from dataclasses import dataclass

from gate.tensors.pairing import pair
from gate.tensors.weightset import Tensor, layer_of


@dataclass(frozen=True)
class Homes:
    """`of` is by tensor the variable of its name; of `uncertain` tensors no name tells it."""

    of: Mapping[str, str]
    uncertain: frozenset[str]
    notes: tuple[str, ...] = ()


def homes(tensors: Mapping[str, Tensor], variables: Mapping[str, Tensor]) -> Homes:
    """For every tensor of a file its variable among those that were loaded."""
    by_key: dict[str, str] = {}
    for name, variable in variables.items():
        for key in variable.stored_as.split("\n") if variable.stored_as else ():
            by_key.setdefault(key, name)
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name, tensor in tensors.items():
        for key in (tensor.stored_as, tensor.name, tensor.stored_as.removesuffix(":0")):
            if (home := by_key.get(key)) is not None and home not in taken:
                found[name] = home
                taken.add(home)
                break
    pairing = pair(
        {name: variable for name, variable in variables.items() if name not in taken},
        {name: tensor for name, tensor in tensors.items() if name not in found},
    )
    for name in pairing.both:
        found[pairing.reference[name].name] = name
    found |= _around(
        {name: tensor for name, tensor in tensors.items() if name not in found},
        {name: variable for name, variable in variables.items() if name not in {*found.values()}},
    )
    uncertain = frozenset(pairing.reference[each.reference].name for each in pairing.uncertain).difference(found)
    return Homes(found, uncertain, pairing.notes)


def _around(tensors: Mapping[str, Tensor], variables: Mapping[str, Tensor]) -> dict[str, str]:
    """What is left, where one side has a layer more inside: Keras 2.0 had no cells in its recurrent layers.

    By names: of all below the layer, one variable alone has this name, and the shape.
    """
    found: dict[str, str] = {}
    for name, tensor in tensors.items():
        chain = _chain(tensor)
        inside = [
            other
            for other, variable in variables.items()
            if chain
            and _chain(variable)[: len(chain)] == chain
            and variable.variable == (tensor.variable or name.rpartition("/")[2])
            and variable.shape == tensor.shape
        ]
        if len(inside) == 1 and inside[0] not in found.values():
            found[name] = inside[0]
    return found


def _chain(tensor: Tensor) -> tuple[str, ...]:
    layer = tensor.layer or layer_of(tensor.name)
    return layer.chain if layer.named else ()


def aligned(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> dict[str, str]:
    """The variables of two loads of one model, each with its like.

    By names where both have the same; else by place, as far as shapes agree: names that are counted differ.
    """
    if first.keys() == second.keys():
        return {name: name for name in first}
    ours, theirs = list(first.values()), list(second.values())
    if [each.shape for each in ours] == [each.shape for each in theirs]:
        return dict(zip(first, second, strict=True))
    found = homes(second, first).of
    return {variable: name for name, variable in found.items()}

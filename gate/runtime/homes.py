"""Which variable is the one of a tensor's name: by layers' names (`gate.tensors.pairing`) and by keys.

A key is what a checkpoint or a graph calls a variable. Objects that TensorFlow tracks have no other name. The variables
of Keras models have those of their layers, and these come first, since a checkpoint loads by its keys: that a tensor
arrived where its key leads to proves nothing where its layer's name says something else. Where a file does not know the
names of all layers around a tensor, its key decides.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gate.tensors.match_layers import How
from gate.tensors.pairing import pair
from gate.tensors.weightset import Group, Tensor, layer_of

_OBJECT = "/.ATTRIBUTES/"
"""In the key of an object: it says nothing of names."""
_BY_NAME = frozenset((How.CHAIN.value, How.PART.value))


@dataclass(frozen=True)
class Homes:
    """`of` is by tensor the variable of its name; of `uncertain` tensors no name tells it.

    Two tensors are one variable's where two layers hold it, and both saved it.
    """

    of: Mapping[str, str]
    uncertain: frozenset[str]
    notes: tuple[str, ...] = ()


def homes(tensors: Mapping[str, Tensor], variables: Mapping[str, Tensor]) -> Homes:
    """For every tensor of a file its variable among those that were loaded."""
    found = _by_key(tensors, {name: each for name, each in variables.items() if not _is_of_a_layer(each)})
    pairing = pair(_but(variables, found.values()), _but(tensors, found))
    paired = {pairing.reference[name].name: name for name in pairing.both}
    found |= {tensor: name for tensor, name in paired.items() if pairing.ways.get(name, How.CHAIN.value) in _BY_NAME}
    found |= _by_key(_but(tensors, found), _but(variables, found.values()))
    taken = frozenset(found.values())
    guessed = {tensor: name for tensor, name in paired.items() if tensor not in found and name not in taken}
    found |= guessed
    found |= _around(_but(tensors, found), _but(variables, found.values()))
    found |= _by_key(_but(tensors, found), variables, several=True)
    uncertain = frozenset(pairing.reference[each.reference].name for each in pairing.uncertain).difference(found)
    told = tuple({_note_of(pairing.ways[name]) for name in guessed.values()})
    return Homes(found, uncertain, tuple(note for note in pairing.notes if note.startswith(told)))


def _note_of(way: str) -> str:
    """How `pairing` begins its note of layers that were paired so."""
    return "default layer names" if way == "default name" else f"paired by {way}"


def _by_key(tensors: Mapping[str, Tensor], variables: Mapping[str, Tensor], several: bool = False) -> dict[str, str]:
    """By the keys that both have; each variable is one tensor's, unless `several` may be saved of one."""
    by_key: dict[str, str] = {}
    for name, variable in variables.items():
        for key in variable.stored_as.split("\n") if variable.stored_as else ():
            by_key.setdefault(key, name)
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name, tensor in tensors.items():
        for key in (tensor.stored_as, tensor.name, tensor.stored_as.removesuffix(":0")):
            home = by_key.get(key)
            if home is None or (home in taken and not several):
                continue
            if not (_OBJECT in key and _is_named(tensor) and _is_of_a_layer(variables[home])):
                found[name] = home
                taken.add(home)
                break
    return found


def _is_named(tensor: Tensor) -> bool:
    """Whether the file has the names of all layers around a weight; an optimizer's variables are in none."""
    return tensor.group is Group.WEIGHTS and (tensor.layer or layer_of(tensor.name)).named


def _is_of_a_layer(variable: Tensor) -> bool:
    """Whether it is a weight of a layer of Keras: those have a class, and names."""
    steps = variable.layer.steps if variable.layer else ()
    return variable.group is Group.WEIGHTS and any(step.kind is not None for step in steps)


def _but(tensors: Mapping[str, Tensor], gone: Iterable[str]) -> dict[str, Tensor]:
    gone = frozenset(gone)
    return {name: each for name, each in tensors.items() if name not in gone}


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

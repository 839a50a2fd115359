"""Whether the names of a lock's tensors are what weight-gate would call them, by the layers that the lock says.

A reader makes a name of the layers around and the variable: `a/b/kernel`. So every layer that a name is known of stands
in it, in that order, and the variable at its end. A name is another one, and longer, only where two tensors of the file
would get one.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from gate.locks.lock import LockedTensor
from gate.manifest.text import quoted
from gate.tensors.weightset import Group

_COUNTED = re.compile(r"~[0-9]+\Z")
"""What tells tensors of one name apart that nothing else does."""


def strangers(tensors: Sequence[LockedTensor]) -> Iterator[tuple[int, str]]:
    """The tensors whose names are not of their layers, by place, and what is wrong with each."""
    strange = [(at, reason) for at, each in enumerate(tensors) if (reason := _reason(each))]
    if strange:
        claims = Counter(name for each in tensors for name in _first_choices(each))
        yield from (found for found in strange if all(claims[name] == 1 for name in _first_choices(tensors[found[0]])))


def _reason(tensor: LockedTensor) -> str:
    if tensor.group is not Group.WEIGHTS:
        return ""  # names of other groups need not hold the layer's
    chain = "/".join(filter(None, tensor.layer.chain)) if tensor.layer else ""
    inside = iter(tensor.name.split("/")[:-1])
    if chain and not all(part in inside for part in chain.split("/")):
        return f"the tensor {quoted(tensor.name)} is said to be of the layer {quoted(chain)}"
    endings = f"/{tensor.name}", _COUNTED.sub("", f"/{tensor.name}")
    said = f"/{tensor.variable}"
    if tensor.variable and (chain or tensor.layer is None) and not any(each.endswith(said) for each in endings):
        return f"the tensor {quoted(tensor.name)} is said to be the variable {quoted(tensor.variable)}"
    return ""


def _first_choices(tensor: LockedTensor) -> set[str]:
    """What a reader would call it, were it the only one: a layer without a name goes by its attribute."""
    if tensor.layer is None:
        return set()
    variable = tensor.variable or tensor.name.rpartition("/")[2]
    steps = [(step.name, step.attribute or "") for step in tensor.layer.steps]
    return {
        "/".join((*(part for part in parts if part), variable))
        for parts in ([name or held for name, held in steps], [name or held.lstrip("_") for name, held in steps])
    }

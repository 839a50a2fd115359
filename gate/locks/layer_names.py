"""Whether the names of a lock's tensors are what weight-gate would call them, by the layers that the lock says.

A reader makes a name of the layers around and the variable: `a/b/kernel`. So every layer that a name is known of stands
in it, in that order, and the variable at its end. A name is another one, the way to where the tensor is stored, only
where two tensors of the file would get one (`gate.formats.keras_names.distinct`).
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from gate.locks.lock import LockedTensor
from gate.manifest.text import quoted
from gate.tensors.weightset import Group, Step

_COUNTED = re.compile(r"~[0-9]+\Z")
"""What tells tensors of one name apart that nothing else does."""
_PLACE = re.compile(r"(?:layer-|layer_with_weights-)?[0-9]+")
"""A layer by its place alone, in the list that holds it."""
_LISTS = frozenset(["layers", "_layers", "_operations", "_self_tracked_trackables"])
_ATTRIBUTES = "/.ATTRIBUTES/"
_ENDS = ("", "-keys", "-values")
"""What follows a checkpoint's way to a variable, and to the two halves of a table."""


def strangers(tensors: Sequence[LockedTensor]) -> Iterator[tuple[int, str]]:
    """The tensors whose names are not of their layers, by place, and what is wrong with each."""
    strange = [(at, reason) for at, each in enumerate(tensors) if (reason := _reason(each))]
    if strange:
        choices = [_first_choices(each) for each in tensors]
        claims = Counter(name for each in choices for name in each)
        for at, reason in strange:
            shared = any(claims[name] > 1 for name in choices[at])
            if not shared or claims[tensors[at].name] or not _is_a_way(tensors[at]):
                yield at, reason


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
    if tensor.layer is None or tensor.group is not Group.WEIGHTS:
        return set()
    variable = tensor.variable or tensor.name.rpartition("/")[2]
    steps = [(step.name, step.attribute or "") for step in tensor.layer.steps]
    return {
        "/".join((*(part for part in parts if part), variable))
        for parts in ([name or held for name, held in steps], [name or held.lstrip("_") for name, held in steps])
    }


def _is_a_way(tensor: LockedTensor) -> bool:
    """Whether its name can be the way to where it is stored: each layer by its attribute or by its place in a list."""
    name = _COUNTED.sub("", tensor.name)
    steps = [step for step in (tensor.layer.steps if tensor.layer else ()) if step.name or step.attribute]
    keys: set[int | str] = set()
    if tensor.stored_as:
        way = tensor.stored_as.partition(_ATTRIBUTES)[0]
        if name != tensor.stored_as and not any(f"/{way}{end}".endswith(f"/{name}") for end in _ENDS):
            return False
        *parts, last = name.partition(_ATTRIBUTES)[0].split("/")
        if parts in (["variables"], ["_variables"]) and last.isdecimal():
            return True  # a list of all the model's variables
        keys.update(tensor.layer.order or () if tensor.layer else ())
    else:
        *parts, last = name.split("/")
        if tensor.variable and last.partition(":")[0] != tensor.variable.partition(":")[0] and not last.isdecimal():
            return False
    names = {part for step in steps if step.name for part in step.name.split("/")}
    if steps and names.issuperset(parts) and parts[-1:] == (steps[-1].name or "").split("/")[-1:]:
        return True  # an H5 file may leave out what is between
    at = 0
    for step in steps:
        begun = at  # what comes between two layers is a container's
        while at < len(parts) and not _shows(step, parts, at, begun, keys):
            at += 1
        if at == len(parts):
            return False
        at += 1
    return True


def _shows(step: Step, parts: Sequence[str], at: int, begun: int, keys: set[int | str]) -> bool:
    """Whether the part `at` of a name stands for a layer; those from `begun` on stand for none before it."""
    part = parts[at]
    if part in {step.name, step.attribute} or _PLACE.fullmatch(part):
        return True
    if at == begun or step.attribute:  # only a list calls a layer by its class, and a dict by its key
        return False
    return parts[at - 1] in _LISTS or re.sub(r"_[0-9]+\Z", "", part) == step.kind or part in keys

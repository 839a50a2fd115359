"""What the values of one model say that its owner has to decide: lines of prose, for comments of the manifest."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gate.covering import covering
from gate.errors import GateError
from gate.formats import open_weights
from gate.init.group import Model
from gate.manifest.yaml_writing import flow
from gate.reports.fold import fold
from gate.results import Finding
from gate.tensors.compare import Criterion, Measurement
from gate.tensors.dtypes import is_floating, is_number
from gate.tensors.pairing import pair
from gate.tensors.survey import Job, measure
from gate.tensors.tolerance import published_tolerance
from gate.tensors.weightset import Array, Group, Tensor, WeightSet
from gate.wording import counted

_BLOCK = 1 << 16
_FEW = 3


@dataclass(frozen=True)
class Differences:
    """How a model stands to its golden file: the tensors that differ, and why both cannot be compared."""

    differing: tuple[str, ...] = ()
    of: int = 0
    why_not: str = ""


def differences(model: Model, threads: int) -> Differences:
    """Holds the model against its golden file as `check` would, without any rule."""
    if model.golden is None:
        return Differences()
    try:
        with open_weights(model.weights.path) as mine, open_weights(model.golden.path) as theirs:
            return _differences(mine, theirs, threads)
    except GateError as error:
        return Differences(why_not=error.reason)


def _differences(mine: WeightSet, theirs: WeightSet, threads: int) -> Differences:
    pairing = pair(_weights(mine), _weights(theirs))
    if pairing.uncertain or pairing.only_candidate or pairing.only_reference:
        return Differences(why_not="their tensors have other names")
    both = [(name, pairing.candidate[name], pairing.reference[name]) for name in pairing.both]
    if any(a.shape != e.shape or a.dtype != e.dtype for _, a, e in both):
        return Differences(why_not="tensors of one name have other shapes")
    jobs = [Job(a, e, Criterion(published_tolerance(a.dtype, e.dtype)), name) for name, a, e in both]
    found = measure(jobs, threads)
    differing = [name for name, each in found.items() if not isinstance(each, Measurement) or each.violating]
    return Differences(tuple(differing), len(both))


def _weights(weights: WeightSet) -> dict[str, Tensor]:
    return {each.name: each for each in weights if each.group is Group.WEIGHTS}


def facts(model: Model, threads: int) -> Iterator[str]:
    """What there is to decide, a line each; nothing of a file that cannot be read after all: `check` will say it."""
    try:
        with open_weights(model.weights.path) as weights:
            yield from _facts([each for each in weights if each.group is Group.WEIGHTS], threads)
    except GateError:
        return


def _facts(tensors: Sequence[Tensor], threads: int) -> Iterator[str]:
    names = [each.name for each in tensors]
    special = _special(tensors, threads)
    if special:
        keys = {"nan": any(each.nan for each in special.values()), "inf": any(each.inf for each in special.values())}
        allowed = {key: "allowed" for key, there in keys.items() if there}
        globs = covering(special, (name for name in names if name not in special))
        rule = flow({"match": globs[0], **allowed, "reason": "…"})
        also = f", and {counted(len(globs) - 1, 'rule')} more" if len(globs) > 1 else ""
        yield (
            f"NaN or infinity in {len(special)} of {counted(len(names), 'tensor')}: `check` is red until the file is "
            f"mended, or until somebody allows it: `- {rule}`{also}"
        )
    fresh = list(_fresh_statistics(tensors))
    if fresh:
        yield f"BatchNorm statistics as they are before any training: {_listed(fresh)}"
    zero = [each.name for each in tensors if _is_kernel(each) and _is_all(each, 0)]
    if zero:
        yield f"all zero: {_listed(zero)}"
    flat = [each.name for each in tensors if _is_kernel(each) and each.name not in zero and _is_constant(each)]
    if flat:
        yield f"every element is the same: {_listed(flat)}"
    biases = [each for each in tensors if _last(each) == "bias"]
    if len(biases) > 1 and all(_is_all(each, 0) for each in biases):
        yield f"all {len(biases)} biases are zero, as they are before any training: was this file trained?"


def _special(tensors: Iterable[Tensor], threads: int) -> dict[str, Measurement]:
    found = measure([Job(each) for each in tensors if is_floating(each.dtype)], threads)
    return {name: each for name, each in found.items() if isinstance(each, Measurement) and (each.nan or each.inf)}


def _fresh_statistics(tensors: Iterable[Tensor]) -> Iterator[str]:
    """Layers whose moving mean is 0 and whose moving variance is 1, all of it."""
    by_name = {each.name: each for each in tensors}
    for name, mean in by_name.items():
        layer, slash, last = name.rpartition("/")
        variance = by_name.get(f"{layer}{slash}moving_variance")
        if last == "moving_mean" and variance is not None and _is_all(mean, 0) and _is_all(variance, 1):
            yield layer or name


def _is_kernel(tensor: Tensor) -> bool:
    return len(tensor.shape) > 1 and tensor.size > 1 and is_number(tensor.dtype)


def _is_all(tensor: Tensor, value: int) -> bool:
    return is_number(tensor.dtype) and _each_block(tensor, lambda block: bool((block == value).all()))


def _is_constant(tensor: Tensor) -> bool:
    first = tensor.read().reshape(-1)[:1]
    return _each_block(tensor, lambda block: bool((block == first).all()))


def _each_block(tensor: Tensor, holds: Callable[[Array], bool]) -> bool:
    """Whether it holds of every block; ends with the first of which it does not."""
    if tensor.size == 0:
        return False
    flat = tensor.read().reshape(-1)
    with np.errstate(all="ignore"):
        return all(holds(flat[low : low + _BLOCK]) for low in range(0, flat.size, _BLOCK))


def _last(tensor: Tensor) -> str:
    return tensor.name.rpartition("/")[2]


def _listed(names: Sequence[str]) -> str:
    shown = [each.label(shown=4) for each in fold(Finding("name", "", tensor=name) for name in names)]
    more = f" and {len(shown) - _FEW} more" if len(shown) > _FEW else ""
    return ", ".join(shown[:_FEW]) + more

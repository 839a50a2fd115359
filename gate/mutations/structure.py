"""Tensors that are not there, and tensors that should not be."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gate.mutations.interface import Base, Damage, Mutation, Site
from gate.tensors.weightset import Tensor


def every(base: Base) -> Iterator[Site]:
    """Every tensor of the compared groups."""
    return ((name,) for name in base.tensors)


def dropped(base: Base, site: Site, random: np.random.Generator) -> Mutation:  # noqa: ARG001
    """The file lacks it."""
    return Mutation("", dropped=frozenset(site))


def neighbours(base: Base) -> Iterator[Site]:
    """Every tensor, to have another beside it; and what only the reference has, to come back."""
    yield from ((name,) for name in base.subject.pairing.only_reference if base.readable(name))
    yield from every(base)


def added(base: Base, site: Site, random: np.random.Generator) -> Mutation:  # noqa: ARG001
    """One more: what the reference still has, or a copy beside the original."""
    (name,) = site
    if name not in base.tensors:
        return Mutation(
            "", added={name: replace(base.reference(name), name=name, verify=None)}, told="from the reference"
        )
    other = f"{name}_copy"
    while other in base.subject.candidate.tensors:
        other += "_copy"
    return Mutation("", added={other: _copy(base.tensors[name], other)}, told=f"a copy of {name}")


def _copy(tensor: Tensor, name: str) -> Tensor:
    """The same values under a name that no layer of the file knows."""
    return Tensor(name, tensor.dtype, tensor.shape, tensor.read, tensor.group, stored_as=name)


DAMAGES = {
    "dropped": Damage("a tensor is missing", every, dropped),
    "added": Damage("a tensor too many", neighbours, added),
}

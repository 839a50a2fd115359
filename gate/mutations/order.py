"""The right values in the wrong place: tensors that changed places, axes or channels in another order."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from gate.mutations.interface import Base, Damage, Mutation, Site
from gate.mutations.overlay import Blocks, Overlay, flat, gathered
from gate.tensors.weightset import Array, Tensor


def twins(base: Base) -> Iterator[Site]:
    """Pairs of tensors of one shape and dtype, each tensor with the next of its kind."""
    alike: dict[object, list[str]] = {}
    for name, tensor in base.tensors.items():
        if tensor.size:
            alike.setdefault((tensor.shape, tensor.dtype), []).append(name)
    for names in alike.values():
        yield from pairwise(names)


def swapped(base: Base, site: Site, random: np.random.Generator) -> Mutation:  # noqa: ARG001
    """Each holds what the other should."""
    one, other = site
    tensors = base.tensors
    return Mutation(
        "", {one: Overlay(tensors[one], _of(tensors[other])), other: Overlay(tensors[other], _of(tensors[one]))}
    )


def _of(other: Tensor) -> Any:
    def damage(_: Array) -> Blocks:
        values = flat(other)
        return lambda start, stop: values[start:stop]

    return damage


def squares(base: Base) -> Iterator[Site]:
    """Tensors whose last two axes are of one length."""
    for name, tensor in base.tensors.items():
        if len(tensor.shape) > 1 and tensor.shape[-1] == tensor.shape[-2] > 1 and tensor.size:
            yield (name,)


def transposed(base: Base, site: Site, random: np.random.Generator) -> Mutation:  # noqa: ARG001
    """The last two axes exchanged."""
    (name,) = site
    tensor = base.tensors[name]
    side = tensor.shape[-1]

    def source(at: Array) -> Array:
        inside = at % (side * side)
        turned: Array = at - inside + inside % side * side + inside // side
        return turned

    return Mutation("", {name: Overlay(tensor, gathered(source))})


def kernels(base: Base) -> Iterator[Site]:
    """Tensors with several output channels: the last axis, as Keras has it."""
    for name, tensor in base.tensors.items():
        if len(tensor.shape) > 1 and tensor.shape[-1] > 1 and tensor.size:
            yield (name,)


def biased_kernels(base: Base) -> Iterator[Site]:
    """Kernels with the bias of the same channels."""
    for (name,) in kernels(base):
        bias = f"{name.rpartition('/')[0]}/bias" if "/" in name else "bias"
        if bias in base.tensors and base.tensors[bias].shape == base.tensors[name].shape[-1:]:
            yield (name, bias)


def permuted(base: Base, site: Site, random: np.random.Generator) -> Mutation:
    """Two output channels changed places, in all tensors of the site alike."""
    channels = base.tensors[site[0]].shape[-1]
    one, other = (int(each) for each in random.choice(channels, 2, replace=False))
    order = np.arange(channels)
    order[[one, other]] = other, one

    def source(at: Array) -> Array:
        moved: Array = at - at % channels + order[at % channels]
        return moved

    changed = {name: Overlay(base.tensors[name], gathered(source)) for name in site}
    return Mutation("", changed, told=f"channels {one} and {other}")


DAMAGES = {
    "swapped": Damage("two tensors of one shape changed places", twins, swapped),
    "transposed": Damage("a square kernel transposed", squares, transposed),
    "channel": Damage("two output channels of a kernel changed places", kernels, permuted),
    "channel-with-bias": Damage("two output channels changed places, their biases with them", biased_kernels, permuted),
}

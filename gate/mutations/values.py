"""Tensors with other values throughout: never loaded, built anew, or from an earlier state of the training."""

from collections.abc import Iterator
from functools import partial
from math import prod, sqrt
from typing import Any

import numpy as np

from gate.mutations.elements import floats, numbers
from gate.mutations.interface import Base, Damage, Mutation, Site
from gate.mutations.overlay import Blocks, Overlay, elementwise, flat
from gate.tensors.dtypes import is_floating, widen
from gate.tensors.weightset import Array, Tensor

MEAN, VARIANCE = "moving_mean", "moving_variance"
_ONES = frozenset({"gamma", VARIANCE, "variance"})  # Keras' BatchNormalization and LayerNormalization begin with these
_NOISE = 0.01  # of a block's root mean square


def filled(number: int, base: Base, site: Site, random: np.random.Generator) -> Mutation:  # noqa: ARG001
    """Every element is the same."""
    (name,) = site
    return Mutation("", {name: Overlay(base.tensors[name], _all(number))})


def _all(number: float) -> Any:
    return elementwise(lambda block: np.full(block.shape, number, block.dtype))


def layers(base: Base) -> Iterator[Site]:
    """Every layer that has a kernel, or anything of two axes or more: with all its tensors of numbers."""
    for names in base.layers.values():
        own = tuple(name for name in names if is_floating(base.tensors[name].dtype) and base.tensors[name].size)
        if any(len(base.tensors[name].shape) > 1 for name in own):
            yield own


def reinitialised(base: Base, site: Site, random: np.random.Generator) -> Mutation:
    """A layer as it is before any training: kernels drawn, biases zero, scales one."""
    seed = int(random.integers(1 << 62))
    return Mutation("", {name: Overlay(base.tensors[name], _initial(base.tensors[name], seed)) for name in site})


def _initial(tensor: Tensor, seed: int) -> Any:
    if len(tensor.shape) < 2:
        return _all(1 if tensor.name.rpartition("/")[2] in _ONES else 0)
    limit = sqrt(6 / max(1, sum(fans(tensor.shape))))

    def damage(values: Array) -> Blocks:
        def block(start: int, stop: int) -> Array:
            drawn = _drawn(seed, tensor.name, start).uniform(-limit, limit, stop - start)
            return drawn.astype(values.dtype)

        return block

    return damage


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """What goes into and comes out of one unit, as Keras counts it: the axes before the last two are the window.

    Source: X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
    """
    window = prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


def _drawn(seed: int, name: str, start: int) -> np.random.Generator:
    """Random numbers of one block: the same whichever thread asks, and whether others were asked for."""
    return np.random.default_rng([seed, start, *name.encode("utf-8", "surrogatepass")])


def batchnorms(base: Base) -> Iterator[Site]:
    """Every pair of moving statistics."""
    for layer in base.layers:
        pair = tuple(f"{layer}/{part}" if layer else part for part in (MEAN, VARIANCE))
        if all(name in base.tensors and is_floating(base.tensors[name].dtype) for name in pair):
            yield pair


def stale_batchnorm(base: Base, site: Site, random: np.random.Generator) -> Mutation:  # noqa: ARG001
    """Moving statistics as they are built: mean 0, variance 1."""
    mean, variance = site
    return Mutation(
        "", {mean: Overlay(base.tensors[mean], _all(0)), variance: Overlay(base.tensors[variance], _all(1))}
    )


def everywhere(base: Base) -> Iterator[Site]:
    """All tensors of floats at once."""
    if names := tuple(name for (name,) in floats(base)):
        yield names


def noise(base: Base, site: Site, random: np.random.Generator) -> Mutation:
    """Every value a little off, as some steps of training before: by noise of a hundredth of their size."""
    seed = int(random.integers(1 << 62))
    return Mutation("", {name: Overlay(base.tensors[name], _noisy(name, seed)) for name in site})


def _noisy(name: str, seed: int) -> Any:
    def damage(values: Array) -> Blocks:
        def block(start: int, stop: int) -> Array:
            with np.errstate(all="ignore"):
                wide = widen(values[start:stop])
                size = float(np.sqrt(np.mean(np.abs(wide) ** 2)))
                drawn = _drawn(seed, name, start).standard_normal(stop - start, np.float32)
                noisy: Array = (wide + _NOISE * size * drawn).astype(values.dtype)
                return noisy

        return block

    return damage


def comparable(base: Base) -> Iterator[Site]:
    """All tensors that the reference has too, with values that can be read."""
    same = tuple(
        name
        for name, tensor in base.tensors.items()
        if name in base.subject.comparable and base.readable(name) and tensor.dtype == base.reference(name).dtype
    )
    if same:
        yield same


def earlier(share: float, base: Base, site: Site, random: np.random.Generator) -> Mutation:  # noqa: ARG001
    """The reference itself under the file's name, or a state between both."""
    return Mutation("", {name: Overlay(base.tensors[name], _blended(base.reference(name), share)) for name in site})


def _blended(reference: Tensor, share: float) -> Any:
    def damage(values: Array) -> Blocks:
        old = flat(reference)
        if share == 1:
            return lambda start, stop: old[start:stop]
        if not is_floating(values.dtype):
            return lambda start, stop: values[start:stop]

        def block(start: int, stop: int) -> Array:
            with np.errstate(all="ignore"):
                mixed = widen(values[start:stop]) * (1 - share) + widen(old[start:stop]) * share
                return mixed.astype(values.dtype)

        return block

    return damage


DAMAGES = {
    "zeroed": Damage("a tensor of zeros", numbers, partial(filled, 0)),
    "constant": Damage("a tensor of ones, as an initialiser leaves it", numbers, partial(filled, 1)),
    "reinitialised": Damage("a layer as it is before training", layers, reinitialised),
    "stale-batchnorm": Damage("moving statistics as they are built", batchnorms, stale_batchnorm),
    "stale-noise": Damage("a little off everywhere", everywhere, noise, once=True),
    "stale-reference": Damage("the reference under the file's name", comparable, partial(earlier, 1.0), once=True),
    "stale-blend": Damage("half-way between the reference and the file", comparable, partial(earlier, 0.5), once=True),
}

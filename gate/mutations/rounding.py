"""Values that went through a narrower number format and back, or stayed in another dtype."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from gate.mutations.elements import floats, numbers
from gate.mutations.interface import Base, Damage, Mutation, Site
from gate.mutations.overlay import Blocks, Overlay, elementwise, ranges
from gate.tensors.dtypes import dtype_called, widen
from gate.tensors.weightset import Array

INT8 = 127  # the largest magnitude of symmetric quantisation, which leaves -128 out
_OTHER = {
    "float64": "float32", "float32": "float64", "float16": "float32", "bfloat16": "float32", "int64": "int32",
    "int32": "int64", "int16": "int32", "int8": "int32", "uint8": "int32", "bool": "uint8", "complex64": "complex128",
    "complex128": "complex64",
}  # fmt: skip


def wide(base: Base) -> Iterator[Site]:
    """Tensors of real floats of 16 bits and more."""
    for (name,) in floats(base):
        dtype = base.tensors[name].dtype
        if dtype.kind != "c" and dtype.itemsize > 1:
            yield (name,)


def all_wide(base: Base) -> Iterator[Site]:
    """All of them at once."""
    if names := tuple(name for (name,) in wide(base)):
        yield names


def rounded(through: str, base: Base, site: Site, random: np.random.Generator) -> Mutation | None:  # noqa: ARG001
    """Cast to the format `through` and back; nothing where that is the format they have."""
    narrow = dtype_called(through)
    names = [name for name in site if base.tensors[name].dtype != narrow]
    return Mutation("", {name: Overlay(base.tensors[name], _through(narrow)) for name in names}) if names else None


def _through(narrow: "np.dtype[Any]") -> Any:
    def cast(block: Array) -> Array:
        with np.errstate(all="ignore"):
            return block.astype(narrow).astype(block.dtype)

    return elementwise(cast)


def quantised(base: Base, site: Site, random: np.random.Generator) -> Mutation:  # noqa: ARG001
    """Each tensor in 255 steps between its largest magnitude and its opposite, and back: int8, symmetric."""
    return Mutation("", {name: Overlay(base.tensors[name], _steps) for name in site})


def _steps(values: Array) -> Blocks:
    with np.errstate(all="ignore"):
        largest = max(_largest(values[start:stop]) for start, stop in ranges(values.size))
        step = largest / INT8

    def block(start: int, stop: int) -> Array:
        if not step:
            return values[start:stop]
        with np.errstate(all="ignore"):
            return (np.rint(widen(values[start:stop]) / step) * step).astype(values.dtype)

    return block


def _largest(block: Array) -> float:
    """The largest finite magnitude."""
    wide = np.abs(widen(block))
    return float(np.max(wide, where=np.isfinite(wide), initial=0.0))


def convertible(base: Base) -> Iterator[Site]:
    """Tensors whose dtype has a usual other."""
    return ((name,) for (name,) in numbers(base) if base.tensors[name].dtype.name in _OTHER)


def converted(base: Base, site: Site, random: np.random.Generator) -> Mutation:  # noqa: ARG001
    """The same values in another dtype, as far as it holds them."""
    (name,) = site
    tensor = base.tensors[name]
    other = np.dtype(_OTHER[tensor.dtype.name])

    def cast(block: Array) -> Array:
        with np.errstate(all="ignore"):
            return block.astype(other)

    return Mutation(
        "", {name: Overlay(tensor, elementwise(cast), other)}, told=f"{tensor.dtype.name} became {other.name}"
    )


DAMAGES = {
    "float16": Damage("a tensor rounded to float16", wide, partial(rounded, "float16")),
    "float16-all": Damage("the whole model rounded to float16", all_wide, partial(rounded, "float16"), once=True),
    "bfloat16": Damage("a tensor rounded to bfloat16", wide, partial(rounded, "bfloat16")),
    "bfloat16-all": Damage("the whole model rounded to bfloat16", all_wide, partial(rounded, "bfloat16"), once=True),
    "int8": Damage("a tensor quantised to int8 and back", wide, quantised),
    "int8-all": Damage("the whole model quantised to int8 and back", all_wide, quantised, once=True),
    "dtype": Damage("a tensor in another dtype", convertible, converted),
}

"""A damaged tensor that is no copy: what it holds is computed from the original, block by block, when it is read.

The original stays mapped and is never written to. A whole model that is rounded needs the memory of a few blocks.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gate.tensors.weightset import Array, Tensor

BLOCK_ELEMENTS = 256 * 1024

Blocks = Callable[[int, int], Array]
"""Elements `start` to `stop` in C order: at most `BLOCK_ELEMENTS`, and `start` is a multiple of it."""


@dataclass(frozen=True)
class Overlay:
    """What is in place of `original`. `damage` makes of the original's elements, flat, what gives those of the copy."""

    original: Tensor
    damage: Callable[[Array], Blocks]
    dtype: "np.dtype[Any] | None" = None

    @property
    def tensor(self) -> Tensor:
        """The same as a tensor of a file."""
        return replace(self.original, read=self.read, dtype=self.dtype or self.original.dtype, verify=None)

    def read(self) -> Array:
        """The whole of it, read-only."""
        made = np.empty(self.original.size, self.dtype or self.original.dtype)
        block = self.damage(flat(self.original))
        for start, stop in ranges(self.original.size):
            made[start:stop] = block(start, stop)
        made.flags.writeable = False
        return made.reshape(self.original.shape)


def flat(tensor: Tensor) -> Array:
    """A tensor's elements in C order."""
    return tensor.read().reshape(-1)


def ranges(size: int) -> Iterator[tuple[int, int]]:
    """The blocks of so many elements."""
    return ((start, min(start + BLOCK_ELEMENTS, size)) for start in range(0, size, BLOCK_ELEMENTS))


def elementwise(change: Callable[[Array], Array]) -> Callable[[Array], Blocks]:
    """A damage that treats every element alike."""
    return lambda values: lambda start, stop: change(values[start:stop])


def one_element(index: int, value: Any) -> Callable[[Array], Blocks]:
    """A damage of the element `index` alone; `value` is an array of that one."""

    def damage(values: Array) -> Blocks:
        def block(start: int, stop: int) -> Array:
            if not start <= index < stop:
                return values[start:stop]
            changed = values[start:stop].copy()
            changed[index - start] = value
            return changed

        return block

    return damage


def gathered(source: Callable[[Array], Array]) -> Callable[[Array], Blocks]:
    """A damage that puts other elements in each place: `source` says which, of indices in C order."""
    return lambda values: lambda start, stop: values[source(np.arange(start, stop))]

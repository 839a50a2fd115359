"""A weight file as data: names to lazy tensors. Readers build these; checks read them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import prod
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gate.tensors.locked import Locked
from gate.tensors.model_order import Order

Array = NDArray[Any]


class Group(StrEnum):
    """What a tensor is for. All but `WEIGHTS` are listed always and compared only when `groups:` says so."""

    WEIGHTS = "weights"
    OPTIMIZER = "optimizer"
    METRICS = "metrics"
    RNG = "rng"


@dataclass(frozen=True, slots=True)
class Step:
    """One level of the way from the model to a layer.

    `name` is the layer's name, None where the file does not tell it; `node` is the same for all tensors below this
    layer and for no others of the file; `attribute` is what the layer around calls it (`query_dense`), None where it
    is an item of a list or where the file does not tell; `kind` is the layer's class in snake case, None likewise.
    """

    name: str | None
    node: str
    attribute: str | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """The layer that a tensor belongs to, as far as its file tells.

    `steps` lead from the model to the layer, without the model itself. `order` sorts the layers of one file as the
    model has them (`gate.tensors.model_order`); None where the file tells nothing of it.
    """

    steps: tuple[Step, ...] = ()
    order: Order | None = None

    @property
    def node(self) -> str:
        """The same for all variables of the layer, and for no others of the file."""
        return self.steps[-1].node if self.steps else ""

    @property
    def named(self) -> bool:
        """Whether all names of the chain are known."""
        return all(step.name is not None for step in self.steps)

    @property
    def chain(self) -> tuple[str, ...]:
        """The names that are known, outermost first."""
        return tuple(step.name for step in self.steps if step.name is not None)


MOST_LEVELS = 256
"""Levels of a name that count as layers: a hostile one may have as many as it has characters."""


def layer_of(name: str) -> Layer:
    """The layer in a tensor's name, where a file tells no more: `a/b/kernel` is in `b` in `a`."""
    parts = name.split("/")[:-1][:MOST_LEVELS]
    return Layer(tuple(Step(part, "/".join(parts[: depth + 1])) for depth, part in enumerate(parts)))


@dataclass(slots=True, eq=False)  # not frozen: that would take half of the time to open a file of many tensors
class Tensor:
    """One tensor of a file, read when asked for. Nobody changes one: `dataclasses.replace` makes another.

    `name` is the one name of docs/names.md; `dtype` is in native byte order; `stored_as` is where the file keeps
    it (`layers/dense/vars/0`). `read()` returns a read-only, C-contiguous array of just that shape and dtype, mapped
    from the file wherever the file allows; it raises `UnreadableError` when the data cannot be had.

    `layer` and `variable` are what `gate.tensors.pairing` goes by; without them, the parts of the name. `index` is
    the variable's number among the layer's own, trainable ones first, each kind in the order of its making; None
    where the file does not tell.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    read: Callable[[], Array] = field(repr=False, compare=False)
    group: Group = Group.WEIGHTS
    stored_as: str = ""
    layer: Layer | None = field(default=None, repr=False, compare=False)
    variable: str = ""
    index: int | None = None
    verify: Callable[[], None] | None = field(default=None, repr=False)
    """Compares the data with the file's own checksum, as `read` does too; None where the format has none."""
    locked: Locked | None = field(default=None, repr=False)
    """Of a tensor from a lock what is known of it; its values cannot be read."""
    size: int = field(init=False)
    """Elements."""
    nbytes: int = field(init=False)
    """Bytes of data, without what the format adds."""

    def __post_init__(self) -> None:
        self.size = prod(self.shape)
        self.nbytes = self.size * self.dtype.itemsize


class WeightSet:
    """The tensors of one file or folder, by name, in the file's own order. Close it when done.

    `path` is shown to users as given; `format` is a key of `gate.formats.READERS`; `notes` are things the reader
    wants said in the report ("names are positions: …"); `files` are all files that the tensors were read from.
    `checksums` compare what is no tensor, or a second copy of one, with the file's own checksums: they raise
    `UnreadableError`, and their keys are what reports call these parts. `alone` says that a framework can load the file
    without being told how the model is built. `made_with` gives the versions of what wrote it, as far as it tells.
    """

    def __init__(
        self,
        path: str,
        format: str,
        tensors: Mapping[str, Tensor],
        notes: tuple[str, ...] = (),
        close: Callable[[], None] = lambda: None,
        files: tuple[Path, ...] = (),
        checksums: Mapping[str, Callable[[], None]] = MappingProxyType({}),
        alone: bool = False,
    ) -> None:
        self.path = path
        self.files = files
        self.checksums = checksums
        self.alone = alone
        self.made_with: Callable[[], Mapping[str, str]] = dict
        self.format = format
        self.tensors: Mapping[str, Tensor] = MappingProxyType(dict(tensors))
        self.notes = notes
        self._close = close

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.tensors.values())

    def __len__(self) -> int:
        return len(self.tensors)

    @property
    def nbytes(self) -> int:
        return sum(tensor.nbytes for tensor in self)

    def close(self) -> None:
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

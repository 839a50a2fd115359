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

Array = NDArray[Any]


class Group(StrEnum):
    """What a tensor is for. All but `WEIGHTS` are listed always and compared only when `groups:` says so."""

    WEIGHTS = "weights"
    OPTIMIZER = "optimizer"
    METRICS = "metrics"
    RNG = "rng"


@dataclass(frozen=True)
class Tensor:
    """One tensor of a file, read when asked for.

    `name` is the one name of docs/names.md; `dtype` is in native byte order; `stored_as` is where the file keeps
    it (`layers/dense/vars/0`). `read()` returns a read-only, C-contiguous array of just that shape and dtype, mapped
    from the file wherever the file allows; it raises `UnreadableError` when the data cannot be had.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    read: Callable[[], Array] = field(repr=False, compare=False)
    group: Group = Group.WEIGHTS
    stored_as: str = ""

    @property
    def size(self) -> int:
        """Elements."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of data, without what the format adds."""
        return self.size * self.dtype.itemsize


class WeightSet:
    """The tensors of one file or folder, by name, in the file's own order. Close it when done.

    `path` is shown to users as given; `format` is a key of `gate.formats.READERS`; `notes` are things the reader
    wants said in the report ("names are positions: …"); `files` are all files that the tensors were read from.
    """

    def __init__(
        self,
        path: str,
        format: str,
        tensors: Mapping[str, Tensor],
        notes: tuple[str, ...] = (),
        close: Callable[[], None] = lambda: None,
        files: tuple[Path, ...] = (),
    ) -> None:
        self.path = path
        self.files = files
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

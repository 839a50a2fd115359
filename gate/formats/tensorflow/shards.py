"""The data files of a tensor bundle, `PREFIX.data-00000-of-00002` and so on, each mapped once."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gate.errors import MissingFileError
from gate.formats.mapping import MappedFile, empty
from gate.formats.pointers import refuse_pointer
from gate.formats.source import HEAD_BYTES
from gate.formats.text import printable
from gate.tensors.weightset import Array

_BYTE = np.dtype(np.uint8)


class Shard:
    """One data file. It may be empty: a checkpoint without variables has such a one."""

    def __init__(self, path: Path, shown: str, on_close: Callable[[Callable[[], None]], None]) -> None:
        self.path = path
        self.shown = shown
        self._mapping: MappedFile | None = None
        self.size = 0
        if path.stat().st_size or not path.is_file():
            self._mapping = MappedFile(path, shown)
            on_close(self._mapping.close)
            self.size = self._mapping.size
            refuse_pointer(self._mapping.bytes_at(0, HEAD_BYTES), shown)

    def array(self, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
        """A read-only view of the file."""
        return self._mapping.array(offset, dtype, shape) if self._mapping else empty(dtype, shape)

    def bytes_at(self, offset: int, length: int) -> Array:
        """A read-only view of its bytes."""
        return self.array(offset, _BYTE, (length,))


def open_shards(
    index: Path, shown: str, count: int, on_close: Callable[[Callable[[], None]], None]
) -> tuple[Shard, ...]:
    """All shards of the bundle whose index is `index`, in order."""
    prefix = index.name.removesuffix(".index")
    shards = []
    for number in range(count):
        name = f"{prefix}.data-{number:05}-of-{count:05}"
        path = index.with_name(name)
        shown_shard = str(Path(shown).with_name(printable(name)))
        if not path.exists():
            raise MissingFileError(
                f"shard {shown_shard} of {shown} is not there{_others(index.parent, prefix, count)}",
                "fetch all files of the checkpoint, of one save",
            )
        shards.append(Shard(path, shown_shard, on_close))
    return tuple(shards)


def _others(folder: Path, prefix: str, count: int) -> str:
    """A word on shards that lie there for another count: the index and the data are of two saves."""
    pattern = re.compile(re.escape(prefix) + r"\.data-\d{5,}-of-(\d{5,})")
    counts: set[int] = set()
    with os.scandir(folder) as found:
        for entry in found:
            match = pattern.fullmatch(entry.name)
            if match and int(match[1]) != count:
                counts.add(int(match[1]))
    if not counts:
        return ""
    return f"; the index asks for {count}, and beside it lie shards of {', '.join(map(str, sorted(counts)[:3]))}"

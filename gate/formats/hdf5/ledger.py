"""What a walk has met so far, and what it adds up to: every object once, every byte once, a bounded total."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gate.errors import UnreadableError, UnsafeFileError
from gate.formats.limits import Limits
from gate.formats.text import quoted, size

_LETTERS = 1 << 26


class Ledger:
    """The account of one file. `shown` names it in messages, `length` is all its bytes."""

    def __init__(self, shown: str, length: int, limits: Limits) -> None:
        self.shown = shown
        self.length = length
        self.limits = limits
        self.seen: dict[int, str] = {}
        self._starts: list[int] = []
        self._sizes: list[int] = []
        self._paths: list[str] = []
        self._many: list[tuple[NDArray[np.int64], NDArray[np.int64], str]] = []
        self._expanded = 0
        self._letters = 4 * length + _LETTERS

    def once(self, address: int, path: str) -> None:
        """Refuse an object that was met before: cycles, and tensors under two names."""
        if address in self.seen:
            raise UnsafeFileError(
                f"{self.shown}: {quoted(path)} and {quoted(self.seen[address])} are the same object",
                "a weight file stores each tensor once: save the model again",
            )
        self.seen[address] = path
        self._letters -= len(path)
        if self._letters < 0:
            raise UnsafeFileError(
                f"{self.shown} has far more letters in the paths of its objects than bytes",
                "no model needs that; do not trust the file",
            )

    def room(self, count: int) -> None:
        """Refuse `count` objects more than are allowed."""
        if len(self.seen) + count > self.limits.max_objects:
            raise UnsafeFileError(
                f"{self.shown} holds more than {self.limits.max_objects} objects",
                "no model needs that; do not trust the file",
            )

    def depth(self, depth: int, path: str) -> None:
        """Refuse a group too far down."""
        if depth > self.limits.max_depth:
            raise UnsafeFileError(
                f"{self.shown}: groups nest deeper than {self.limits.max_depth} at {quoted(path)}",
                "no model needs that; do not trust the file",
            )

    def claim(self, start: int, length: int, path: str) -> None:
        """Note that these bytes are this dataset's."""
        self._starts.append(start)
        self._sizes.append(length)
        self._paths.append(path)

    def claim_chunks(self, starts: NDArray[Any], sizes: NDArray[Any], path: str) -> None:
        """The same for all chunks of a dataset."""
        self._many.append((starts.astype(np.int64), sizes.astype(np.int64), path))

    def expand(self, count: int) -> None:
        """Count what decoding may produce: in total, since each alone may look harmless."""
        self._expanded += count
        if self._expanded > self.limits.may_expand(self.length):
            raise UnsafeFileError(
                f"{self.shown}: {size(self.length)} of file declare more than {size(self._expanded)} of tensors",
                "this is how a decompression bomb looks; if the file is meant, save it uncompressed",
            )

    def refuse_overlaps(self) -> None:
        """When everything is claimed: each byte once, and none beyond the file."""
        starts = np.concatenate([np.array(self._starts, np.int64), *(starts for starts, _, _ in self._many)])
        sizes = np.concatenate([np.array(self._sizes, np.int64), *(sizes for _, sizes, _ in self._many)])
        order = np.lexsort((sizes, starts))
        starts = starts[order]
        stops = starts + sizes[order]
        beyond = np.flatnonzero((starts < 0) | (stops < starts) | (stops > self.length))
        if len(beyond):
            first = int(beyond[0])
            raise UnreadableError(
                f"{self.shown} is cut short: {quoted(self._owner(int(order[first])))} ends at byte "
                f"{int(stops[first])} of {self.length}",
                "fetch the file again",
            )
        # Sorted and each sound by itself, so neighbours tell.
        shared = np.flatnonzero(stops[:-1] > starts[1:])
        if len(shared):
            one, other = (self._owner(int(order[int(shared[0]) + step])) for step in (1, 0))
            raise UnsafeFileError(
                f"{self.shown}: {quoted(one)} and {quoted(other)} claim the same bytes",
                "no program writes this: do not trust the file",
            )

    def _owner(self, index: int) -> str:
        if index < len(self._paths):
            return self._paths[index]
        index -= len(self._paths)
        for starts, _, path in self._many:
            if index < len(starts):
                return path
            index -= len(starts)
        return ""

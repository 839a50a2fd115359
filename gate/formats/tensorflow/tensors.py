"""The tensors of a bundle: where the data of each lies, verified when it is first read."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from gate.errors import UnreadableError
from gate.formats.limits import Limits
from gate.formats.spool import decoded, kept
from gate.formats.tensorflow.checksum import crc32c, masked
from gate.formats.tensorflow.shards import Shard
from gate.formats.tensorflow.types import OPAQUE_DTYPE, type_name
from gate.formats.text import quoted
from gate.tensors.weightset import Array

OTHER_SAVE = "the files are damaged or of different saves: fetch or save the whole checkpoint again"


class Span:
    """The bytes of one entry in its shard."""

    __slots__ = ("crc", "key", "offset", "shard", "size", "verified")

    def __init__(self, key: str, shard: Shard, offset: int, size: int, crc: int) -> None:
        self.key = key
        self.shard = shard
        self.offset = offset
        self.size = size
        self.crc = crc
        self.verified = False

    def bytes(self) -> Array:
        """The bytes, unverified."""
        return self.shard.bytes_at(self.offset, self.size)

    def verify(self) -> None:
        """Compare the bytes with their checksum, once."""
        if not self.verified:
            self.settle(crc32c(self.bytes()))

    def settle(self, crc: int) -> None:
        """Compare a checksum, computed as the type wants it, with the one in the index."""
        if masked(crc) != self.crc:
            raise self.damaged("is not what was saved: its checksum does not match")
        self.verified = True

    def damaged(self, what: str) -> UnreadableError:
        """The error for data that cannot be right."""
        return UnreadableError(f"{self.shard.shown}: {quoted(self.key)} {what}", OTHER_SAVE)


class Stored(ABC):
    """One tensor of a bundle, under its key.

    `dtype` is numpy's, in native byte order: objects (`bytes`) for texts, `OPAQUE_DTYPE` where `opaque`. `read` gives
    a read-only C-contiguous array; it and `verify` raise `UnreadableError` where the data is not what was saved. A
    checksum that matched is not computed again. Both may be called from several threads.
    """

    __slots__ = ("dtype", "key", "shape", "type")

    def __init__(self, key: str, type: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        self.key = key
        self.type = type
        self.dtype = dtype
        self.shape = shape

    @property
    def type_name(self) -> str:
        """TensorFlow's name of the type; it says more than `dtype` for quantised and opaque ones."""
        return type_name(self.type)

    @property
    def checksum(self) -> object:
        """What the index says of the content: equal for equal tensors. None where it says nothing that can be used."""
        span = getattr(self, "span", None)
        return (span.crc, span.size) if isinstance(span, Span) else None

    @property
    def opaque(self) -> bool:
        """Whether only TensorFlow can make something of the data; `read` refuses."""
        return self.dtype == OPAQUE_DTYPE

    @abstractmethod
    def read(self) -> Array:
        """The tensor, verified."""

    @abstractmethod
    def verify(self) -> None:
        """Compare the data with its checksum."""


class Numbers(Stored):
    """Numbers as they lie in the shard: mapped."""

    __slots__ = ("span",)

    def __init__(self, span: Span, type: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        super().__init__(span.key, type, dtype, shape)
        self.span = span

    def read(self) -> Array:
        self.span.verify()
        return self.span.shard.array(self.span.offset, self.dtype, self.shape)

    def verify(self) -> None:
        self.span.verify()


class SwappedNumbers(Numbers):
    """Numbers of a machine with the other byte order."""

    __slots__ = ("_limits", "_read")

    def __init__(self, span: Span, type: int, dtype: np.dtype[Any], shape: tuple[int, ...], limits: Limits) -> None:
        super().__init__(span, type, dtype, shape)
        self._limits = limits
        self._read = kept(self._swapped)

    def read(self) -> Array:
        self.span.verify()
        return self._read()

    def _swapped(self) -> Array:
        width = self.dtype.itemsize // (2 if self.dtype.kind == "c" else 1)
        number = np.dtype(f"u{width}")
        count = self.span.size // width
        source = self.span.shard.array(self.span.offset, number, (count,))
        step = max(1, self._limits.piece_bytes // width)

        def fill(out: Array) -> None:
            target = out.reshape(-1).view(number)
            for at in range(0, count, step):
                target[at : at + step] = source[at : at + step].byteswap()

        return decoded(self.dtype, self.shape, fill, self._limits)

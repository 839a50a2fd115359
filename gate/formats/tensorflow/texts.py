"""Texts (DT_STRING), as `ReadStringTensor` of tensor_bundle.cc has them.

The lengths as varints, a masked checksum of the lengths (as 32-bit numbers, 64-bit where one needs it), then the
bytes. The entry's checksum covers those numbers, that checksum and the bytes. They become an array of `bytes`
objects: fixed-width texts would lose zeros at their ends.
"""

from itertools import accumulate, pairwise
from math import prod
from typing import Literal

import numpy as np

from gate.errors import UnreadableError
from gate.formats.limits import Limits
from gate.formats.spool import kept
from gate.formats.tensorflow.checksum import crc32c, masked
from gate.formats.tensorflow.tensors import Span, Stored
from gate.formats.tensorflow.types import TEXT
from gate.formats.tensorflow.wire import WireError, varint
from gate.formats.text import quoted, size
from gate.tensors.weightset import Array

ByteOrder = Literal["little", "big"]
CHECKSUM_BYTES = 4
_OBJECT = np.dtype(object)
_OBJECT_BYTES = 8 + 33  # a reference, and what a bytes object is beside its content


class Texts(Stored):
    """Texts of any length and content."""

    __slots__ = ("_limits", "_order", "_read", "span")

    def __init__(self, span: Span, shape: tuple[int, ...], order: ByteOrder, limits: Limits) -> None:
        super().__init__(span.key, TEXT, _OBJECT, shape)
        self.span = span
        self._order: ByteOrder = order
        self._limits = limits
        self._read = kept(self._decoded)

    def read(self) -> Array:
        return self._read()

    def verify(self) -> None:
        if not self.span.verified:
            self._content()

    def _decoded(self) -> Array:
        lengths, content = self._content()
        array = np.empty(len(lengths), _OBJECT)
        for number, (start, end) in enumerate(pairwise(accumulate(lengths, initial=0))):
            array[number] = bytes(content[start:end])
        array.flags.writeable = False
        return array.reshape(self.shape)

    def _content(self) -> tuple[list[int], memoryview]:
        """The lengths, and the bytes of all texts one after another; verified."""
        data = self.span.bytes().data
        count = prod(self.shape)
        needed = len(data) + count * _OBJECT_BYTES
        if needed > self._limits.max_text_bytes:
            raise UnreadableError(
                f"{self.span.shard.shown}: {quoted(self.key)} holds {count:,} texts, {size(needed)} in memory; "
                f"{size(self._limits.max_text_bytes)} is the limit",
                "leave it out with a rule `expect: ignored`",
            )
        try:
            lengths, at = _lengths(data, count)
        except (IndexError, WireError) as error:
            raise self.span.damaged("has lengths of texts that cannot be right") from error
        content = data[at + CHECKSUM_BYTES :] if data else data
        if sum(lengths) != len(content):
            raise self.span.damaged("has texts that do not fill its place")
        if not self.span.verified:
            self._verify(lengths, data[at : at + CHECKSUM_BYTES], content)
        return lengths, content

    def _verify(self, lengths: list[int], stored: memoryview, content: memoryview) -> None:
        crc = crc32c(_as_numbers(lengths, self._order))
        if len(stored) and masked(crc) != int.from_bytes(stored, self._order):
            raise self.span.damaged("is not what was saved: the checksum of its lengths does not match")
        self.span.settle(crc32c(content, crc32c(stored, crc)))


def _lengths(data: memoryview, count: int) -> tuple[list[int], int]:
    lengths: list[int] = []
    at = 0
    for _ in range(count):
        length = data[at]
        at += 1
        if length & 0x80:
            length, at = varint(data, at - 1)
        lengths.append(length)
    return lengths, at


def _as_numbers(lengths: list[int], order: ByteOrder) -> bytes:
    """The lengths as the checksum takes them."""
    if max(lengths, default=0) < 1 << 32:
        return np.array(lengths, "<u4" if order == "little" else ">u4").tobytes()
    return b"".join(length.to_bytes(4 if length < 1 << 32 else 8, order) for length in lengths)

"""Variants and resources: what only TensorFlow makes something of. They can be verified, not read.

A variant (the state of an iterator, a list of tensors) is, for each element, the varint length of a message, the
message, and a masked checksum of all so far: `ReadVariantTensor` of tensor_bundle.cc.
"""

from math import prod
from typing import NoReturn

from gate.errors import UnreadableError
from gate.formats.tensorflow.checksum import crc32c, masked
from gate.formats.tensorflow.tensors import Span, Stored
from gate.formats.tensorflow.texts import CHECKSUM_BYTES, ByteOrder
from gate.formats.tensorflow.types import OPAQUE_DTYPE, VARIANT
from gate.formats.tensorflow.wire import WireError, varint
from gate.formats.text import quoted


class Opaque(Stored):
    """A tensor of variants or resources."""

    __slots__ = ("_order", "span")

    def __init__(self, span: Span, type: int, shape: tuple[int, ...], order: ByteOrder) -> None:
        super().__init__(span.key, type, OPAQUE_DTYPE, shape)
        self.span = span
        self._order: ByteOrder = order

    def read(self) -> NoReturn:
        raise UnreadableError(
            f"{self.span.shard.shown}: {quoted(self.key)} is a {self.type_name}, which only TensorFlow can read",
            "leave it out with a rule `expect: ignored`",
        )

    def verify(self) -> None:
        if self.span.verified:
            return
        if self.type != VARIANT:
            self.read()
        data = self.span.bytes().data
        crc = at = 0
        try:
            for _ in range(prod(self.shape)):
                length, at = varint(data, at)
                end = at + length
                stored = data[end : end + CHECKSUM_BYTES]
                crc = crc32c(data[at:end], crc32c(length.to_bytes(8, self._order), crc))
                if len(stored) < CHECKSUM_BYTES or masked(crc) != int.from_bytes(stored, self._order):
                    raise self.span.damaged("is not what was saved: a checksum in it does not match")
                crc = crc32c(stored, crc)
                at = end + CHECKSUM_BYTES
        except (IndexError, WireError) as error:
            raise self.span.damaged("is cut short") from error
        if at != len(data):
            raise self.span.damaged("does not fill its place")
        self.span.settle(crc)

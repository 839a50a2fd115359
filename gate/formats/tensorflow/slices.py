"""Partitioned variables: a tensor stored in parts, each under a key that encodes its name and its place.

The key is `EncodeTensorNameSlice` of tensorflow/core/util/saved_tensor_slice_util.cc, in the ordered code of
tensorflow/core/lib/strings/ordered_code.cc.
"""

import re
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from gate.errors import UnreadableError
from gate.formats.limits import Limits
from gate.formats.spool import decoded, kept
from gate.formats.tensorflow.entries import WHOLE, Extent
from gate.formats.tensorflow.tensors import Stored
from gate.tensors.weightset import Array

PREFIX = b"\0"
"""How the keys of parts start, and no others."""
MAX_MIXED = 1024
"""How many parts may be cut along more than one axis: each is compared with every other."""

_ESCAPED = re.compile(rb"[\0\xff]")

Box = tuple[Extent, ...]


def key_of(name: bytes, extents: Box) -> bytes:
    """The key under which a part lies."""
    escaped = _ESCAPED.sub(lambda found: b"\0\xff" if found[0] == b"\0" else b"\xff\0", name)
    numbers = b"".join(_signed(number) for extent in extents for number in extent)
    return PREFIX + escaped + b"\0\1" + _unsigned(len(extents)) + numbers


def placed(extents: Box, shape: tuple[int, ...]) -> Box | None:
    """A part's place in its tensor, all lengths known; None where it is not inside. Starts are not negative."""
    if len(extents) != len(shape):
        return None
    along = list(zip(extents, shape, strict=True))
    box = tuple((0, whole) if length == WHOLE else (start, length) for (start, length), whole in along)
    inside = all(start + length <= whole for (start, length), whole in zip(box, shape, strict=True))
    return box if inside else None


def fault(boxes: Sequence[Box], shape: tuple[int, ...]) -> str:
    """Why the parts do not make up the tensor, each element once; nothing where they do."""
    if sum(prod(length for _, length in box) for box in boxes) != prod(shape):
        return "has parts that leave gaps or overlap"
    boxes = [box for box in boxes if all(length for _, length in box)]
    axes = [axis for axis in range(len(shape)) if any(box[axis] != (0, shape[axis]) for box in boxes)]
    if len(axes) <= 1:
        return "has parts that overlap" if _meet_on_line(boxes, axes) else ""
    if len(boxes) > MAX_MIXED:
        return f"is in {len(boxes):,} parts along several axes; {MAX_MIXED:,} is the limit"
    return "has parts that overlap" if _meet(boxes) else ""


def _meet_on_line(boxes: Sequence[Box], axes: list[int]) -> bool:
    if not axes:
        return len(boxes) > 1
    at = 0
    for start, length in sorted(box[axes[0]] for box in boxes):
        if start < at:
            return True
        at = start + length
    return False


def _meet(boxes: Sequence[Box]) -> bool:
    places = np.array(boxes, np.int64)
    starts, ends = places[:, :, 0], places.sum(axis=2)
    for i in range(len(boxes) - 1):
        apart = (ends[i + 1 :] <= starts[i]) | (starts[i + 1 :] >= ends[i])
        if not apart.any(axis=1).all():
            return True
    return False


class Assembled(Stored):
    """A tensor put together from its parts, or what is `wrong` with them.

    TF1 itself leaves gaps in the slots of optimizers that were made in a scope, so that this concerns one tensor only.
    """

    __slots__ = ("_limits", "_parts", "_read", "_wrong")

    def __init__(
        self,
        key: str,
        type: int,
        dtype: np.dtype[Any],
        shape: tuple[int, ...],
        parts: Sequence[tuple[Box, Stored]],
        limits: Limits,
        wrong: UnreadableError | None = None,
    ) -> None:
        super().__init__(key, type, dtype, shape)
        self._wrong = wrong
        self._parts = tuple(parts)
        self._limits = limits
        self._read = kept(lambda: decoded(dtype, shape, self._fill, limits))

    def read(self) -> Array:
        if self._wrong is not None:
            raise self._wrong
        return self._read()

    def verify(self) -> None:
        for _, part in self._parts:
            part.verify()

    def _fill(self, out: Array) -> None:
        for box, part in self._parts:
            out[tuple(slice(start, start + length) for start, length in box)] = part.read()


def _unsigned(number: int) -> bytes:
    """`WriteNumIncreasing`: how many bytes, then those bytes."""
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes((len(data),)) + data


def _signed(number: int) -> bytes:
    """`WriteSignedNumIncreasing`: as many leading ones as bytes, a zero, the number; negated bit by bit below zero."""
    if number < 0:
        return bytes(byte ^ 0xFF for byte in _signed(~number))
    length = number.bit_length() // 7 + 1
    ones = (1 << length) - 1 << 7 * length
    return (ones | number).to_bytes(length, "big")

"""CRC32C as LevelDB and TensorFlow store it: masked (leveldb util/crc32c.h), so that a checksum of checksums works."""

from collections.abc import Callable
from functools import cache
from typing import Any

from numpy.typing import NDArray

_DELTA = 0xA282EAD8
_MASK32 = (1 << 32) - 1

Bytes = bytes | memoryview | NDArray[Any]


def crc32c(data: Bytes, so_far: int = 0) -> int:
    """The checksum of `data`, after what gave `so_far`. Where there is much of it, other threads run meanwhile."""
    return _library()(data, so_far)


def masked(crc: int) -> int:
    """What is stored for a checksum."""
    return (((crc >> 15) | (crc << 17)) + _DELTA) & _MASK32


@cache
def _library() -> Callable[[Any, int], int]:
    from crc32c import crc32c as checksum  # noqa: PLC0415 -- its import takes longer than most checks

    return checksum

"""The CRC-32 of zip archives, at the speed of memory: zlib's own takes as long as all the rest of a comparison."""

from collections.abc import Callable
from functools import cache


def crc32(data: bytes | memoryview, so_far: int = 0) -> int:
    """The checksum of `data`, after what gave `so_far`. Where there is much of it, other threads run meanwhile."""
    return _library()(data, so_far)


@cache
def _library() -> Callable[[bytes | memoryview, int], int]:
    from isal.isal_zlib import crc32 as checksum  # noqa: PLC0415 -- most files need none

    return checksum

"""Dataspace messages (§ IV.A.2.b): how many elements, in which shape."""

from functools import lru_cache
from struct import error, unpack_from

from gate.formats.hdf5.signals import Damaged

_MOST = 32
Shape = tuple[int, ...]


@lru_cache(128)
def shape(body: bytes) -> Shape | None:
    """The dimensions; `()` is a scalar, None a dataspace without elements. Maximal dimensions are not looked at."""
    try:
        version, rank, flags, kind = unpack_from("<BBBB", body)
        if version == 1:
            at, kind = 8, 1 if rank else 0
        elif version == 2:
            at = 4
        else:
            raise Damaged(f"its dataspace has version {version}")
        if rank > _MOST or flags > 1 or kind > 2 or (rank and kind != 1):
            raise Damaged("its dataspace makes no sense")
        if kind == 2:
            return None
        dimensions: Shape = unpack_from(f"<{rank}Q", body, at)
        if flags and any(most < now for now, most in zip(dimensions, unpack_from(f"<{rank}Q", body, at + 8 * rank))):  # noqa: B905 -- one rank
            raise Damaged("its dataspace is larger than it may be")
    except error as problem:
        raise Damaged("its dataspace is cut short") from problem
    return dimensions

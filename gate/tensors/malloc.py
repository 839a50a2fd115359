"""How the C library keeps freed memory, for threads that work on arrays of some 100 KB again and again.

glibc gives freed memory at the end of a thread's heap back to the kernel from 128 KiB on, and maps every larger block
anew; each temporary of the kernel then costs page faults, half of all time spent. See mallopt(3).
"""

import ctypes
from functools import cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h
_KEPT_BYTES = 32 * 1024 * 1024
_MAPPED_BYTES = 4 * 1024 * 1024


@cache
def keep_freed_memory() -> None:
    """Has this process keep up to 32 MiB per heap; does nothing where the C library is not glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_MMAP_THRESHOLD, _MAPPED_BYTES)

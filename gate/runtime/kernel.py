"""What Linux offers a process and Python's library does not: `prctl` and system calls by their numbers.

Both raise `OSError` as the functions of `os` do; where there is no such thing (not Linux) it is ENOSYS.
"""

import ctypes
import errno
import os
import sys
from contextlib import suppress
from functools import cache

SET_PDEATHSIG, SET_DUMPABLE, GET_DUMPABLE = 1, 4, 3
SET_CHILD_SUBREAPER, GET_CHILD_SUBREAPER = 36, 37
SET_NO_NEW_PRIVS = 38


def prctl(option: int, argument: int = 0) -> int:
    """`prctl(option, argument, 0, 0, 0)`."""
    return _called("prctl", option, argument, 0, 0, 0)


def close_to_others() -> None:
    """No process of the same user reads this one's memory from here on, nor those it starts: a token may be in it.

    Where that cannot be had, nothing is said.
    """
    with suppress(OSError):
        prctl(SET_DUMPABLE, 0)


def asked(option: int) -> int:
    """What a `PR_GET_…` that writes an int says."""
    value = ctypes.c_int()
    _called("prctl", option, ctypes.addressof(value), 0, 0, 0)
    return value.value


def syscall(number: int, *arguments: int) -> int:
    """A system call, by its number on this machine."""
    return _called("syscall", number, *arguments)


def _called(name: str, *arguments: int) -> int:
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    function = getattr(_libc(), name)
    function.restype = ctypes.c_long
    result = function(*(ctypes.c_long(argument) for argument in arguments))
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(result)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)

"""Landlock: a process gives up, for itself and all that it starts, every file but those it names, TCP, and signals.

What the kernel knows of it grows with a version number (ABI): 1 files, 2 renaming between folders, 3 truncation, 4 TCP,
5 device controls, 6 signals and abstract sockets outside. An older kernel leaves the rest open. See landlock(7).
"""

import ctypes
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path
from stat import S_ISDIR

from gate.runtime import kernel

# The same on x86_64, aarch64 and every newer architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_PATH_BENEATH = 1
_ALL_TCP = 0b11
_ALL_SCOPES = 0b11
FILES, TRUNCATION, TCP, SIGNALS = 1, 3, 4, 6
"""The first ABI that knows of each."""


class Access(IntFlag):
    """What one can do to files (LANDLOCK_ACCESS_FS_…)."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13
    TRUNCATE = 1 << 14
    IOCTL_DEV = 1 << 15


READ = Access.READ_FILE | Access.READ_DIR
RUN = READ | Access.EXECUTE
# No links, pipes or devices: whoever looks at the folder later finds files and folders, and nothing that leads away.
WRITE = (
    READ | Access.WRITE_FILE | Access.TRUNCATE | Access.MAKE_REG | Access.MAKE_DIR | Access.REMOVE_FILE
    | Access.REMOVE_DIR | Access.REFER
)  # fmt: skip
DEVICE = READ | Access.WRITE_FILE | Access.TRUNCATE | Access.IOCTL_DEV
_OF_FILES = Access.EXECUTE | Access.WRITE_FILE | Access.READ_FILE | Access.TRUNCATE | Access.IOCTL_DEV


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


@dataclass(frozen=True)
class _Known:
    """What one version of the kernel can forbid."""

    files: Access
    network: int
    scopes: int
    size: int


def version() -> int:
    """The kernel's ABI; 0 where there is no Landlock, or it is switched off."""
    try:
        return kernel.syscall(_CREATE_RULESET, 0, 0, _ASK_VERSION)
    except OSError:
        return 0


def restrict(allowed: Mapping[Path, Access]) -> int:
    """Leaves this thread and what it starts only what `allowed` says, below each path; the ABI that did it, or 0.

    Paths that do not exist or cannot be opened are not allowed. Needs no_new_privs.
    """
    abi = version()
    if abi == 0:
        return 0
    known = _known(abi)
    ruleset = _Ruleset(known.files, known.network, known.scopes)
    try:
        rules = kernel.syscall(_CREATE_RULESET, ctypes.addressof(ruleset), known.size, 0)
    except OSError:
        return 0
    try:
        for path, access in allowed.items():
            _allow(rules, path, access & known.files)
        kernel.syscall(_RESTRICT_SELF, rules, 0)
    except OSError:
        return 0
    finally:
        os.close(rules)
    return abi


def _known(abi: int) -> _Known:
    files = ~Access(0)
    for first, access in ((2, Access.REFER), (TRUNCATION, Access.TRUNCATE), (5, Access.IOCTL_DEV)):
        if abi < first:
            files &= ~access
    fields = 1 + (abi >= TCP) + (abi >= SIGNALS)
    return _Known(files, _ALL_TCP if abi >= TCP else 0, _ALL_SCOPES if abi >= SIGNALS else 0, 8 * fields)


def _allow(rules: int, path: Path, access: Access) -> None:
    with suppress(OSError):
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            if not S_ISDIR(os.fstat(place).st_mode):
                access &= _OF_FILES
            rule = _Beneath(access, place)
            kernel.syscall(_ADD_RULE, rules, _PATH_BENEATH, ctypes.addressof(rule), 0)
        finally:
            os.close(place)


def merged(*rules: tuple[Iterable[Path], Access]) -> dict[Path, Access]:
    """One entry for each path: all that any rule allows it."""
    found: dict[Path, Access] = {}
    for paths, access in rules:
        for path in paths:
            found[path] = found.get(path, Access(0)) | access
    return found

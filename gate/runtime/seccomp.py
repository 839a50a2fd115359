"""Seccomp: system calls that loading a model never needs are refused with EPERM, for good, in all threads and children.

Sockets (Landlock knows TCP only; this stops UDP and docker.sock too), other processes' memory, new namespaces and
mounts, ways around the filter (io_uring), kernel facilities that had holes (bpf, perf, userfaultfd, keys), leaving the
process group (so that one signal ends all of it), and shared memory that outlives its processes. Pairs of connected
stream sockets stay: `multiprocessing` and `asyncio` use them.
"""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from gate.runtime import kernel

_SET_MODE_FILTER, _ALL_THREADS = 1, 1
_ALLOW = 0x7FFF_0000
_ERROR = 0x0005_0000
_X32 = 0x4000_0000

# struct seccomp_data: number, architecture, instruction pointer, six arguments of 64 bits, little endian.
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06

_NEW_NAMESPACES = 0x7E02_0000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_SOCKET_TYPE, _STREAM = 0xF, 1

# name: (x86_64, aarch64); None where there is no such call
_CALLS: dict[str, tuple[int | None, int | None]] = {
    "socket": (41, 198), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201), "accept": (43, 202),
    "accept4": (288, 242),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_getfd": (438, 438), "process_madvise": (440, 440), "process_mrelease": (448, 448),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428),
    "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "open_by_handle_at": (304, 265), "fanotify_init": (300, 262), "quotactl": (179, 60),
    "quotactl_fd": (443, 443), "swapon": (167, 224), "swapoff": (168, 225),
    "unshare": (272, 97), "setns": (308, 268),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "reboot": (169, 142), "acct": (163, 89), "syslog": (103, 116), "iopl": (172, None),
    "ioperm": (173, None), "modify_ldt": (154, None), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "adjtimex": (159, 171), "clock_adjtime": (305, 266), "sethostname": (170, 161), "setdomainname": (171, 162),
    "setsid": (112, 157), "setpgid": (109, 154),
    "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180), "memfd_secret": (447, 447),
}  # fmt: skip
_TRUNCATE = (76, 45)
_CLONE, _CLONE3, _SOCKETPAIR, _PRLIMIT = (56, 220), (435, 435), (53, 199), (302, 261)


@dataclass(frozen=True)
class _Machine:
    """Where a kind of machine stands in the pairs above, and how the kernel calls it (AUDIT_ARCH_…)."""

    column: int
    audit: int
    x32: bool


_MACHINES = {"x86_64": _Machine(0, 0xC000_003E, x32=True), "aarch64": _Machine(1, 0xC000_00B7, x32=False)}
_SECCOMP = (317, 277)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def refuse_calls(*, truncation: bool) -> bool:
    """Installs the filter, with `truncation` also for truncating a file by its name; False where that cannot be.

    Needs no_new_privs. A process of another architecture than ours (32 bits) is refused everything.
    """
    machine = _MACHINES.get(platform.machine())
    if machine is None or ctypes.sizeof(ctypes.c_void_p) != 8:
        return False
    code = _filter(machine, truncation=truncation)
    program = _Program(len(code) // 8, code)
    try:
        kernel.syscall(_SECCOMP[machine.column], _SET_MODE_FILTER, _ALL_THREADS, ctypes.addressof(program))
    except OSError:
        return False
    return True


def _filter(machine: _Machine, *, truncation: bool) -> bytes:
    column = machine.column
    calls = [*_CALLS.values(), *([_TRUNCATE] if truncation else [])]
    eperm, enosys = _ERROR | errno.EPERM, _ERROR | errno.ENOSYS
    lines = [_load(_ARCHITECTURE), *_unless(_EQUAL, machine.audit, eperm), _load(_NUMBER)]
    if machine.x32:
        lines += _when(_AT_LEAST, _X32, enosys)
    for call in calls:
        number = call[column]
        if number is not None:
            lines += _when(_EQUAL, number, eperm)
    # Its flags lie in memory, where a filter cannot look; told that it does not exist, libraries use clone.
    lines += _when(_EQUAL, _CLONE3[column], enosys)
    lines += _for(_CLONE[column], [_load(_ARGUMENTS), *_when(_ANY_BIT, _NEW_NAMESPACES, eperm)])
    # A pair of datagram sockets could still be sent elsewhere.
    kind = [_load(_ARGUMENTS + 8), _line(_AND, _SOCKET_TYPE), *_unless(_EQUAL, _STREAM, eperm)]
    lines += _for(_SOCKETPAIR[column], kind)
    # Limits of other processes: ours are 0 or our own number.
    whose = [_load(_ARGUMENTS), _line(_EQUAL, 0, 2, 0), *_unless(_EQUAL, os.getpid(), eperm)]
    lines += _for(_PRLIMIT[column], whose)
    return b"".join([*lines, _line(_RETURN, _ALLOW)])


def _line(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    """One instruction (struct sock_filter); `then` and `otherwise` are how many to jump over."""
    return struct.pack("<HBBI", code, then, otherwise, value)


def _load(offset: int) -> bytes:
    return _line(_LOAD, offset)


def _when(test: int, value: int, answer: int) -> list[bytes]:
    return [_line(test, value, 0, 1), _line(_RETURN, answer)]


def _unless(test: int, value: int, answer: int) -> list[bytes]:
    return [_line(test, value, 1, 0), _line(_RETURN, answer)]


def _for(number: int, lines: Iterable[bytes]) -> list[bytes]:
    """`lines`, and then permission, for one system call; for others its number stays loaded."""
    body = [*lines, _line(_RETURN, _ALLOW)]
    return [_line(_EQUAL, number, 0, len(body)), *body]

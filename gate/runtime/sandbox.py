"""What a child does to itself before it imports TensorFlow: limits, and all that the kernel offers to confine it.

Call `restrain`, then `confine`, from the only thread there is: what they take away is gone for this process and all
that it starts. Nothing here fails where the kernel lacks something; `Level` says what was reached.
"""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gate.runtime import kernel, landlock, seccomp

_OPEN_FILES = 4096

# Programs and libraries. What can be run from here, Python could do itself: all of it stays confined.
_SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/nix/store")
# How libraries are found, what time it is, who a number is; the processors and the memory there are. No secrets.
_FACTS = (
    "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/timezone", "/etc/passwd",
    "/etc/group", "/etc/nsswitch.conf", "/etc/mime.types", "/etc/locale.alias", "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/openssl.cnf", "/etc/crypto-policies",
    # Not all of /proc: other processes' environments lie there, ours once more.
    "/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/loadavg", "/proc/filesystems", "/proc/version",
    "/proc/sys/kernel/osrelease", "/proc/sys/vm/overcommit_memory", "/proc/sys/vm/max_map_count",
    "/sys/devices/system/cpu", "/sys/devices/system/node", "/sys/fs/cgroup", "/sys/kernel/mm/transparent_hugepage",
    "/dev/random", "/dev/urandom",
)  # fmt: skip
_SINKS = ("/dev/null", "/dev/zero", "/dev/full")
_GPU_FACTS = ("/proc/driver/nvidia", "/proc/devices", "/proc/modules", "/sys", "/etc/vulkan", "/etc/OpenCL")
_GPU_DEVICES = ("nvidia*", "dri", "dxg")

_CAPABILITY_VERSION = 0x2008_0522
_READ_ANY_FILE = 1 << 1  # CAP_DAC_OVERRIDE: as root in somebody else's workspace


@dataclass(frozen=True)
class Level:
    """How far a process is confined."""

    no_new_privileges: bool = False
    landlock: int = 0
    """The ABI in use; 0 is none."""
    network_denied: bool = False
    system_calls_filtered: bool = False

    @property
    def complete(self) -> bool:
        """Whether nothing is missing of what weight-gate can use."""
        return not self._missing

    @property
    def text(self) -> str:
        """One line for a report: what is in force, then what is missing."""
        parts = ["no_new_privs"] if self.no_new_privileges else []
        if self.landlock:
            known = (name for name, first in _LANDLOCK_PARTS if self.landlock >= first)
            parts.append(f"Landlock ABI {self.landlock} ({', '.join(known)})")
        if self.system_calls_filtered:
            parts.append("seccomp (no sockets)" if self.network_denied else "seccomp")
        there = ", ".join(parts) or "not confined"
        return there + (f"; missing: {', '.join(self._missing)}" if self._missing else "")

    @property
    def _missing(self) -> list[str]:
        missing = [] if self.no_new_privileges else ["no_new_privs"]
        if self.landlock:
            missing += [f"Landlock for {name}" for name, first in _LANDLOCK_PARTS if self.landlock < first]
        else:
            missing.append("Landlock")
        if not self.system_calls_filtered:
            missing.append("seccomp")
        if not self.network_denied:
            missing.append("no network")
        return missing


_LANDLOCK_PARTS = (
    ("files", landlock.FILES),
    ("truncation", landlock.TRUNCATION),
    ("TCP", landlock.TCP),
    ("signals", landlock.SIGNALS),
)


def restrain(file_bytes: int | None, parent: int) -> None:
    """Limits this process, makes it the first that the kernel kills for memory, and has it die with `parent`.

    On Linux it dies with the *thread* of the parent that started it.
    """
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    if file_bytes is not None:
        _limit(resource.RLIMIT_FSIZE, file_bytes)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    with suppress(OSError):
        kernel.prctl(kernel.SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def _limit(which: int, value: int) -> None:
    _, most = resource.getrlimit(which)
    value = value if most == resource.RLIM_INFINITY else min(value, most)
    resource.setrlimit(which, (value, value))


def confine(readable: Iterable[Path], writable: Iterable[Path], gpu: bool = False) -> Level:
    """Leaves this process the system, Python with its packages, and these files and folders; no network, no privileges.

    Links in `readable` and `writable` are followed now, and only those that lead to what is allowed later. `TMPDIR` has
    to be writable, or `tempfile` fails. Modes and times of files of the same user can still be changed anywhere, which
    Landlock does not know of. With `gpu`, the devices of GPUs that are there are open too.
    """
    if sys.platform != "linux":
        return Level()
    if _threads() > 1:
        raise RuntimeError("confine() has to come before anything that starts threads")
    privileges = _drop_privileges()
    abi = landlock.restrict(_allowed(readable, writable, gpu=gpu)) if privileges else 0
    filtered = privileges and seccomp.refuse_calls(truncation=abi < landlock.TRUNCATION)
    return Level(privileges, abi, network_denied=filtered, system_calls_filtered=filtered)


def _threads() -> int:
    try:
        return sum(1 for _ in Path("/proc/self/task").iterdir())
    except OSError:
        return 1


def _allowed(readable: Iterable[Path], writable: Iterable[Path], *, gpu: bool) -> dict[Path, landlock.Access]:
    devices = [path for pattern in _GPU_DEVICES for path in Path("/dev").glob(pattern)] if gpu else []
    return landlock.merged(
        (_programs(), landlock.RUN),
        (map(Path, _FACTS), landlock.READ),
        (map(Path, _GPU_FACTS if devices else ()), landlock.READ),
        (_packages(), landlock.READ),
        (readable, landlock.READ),
        (writable, landlock.WRITE),
        ((*map(Path, _SINKS), *devices), landlock.DEVICE),
    )


def _programs() -> Iterator[Path]:
    yield from map(Path, _SYSTEM)
    yield Path(sys.prefix)
    yield Path(sys.base_prefix)


def _packages() -> Iterator[Path]:
    """Where modules and libraries are looked for; the folder one happens to be in is no such place."""
    for entry in (*sys.path, *os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)):
        path = Path(entry)
        if path.is_absolute() and path != path.parent:
            yield path


def _drop_privileges() -> bool:
    """No program run from here gains privileges, and root keeps none but to open files; False where that cannot be."""
    try:
        kernel.prctl(kernel.SET_NO_NEW_PRIVS, 1)
    except OSError:
        return False
    with suppress(OSError):
        _keep_capabilities(_READ_ANY_FILE)
    return True


def _keep_capabilities(mask: int) -> None:
    """Of those this process has, keeps `mask` (capset(2)): no chown, no mounts, no look into other processes."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    data = (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capget(ctypes.byref(header), ctypes.byref(data)) == 0:
        # Effective, permitted and inheritable, of the first 32 and then of the others.
        kept = [value & mask if at < 2 else 0 for at, value in enumerate(data)]
        libc.capset(ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)(*kept)))

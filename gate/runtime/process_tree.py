"""A child process with all that came of it: who lives, what memory they hold together, and an end to all of them.

A process can leave its parent (fork twice) and its session (setsid), so `killpg` is not enough. While a tree lives,
this process is the one that orphans below it are given to (PR_SET_CHILD_SUBREAPER), and finds them there: a child of
ours in another session than ours is none of the processes that we started for ourselves. Without /proc (not Linux)
only the child's own group is known.
"""

import os
import signal
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gate.runtime import kernel

_PROC = Path("/proc")
_DEAD = frozenset("ZXx")
_PRIVATE = ("RssAnon:", "RssShmem:", "VmSwap:")
_SHARE = ("Pss_Anon:", "Pss_Shmem:", "SwapPss:")
_LONGEST_PAUSE = 0.02
_MOST_TURNS = 1000

Identity = tuple[int, int]
"""Process id and start time: an id alone is given out again."""


@dataclass(frozen=True)
class Process:
    """One line of /proc/PID/stat."""

    pid: int
    parent: int
    session: int
    started: int
    alive: bool

    @property
    def identity(self) -> Identity:
        return (self.pid, self.started)


def processes() -> dict[int, Process]:
    """Every process there is, dead ones that nobody has waited for among them."""
    found = {}
    with suppress(OSError), os.scandir(_PROC) as entries:
        for entry in entries:
            if entry.name.isdecimal():
                process = _process(int(entry.name))
                if process is not None:
                    found[process.pid] = process
    return found


def _process(pid: int) -> Process | None:
    try:
        text = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    # The name of a program may hold anything, brackets and spaces too.
    fields = text.rpartition(b")")[2].split()
    threads = int(fields[17])
    # A process whose first thread alone has ended looks dead and is not.
    alive = fields[0].decode() not in _DEAD or threads > 1
    return Process(pid, parent=int(fields[1]), session=int(fields[3]), started=int(fields[19]), alive=alive)


def _children() -> list[int]:
    """The children of this process, without a look at any other; none where the kernel has no such list."""
    found: list[int] = []
    with suppress(OSError):
        for thread in Path("/proc/self/task").iterdir():
            with suppress(OSError):
                found.extend(map(int, (thread / "children").read_bytes().split()))
    return found


def _wait_for(process: Process) -> None:
    with suppress(OSError):
        os.waitpid(process.pid, os.WNOHANG)


def below(roots: Iterable[int], table: dict[int, Process]) -> set[int]:
    """`roots` and all that descends from them."""
    children: dict[int, list[int]] = {}
    for process in table.values():
        children.setdefault(process.parent, []).append(process.pid)
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting.extend(children.get(pid, ()))
    return found


def private_bytes(pid: int) -> int:
    """Memory that no file stands behind: what a process holds alone or shares with its forks. 0 where it is gone."""
    return _sum_of("status", pid, _PRIVATE)


def proportional_bytes(pid: int) -> int:
    """The same with shared pages divided by those who share them; costs a walk through its page tables."""
    return _sum_of("smaps_rollup", pid, _SHARE) or private_bytes(pid)


def _sum_of(name: str, pid: int, keys: tuple[str, ...]) -> int:
    try:
        text = (_PROC / str(pid) / name).read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    lines = (line.split() for line in text.splitlines() if line.startswith(keys))
    return sum(int(words[1]) * 1024 for words in lines)


class ProcessTree:
    """All that comes of one child process. Made before the child starts, told its id by `rooted`."""

    def __init__(self) -> None:
        self._root = 0
        self._seen: set[Identity] = set()
        self._born = _ticks_since_boot() - 1
        _adoption.begin(self)

    def rooted(self, pid: int) -> None:
        """`pid` is the child: a process that leads its own session, and that nobody waits for until `kill` is done."""
        self._root = pid
        self.look()

    def look(self) -> list[int]:
        """Finds who lives now. Strays that have ended are waited for."""
        table = processes()
        strays = self._strays(table.values())
        own = [each.pid for each in table.values() if self.claims(each)]
        found = [table[pid] for pid in below([*own, *(each.pid for each in strays)], table) if pid in table]
        self._seen = {each.identity for each in found}
        for each in strays:
            if not each.alive:
                _wait_for(each)
        return [each.pid for each in found if each.alive]

    def _strays(self, candidates: Iterable[Process]) -> list[Process]:
        """Of all processes those that lost their parents and are ours by that."""
        me, here = os.getpid(), os.getsid(0)
        return [
            each
            for each in candidates
            if each.parent == me
            and each.session != here
            and each.pid != self._root
            and each.started >= self._born
            and _adoption.free(each, self)
        ]

    def claims(self, process: Process) -> bool:
        """Whether a process is known to belong here."""
        rooted = self._root != 0 and self._root in {process.pid, process.session}
        return rooted or process.identity in self._seen

    def memory(self, pids: list[int], enough: int) -> int:
        """Bytes that `pids` hold together; counted with more care where that would be more than `enough`."""
        total = sum(map(private_bytes, pids))
        if len(pids) > 1 and total > enough:
            total = sum(map(proportional_bytes, pids))
        return total

    def kill(self, seconds: float = 10.0) -> bool:
        """Ends all of it; False where something did not die in time (it waits for a device, say)."""
        until = time.monotonic() + seconds
        pause, quiet = 0.001, 0
        # Reading /proc takes a while: who was born behind its back is there when it is read again.
        while quiet < 2 and time.monotonic() < until:
            if self._root:
                # The kernel does this in one go, so that none of the group escapes by forking.
                with suppress(OSError):
                    os.killpg(self._root, signal.SIGKILL)
            alive = self.look()
            for pid in alive:
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            self._chase()
            quiet = 0 if alive else quiet + 1
            if alive:
                time.sleep(pause)
                pause = min(_LONGEST_PAUSE, pause * 2)
        return quiet == 2

    def _chase(self) -> None:
        """Kills strays as fast as they can be listed: one may fork and end, again and again, while /proc is read."""
        for _ in range(_MOST_TURNS):
            strays = self._strays(filter(None, map(_process, _children())))
            if not strays:
                return
            for each in strays:
                with suppress(OSError):
                    os.kill(each.pid, signal.SIGKILL)
                _wait_for(each)

    def close(self) -> None:
        """Nobody needs it any more; orphans go where they went before."""
        _adoption.end(self)


class _Adoption:
    """What this process is while any tree lives: the parent of orphans, and closed to those who would read it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._trees: set[ProcessTree] = set()
        self._before = (0, 1)

    def begin(self, tree: ProcessTree) -> None:
        with self._lock:
            if not self._trees:
                with suppress(OSError):
                    self._before = (kernel.asked(kernel.GET_CHILD_SUBREAPER), kernel.prctl(kernel.GET_DUMPABLE))
                    # Where Landlock is missing, this alone keeps our environment from a child of the same user.
                    self._set(1, 0)
            self._trees.add(tree)

    def end(self, tree: ProcessTree) -> None:
        with self._lock:
            if tree in self._trees:
                self._trees.remove(tree)
                if not self._trees:
                    with suppress(OSError):
                        self._set(*self._before)

    def free(self, process: Process, tree: ProcessTree) -> bool:
        """Whether no other tree knows the process for its own."""
        with self._lock:
            return not any(other.claims(process) for other in self._trees if other is not tree)

    @staticmethod
    def _set(subreaper: int, dumpable: int) -> None:
        kernel.prctl(kernel.SET_CHILD_SUBREAPER, subreaper)
        kernel.prctl(kernel.SET_DUMPABLE, dumpable)


_adoption = _Adoption()


def _ticks_since_boot() -> int:
    try:
        return int(time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK"))
    except (AttributeError, OSError):
        return 0

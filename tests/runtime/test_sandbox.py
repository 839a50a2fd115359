"""Under `confine` a process has its own folder, the system and Python; it is refused everything else."""

import errno
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gate.runtime import landlock, seccomp
from gate.runtime.child import ChildLimits, ChildTrouble
from gate.runtime.environment import scrubbed
from gate.runtime.sandbox import Level
from support.children import LIMITS, MIB, Children
from support.cli import ROOT

pytestmark = pytest.mark.skipif(landlock.version() < landlock.SIGNALS, reason="needs a kernel that knows all of it")

CONFINED = """
import json, os, signal, socket, subprocess, sys
from pathlib import Path
from gate.runtime.sandbox import confine, restrain
given = json.loads(sys.argv[1])
restrain(None, os.getppid())
level = confine([Path(each) for each in given["readable"]], [Path(each) for each in given["writable"]])
def attempt(code):
    try:
        return {"value": eval(code, globals(), {"parent": os.getppid(), **given})}
    except BaseException as error:
        return {"refused": type(error).__name__}
print(json.dumps({"level": level.text, "results": {code: attempt(code) for code in given["attempts"]}}, default=str))
"""
OTHER_USER = 65534


def interpreter(user: int | None) -> str:
    """A Python that the user can run: ours may lie in a home that is closed to others."""
    for each in (sys.executable, shutil.which("python3", path="/usr/bin") or ""):
        command = [each, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
        if each:
            try:
                if subprocess.run(command, check=False, user=user, capture_output=True, cwd="/").returncode == 0:
                    return each
            except OSError:
                pass
    pytest.skip("no Python that another user can run")


@pytest.fixture(params=["this user", "another user"])
def user(request: pytest.FixtureRequest) -> int | None:
    if request.param == "this user":
        return None
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    return OTHER_USER


@pytest.fixture
def folder(tmp_path: Path, user: int | None) -> Iterator[Path]:
    """A world to be confined in: `own`, `given` and `outside` side by side, open to everybody."""
    for each in (tmp_path, *tmp_path.parents):
        if not each.stat().st_mode & 0o001:
            each.chmod(0o711)
    for name in ("own", "given", "outside"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o777)
    for name in ("given", "outside"):
        (tmp_path / name / "file").write_text(name)
        (tmp_path / name / "file").chmod(0o666)
    (tmp_path / "given" / "link").symlink_to(tmp_path / "outside" / "file")
    yield tmp_path
    if user is not None:
        shutil.rmtree(tmp_path / "own")


def attempts(folder: Path, user: int | None, codes: list[str], **more: Any) -> dict[str, Any]:
    """What a confined process of `user` gets for each expression."""
    own, given, outside = (str(folder / name) for name in ("own", "given", "outside"))
    request = {"readable": [given], "writable": [own], "own": own, "given": given, "outside": outside}
    done = subprocess.run(
        [interpreter(user), "-c", CONFINED, json.dumps({**request, "attempts": codes, **more})],
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=folder,
        user=user,
        group=user,
        start_new_session=True,
        extra_groups=None if user is None else [],
        check=True,
        capture_output=True,
        timeout=30,
    )
    found = json.loads(done.stdout)
    assert found["level"] == (
        f"no_new_privs, Landlock ABI {landlock.version()} (files, truncation, TCP, signals), seccomp (no sockets)"
    )
    results: dict[str, Any] = found["results"]
    return results


def test_its_own_folders_work(folder: Path, user: int | None) -> None:
    codes = {
        "open(own + '/a', 'w').write('text')": 4,
        "open(own + '/a').read()": "text",
        "os.makedirs(own + '/deep/er')": None,
        "os.rename(own + '/a', own + '/deep/er/b')": None,
        "os.truncate(own + '/deep/er/b', 1)": None,
        "os.listdir(own + '/deep/er')": ["b"],
        "os.remove(own + '/deep/er/b')": None,
        "open(given + '/file').read()": "given",
        "sorted(os.listdir(given))": ["file", "link"],
        "open('/dev/null', 'w').write('x')": 1,
        "len(os.urandom(3))": 3,
        "len(open('/dev/urandom', 'rb').read(3))": 3,
        "[each.send(b'x') for each in socket.socketpair()]": [1, 1],
        "os.kill(os.getpid(), 0)": None,
        "'MemTotal' in open('/proc/meminfo').read()": True,
        "str(os.getpid()) in open('/proc/self/status').read()": True,
        "subprocess.run(['/bin/true']).returncode": 0,
        "subprocess.run([sys.executable, '-c', 'import decimal']).returncode": 0,
    }
    results = attempts(folder, user, list(codes))
    assert results == {code: {"value": value} for code, value in codes.items()}


REFUSED = [
    # reading
    "open('/etc/shadow').read()",
    "open('/etc/hostname').read()",
    "open(outside + '/file').read()",
    "open(own + '/../outside/file').read()",
    "os.listdir(outside)",
    "os.listdir('/')",
    "os.listdir('/proc')",
    "open(f'/proc/{parent}/environ', 'rb').read()",
    "open(f'/proc/{parent}/cmdline', 'rb').read()",
    "open(f'/proc/{parent}/mem', 'rb')",
    "open(f'/proc/self/task/../../{parent}/environ', 'rb').read()",
    "open('/proc/self/root/etc/hostname').read()",
    "open(given + '/link').read()",
    "open('/proc/1/environ', 'rb').read()",
    # writing
    "open(outside + '/new', 'w')",
    "open(outside + '/file', 'a')",
    "open(given + '/file', 'a')",
    "open(given + '/new', 'w')",
    "os.truncate(outside + '/file', 0)",
    "os.truncate(given + '/file', 0)",
    "os.remove(outside + '/file')",
    "os.rename(outside + '/file', own + '/taken')",
    "os.link(outside + '/file', own + '/linked')",
    "os.mkdir(outside + '/folder')",
    "open('/dev/shm/gate-test', 'w')",
    "open(f'/proc/{parent}/oom_score_adj', 'w').write('1000')",
    "open('/proc/self/oom_score_adj', 'w').write('0')",
    # nothing that leads out of its folder, for those who look at it later
    "os.symlink('/etc/shadow', own + '/link')",
    "os.mkfifo(own + '/pipe')",
    # running what it wrote
    "[open(own + '/run', 'w').write('#!/bin/sh'), os.chmod(own + '/run', 0o755), subprocess.run([own + '/run'])]",
    # network
    "socket.socket()",
    "socket.socket(socket.AF_INET6, socket.SOCK_STREAM)",
    "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "socket.socket(socket.AF_UNIX)",
    "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "socket.socketpair(type=socket.SOCK_DGRAM)",
    "socket.create_connection(('127.0.0.1', port))",
    "socket.socketpair()[0].connect(chr(0) + name)",
    "socket.socketpair()[0].connect(path)",
    # other processes
    "os.kill(parent, 0)",
    "os.kill(parent, signal.SIGTERM)",
    "os.killpg(os.getpgid(parent), 0)",
    "__import__('resource').prlimit(parent, 7, (5, 5))",
    "os.setsid()",
    "os.setpgid(0, 0)",
    # privileges
    "os.chroot(own)",
    "os.setuid(1)",
    "os.chown(own, 1, 1)",
    "os.sethostname('x')" if hasattr(os, "sethostname") else "os.setuid(2)",
]


def test_everything_else_is_refused(folder: Path, user: int | None) -> None:
    name, path = f"gate-{os.getpid()}-{user}", str(folder / "socket")
    with socket.socket() as inet, socket.socket(socket.AF_UNIX) as abstract, socket.socket(socket.AF_UNIX) as unix:
        inet.bind(("127.0.0.1", 0))
        abstract.bind("\0" + name)
        unix.bind(path)
        Path(path).chmod(0o777)
        for each in (inet, abstract, unix):
            each.listen()
        results = attempts(folder, user, REFUSED, port=inet.getsockname()[1], name=name, path=path)
    allowed = {code: result for code, result in results.items() if "refused" not in result}
    assert not allowed
    assert (folder / "outside" / "file").read_text() == "outside"
    assert (folder / "given" / "file").read_text() == "given"
    assert sorted(each.name for each in (folder / "outside").iterdir()) == ["file"]


def test_without_confinement_they_would_work(folder: Path) -> None:
    """What is refused above is refused by `confine`, where anybody could do it otherwise."""
    names = {"own": str(folder / "own"), "outside": str(folder / "outside"), "given": str(folder / "given")}
    for code in (
        "open(outside + '/file').close()",
        "open(given + '/file', 'a').close()",
        "os.mkfifo(own + '/pipe')",
        "os.symlink('/etc/shadow', own + '/link')",
        "open(f'/proc/{parent}/cmdline', 'rb').close()",
        "socket.socket().close()",
        "[each.close() for each in socket.socketpair(type=socket.SOCK_DGRAM)]",
        "os.listdir('/')",
    ):
        eval(code, globals(), {"parent": os.getppid(), **names})


# Calls that Python does not have, by their numbers on x86_64 and aarch64 (asm/unistd.h)
BY_NUMBER = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "bpf": (321, 280), "perf_event_open": (298, 241),
    "io_uring_setup": (425, 425), "userfaultfd": (323, 282), "keyctl": (250, 219), "unshare": (272, 97),
    "setns": (308, 268), "mount": (165, 40), "init_module": (175, 105), "shmget": (29, 194), "pidfd_getfd": (438, 438),
}  # fmt: skip


def test_system_calls_are_refused_by_number(folder: Path, user: int | None) -> None:
    column = {"x86_64": 0, "aarch64": 1}[os.uname().machine]
    call = "(lambda c, n, *a: [c.CDLL(None, use_errno=True).syscall(n, *a), c.get_errno()])(__import__('ctypes'), {})"
    codes = {name: call.format(f"{numbers[column]}, 0, 0, 0, 0, 0, 0") for name, numbers in BY_NUMBER.items()}
    new_user = call.format(f"{(56, 220)[column]}, 0x10000011, 0, 0, 0, 0")
    clone3 = call.format("435, 0, 0")
    results = attempts(folder, user, [*codes.values(), new_user, clone3])
    assert {name: results[code] for name, code in codes.items()} == {name: {"value": [-1, 1]} for name in codes}
    assert results[new_user] == {"value": [-1, 1]}
    assert results[clone3] == {"value": [-1, 38]}


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="a second way to the same calls, on x86_64")
def test_calls_of_the_x32_kind_are_refused(folder: Path) -> None:
    code = "[__import__('ctypes').CDLL(None).syscall(0x40000000 + 41, 2, 1, 0)]"
    assert attempts(folder, None, [code])[code] == {"value": [-1]}


def test_what_it_starts_is_confined_too(folder: Path, user: int | None) -> None:
    command = "subprocess.run(['/bin/sh', '-c', 'cat \"$0\" 2>&1; exec cat \"$1\"', {}, {}], capture_output=True)"
    code = command.format("outside + '/file'", "given + '/file'") + ".stdout.decode()"
    said = attempts(folder, user, [code])[code]["value"]
    assert "Permission denied" in said
    assert said.endswith("given")
    assert "outside\n" not in said


def test_threads_started_before_are_an_error() -> None:
    script = (
        "import threading, time; from gate.runtime.sandbox import confine\n"
        "threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\n"
        "confine([], [])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "RuntimeError: confine() has to come before" in done.stderr


class Kernel:
    """What the kernel does with a filter: classic BPF, the instructions that ours has (bpf(4), seccomp(2))."""

    def __init__(self, program: bytes) -> None:
        self.lines = list(struct.iter_unpack("<HBBI", program))
        for at, (code, then, otherwise, _) in enumerate(self.lines):
            assert code in {0x20, 0x15, 0x35, 0x45, 0x54, 0x06}
            assert at + 1 + max(then, otherwise) < len(self.lines) or code == 0x06

    def answer(self, architecture: int, number: int, *arguments: int) -> int | None:
        """The error of a system call; None where it is allowed."""
        data = struct.pack("<IIQ6Q", number, architecture, 0, *arguments, *[0] * (6 - len(arguments)))
        at, value = 0, 0
        while True:
            code, then, otherwise, operand = self.lines[at]
            at += 1
            if code == 0x06:
                assert operand == 0x7FFF0000 or operand >> 16 == 5
                return None if operand == 0x7FFF0000 else operand & 0xFFFF
            if code == 0x20:
                (value,) = struct.unpack_from("<I", data, operand)
            elif code == 0x54:
                value &= operand
            else:
                holds = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[code]
                at += then if holds else otherwise


X86, ARM = 0xC000003E, 0xC00000B7


@pytest.mark.parametrize(("machine", "architecture", "column"), [("x86_64", X86, 0), ("aarch64", ARM, 1)])
def test_the_filter_of_either_machine(machine: str, architecture: int, column: int) -> None:
    kernel = Kernel(seccomp._filter(seccomp._MACHINES[machine], truncation=True))
    for numbers in BY_NUMBER.values():
        assert kernel.answer(architecture, numbers[column]) == errno.EPERM
    plain = {"read": (0, 63), "openat": (257, 56), "mmap": (9, 222), "futex": (202, 98), "execve": (59, 221)}
    for numbers in plain.values():
        assert kernel.answer(architecture, numbers[column]) is None
    assert kernel.answer(X86 if architecture == ARM else ARM, plain["read"][column]) == errno.EPERM
    assert kernel.answer(0x40000003, 3) == errno.EPERM  # i386
    assert kernel.answer(architecture, (41, 198)[column], 2, 1, 0) == errno.EPERM  # socket
    assert kernel.answer(architecture, (53, 199)[column], 1, 1 | 0o2000000, 0) is None  # socketpair, SOCK_CLOEXEC
    assert kernel.answer(architecture, (53, 199)[column], 1, 2 | 0o2000000, 0) == errno.EPERM
    assert kernel.answer(architecture, (76, 45)[column]) == errno.EPERM  # truncate
    clone = (56, 220)[column]
    assert kernel.answer(architecture, clone, 0x3D0F00) is None  # as pthread_create does
    assert kernel.answer(architecture, clone, 17) is None  # as fork does
    for flag in (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
        assert kernel.answer(architecture, clone, flag | 17) == errno.EPERM
    assert kernel.answer(architecture, 435) == errno.ENOSYS  # clone3
    for whose, expected in ((0, None), (os.getpid(), None), (os.getppid(), errno.EPERM)):
        assert kernel.answer(architecture, (302, 261)[column], whose) == expected


def test_truncation_by_name_is_left_to_landlock_where_it_knows_it() -> None:
    kernel = Kernel(seccomp._filter(seccomp._MACHINES["x86_64"], truncation=False))
    assert kernel.answer(X86, 76) is None


# What can be reached is said


@pytest.mark.parametrize(
    ("level", "complete", "text"),
    [
        (Level(), False, "not confined; missing: no_new_privs, Landlock, seccomp, no network"),
        (
            Level(True, 1, True, True),
            False,
            (
                "no_new_privs, Landlock ABI 1 (files), seccomp (no sockets); "
                "missing: Landlock for truncation, Landlock for TCP, Landlock for signals"
            ),
        ),
        (Level(True, 0, True, True), False, "no_new_privs, seccomp (no sockets); missing: Landlock"),
        (
            Level(True, 7, False, False),
            False,
            "no_new_privs, Landlock ABI 7 (files, truncation, TCP, signals); missing: seccomp, no network",
        ),
        (Level(True, 6, True, True), True, None),
    ],
)
def test_the_level_says_what_is_missing(level: Level, complete: bool, text: str | None) -> None:
    assert level.complete is complete
    if text is not None:
        assert level.text == text


def test_another_system_confines_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from gate.runtime import sandbox

    monkeypatch.setattr("sys.platform", "darwin")
    assert sandbox.confine([tmp_path], [tmp_path]) == Level()
    assert landlock.version() == 0


# Limits


def test_it_restrains_itself(tmp_path: Path) -> None:
    script = """
import resource
from gate.runtime.sandbox import restrain
restrain(12345, os.getppid())
limits = [resource.getrlimit(each) for each in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE)]
answer({"limits": limits, "oom": Path("/proc/self/oom_score_adj").read_text()})
"""
    with Children(tmp_path).start(script) as child:
        assert child.ask({}) == {"limits": [[0, 0], [12345, 12345]], "oom": "1000\n"}


def test_one_whose_parent_is_gone_already_does_not_start(tmp_path: Path) -> None:
    with (
        Children(tmp_path).start("from gate.runtime.sandbox import restrain; restrain(None, 1); answer({})") as child,
        pytest.raises(ChildTrouble, match="SIGKILL"),
    ):
        child.ask({})


def test_a_file_beyond_its_limit(tmp_path: Path) -> None:
    script = f"""
from gate.runtime.sandbox import restrain
restrain({MIB}, os.getppid())
try:
    Path("file").write_bytes(bytes({2 * MIB}))
except OSError as error:
    raw(json.dumps({{"error": error.strerror, "bytes": Path("file").stat().st_size}}).encode() + b"\\n")
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
Path("other").write_bytes(bytes({2 * MIB}))
"""
    with Children(tmp_path).start(script, ChildLimits(5, LIMITS.memory_bytes, MIB)) as child:
        assert child.ask({}) == {"error": "File too large", "bytes": MIB}
        with pytest.raises(ChildTrouble) as caught:
            child.ask({})
    assert caught.value.what == "wrote a file beyond its limit of 1.0 MiB (SIGXFSZ)"


# TensorFlow


@pytest.mark.tensorflow
def test_tensorflow_works_confined(tmp_path: Path) -> None:
    script = """
from gate.runtime.sandbox import confine, restrain
restrain(None, os.getppid())
level = confine([], [Path.cwd()])
import keras
import numpy as np
import tensorflow as tf
layers = keras.layers
model = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(3)])
inputs = np.ones((2, 8, 8, 3), "float32")
expected = model.predict(inputs, verbose=0)
model.save("m.keras"); model.save_weights("m.weights.h5"); model.export("exported", verbose=False)
tf.train.Checkpoint(model=model).save("checkpoint")
exported = tf.saved_model.load("exported")
found = {
    "keras": keras.saving.load_model("m.keras").predict(inputs, verbose=0),
    "saved_model": exported.serve(inputs).numpy(),
    "compiled": tf.function(model, jit_compile=True)(inputs).numpy(),
}
batches = tf.data.Dataset.from_tensor_slices(inputs).map(lambda x: x + 1, num_parallel_calls=2).batch(2)
answer({
    "close": {name: bool(np.allclose(value, expected, atol=1e-5)) for name, value in found.items()},
    "batches": len(list(batches)),
    "complete": level.complete,
})
"""
    children = Children(tmp_path)
    environment = scrubbed(os.environ, tmp_path, "cpu")
    with children.start(script, ChildLimits(120, 8 * 1024**3), environment) as child:
        assert child.ask({}) == {
            "close": {"keras": True, "saved_model": True, "compiled": True},
            "batches": 1,
            "complete": True,
        }
        assert child.peak_bytes > 100 * MIB
    assert not children.left()

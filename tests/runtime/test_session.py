"""One confined child: what it is told, what its answers mean, and that nothing is left of it."""

import os
import platform
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gate.checks.evidence import NotLoaded
from gate.errors import GateError, UnreadableError
from gate.runtime import landlock, settings
from gate.runtime.loaders.interface import How
from gate.runtime.scratch import free_bytes, remove, room_for
from gate.runtime.session import Session, _last_words
from gate.runtime.settings import Settings
from support.children import Children
from support.cli import ROOT, run_gate
from support.files import WRITERS
from support.standin import stand_in

needs_landlock = pytest.mark.skipif(landlock.version() < landlock.SIGNALS, reason="needs a kernel that knows all of it")

SERVE = """
import errno, os, warnings
import numpy as np
from gate.runtime.loaders.interface import Refused

def right(path): return {"a/kernel": np.arange(6, dtype="f4").reshape(2, 3), "b": np.array([b"x", b"yz"], object)}
def refuses(path): raise Refused("not so", "do otherwise")
def refuses_weights(path): raise Refused("they do not fit", "train again", verdict=True)
def breaks(path): raise ValueError("line one\\nline two")
def has_no_memory(path): raise MemoryError("no more")
def has_no_room(path): raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
def has_no_room_in_other_words(path):
    try: has_no_room(path)
    except OSError as error: raise Refused("it could not be written") from error
def warns(path):
    warnings.warn("a layer was skipped \\r::error::x")
    return right(path)
def many(path): return {f"layer_{n}/kernel": np.full(2, n, "f4") for n in range(100_000)}
def wrong(path): return {"a": np.zeros(2, "datetime64[s]")}
def raises_as_libraries_do(path):
    kind = type("ResourceExhaustedError", (Exception,), {})
    raise kind("x/y; No space left on device" if path == "disk" else "OOM when allocating tensor")
def leaves(path): os._exit(9)
def seen(path):
    names = [os.getcwd(), os.environ["HOME"], *os.environ, *os.listdir(".")]
    return {"seen": np.array([name.encode() for name in names], object)}
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stand_in(tmp_path_factory.mktemp("standin"))


class Sessions:
    """Sessions that run code of one repository, beside a stand-in for TensorFlow."""

    def __init__(self, folder: Path, packages: Path) -> None:
        self.repository = folder / "repository"
        self.scratch = folder / "scratch"
        self.repository.mkdir()
        self.scratch.mkdir()
        (self.repository / "serve.py").write_text(SERVE)
        self.mark = Children(folder)
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(packages), str(ROOT)]),
            "OMP_MARK": f"CHILD_MARK={self.mark.mark}",
        }

    def start(self, **more: Any) -> Session:
        given = Settings(
            self.repository,
            (self.repository,),
            allow_code=True,
            scratch=self.scratch,
            environment=self.environment,
            **{"seconds": 30.0, "memory_bytes": 2 * 1024**3, **more},
        )
        return Session(given, "cpu", self.scratch / "1", [], True)

    def how(self, function: str) -> How:
        return How("code", code=(str(self.repository / "serve.py"), function))


@pytest.fixture
def sessions(tmp_path: Path, packages: Path) -> Iterator[Sessions]:
    made = Sessions(tmp_path, packages)
    yield made
    assert not made.mark.left()
    assert list(made.scratch.iterdir()) == []


# Answers


def test_it_loads_and_hands_over(sessions: Sessions) -> None:
    with sessions.start() as session:
        assert session.runtime["tensorflow"] == "0.0 (a stand-in)"
        listed = session.load(sessions.how("right"), "path")
        assert [(each["name"], each["dtype"], each["shape"]) for each in listed] == [
            ("a/kernel", "float32", [2, 3]),
            ("b", "text", [2]),
        ]
        first, second = session.variables("it")
        kernel = first.read()
        steps = session.steps
    assert kernel.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]  # although the file it is mapped from is gone
    assert second.read().tolist() == [b"x", b"yz"]
    assert [step.what for step in steps][-2:] == ["load", "hand over the variables"]
    assert all(step.seconds > 0 for step in steps)
    assert steps[-1].peak_bytes > 10 * 1024**2


def test_it_is_handed_over_again(sessions: Sessions) -> None:
    with sessions.start() as session:
        session.load(sessions.how("right"), "path")
        once = session.variables("it")
        again = session.variables("it again")
        assert [each.read().tolist() for each in once] == [each.read().tolist() for each in again]


@pytest.mark.parametrize(
    ("function", "kind", "reason", "hint"),
    [
        ("refuses", GateError, "serve.py:refuses raised Refused: not so", "run it by hand"),
        ("breaks", GateError, "serve.py:breaks raised ValueError: line one", "run it by hand"),
        ("missing", GateError, "serve.py has no function missing", "colon"),
        ("has_no_memory", GateError, "not enough memory to load it: peak ", "more memory"),
        ("has_no_room", GateError, "more room than the disk has (No space left on device): ", "--scratch"),
        ("has_no_room_in_other_words", GateError, "(No space left on device): ", "--scratch"),
        ("raises_as_libraries_do", GateError, "not enough memory to load it: peak ", "more memory"),
    ],
)
def test_an_error_is_told(sessions: Sessions, function: str, kind: type[GateError], reason: str, hint: str) -> None:
    with sessions.start() as session:
        with pytest.raises(kind) as caught:
            session.load(sessions.how(function), "path")
        assert reason in caught.value.reason
        assert hint in caught.value.hint
        assert caught.value.exit_code == 4
        assert session.load(sessions.how("right"), "path")  # it lives


def test_a_library_that_says_the_same_of_disk_and_memory(sessions: Sessions) -> None:
    with sessions.start() as session, pytest.raises(GateError, match="more room than the disk has"):
        session.load(sessions.how("raises_as_libraries_do"), "disk")


def test_weights_that_are_refused_are_a_verdict(sessions: Sessions, tmp_path: Path) -> None:
    with sessions.start() as session:
        error = {"kind": "refused", "reason": "a\nb", "hint": "c", "verdict": True}
        found = session._error(error)
        assert isinstance(found, NotLoaded)
        assert (found.exit_code, found.reason, found.hint) == (1, "'a\\nb'", "c")
        assert session._error({**error, "verdict": False}).exit_code == 4


def test_warnings_are_kept_with_their_sources(sessions: Sessions) -> None:
    with sessions.start() as session:
        session.load(sessions.how("warns"), "path")
        assert [each.text for each in session.said] == ["a layer was skipped \r::error::x"]
        assert "serve.py" in session.said[0].source


def test_a_child_that_is_gone_stays_gone(sessions: Sessions) -> None:
    with sessions.start() as session:
        for _ in range(2):
            with pytest.raises(GateError, match="exit status 9 before it answered"):
                session.load(sessions.how("leaves"), "path")


def test_what_no_tensor_can_be_is_told(sessions: Sessions) -> None:
    with sessions.start() as session:
        session.load(sessions.how("wrong"), "path")
        with pytest.raises(GateError, match=r"has the dtype datetime64\[s\]"):
            session.variables("it")


def test_a_hundred_thousand_variables(sessions: Sessions) -> None:
    with sessions.start(seconds=120.0) as session:
        assert len(session.load(sessions.how("many"), "path")) == 100_000
        found = session.variables("it")
        assert len(found) == 100_000
        assert found.tensors["layer_99999/kernel"].read().tolist() == [99_999.0, 99_999.0]


# Answers that make no sense


@pytest.mark.parametrize(
    "answer",
    [
        {}, {"variables": 7}, {"variables": None}, {"variables": [], "messages": 7}, {"variables": [], "messages": [1]},
        {"error": 7}, {"error": {}}, {"error": {"reason": 1, "hint": 2}},
        {"error": {"reason": 1, "hint": 2, "kind": []}},
    ],
    ids=str,
)  # fmt: skip
def test_an_answer_to_load_that_makes_no_sense(
    sessions: Sessions, answer: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with sessions.start() as session:
        monkeypatch.setattr(session._child, "ask", lambda request: dict(answer))
        with pytest.raises(UnreadableError, match="makes no sense"):
            session.load(sessions.how("right"), "path")


ENTRY = {"dtype": "float32", "shape": [1], "offset": 0, "bytes": 4}


@pytest.mark.parametrize(
    "answer",
    [
        {"outputs": {}, "samples": "4"}, {"outputs": [], "samples": 4}, {"outputs": {"a": 7}, "samples": 4},
        {"outputs": {"a": {**ENTRY, "offset": 8}}, "samples": 4},
        {"outputs": {"a": {**ENTRY, "shape": [9]}}, "samples": 4},
        {"outputs": {"a": {}}, "samples": 4}, {"outputs": {"a": ENTRY}, "samples": float("inf")},
    ],
    ids=str,
)  # fmt: skip
def test_outputs_that_make_no_sense(
    sessions: Sessions, answer: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(request: dict[str, Any]) -> dict[str, Any]:
        Path(request["to"]).write_bytes(bytes(8))
        return dict(answer)

    with sessions.start() as session:
        monkeypatch.setattr(session._child, "ask", ask)
        with pytest.raises(UnreadableError):
            session.predict("predict", "outputs-0")


@pytest.mark.parametrize("instead", ["nothing", "folder", "link", "pipe"])
def test_something_else_in_the_place_of_data(sessions: Sessions, instead: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(request: dict[str, Any]) -> dict[str, Any]:
        to = Path(request["to"])
        if instead == "folder":
            to.mkdir()
        if instead == "link":
            to.symlink_to("/etc/passwd")
        if instead == "pipe":
            os.mkfifo(to)
        return {"outputs": {"a": ENTRY}, "samples": 4}

    with sessions.start() as session:
        monkeypatch.setattr(session._child, "ask", ask)
        with pytest.raises(UnreadableError, match="makes no sense"):
            session.predict("predict", "outputs-0")


# What it is given


def test_it_works_in_the_repository_with_a_home_in_scratch(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions.environment.update({"GITHUB_TOKEN": "x", "INPUT_TOKEN": "x", "ACTIONS_RUNTIME_TOKEN": "x"})
    with sessions.start() as session:
        session.load(sessions.how("seen"), "path")
        (found,) = session.variables("it")
        here, home, *names = found.read().tolist()
    assert here == str(sessions.repository).encode()
    assert home == str(sessions.scratch / "1" / "home").encode()
    assert not {b"GITHUB_TOKEN", b"INPUT_TOKEN", b"ACTIONS_RUNTIME_TOKEN"} & set(names)
    assert b"serve.py" in names


def test_a_missing_tensorflow_names_the_extra(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gate.runtime.session.find_spec", lambda name: None)
    with pytest.raises(GateError) as caught:
        sessions.start()
    assert caught.value.exit_code == 4
    assert "weight-gate[tensorflow]" in caught.value.hint
    assert "load: false" in caught.value.hint


def test_a_tensorflow_that_cannot_be_imported_is_told(sessions: Sessions, tmp_path: Path) -> None:
    broken = stand_in(tmp_path / "broken", "raise ImportError('libfoo.so.1: cannot open shared object file')")
    sessions.environment["PYTHONPATH"] = os.pathsep.join([str(broken), str(ROOT)])
    with pytest.raises(GateError, match=r"ImportError: libfoo\.so\.1"):
        sessions.start()


# Confinement


@needs_landlock
def test_it_is_wholly_confined_here(sessions: Sessions) -> None:
    with sessions.start(require_sandbox=True) as session:
        assert session.confinement["complete"] is True
        assert "Landlock ABI" in session.confinement["text"]


WITHOUT_LANDLOCK = """
import ctypes, os, struct, sys
line = lambda code, then, otherwise, value: struct.pack("<HBBI", code, then, otherwise, value)
# Of the number of a system call (at 0 of seccomp_data): landlock_create_ruleset, 444, does not exist (ENOSYS).
code = line(0x20, 0, 0, 0) + line(0x15, 0, 1, 444) + line(6, 0, 0, 0x50000 | 38) + line(6, 0, 0, 0x7FFF0000)
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
assert libc.prctl(22, 2, ctypes.byref(Program(len(code) // 8, code)), 0, 0) == 0  # PR_SET_SECCOMP
os.execv(sys.executable, [sys.executable, "-m", "gate", *sys.argv[1:]])
"""


@pytest.mark.skipif(platform.machine() not in {"x86_64", "aarch64"}, reason="system calls have other numbers")
def test_on_a_kernel_that_lacks_something_it_is_said_and_refused_when_asked_for(tmp_path: Path, packages: Path) -> None:
    WRITERS["weights.h5"](tmp_path / "model.weights.h5", {"a/kernel": np.arange(6, dtype=np.float32).reshape(2, 3)})
    (tmp_path / "serve.py").write_text(
        textwrap.dedent("""
            import h5py
            def load(path):
                with h5py.File(path) as file:
                    found = []
                    file.visititems(lambda name, each: found.append(each[()]) if hasattr(each, "shape") else None)
                return {"a/kernel": found[0]}
        """)
    )
    manifest = "version: 1\nmodels:\n  - {weights: model.weights.h5, load: {code: 'serve.py:load'}}\n"
    (tmp_path / "weight-gate.yml").write_text(manifest)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join([str(packages), str(ROOT)])}

    def checked(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", WITHOUT_LANDLOCK, "check", "--allow-code", *options],
            env={**environment, "COLUMNS": "400"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    found = checked()
    assert found.returncode == 0, found.stdout + found.stderr
    assert "missing: Landlock" in found.stdout
    required = checked("--require-sandbox")
    assert required.returncode == 4
    assert "the process that loads is not fully confined: no_new_privs, seccomp (no sockets); missing: Landlock" in (
        required.stdout
    )
    assert "without --require-sandbox" in required.stdout
    if landlock.version() >= landlock.SIGNALS:
        here = run_gate("check", "--allow-code", "--require-sandbox", cwd=tmp_path, env=environment)
        assert here.returncode == 0, here.stdout + here.stderr


# Last words


NOISE = """\
mine
2026-11-25 20:00:00.123456: E external/local_xla/cuda_platform.cc:51] failed call to cuInit
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
E0000 00:00:1795637895.665392   12564 cuda_platform.cc:52] failed call to cuInit
"""
CRASH = """\
F0000 00:00:1795637895.665392   12564 tensor.cc:852] Check failed: dtype() == expected
Fatal Python error: Aborted

Current thread 0x1 (most recent call first):
  File "/a/b.py", line 3 in f
  File "/c.py", line 4 in <module>

Extension modules: numpy (total: 1)
"""
CRASHED = "F0000 00:00:1795637895.665392   12564 tensor.cc:852] Check failed: dtype() == expected"


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("", ""),
        (" \n\n", ""),
        ("one\n two \n\n", "; the last it printed: two"),
        ("a\r::error::x", "; the last it printed: ::error::x"),
        ("x" * 1000, f"; the last it printed: {'x' * 300}"),
        ("\x1b[31mred", r"; the last it printed: '\x1b[31mred'"),
        (NOISE, "; the last it printed: mine"),
        (CRASH, f'; the last it printed: {CRASHED}; it was in "/a/b.py", line 3 in f'),
    ],
)
def test_the_last_words(output: str, words: str) -> None:
    assert _last_words(output) == words


# Scratch folders


def test_room_is_asked_for_first(tmp_path: Path) -> None:
    room_for(tmp_path, 1, "it")
    with pytest.raises(GateError, match=r"it needs 8\.0 TiB of scratch space, and .* has .*iB free") as caught:
        room_for(tmp_path, 1 << 43, "it")
    assert str(tmp_path) in caught.value.reason
    assert "--scratch" in caught.value.hint
    assert 0 < free_bytes(tmp_path) < 1 << 50


def test_a_folder_goes_however_deep_it_is(tmp_path: Path) -> None:
    """Deeper than Python recurses, and its path longer than the kernel takes."""
    folder = tmp_path / "folder"
    folder.mkdir()
    before = Path.cwd()
    os.chdir(folder)
    try:
        for _ in range(2000):
            Path("file").touch()
            Path("d" * 200).mkdir()
            os.chdir("d" * 200)
    finally:
        os.chdir(before)
    remove(folder)
    assert list(tmp_path.iterdir()) == []


def test_links_out_of_it_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").touch()
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "link").symlink_to(tmp_path / "outside")
    (folder / "deep" / "file").symlink_to(tmp_path / "outside" / "file")
    (folder / "deep" / "nowhere").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    remove(folder)
    assert [each.name for each in tmp_path.iterdir()] == ["outside"]
    assert (tmp_path / "outside" / "file").exists()


def test_closed_folders_go_too() -> None:
    """For root nothing is closed."""
    script = """
import os, sys
from pathlib import Path
from gate.runtime.scratch import remove
folder = Path(sys.argv[1]) / "folder"
(folder / "a" / "b").mkdir(parents=True)
(folder / "a" / "b" / "file").touch()
if os.geteuid() == 0:
    for each in (folder, *folder.rglob("*")): os.chown(each, 65534, 65534)
    os.setgid(65534)
    os.setuid(65534)
for each in (folder / "a" / "b", folder / "a", folder): each.chmod(0)
remove(folder)
sys.exit(folder.exists() + len(os.listdir(sys.argv[1])))
"""
    with tempfile.TemporaryDirectory() as given:
        Path(given).chmod(0o777)
        environment = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        argv = [sys.executable, "-c", script, given]
        done = subprocess.run(argv, env=environment, cwd="/", capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_is_not_there_is_no_trouble(tmp_path: Path) -> None:
    remove(tmp_path / "missing")


# Settings


def test_the_least_of_all_limits_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = [tmp_path / "memory.max", tmp_path / "missing"]
    monkeypatch.setattr(settings, "_CGROUP_LIMITS", tuple(map(str, limits)))
    limits[0].write_text("max\n")
    there = settings.available_memory()
    limits[0].write_text("1000000\n")
    assert settings.available_memory() == 900_000
    limits[0].write_text("9223372036854771712\n")
    assert 0.5 * there < settings.available_memory() < 2 * there
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert there < 0.9 * total


# A full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=32m", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mounted, check=False, capture_output=True).returncode:
        pytest.skip("needs to mount a file system")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.tensorflow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorFlow's own
def test_a_disk_that_is_full_in_the_middle_of_saving(tmp_path: Path, small_disk: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((1000,)), keras.layers.Dense(1000)])
    model.save(tmp_path / "model.keras")
    given = Settings(tmp_path, scratch=small_disk, environment=dict(os.environ), memory_bytes=4 * 1024**3)
    with Session(given, "cpu", small_disk / "1", [tmp_path / "model.keras"], False) as session:
        session.load(How("keras"), str(tmp_path / "model.keras"))
        (small_disk / "filling").write_bytes(bytes(free_bytes(small_disk) - 2 * 1024**2))
        for kind in ("keras", "weights.h5", "h5", "checkpoint", "saved_model"):
            with pytest.raises(
                GateError, match=r"more room than the disk has \(.*No space left on device.*\): "
            ) as told:
                session.ask("save", "save", format=kind, folder=str(session.folder / kind))
            assert told.value.exit_code == 4, kind
            remove(session.folder / kind)
        with pytest.raises(GateError, match=r"more room than the disk has"):
            session.variables("it")
    assert [each.name for each in small_disk.iterdir()] == ["filling"]

"""Loaders that do what no loader should, through the real gate: each is told as what it was, and nothing is left of it.

Most run beside a stand-in for TensorFlow, which they do not depend on; some beside the real one.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import yaml
from junitparser import JUnitXml

from gate.runtime import landlock
from reports.runner import Command, commands
from support.children import Children, eventually
from support.cli import ROOT, run_gate
from support.files import WRITERS
from support.standin import stand_in

pytestmark = pytest.mark.skipif(landlock.version() < landlock.SIGNALS, reason="needs a kernel that knows all of it")

SCHEMA = json.loads((ROOT / "docs" / "report.schema.json").read_text())
VALUES = np.arange(12, dtype=np.float32).reshape(3, 4)
BUSY = """
import time
time.sleep(1000)
"""

SERVE = r'''
import ctypes, fcntl, os, resource, signal, socket, subprocess, sys, threading, time
from pathlib import Path

import h5py
import numpy as np

COMMANDS = "\r##[error]forged\n::error::forged\n\n::stop-commands::forged\n##[set-output name=x;]forged\n"
SCRATCH = Path(os.environ["TMPDIR"])

def good(path):
    with h5py.File(path) as file:
        found = []
        file.visititems(lambda name, each: found.append(each[()]) if hasattr(each, "shape") else None)
    return {"dense/kernel": found[0]}

def answers():
    """The descriptor through which answers go."""
    for number in range(3, 50):
        try:
            mode = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE
            if mode == os.O_WRONLY and os.readlink(f"/proc/self/fd/{number}").startswith("pipe:"):
                return number
        except OSError:
            pass

# Ends

def segfault(path): ctypes.string_at(0)
def segfault_in_a_thread(path):
    threading.Thread(target=ctypes.string_at, args=(0,)).start()
    time.sleep(1000)
def abort(path): os.abort()
def leaves_0(path): os._exit(0)
def leaves_3(path):
    print("the last words")
    os._exit(3)
def killed(path): os.kill(os.getpid(), signal.SIGKILL)
def half(path):
    os.write(answers(), b'{"variables": [{"name": "den')
    os._exit(0)
def not_json(path):
    os.write(answers(), b"all is well\n")
    time.sleep(1000)
def no_object(path):
    os.write(answers(), b"[1]\n")
    time.sleep(1000)
def two_answers(path):
    os.write(answers(), b'{"variables": []}\n{"variables": []}\n')
    time.sleep(1000)
def other_parts(path):
    os.write(answers(), b'{"variables": 7}\n')
    time.sleep(1000)
def odd_messages(path):
    os.write(answers(), b'{"variables": [], "messages": [7]}\n')
    time.sleep(1000)
def odd_error(path):
    os.write(answers(), b'{"error": 7}\n')
    time.sleep(1000)
def system_exit(path): raise SystemExit(0)
def system_exit_commands(path): sys.exit(COMMANDS)
def keyboard_interrupt(path): raise KeyboardInterrupt
def own_exception(path):
    class Own(BaseException): ...
    raise Own("said")
def raises_in_the_end(path):
    class Lies(dict):
        def items(self): raise SystemExit(5)
    return Lies(a=1)
def hidden_end(path):
    class Variable:
        name, dtype, shape = "dense/kernel", np.dtype("f4"), (3, 4)
        def numpy(self): os._exit(0)
        def assign(self, value): ...
    return [Variable()]

# Words

def prints(path):
    for descriptor in (1, 2):
        os.write(descriptor, COMMANDS.encode())
    os.system("printf '\n::error::forged\n' >&2")
    raise RuntimeError(COMMANDS)
def prints_and_is_right(path):
    print(COMMANDS)
    print(COMMANDS, file=sys.stderr)
    return good(path)
def prints_and_crashes(path):
    print(COMMANDS)
    os.abort()
def ten_megabytes(path):
    os.write(1, b"::error::forged\n" * 625_000)
    return good(path)
def commands_for_names(path): return {COMMANDS + "/kernel": np.zeros(3, "f4"), "\udcff\r::error::forged": np.ones(3)}

# What is refused

def kills_the_parent(path): os.kill(os.getppid(), signal.SIGKILL)
def looks_for_somebody_to_kill(path):
    found = []
    for pid in range(1, 70_000):
        try: os.kill(pid, 0)
        except OSError: continue
        found.append(pid)
    assert found == [os.getpid()], found
    return good(path)
def reads_the_parent(path): return open(f"/proc/{os.getppid()}/environ").read()
def reads_shadow(path): return open("/etc/shadow").read()
def opens_a_socket(path): socket.socket()
def deletes_the_model(path): os.unlink("model.weights.h5")
def writes_into_the_model(path): open("model.weights.h5", "r+b").write(b"x")
def writes_beside_the_model(path): open("new", "w")
def writes_a_huge_file(path):
    with (SCRATCH / "huge").open("wb") as file: file.truncate(1 << 60)
def raises_its_limits(path): resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 60, 1 << 60))

# Processes

def forks(path):
    if os.fork() == 0: time.sleep(1000)
    if os.fork() == 0:
        try: os.setsid()
        except OSError: pass
        if os.fork() == 0: time.sleep(1000)
        os._exit(0)
    subprocess.Popen(["sleep", "1000"])
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"], start_new_session=False)
    return good(path)
def forks_and_leaves(path):
    if os.fork() == 0:
        if os.fork() == 0: time.sleep(1000)
        os._exit(0)
    os._exit(0)
def goes_on_twice(path):
    os.fork()
    return good(path)
def leaves_a_thread(path):
    threading.Thread(target=time.sleep, args=(1000,)).start()
    return good(path)
def bury(folder):
    """Deeper than Python recurses."""
    os.chdir(folder)
    for _ in range(3000):
        os.mkdir("d" * 100)
        os.chdir("d" * 100)
    Path("file").write_text("x")
def buries_the_copy(path):
    here = os.getcwd()
    if "tagged" in path: bury(Path(path).parent)
    os.chdir(here)
    return good(path)
def buries_its_folder(path):
    bury(SCRATCH)
    os.chmod(".", 0)
    os.chmod(SCRATCH, 0)
    os._exit(4)

# Answers

def number(path): return 7
def nothing(path): return None
def empty_list(path): return []
def empty_dict(path): return {}
def function_for_a_variable(path): return {"dense/kernel": lambda: 1}
def dates(path): return {"dense/kernel": np.zeros(3, "datetime64[s]")}
def records(path): return {"dense/kernel": np.zeros(3, [("x", "f4")])}
def not_a_number(path): return {"dense/kernel": np.full((3, 4), np.nan, "f4")}
def many(path): return {f"layer_{n}/kernel": np.zeros(2, "f4") for n in range(5_000)}
def cuts_what_it_gave(path):
    """By its name, by another name, and by an open descriptor."""
    import gate.runtime.worker as worker
    real = worker.Worker.dump
    def dump(self, request):
        answer = real(self, request)
        name = request["to"]
        descriptor = os.open(name, os.O_RDWR)
        os.link(name, name + "2")
        def cut():
            for at in range(100):
                os.ftruncate(descriptor, 0)
                os.truncate(name + "2", 0)
                time.sleep(0.02)
        threading.Timer(0.1, cut).start()
        return answer
    worker._TASKS["dump"] = dump
    return good(path)

# Time and memory

def loops(path):
    while True: pass
def waits_with_an_open_answer(path):
    os.write(answers(), b"{")
    time.sleep(1000)
def stops_itself(path): os.kill(os.getpid(), signal.SIGSTOP)
def closes_everything(path):
    os.closerange(0, 256)
    time.sleep(1000)
def eats_memory(path):
    held = []
    while True: held.append(bytearray(os.urandom(1) * 20_000_000))
def eats_memory_in_a_fork(path):
    if os.fork() == 0: eats_memory(path)
    time.sleep(1000)
def begins(path):
    (SCRATCH / "begun").touch()
    time.sleep(1000)
def begins_and_forks(path):
    if os.fork() == 0: time.sleep(1000)
    begins(path)
def fills_the_disk(path):
    for name in range(1000):
        (SCRATCH / str(name)).write_bytes(bytes(1_000_000))
def fills_the_disk_with_one_file(path):
    with (SCRATCH / "big").open("wb") as file:
        while True: file.write(bytes(1_000_000))
def fills_the_disk_and_goes_on(path):
    try: fills_the_disk(path)
    except OSError: return good(path)
'''


@dataclass
class World:
    """A repository with one model and the loaders above, and a place for scratch folders that has to be empty again."""

    folder: Path
    packages: Path | None = None
    scratch: Path = field(init=False)
    mark: Children = field(init=False)

    def __post_init__(self) -> None:
        (self.folder / "src").mkdir(parents=True)
        (self.folder / "src" / "serve.py").write_text(SERVE, encoding="utf-8")
        WRITERS["weights.h5"](self.folder / "model.weights.h5", {"dense/kernel": VALUES})
        self.scratch = self.folder / "scratch"
        self.scratch.mkdir()
        self.mark = Children(self.folder)

    def write(self, loaders: list[str]) -> None:
        models = [
            {"name": name, "weights": "model.weights.h5", "load": {"code": f"src/serve.py:{name.partition(' ')[0]}"}}
            for name in loaders
        ]
        (self.folder / "weight-gate.yml").write_text(yaml.safe_dump({"version": 1, "models": models}))

    @property
    def environment(self) -> dict[str, str]:
        """What a child is told of the environment, a mark has to go through."""
        paths = [str(each) for each in (self.packages, ROOT) if each]
        return {"PYTHONPATH": os.pathsep.join(paths), "OMP_MARK": f"CHILD_MARK={self.mark.mark}", "COLUMNS": "400"}

    @property
    def argv(self) -> list[str]:
        return ["check", "--scratch", str(self.scratch), "--annotations", "always"]

    def judged(self, loaders: list[str], *options: str) -> "Judged":
        self.write(loaders)
        return self.run("--allow-code", *options)

    def run(self, *options: str) -> "Judged":
        """The gate on the manifest that is there."""
        found = run_gate(*self.argv, *options, cwd=self.folder, env=self.environment)
        assert not self.mark.left()
        assert list(self.scratch.iterdir()) == []
        assert "Traceback" not in found.stderr
        return Judged(self.folder / "weight-gate-reports", found.returncode, found.stdout, found.stderr)


@dataclass(frozen=True)
class Judged:
    """What a run left: its exit code, its streams, its reports."""

    folder: Path
    code: int
    stdout: str
    stderr: str

    @property
    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "report.json").read_text(encoding="utf-8"))
        return found

    def model(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(each for each in self.report["models"] if each["name"] == name)
        return found

    def outcome(self, name: str, check: str = "restore") -> str:
        return str(next(each["outcome"] for each in self.model(name)["checks"] if each["check"] == check))

    def told(self, name: str) -> str:
        """Everything that is said of a model."""
        return "\n".join(
            f"{finding['reason']}\n{finding['hint']}"
            for check in self.model(name)["checks"]
            for finding in check["findings"]
        )


def assert_complete(judged: Judged, names: list[str], unreached: tuple[str, ...] = ()) -> None:
    """Every report speaks of every model, and fits its schema; nothing is open but what was not reached."""
    report = judged.report
    jsonschema.Draft7Validator(SCHEMA).validate(report)
    assert [model["name"] for model in report["models"]] == names
    open_ones = {
        model["name"] for model in report["models"] for check in model["checks"] if check["outcome"] == "not run"
    }
    assert open_ones == set(unreached)
    junit = JUnitXml.fromfile(str(judged.folder / "junit.xml"))
    assert [suite.name for suite in junit] == names
    assert [len(suite) for suite in junit] == [len(model["checks"]) for model in report["models"]]
    assert sum(suite.failures + suite.errors for suite in junit) == sum(
        check["outcome"] not in {"passed", "waived"} for model in report["models"] for check in model["checks"]
    )
    summary = (judged.folder / "summary.md").read_text(encoding="utf-8")
    assert [name for name in names if name.replace("_", "") not in summary.replace("\\", "").replace("_", "")] == []


def forged(output: str) -> list[Command]:
    """What a runner would carry out, without the gate's own annotations."""
    return [
        each
        for each in commands(output)
        if each.name not in {"error", "warning", "notice"} or not each.properties.get("title")
    ]


ERRORS: Mapping[str, str] = {
    "segfault": "crashed (SIGSEGV)",
    "segfault_in_a_thread": "crashed (SIGSEGV)",
    "abort": "crashed (SIGABRT)",
    "leaves_0": "ended without an answer, as if all were well (exit status 0)",
    "leaves_3": "ended with exit status 3 before it answered",
    "killed": "was killed (SIGKILL), which is what the kernel does when memory runs out: peak ",
    "half": "ended with exit status 0 in the middle of its answer, after 28 bytes",
    "not_json": "gave an answer that is not JSON",
    "no_object": "gave an answer that is not a JSON object",
    "two_answers": "gave more than one answer",
    "other_parts": "gave an answer that makes no sense",
    "odd_messages": "gave an answer that makes no sense",
    "odd_error": "gave an answer that makes no sense",
    "system_exit": "serve.py:system_exit raised SystemExit: 0",
    "system_exit_commands": "serve.py:system_exit_commands raised SystemExit: ",
    "keyboard_interrupt": "serve.py:keyboard_interrupt raised KeyboardInterrupt",
    "own_exception": "serve.py:own_exception raised Own: said",
    "raises_in_the_end": "ended with exit status 1 before it answered",
    "hidden_end": "ended without an answer, as if all were well (exit status 0)",
    "prints": "serve.py:prints raised RuntimeError: ",
    "prints_and_crashes": "crashed (SIGABRT)",
    "kills_the_parent": "serve.py:kills_the_parent raised PermissionError",
    "reads_the_parent": "serve.py:reads_the_parent raised PermissionError",
    "reads_shadow": "serve.py:reads_shadow raised PermissionError",
    "opens_a_socket": "serve.py:opens_a_socket raised PermissionError",
    "deletes_the_model": "serve.py:deletes_the_model raised PermissionError",
    "writes_into_the_model": "serve.py:writes_into_the_model raised PermissionError",
    "writes_beside_the_model": "serve.py:writes_beside_the_model raised PermissionError",
    "writes_a_huge_file": "needed more room than the disk has (File too large)",
    "raises_its_limits": "serve.py:raises_its_limits raised ValueError: not allowed to raise maximum limit",
    "forks_and_leaves": "ended without an answer, as if all were well (exit status 0)",
    "buries_its_folder": "ended with exit status 4 before it answered",
    "number": "what src/serve.py:number returns is a int",
    "nothing": "what src/serve.py:nothing returns is a NoneType",
    "empty_list": "what src/serve.py:empty_list returns is empty",
    "empty_dict": "what src/serve.py:empty_dict returns is empty",
    "function_for_a_variable": "has dense/kernel, which is a function",
    "dates": "has the dtype datetime64[s]",
    "records": "has the dtype [('x', '<f4')]",
}  # fmt: skip
FAILURES = ("commands_for_names", "not_a_number", "many")
"""What was loaded is not what the file has."""
FINE = (
    "good", "prints_and_is_right", "ten_megabytes", "forks", "leaves_a_thread", "looks_for_somebody_to_kill",
    "cuts_what_it_gave", "buries_the_copy", "good last",
)  # fmt: skip
SLOW: Mapping[str, str] = {
    "loops": "did not finish within 3 s",
    "waits_with_an_open_answer": "did not finish within 3 s",
    "stops_itself": "did not finish within 3 s",
    "closes_everything": "closed its connection to weight-gate and went on",
    "eats_memory": "needed more memory than its limit: peak ",
    "eats_memory_in_a_fork": "needed more memory than its limit: peak ",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("bad")
    return World(folder / "repository", stand_in(folder / "packages"))


@pytest.fixture(scope="module")
def quick(world: World) -> Judged:
    found = world.judged([*FINE[:-1], *ERRORS, *FAILURES, FINE[-1]], "--timeout", "60")
    kept = world.folder / "quick"
    shutil.move(found.folder, kept)
    return Judged(kept, found.code, found.stdout, found.stderr)


@pytest.fixture(scope="module")
def slow(world: World) -> Judged:
    found = world.judged([*SLOW, "good"], "--timeout", "3", "--memory", "400M")
    kept = world.folder / "slow"
    shutil.move(found.folder, kept)
    return Judged(kept, found.code, found.stdout, found.stderr)


@pytest.mark.parametrize(("loader", "words"), ERRORS.items(), ids=ERRORS)
def test_it_is_told_what_became_of_it(quick: Judged, loader: str, words: str) -> None:
    assert quick.outcome(loader) == "error"
    assert words in quick.told(loader)


@pytest.mark.parametrize("loader", FAILURES)
def test_what_is_not_in_the_file_is_a_failure(quick: Judged, loader: str) -> None:
    assert quick.outcome(loader) == "failed"


@pytest.mark.parametrize("loader", FINE)
def test_what_does_no_harm_is_right(quick: Judged, loader: str) -> None:
    """Also beside all the others, and after them."""
    assert quick.model(loader)["outcome"] == "passed", quick.told(loader)


@pytest.mark.parametrize(("loader", "words"), SLOW.items(), ids=SLOW)
def test_time_and_memory_end(slow: Judged, loader: str, words: str) -> None:
    assert slow.outcome(loader) == "error"
    assert words in slow.told(loader)
    if "memory" in words:
        assert "limit 400.0 MiB" in slow.told(loader)
    assert slow.outcome("good") == "passed"


def test_the_last_words_and_the_place_are_told(quick: Judged) -> None:
    assert "the last it printed: the last words" in quick.told("leaves_3")
    assert "in string_at" in quick.told("segfault")
    assert 'src/serve.py", line ' in quick.told("abort")


def test_reports_are_complete(quick: Judged, slow: Judged) -> None:
    assert_complete(quick, [*FINE[:-1], *ERRORS, *FAILURES, FINE[-1]])
    assert_complete(slow, [*SLOW, "good"])
    assert (quick.code, slow.code) == (4, 4)


def test_nothing_that_they_print_is_a_command(quick: Judged, slow: Judged) -> None:
    for each in (quick, slow):
        assert len(commands(each.stdout)) >= 5  # the gate's own
        assert forged(each.stdout) == []
        assert commands(each.stderr) == []
        assert each.stderr == ""


def test_the_model_is_what_it_was(world: World, quick: Judged) -> None:
    assert sorted(each.name for each in world.folder.iterdir() if each.is_file()) == [
        "model.weights.h5",
        "weight-gate.yml",
    ]
    again = world.folder.parent / "again.weights.h5"
    WRITERS["weights.h5"](again, {"dense/kernel": VALUES})
    assert again.read_bytes() == (world.folder / "model.weights.h5").read_bytes()


@pytest.mark.parametrize(("loader", "code"), [("good", 0), ("not_a_number", 1), ("segfault", 4)])
def test_the_exit_code_follows(tmp_path: Path, loader: str, code: int) -> None:
    world = World(tmp_path / "repository", stand_in(tmp_path / "packages"))
    found = world.judged([loader])
    assert found.code == code, found.stdout
    assert_complete(found, [loader])


def test_a_fork_that_goes_on_in_its_place_is_never_green(tmp_path: Path) -> None:
    """Two processes would answer, and which of them is heard would be a matter of luck."""
    world = World(tmp_path / "repository", stand_in(tmp_path / "packages"))
    found = world.judged(["goes_on_twice", "good"], "--timeout", "20")
    assert found.outcome("goes_on_twice") == "error"
    assert "the project's code forked, and both processes came back from it" in found.told("goes_on_twice")
    assert found.outcome("good") == "passed"
    assert_complete(found, ["goes_on_twice", "good"])


# Beside the real TensorFlow


@pytest.mark.tensorflow
def test_it_is_the_same_beside_tensorflow(tmp_path: Path) -> None:
    world = World(tmp_path / "repository")
    names = ["segfault", "forks", "prints_and_crashes", "eats_memory", "kills_the_parent", "good"]
    found = world.judged(names, "--memory", "1500M")
    assert found.code == 4
    assert_complete(found, names)
    for name in ("segfault", "prints_and_crashes", "eats_memory", "kills_the_parent"):
        words = "needed more memory than its limit: peak " if name == "eats_memory" else ERRORS[name]
        assert words in found.told(name)
    assert "the last it printed" not in found.told("segfault")  # TensorFlow's own words on GPUs are none
    assert [found.model(name)["outcome"] for name in ("forks", "good")] == ["passed", "passed"]
    assert forged(found.stdout) == []
    assert found.stderr == ""


def hostile_artefacts(folder: Path, secret: Path) -> None:  # noqa: C901 - they share their classes
    """Models that need no code of the repository to try something: operations do it, when loaded or when called."""
    import keras
    import tensorflow as tf

    class Resource(tf.saved_model.experimental.TrackableResource):  # type: ignore[misc]
        """Initialised whenever the model is loaded."""

        def __init__(self, act: Any) -> None:
            super().__init__()
            self._act = act
            self._resource_handle = self._create_resource()

        def _create_resource(self) -> Any:
            return tf.raw_ops.MutableHashTableV2(key_dtype=tf.string, value_dtype=tf.int64, shared_name=str(id(self)))

        def _initialize(self) -> None:
            self._act()

    class Module(tf.Module):  # type: ignore[misc]
        def __init__(self, act: Any) -> None:
            super().__init__()
            self.kernel = tf.Variable(VALUES)
            self._act = act

        @tf.function(input_signature=[tf.TensorSpec((None, 3), tf.float32, "x")])  # type: ignore[untyped-decorator]
        def __call__(self, x: Any) -> Any:
            return {"y": self._act(x @ self.kernel)}

    def saved(name: str, act: Any = lambda y: y, at_load: Any = None) -> None:
        module = Module(act)
        if at_load is not None:
            module.resource = Resource(tf.function(at_load))
        tf.saved_model.save(module, str(folder / name), signatures=module.__call__)

    def reading(y: Any) -> Any:
        return y + tf.cast(tf.strings.length(tf.io.read_file(str(secret))), tf.float32)

    def writing(name: str) -> Any:
        def act(y: Any) -> Any:
            tf.io.write_file(name, "")
            return y

        return act

    def read() -> None:
        tf.print(tf.io.read_file(str(secret)))

    def write() -> None:
        tf.io.write_file(str(folder / "written"), "x")

    saved("reads_when_loaded", at_load=read)
    saved("writes_when_loaded", at_load=write)
    saved("reads_when_called", reading)
    saved("writes_when_called", writing(str(folder / "written")))
    # What the gate has mapped of it then, if it lay there still: the child works in its scratch folder.
    saved("cuts_when_called", writing("variables.bin"))
    saved("fine")
    doubled = keras.layers.Lambda(lambda x: x * 2)
    keras.Sequential([keras.Input((3,)), doubled, keras.layers.Dense(2)]).save(folder / "lambda.keras")


@pytest.mark.tensorflow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorFlow's own
def test_what_an_artefact_tries_without_any_code_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    world = World(tmp_path / "repository")
    hostile_artefacts(world.folder, secret)
    names = [
        "reads_when_loaded", "writes_when_loaded", "reads_when_called", "writes_when_called", "cuts_when_called",
        "fine", "lambda",
    ]  # fmt: skip
    weights = [f"{name}.keras" if name == "lambda" else name for name in names]
    models = [{"name": name, "weights": path} for name, path in zip(names, weights, strict=True)]
    (world.folder / "weight-gate.yml").write_text(yaml.safe_dump({"version": 1, "models": models}))
    found = world.run()
    assert found.code == 4
    assert_complete(found, names)
    for name, check in (("loaded", "restore"), ("called", "roundtrip")):
        assert found.outcome(f"reads_when_{name}", check) == "error"
        assert f"PermissionDeniedError: {secret}; Permission denied" in found.told(f"reads_when_{name}")
        assert found.outcome(f"writes_when_{name}", check) == "error"
        written = world.folder / "written"
        assert f"PermissionDeniedError: {written}; Permission denied" in found.told(f"writes_when_{name}")
        assert "may read the model alone, write only in its scratch folder" in found.told(f"writes_when_{name}")
        assert not written.exists()
    assert [found.model(name)["outcome"] for name in ("cuts_when_called", "fine")] == ["passed", "passed"]
    assert "Lambda" in found.told("lambda")
    assert "it holds code, which the gate never runs" in found.told("lambda")
    assert "hunter2" not in found.stdout + (found.folder / "report.json").read_text()
    assert "Landlock ABI" in found.model("fine")["runtime"]["confinement"]


# A small disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=80m", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mounted, check=False, capture_output=True).returncode:
        pytest.skip("needs to mount a file system")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_is_told(tmp_path: Path, small_disk: Path) -> None:
    world = World(tmp_path / "repository", stand_in(tmp_path / "packages"))
    world.scratch = small_disk
    names = ["fills_the_disk", "fills_the_disk_with_one_file", "good", "fills_the_disk_and_goes_on", "good again"]
    found = world.judged(names)
    assert found.code == 4
    assert_complete(found, names)
    told = found.told("fills_the_disk")
    assert "needed more room than the disk has (No space left on device): " in told
    assert f" are free in {small_disk}" in told
    assert "--scratch" in told
    assert "needed more room than the disk has (File too large): " in found.told("fills_the_disk_with_one_file")
    assert "needed more room than the disk has (No space left on device): " in found.told("fills_the_disk_and_goes_on")
    assert [found.model(name)["outcome"] for name in ("good", "good again")] == ["passed", "passed"]


def test_a_disk_that_is_too_small_is_told_before_anything_is_started(tmp_path: Path, small_disk: Path) -> None:
    (small_disk / "taken").write_bytes(bytes(40 * 1024**2))
    world = World(tmp_path / "repository", stand_in(tmp_path / "packages", "raise SystemExit('started')"))
    world.write(["good"])
    world.scratch = small_disk
    found = run_gate(*world.argv, "--allow-code", cwd=world.folder, env=world.environment)
    assert found.returncode == 4
    said = " ".join(found.stdout.split())
    assert f"loading it needs 64.0 MiB of scratch space, and {small_disk} has 40.0 MiB free" in said
    assert "name a folder with more room with --scratch" in said
    assert "started" not in said


# Interruptions


def interrupted(world: World, number: int, begun: str) -> tuple[Judged, float]:
    """The gate, sent a signal once there is a file of the name `begun` among what its children write."""
    with subprocess.Popen(
        [sys.executable, "-m", "gate", *world.argv, "--allow-code"],
        cwd=world.folder,
        env={**os.environ, **world.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as gate:
        try:
            assert eventually(lambda: any(begun in names for _, _, names in os.walk(world.scratch)), 30)
            assert world.mark.left()
            sent = time.monotonic()
            gate.send_signal(number)
            stdout, stderr = gate.communicate(timeout=30)
            took = time.monotonic() - sent
        finally:
            gate.kill()
    return Judged(world.folder / "weight-gate-reports", gate.returncode, stdout, stderr), took


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_in_the_middle_of_a_load(tmp_path: Path, number: int) -> None:
    world = World(tmp_path / "repository", stand_in(tmp_path / "packages"))
    world.write(["good", "begins_and_forks", "loops"])
    found, took = interrupted(world, number, "begun")
    assert found.code == 128 + number
    assert took < 7
    assert not world.mark.left()
    assert list(world.scratch.iterdir()) == []
    assert found.model("good")["outcome"] == "passed"
    assert_complete(found, ["good", "begins_and_forks", "loops"], unreached=("begins_and_forks", "loops"))
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_while_tensorflow_is_imported(tmp_path: Path, number: int) -> None:
    importing = f"import os; open(os.environ['TMPDIR'] + '/begun', 'w')\n{BUSY}"
    world = World(tmp_path / "repository", stand_in(tmp_path / "packages", importing))
    world.write(["good"])
    found, took = interrupted(world, number, "begun")
    assert found.code == 128 + number
    assert took < 7
    assert not world.mark.left()
    assert list(world.scratch.iterdir()) == []
    assert_complete(found, ["good"], unreached=("good",))


@pytest.mark.parametrize("more", ["", BUSY], ids=["loading", "importing"])
def test_no_child_outlives_a_gate_that_is_killed(tmp_path: Path, more: str) -> None:
    begun = "import os; open(os.environ['TMPDIR'] + '/begun', 'w')\n"
    world = World(tmp_path / "repository", stand_in(tmp_path / "packages", begun + more if more else ""))
    world.write(["begins"])
    found, _ = interrupted(world, signal.SIGKILL, "begun")
    assert found.code == -signal.SIGKILL
    assert eventually(lambda: not world.mark.left())
    assert_complete(found, ["begins"], unreached=("begins",))


# What is not there


def without_tensorflow(folder: Path) -> Path:
    """All packages of this environment but TensorFlow and Keras, as an installation without the extra has them."""
    packages = folder / "packages"
    packages.mkdir()
    for entry in Path(np.__file__).parents[1].iterdir():
        if not entry.name.lower().startswith(("tensorflow", "keras", "tf_keras")):
            (packages / entry.name).symlink_to(entry)
    return packages


def test_without_tensorflow_it_is_said_what_to_install(tmp_path: Path) -> None:
    packages = without_tensorflow(tmp_path)
    WRITERS["keras"](tmp_path / "model.keras", {"dense/kernel": VALUES, "dense/bias": VALUES[0]})

    def checked(more: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "weight-gate.yml").write_text(f"version: 1\nmodels:\n  - weights: model.keras\n{more}")
        return subprocess.run(
            [sys.executable, "-S", "-m", "gate", "check"],
            env={"PYTHONPATH": os.pathsep.join([str(packages), str(ROOT)]), "COLUMNS": "400"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    found = checked("")
    assert found.returncode == 4, found.stdout + found.stderr
    assert "TensorFlow is not installed, so the model cannot be loaded" in found.stdout
    assert "pip install 'weight-gate[tensorflow]', or write `load: false`" in found.stdout
    assert checked("    load: false\n").returncode == 0

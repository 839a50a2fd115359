"""A child gives an answer, or it is said what became of it; nothing of it is left then, and nothing was printed."""

import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType

import pytest

from gate.errors import GateError, Interrupted
from gate.runtime.child import Child, ChildLimits, ChildTrouble
from support.children import LIMITS, MIB, Children, eventually
from support.cli import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is left of a child is looked for in /proc")

FOREVER = "time.sleep(1000)"


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    found = Children(tmp_path)
    yield found
    left = found.left()
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left


def open_descriptors() -> list[str]:
    return sorted(str(each) for each in Path("/proc/self/fd").iterdir())


def trouble(children: Children, script: str, limits: ChildLimits = LIMITS) -> ChildTrouble:
    with children.start(script, limits) as child, pytest.raises(ChildTrouble) as caught:
        child.ask({})
    assert not children.left()
    assert caught.value.exit_code == 4
    assert caught.value.hint
    return caught.value


# Answers


def test_answers_come_one_by_one(children: Children) -> None:
    with children.start("while True: answer({'twice': request()['number'] * 2})") as child:
        assert [child.ask({"number": number}) for number in (1, 2, 3)] == [{"twice": 2}, {"twice": 4}, {"twice": 6}]


def test_long_requests_and_answers_cross(children: Children) -> None:
    text = "x\n\0é" * 500_000
    with children.start("answer(request())") as child:
        assert child.ask({"text": text}) == {"text": text}


def test_an_answer_counts_although_the_child_ends_with_it(children: Children) -> None:
    with children.start("answer({'a': 1}); os._exit(7)") as child:
        time.sleep(0.2)
        assert child.ask({}) == {"a": 1}
        with pytest.raises(ChildTrouble, match="exit status 7 before it answered"):
            child.ask({})


def test_a_closed_child_is_not_asked(children: Children) -> None:
    child = children.start("answer({})")
    child.close()
    child.close()
    with pytest.raises(ValueError, match="closed"):
        child.ask({})


def test_the_child_has_two_pipes_and_no_other_descriptor_of_ours(children: Children, tmp_path: Path) -> None:
    script = "fds = [f'/proc/self/fd/{n}' for n in sorted(map(int, os.listdir('/proc/self/fd')))]\n"
    script += "answer({'open': [os.readlink(each) for each in fds if os.path.lexists(each)]})"
    with (tmp_path / "ours").open("w") as ours:
        os.set_inheritable(ours.fileno(), True)
        with children.start(script) as child:
            found = child.ask({})["open"]
    assert found[0] == "/dev/null"
    assert found[1] == found[2]
    assert all(name.startswith("pipe:") for name in found[1:])
    assert len(found) == 5


def test_no_descriptor_is_left_open(children: Children) -> None:
    before = open_descriptors()
    for script in ("answer({})", "os._exit(3)"):
        with children.start(script) as child, suppress(ChildTrouble):
            child.ask({})
    assert open_descriptors() == before


# Ends


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("sys.exit(3)", "ended with exit status 3 before it answered"),
        ("pass", "ended without an answer, as if all were well (exit status 0)"),
        ("os._exit(0)", "ended without an answer, as if all were well (exit status 0)"),
        ("1 / 0", "ended with exit status 1 before it answered"),
        ("raw(b'{\"a\": 1}')", "ended with exit status 0 in the middle of its answer, after 8 bytes"),
        ("raw(b'{'); os._exit(5)", "ended with exit status 5 in the middle of its answer, after 1 bytes"),
        ("raw(b'{\\n')", "gave an answer that is not JSON"),
        ("raw(b'\\xff\\n')", "gave an answer that is not JSON"),
        ("raw(b'[' * 60000 + b'\\n')", "gave an answer that is not JSON"),
        ("raw(b'\\n')", "gave an answer that is not JSON"),
        ("answer([1])", "gave an answer that is not a JSON object"),
        ("answer(None)", "gave an answer that is not a JSON object"),
        ("raw(b'{}\\n{}\\n')", "gave more than one answer"),
        ("import ctypes; ctypes.string_at(0)", "crashed (SIGSEGV)"),
        ("os.abort()", "crashed (SIGABRT)"),
        ("raw(b'{'); os.kill(os.getpid(), signal.SIGBUS)", "crashed (SIGBUS)"),
        ("os.kill(os.getpid(), signal.SIGTERM)", "was ended by a signal that weight-gate did not send (SIGTERM)"),
        (
            "os.kill(os.getpid(), signal.SIGKILL)",
            "was killed (SIGKILL), which is what the kernel does when memory runs out: peak ",
        ),
    ],
)
def test_each_end_is_told_apart(children: Children, script: str, words: str) -> None:
    found = trouble(children, script)
    assert words in found.what
    assert found.reason == f"the process that loads it {found.what}"


def test_the_last_words_come_with_the_trouble(children: Children) -> None:
    found = trouble(children, "print('to stdout', flush=True); print('to stderr \\udcff', file=sys.stderr); os.abort()")
    assert "to stdout\n" in found.output
    assert "to stderr" in found.output


def test_a_killed_child_is_told_with_peak_and_limit(children: Children) -> None:
    found = trouble(children, f"x = b'1' * {100 * MIB}; time.sleep(0.5); os.kill(os.getpid(), signal.SIGKILL)")
    assert 100 * MIB < found.peak_bytes < 130 * MIB
    assert f"peak {found.peak_bytes / MIB:.1f} MiB, limit 300.0 MiB" in found.what


@pytest.mark.parametrize("seconds", [None, 0.3])
def test_one_that_hangs_is_ended(children: Children, seconds: float | None) -> None:
    limits = ChildLimits(0.5 if seconds is None else 60, 300 * MIB)
    began = time.monotonic()
    with children.start(FOREVER, limits) as child, pytest.raises(ChildTrouble) as caught:
        child.ask({}, seconds)
    assert caught.value.what == f"did not finish within {seconds or 0.5:g} s"
    assert time.monotonic() - began < 3


def test_one_that_is_stopped_or_deaf_to_signals_is_ended(children: Children) -> None:
    limits = ChildLimits(0.5, 300 * MIB)
    assert "did not finish" in trouble(children, "os.kill(os.getpid(), signal.SIGSTOP)", limits).what
    deaf = "[signal.signal(n, signal.SIG_IGN) for n in (1, 2, 3, 13, 15)]; time.sleep(1000)"
    assert "did not finish" in trouble(children, deaf, limits).what


def test_one_that_reads_nothing_does_not_block_a_long_request(children: Children) -> None:
    with children.start(FOREVER, ChildLimits(0.5, 300 * MIB)) as child, pytest.raises(ChildTrouble, match="within"):
        child.ask({"text": "x" * MIB})


def test_an_endless_answer_is_cut(children: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gate.runtime.child.LONGEST_ANSWER", 3 * MIB)
    assert "too long" in trouble(children, "while True: raw(b'x' * 65536)").what


def test_one_that_closes_its_pipe_and_goes_on(children: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gate.runtime.child._DEAF_SECONDS", 0.3)
    assert "closed its connection" in trouble(children, "os.close(_answers); time.sleep(1000)").what


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ChildTrouble, match="could not be started: No such file"):
        Child([str(tmp_path / "missing")], {}, tmp_path, LIMITS)
    assert issubclass(ChildTrouble, GateError)


# Memory


def test_one_that_eats_memory_is_ended(children: Children) -> None:
    eat = "held = []\nwhile True:\n    held.append(b'1' * 4_000_000)\n    time.sleep(0.002)"
    found = trouble(children, eat, ChildLimits(20, 100 * MIB))
    assert 100 * MIB < found.peak_bytes < 300 * MIB
    assert found.what == f"needed more memory than its limit: peak {found.peak_bytes / MIB:.1f} MiB, limit 100.0 MiB"


def test_memory_of_grandchildren_counts(children: Children) -> None:
    script = f"if os.fork() == 0:\n    os.setsid()\n    x = b'1' * {200 * MIB}\ntime.sleep(1000)"
    assert "needed more memory" in trouble(children, script, ChildLimits(20, 150 * MIB)).what


def test_shared_memory_counts(children: Children) -> None:
    script = f"import mmap\nm = mmap.mmap(-1, {200 * MIB})\nm[:] = bytes(len(m))\ntime.sleep(1000)"
    assert "needed more memory" in trouble(children, script, ChildLimits(20, 150 * MIB)).what


def test_memory_that_forks_share_counts_once(children: Children) -> None:
    script = f"x = b'1' * {80 * MIB}\nfor _ in range(5):\n    if os.fork() == 0: time.sleep(1000)\n"
    with children.start(script + "time.sleep(0.7); answer({}); time.sleep(1000)") as child:
        child.ask({})
        assert 80 * MIB < child.peak_bytes < 160 * MIB


def test_a_mapped_file_does_not_count(children: Children, tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        file.truncate(200 * MIB)
    script = "import mmap\nf = open('file', 'rb'); m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)\n"
    touch = "n = sum(m[at] for at in range(0, len(m), 4096)); time.sleep(0.3); answer({'sum': n})"
    with children.start(script + touch, ChildLimits(5, 100 * MIB)) as child:
        assert child.ask({}) == {"sum": 0}
        assert child.peak_bytes < 50 * MIB


# What it starts

FORK = "if os.fork() == 0: time.sleep(1000)\n"
TWICE = "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(1000)\n    os._exit(0)\n"
BOMB = "for _ in range(50):\n    if os.fork() == 0:\n        os.setsid()\n        time.sleep(1000)\n"
CHAIN = """
if os.fork() == 0:
    while True:
        if os.fork(): os._exit(0)
        os.setsid()
"""
IGNORING = "if os.fork() == 0:\n    [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 3, 15)]\n    time.sleep(1000)\n"
STOPPED = "if os.fork() == 0: os.kill(os.getpid(), signal.SIGSTOP)\n"
HEADLESS = """
import ctypes, threading
if os.fork() == 0:
    threading.Thread(target=time.sleep, args=(1000,)).start()
    ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[os.uname().machine], 0)
"""
STARTS = {
    "fork": FORK, "twice": TWICE, "bomb": BOMB, "chain": CHAIN, "ignoring": IGNORING, "stopped": STOPPED,
    "headless": HEADLESS,
}  # fmt: skip


@pytest.mark.parametrize("script", STARTS.values(), ids=STARTS)
@pytest.mark.parametrize("end", ["answer({}); time.sleep(1000)", "answer({}); os._exit(0)"], ids=["stays", "goes"])
def test_nothing_is_left_after_an_answer(children: Children, script: str, end: str) -> None:
    with children.start(f"{script}time.sleep(0.1); {end}") as child:
        assert child.ask({}) == {}
        time.sleep(0.1)
        assert script is CHAIN or children.left()
    assert not children.left()


@pytest.mark.parametrize("script", STARTS.values(), ids=STARTS)
@pytest.mark.parametrize("end", ["os._exit(3)", "os.abort()", FOREVER])
def test_nothing_is_left_without_one(children: Children, script: str, end: str) -> None:
    trouble(children, f"{script}time.sleep(0.1); {end}", ChildLimits(0.6, 300 * MIB))


def test_a_chain_that_forks_faster_than_one_looks_stops(children: Children, tmp_path: Path) -> None:
    beat = tmp_path / "beat"
    beats = CHAIN.replace("os.setsid()", "os.setsid(); os.write(os.open('beat', os.O_WRONLY | os.O_APPEND), b'x')")
    beat.touch()
    with children.start(f"{beats}time.sleep(0.1); answer({{}}); os._exit(0)") as child:
        child.ask({})
        assert eventually(lambda: beat.stat().st_size > 100)
    before = beat.stat().st_size
    time.sleep(0.2)
    assert beat.stat().st_size == before


def test_no_dead_process_is_left_unwaited_for(children: Children) -> None:
    with children.start(BOMB + TWICE * 5 + "time.sleep(0.2); answer({})") as child:
        child.ask({})
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_our_other_processes_stay(children: Children) -> None:
    with subprocess.Popen(["sleep", "1000"]) as ours:
        with children.start(TWICE + "answer({})") as child:
            child.ask({})
        assert ours.poll() is None
        ours.kill()


def test_two_at_a_time_stay_apart(children: Children) -> None:
    keeps = FORK + "while True: request(); answer({'group': os.getpgrp()})"
    with children.start(keeps) as one, children.start(keeps) as other:
        first, second = one.ask({}), other.ask({})
        one.close()
        assert len(children.left()) == 2
        assert other.ask({}) == second != first
    assert not children.left()


def test_this_process_is_afterwards_what_it_was(children: Children) -> None:
    def state() -> tuple[int, int]:
        libc, value = ctypes.CDLL(None), ctypes.c_int()
        libc.prctl(37, ctypes.byref(value), 0, 0, 0)
        return value.value, libc.prctl(3, 0, 0, 0, 0)

    before = state()
    assert before == (0, 1)
    with children.start("answer({})") as child, children.start("answer({})"):
        assert state() == (1, 0)
        child.ask({})
        child.close()
        assert state() == (1, 0)
    assert state() == before


# What it prints


def test_nothing_that_it_prints_reaches_us(children: Children, capfd: pytest.CaptureFixture[str]) -> None:
    says = "\r##[error]no\n::error::no\n::stop-commands::x\n"
    script = f"for each in (1, 2): os.write(each, {says.encode()!r})\n"
    with children.start(script + FORK + "os.system('echo ::error::no >&2'); answer({})") as child:
        child.ask({})
    assert child.output.count("\r##[error]no") == 2
    assert child.output.count("::error::no") == 3
    assert capfd.readouterr() == ("", "")


def test_endless_output_neither_blocks_nor_piles_up(children: Children) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    endless = "if os.fork() == 0:\n    while True: os.write(2, b'y' * 65536)\nos.write(1, b'x' * 100_000_000)\n"
    with children.start(endless + "answer({})") as child:
        child.ask({})
        assert set(child.output) == {"x", "y"} or set(child.output) == {"y"}
    assert len(child.output) == 64 * 1024
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 * 1024


def test_undecodable_output_is_text(children: Children) -> None:
    with children.start("os.write(1, b'a\\xff\\xc3'); answer({})") as child:
        child.ask({})
    assert child.output == "a��"


# Interruptions


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a file that was just opened
def test_an_interruption_leaves_nothing(children: Children) -> None:
    """At thirty moments, from before the start to after the answer."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Interrupted(number)

    before = signal.signal(signal.SIGALRM, stop)
    descriptors = len(open_descriptors())
    interrupted = 0
    try:
        for moment in range(30):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0005 + moment * 0.002)
                with children.start(FORK + TWICE + "answer({})") as child:
                    child.ask({})
                    time.sleep(0.1)
            except Interrupted:
                interrupted += 1
            assert not children.left(), moment
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interrupted == 30
    assert len(open_descriptors()) <= descriptors + 2


def test_the_child_dies_with_its_parent(children: Children, tmp_path: Path) -> None:
    script = f"""
import os, sys, time
from pathlib import Path
from gate.runtime.child import Child, ChildLimits
worker = '''
import os, sys, time
from pathlib import Path
from gate.runtime.sandbox import confine, restrain
restrain(None, os.getppid())
confine([], [Path.cwd()])
os.write(int(sys.argv[-1]), b"{{}}\\\\n")
time.sleep(1000)
'''
with Child([sys.executable, "-c", worker], dict(os.environ), Path({str(tmp_path)!r}), ChildLimits(5, 2**30)) as child:
    child.ask({{}})
    print("ready", flush=True)
    time.sleep(1000)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], env=children.environment, stdout=subprocess.PIPE, cwd=ROOT
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        assert len(children.left()) >= 1
        parent.kill()
    assert eventually(lambda: not children.left())

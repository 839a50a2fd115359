"""The scripts of `weight-gate completion`: a real bash completes by one, and every shell's is made."""

import os
import pty
import select
import subprocess
import time
from pathlib import Path

import pytest

from gate.arguments import COMMANDS
from gate.arguments.completion import SHELLS
from support.cli import run_gate

PATIENCE_SECONDS = 20
COMPLETE = r"""
source "$1"; shift
[[ $(complete -p weight-gate) =~ -F\ ([^ ]+) ]] && function=${BASH_REMATCH[1]}
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
$function weight-gate "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = run_gate("completion", "bash")
    assert (found.returncode, found.stderr) == (0, "")
    path = tmp_path_factory.mktemp("completion") / "weight-gate"
    path.write_text(found.stdout)
    return path


def completed(script: Path, *words: str, cwd: Path | None = None) -> set[str]:
    """What bash offers for the last of `words`."""
    command = ["bash", "--norc", "--noprofile", "-c", COMPLETE, "bash", str(script), "weight-gate", *words]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["che"], ["check"]),
        (["va"], ["validate"]),
        (["check", "--dev"], ["--device"]),
        (["check", "--device", ""], ["auto", "cpu", "gpu"]),
        (["check", "--device", "g"], ["gpu"]),
        (["check", "--no-r"], ["--no-reports"]),
        (["diff", "--ident"], ["--identical"]),
        (["diff", "--group", "o"], ["optimizer"]),
        (["completion", ""], ["bash", "zsh", "fish", "tcsh"]),
        (["completion", "z"], ["zsh"]),
        (["explain", "--man"], ["--manifest"]),
        (["mutate", "--only", "swa"], ["swapped"]),
    ],
    ids=" ".join,
)
def test_bash_completes_words(script: Path, words: list[str], offered: list[str]) -> None:
    assert completed(script, *words) == {*offered}


def test_bash_completes_every_command(script: Path) -> None:
    assert completed(script, "") >= set(COMMANDS)
    for name in COMMANDS:
        assert name in completed(script, name[:-1])


@pytest.mark.parametrize(
    "words",
    [
        ["check"],
        ["validate"],
        ["list"],
        ["diff"],
        ["diff", "gold.npz"],
        ["list", "model.npz", "--against"],
        ["explain", "net", "--manifest"],
        ["check", "--json-path"],
    ],
    ids=" ".join,
)
def test_bash_completes_files(script: Path, words: list[str], tmp_path: Path) -> None:
    for name in ("gold.npz", "model.npz", "mine.yml"):
        (tmp_path / name).touch()
    assert completed(script, *words, "m", cwd=tmp_path) >= {"model.npz", "mine.yml"}
    assert "gold.npz" not in completed(script, *words, "m", cwd=tmp_path)


@pytest.mark.parametrize("words", [["check", "--root"], ["check", "--reports"], ["explain", "net", "--cache"]])
def test_bash_completes_folders_alone(script: Path, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "model.npz").touch()
    found = {each.rstrip("/") for each in completed(script, *words, "m", cwd=tmp_path)}
    assert found == {"models"}


def test_what_a_person_types_is_completed(script: Path) -> None:
    """Tab, in a terminal, in bash."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(PS1="> ", TERM="dumb", INPUTRC="/dev/null")
        os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
    try:
        os.write(terminal, f"source {script}\n".encode())
        os.write(terminal, b"echo rea''dy\n")
        assert _read_until(terminal, "ready\r\n")
        os.write(terminal, b"weight-gate che\t")
        assert _read_until(terminal, "weight-gate check ")
        os.write(terminal, b"--dev\t")
        assert _read_until(terminal, "--device ")
        os.write(terminal, b"g\t")
        assert _read_until(terminal, "gpu ")
    finally:
        os.write(terminal, b"\x03\x04")
        os.close(terminal)
        os.waitpid(child, 0)


def _read_until(terminal: int, text: str) -> str:
    seen, end = "", time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        ready, _, _ = select.select([terminal], [], [], 0.5)
        if ready:
            seen += os.read(terminal, 65536).decode("utf-8", "replace").replace("\x07", "")
        if text in seen:
            return seen
    raise AssertionError(f"{text!r} did not come; seen: {seen!r}")


def test_bash_says_that_the_script_is_well_formed(script: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_has_a_script_with_every_command(shell: str) -> None:
    found = run_gate("completion", shell)
    assert (found.returncode, found.stderr) == (0, "")
    for name in COMMANDS:
        assert name in found.stdout


def test_another_shell_is_refused() -> None:
    found = run_gate("completion", "zhs")
    assert found.returncode == 2
    assert "did you mean zsh?" in found.stderr

"""What docs/start.md and docs/init.md show, run anew and written into them: python docs/start.py

The pages have places, each a comment and the block that follows it. Those of start.md are the commands of `STORY`, run
one after the other in a new repository with one `.keras` file; those of init.md are runs of `init`. A shell runs the
commands as they are shown. `tests/docs` holds that the blocks are what is printed now, but for times and what differs
between two machines (`comparable`).
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

if __name__ == "__main__":  # run as a script: its own folder is on the path, the repository is not
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from docs.blocks import ROOT, Page, environment

START, INIT = (Page(name, "start.py") for name in ("start.md", "init.md"))
DIGITS = ROOT / "examples" / "digits"
STORY = {
    "init": "weight-gate init",
    "green": "weight-gate check",
    "tamper": "cp ../theirs/digits.keras models/",
    "red": "weight-gate check",
    "update": "weight-gate update --yes --only '**' --reason 'filters reordered on purpose'",
    "again": "weight-gate check",
}
_VERDICT_ALONE = ("green", "again")


@dataclass(frozen=True)
class Ran:
    """What a command printed, and how it ended."""

    typed: str
    printed: str
    exit_code: int
    seconds: float

    @property
    def console(self) -> str:
        return f"$ {self.typed}\n{self.printed}"


class Shell:
    """Runs what a reader would type, in a folder, with the gate of this repository as `weight-gate`."""

    def __init__(self, scratch: Path, folder: Path) -> None:
        self.folder = folder
        programs = scratch / "bin"
        programs.mkdir(exist_ok=True)
        gate = programs / "weight-gate"
        gate.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gate "$@"\n')
        gate.chmod(0o755)
        path = f"{programs}:{os.environ.get('PATH', os.defpath)}"
        self.environment = environment(PATH=path, HOME=str(scratch), GIT_CONFIG_GLOBAL="/dev/null")

    def run(self, typed: str) -> Ran:
        """Runs it; progress, on stderr, is left out, errors are not."""
        start = perf_counter()
        done = subprocess.run(  # noqa: S602 - the commands of this file
            typed, shell=True, cwd=self.folder, env=self.environment, capture_output=True, encoding="utf-8", check=False
        )
        return Ran(typed, done.stdout + done.stderr, done.returncode, perf_counter() - start)


def story(scratch: Path) -> dict[str, Ran]:
    """The six commands, from a repository with one file in it to the second green verdict."""
    folder = scratch / "repository"
    (folder / "models").mkdir(parents=True)
    shutil.copy(DIGITS / "models" / "digits.keras", folder / "models")
    tampered = scratch / "tampered"
    subprocess.run([sys.executable, DIGITS / "tamper.py", tampered], check=True)  # noqa: S603 - a script of an example
    (scratch / "theirs").mkdir()
    shutil.copy(tampered / "models" / "digits.keras", scratch / "theirs")
    shell = Shell(scratch, folder)
    for typed in ("git init -q", "git config user.name 'Ada Lovelace'", "git config user.email ada@example.com"):
        shell.run(typed)
    return {name: shell.run(typed) for name, typed in STORY.items()}


def start_blocks(ran: dict[str, Ran]) -> dict[str, str]:
    """The blocks of start.md."""
    blocks = {name: _shown(each, verdict_alone=name in _VERDICT_ALONE) for name, each in ran.items()}
    rows = [f"| `{each.typed}` | {each.exit_code} | {each.seconds:.1f} s |" for each in ran.values()]
    total = f"| | | {sum(each.seconds for each in ran.values()):.1f} s |"
    return {**blocks, "times": "\n".join(["| command | exit | took |", "|---|---|---|", *rows, total, "", ""])}


def _shown(ran: Ran, *, verdict_alone: bool) -> str:
    lines = ran.console.splitlines()
    if verdict_alone:
        lines = [lines[0], "…", lines[-1]]
    return "\n".join([*lines, "$ echo $?", str(ran.exit_code), ""])


def init_blocks(scratch: Path) -> dict[str, str]:
    """The blocks of init.md: a repository with something of everything, and its manifest."""
    folder = scratch / "everything"
    _something_of_everything(folder)
    shell = Shell(scratch, folder)
    shell.run("git init -q")
    found = shell.run("weight-gate init --workflow")
    again = shell.run("weight-gate init")
    return {
        "found": _shown(found, verdict_alone=False),
        "again": _shown(again, verdict_alone=False),
        "manifest": (folder / "weight-gate.yml").read_text("utf-8"),
        "workflow": (folder / ".github" / "workflows" / "weight-gate.yml").read_text("utf-8"),
    }


def _something_of_everything(folder: Path) -> None:
    examples = ROOT / "examples"
    shutil.copytree(examples / "digits" / "models", folder / "digits")
    shutil.copytree(examples / "tf1_checkpoint" / "checkpoints", folder / "training")
    shutil.copytree(examples / "weights_and_builder" / "golden", folder / "tests" / "golden")
    shutil.copytree(examples / "weights_and_builder" / "models", folder / "strokes")
    (folder / "ranker.keras").write_bytes(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"5" * 64 + b"\nsize 73400320\n"
    )
    (folder / ".gitattributes").write_text("*.keras filter=lfs diff=lfs merge=lfs -text\n")
    (folder / ".gitignore").write_text("/scratch/\n")
    (folder / "scratch").mkdir()
    shutil.copy(examples / "digits" / "models" / "digits.keras", folder / "scratch")


def comparable(block: str) -> str:
    """What must not differ between two runs: no times, dates and versions, no digests of files with dates in them."""
    text = re.sub(r"^  (loaded with|steps|time) .*\n(?: {3,}.*\n)*", "", block, flags=re.MULTILINE)
    text = re.sub(r"^(with|time) .*\n(?: {2,}.*\n)*", "", text, flags=re.MULTILINE)
    text = re.sub(r"^weight-gate \d\S*:", "weight-gate:", text, flags=re.MULTILINE)
    text = " ".join(text.split())
    text = re.sub(r" \((?:\d+ min )?[\d.]+ s\)", "", text)
    text = re.sub(r"\b\d{4}-\d\d-\d\dT[\d:]+Z", "WHEN", text)
    text = re.sub(r"sha256:[0-9a-f]{12}…", "sha256:…", text)
    return re.sub(r"\| [\d.]+ s \|", "|", text)


def main() -> None:
    """Rewrite the blocks of both pages."""
    with tempfile.TemporaryDirectory() as scratch:
        START.fill(start_blocks(story(Path(scratch))))
    with tempfile.TemporaryDirectory() as scratch:
        INIT.fill(init_blocks(Path(scratch)))


if __name__ == "__main__":
    main()

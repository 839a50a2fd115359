"""What the gate prints of every example and its tampered copy, written into the READMEs: python transcripts.py [NAME…]

A README has places for it, each a comment and the block that follows it:

    <!-- transcripts.py: manifest -->    weight-gate.yml
    <!-- transcripts.py: green -->       `weight-gate check` on the example as it is
    <!-- transcripts.py: red -->         the same on the copy that tamper.py makes

`tests/examples` holds that the blocks are what is printed now, but for what differs between two runs (`comparable`).
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
COLUMNS = 100
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "weight-gate-reports", "*.md")
_PLACE = re.compile(r"(<!-- transcripts\.py: (\w+) -->\n```(\w+)\n)(.*?)(^```$)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """One folder, and how the gate is called in it."""

    name: str
    options: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        return HERE / self.name

    @property
    def readme(self) -> Path:
        return self.folder / "README.md"


@dataclass(frozen=True)
class Printed:
    """What one run of the gate printed, with the commands that a reader would type."""

    console: str
    exit_code: int


EXAMPLES = (
    Example("digits"),
    Example("weights_and_builder", ("--allow-code",)),
    Example("tf1_checkpoint"),
    Example("saved_model", ("--allow-code",)),
    Example("transfer_learning"),
)


def green(example: Example, scratch: Path) -> Printed:
    """The example as it is, in a copy below `scratch`, so that no report is left in it."""
    folder = scratch / example.name
    shutil.copytree(example.folder, folder, ignore=_LEFT_OUT)
    return _checked(example, folder, [f"cd examples/{example.name}"])


def red(example: Example, scratch: Path) -> Printed:
    """The copy that its tamper.py makes."""
    folder = scratch / "tampered"
    tamper = [sys.executable, str(example.folder / "tamper.py"), str(folder)]
    subprocess.run(tamper, check=True, capture_output=True)  # noqa: S603 - a script beside this one
    return _checked(example, folder, ["python tamper.py /tmp/tampered", "cd /tmp/tampered"])


def _checked(example: Example, folder: Path, before: list[str]) -> Printed:
    command = ["check", *example.options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "INPUT_"))}
    environment |= {"COLUMNS": str(COLUMNS), "PYTHONPATH": str(HERE.parent)}
    done = subprocess.run(  # noqa: S603 - the gate itself
        [sys.executable, "-m", "gate", *command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # progress
        encoding="utf-8",
        check=False,
    )
    typed = [*before, " ".join(["weight-gate", *command])]
    console = "".join(f"$ {line}\n" for line in typed) + f"{done.stdout}$ echo $?\n{done.returncode}\n"
    return Printed(console, done.returncode)


def blocks(readme: str) -> dict[str, str]:
    """The blocks of a README by their word."""
    return {found[2]: found[4] for found in _PLACE.finditer(readme)}


def written(readme: str, contents: dict[str, str]) -> str:
    """The README with these blocks in place of those that it has."""
    return _PLACE.sub(lambda found: found[1] + contents.get(found[2], found[4]) + found[5], readme)


def manifest(example: Example) -> str:
    """The manifest as it is."""
    return (example.folder / "weight-gate.yml").read_text("utf-8")


def comparable(console: str) -> str:
    """What must not differ between two runs: no times, no versions and machines, no last digits of predictions."""
    text = re.sub(r"^  (loaded with|steps|time) .*\n(?: {3,}.*\n)*", "", console, flags=re.MULTILINE)
    text = re.sub(r"^(with|time) .*\n(?: {2,}.*\n)*", "", text, flags=re.MULTILINE)
    text = re.sub(r"^weight-gate \d\S*:", "weight-gate:", text, flags=re.MULTILINE)
    text = " ".join(text.split())
    text = re.sub(r" \((?:\d+ min )?[\d.]+ s\)", "", text)
    return re.sub(r"(?:PASSED|FAILED) predictions .*? coverage ", _without_digits, text)


def _without_digits(found: re.Match[str]) -> str:
    text = re.sub(r"-?\d+(?:\.\d+(?:e-?\d+)?|e-?\d+)", "N", found[0])
    return re.sub(r"at most \S+ apart", "at most N apart", text)


def main(names: list[str]) -> None:
    """Rewrite the blocks of all examples, or of those that are named."""
    if unknown := set(names) - {example.name for example in EXAMPLES}:
        raise SystemExit(f"no such example: {', '.join(sorted(unknown))}")
    for example in EXAMPLES:
        if names and example.name not in names:
            continue
        with tempfile.TemporaryDirectory() as scratch:
            as_it_is, tampered = green(example, Path(scratch)), red(example, Path(scratch))
        contents = {"manifest": manifest(example), "green": as_it_is.console, "red": tampered.console}
        readme = example.readme.read_text("utf-8")
        example.readme.write_text(written(readme, contents), "utf-8")
        print(f"{example.name}: exit {as_it_is.exit_code}, tampered exit {tampered.exit_code}")


if __name__ == "__main__":
    main(sys.argv[1:])

"""What docs/update.md shows, made anew and written into it: python docs/updated.py

The page has places, each a comment and the block that follows it: `manifest`, `part` and `update` are what the gate
prints for the digits of `examples/digits` after their head was trained again, `record` is what it writes down, and
`nan` what it says of a file that nobody can approve. `tests/docs` holds that they are what is made now, but for times
and last digits (`comparable`).
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np

if __name__ == "__main__":  # run as a script: its own folder is on the path, the repository is not
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from docs.blocks import ROOT, Page, environment, settled

PAGE = Page("update.md", "updated.py")
DIGITS = ROOT / "examples" / "digits" / "models"
MANIFEST = """\
version: 1
models:
  - weights: digits.keras
    reference: {lock: digits.lock.yml}
    load: false
"""
_BY = ("--by", "Ada Lovelace <ada@example.com>")
_PART = ("--only", "head/logits/*", "--dry-run")
_ALL = ("--yes", "--only", "head/**", "--reason", "the head was trained on the spring data")
_WHEN = "2027-03-01T12:00:00Z"


def made(scratch: Path) -> dict[str, str]:
    """The blocks by their word."""
    shutil.copyfile(DIGITS / "golden" / "digits.keras", scratch / "digits.keras")
    (scratch / "weight-gate.yml").write_text(MANIFEST, encoding="utf-8")
    _update(scratch, "--yes", "--only", "**")
    shutil.copyfile(DIGITS / "digits.keras", scratch / "digits.keras")
    found = {"manifest": MANIFEST, "part": _below("would write:", _update(scratch, *_PART))}
    found["update"] = _update(scratch, *_ALL)
    text = (scratch / "weight-gate-approvals.yml").read_text("utf-8")
    found["record"] = re.sub(r'"\d{4}-\d\d-\d\dT[\d:]+Z"', f'"{_WHEN}"', text[text.rindex("  - when") :])
    _spoil(scratch / "digits.keras")
    found["nan"] = _below("nothing of it can be approved", _update(scratch, *_ALL))
    return found


def _update(scratch: Path, *arguments: str) -> str:
    return _gate(scratch, "update", *arguments, unsaid=_BY)


def _gate(scratch: Path, *arguments: str, unsaid: tuple[str, ...] = ()) -> str:
    """What is typed, what is printed, and the exit code."""
    done = subprocess.run(  # noqa: S603 - the gate itself
        [sys.executable, "-m", "gate", *arguments, *unsaid],
        cwd=scratch,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    typed = " ".join(f"'{each}'" if re.search(r"[ *]", each) else each for each in arguments)
    return f"$ weight-gate {typed.replace(' --no-reports', '')}\n{done.stdout}$ echo $?\n{done.returncode}\n"


def _below(line: str, printed: str) -> str:
    """What is typed, and what is printed from a line on."""
    typed, rest = printed.split("\n", 1)
    at = rest.rindex("\n", 0, rest.index(line)) + 1
    return f"{typed}\n…\n{rest[at:]}"


def _spoil(path: Path) -> None:
    """One NaN in the weights."""
    import zipfile  # noqa: PLC0415

    with zipfile.ZipFile(path) as archive:
        members = {each.filename: archive.read(each) for each in archive.infolist()}
    inner = path.with_name("inner.h5")
    inner.write_bytes(members["model.weights.h5"])
    with h5py.File(inner, "r+") as file:
        found: list[h5py.Dataset] = []
        file.visititems(lambda _, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
        first = found[0]
        first[...] = np.where(np.arange(first.size).reshape(first.shape) == 0, np.nan, first[...])
    members["model.weights.h5"] = inner.read_bytes()
    inner.unlink()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def comparable(block: str) -> str:
    """What must not differ between two runs: no times and digests of what holds its own time either."""
    text = re.sub(r"made \d{4}-\d\d-\d\dT[\d:]+Z", "made WHEN", settled(block))
    return re.sub(r"sha256:[0-9a-f]{12,64}", "sha256:DIGEST", text)


def main() -> None:
    """Rewrite the blocks of the page."""
    with tempfile.TemporaryDirectory() as scratch:
        PAGE.fill(made(Path(scratch)))


if __name__ == "__main__":
    main()

"""What docs/locks.md shows, made anew and written into it: python docs/locks.py

The page has places, each a comment and the block that follows it: `lock` is a real lock, some of its lines left out,
and `red` what `weight-gate check` prints by that lock once the file has changed. `tests/docs` holds that they are what
is made now, but for times and last digits (`settled`).
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":  # run as a script: its own folder is on the path, the repository is not
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from docs.blocks import ROOT, Page, environment
from gate.formats import open_weights
from gate.locks.lock import Made
from gate.locks.make import lock_of
from gate.locks.text import lock_text

PAGE = Page("locks.md", "locks.py")
DIGITS = ROOT / "examples" / "digits" / "models"
MANIFEST = """\
version: 1
models:
  - weights: digits.keras
    reference: {lock: digits.lock.yml}
    load: false
    tensors:
      - {match: "head/**", expect: changed}
      - {match: "head/logits/*", expect: close}
"""
_MADE = Made("2027-03-01T12:00:00Z", "Ada Lovelace <ada@example.com>", "trained on the spring data", "1a2b3c4d5e6f", {})
_SHOWN = 2


def made(scratch: Path) -> dict[str, str]:
    """The blocks by their word."""
    shutil.copyfile(DIGITS / "golden" / "digits.keras", scratch / "digits.keras")
    with open_weights(scratch / "digits.keras", shown="digits.keras") as weights:
        text = lock_text(lock_of(weights, _MADE, threads=1))
    (scratch / "digits.lock.yml").write_text(text, encoding="utf-8")
    (scratch / "weight-gate.yml").write_text(MANIFEST, encoding="utf-8")
    shutil.copyfile(DIGITS / "digits.keras", scratch / "digits.keras")
    done = subprocess.run(
        [sys.executable, "-m", "gate", "check", "--no-reports"],
        cwd=scratch,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # progress
        encoding="utf-8",
        check=False,
    )
    return {"lock": _shortened(text), "red": f"$ weight-gate check\n{done.stdout}$ echo $?\n{done.returncode}\n"}


def _shortened(text: str) -> str:
    """The lock with the first tensors and the first layer alone."""
    lines = []
    listed = 0
    for line in text.splitlines():
        listed = listed + 1 if line.startswith("- ") else 0
        if listed <= _SHOWN:
            lines.append(line)
        elif listed == _SHOWN + 1:
            lines.append("# …")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Rewrite the blocks of the page."""
    with tempfile.TemporaryDirectory() as scratch:
        PAGE.fill(made(Path(scratch)))


if __name__ == "__main__":
    main()

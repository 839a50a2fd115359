"""What docs/loosening.md shows, made anew and written into it: python docs/loosened.py

The page has places, each a comment and the block that follows it: `diff` is what a branch changes in a manifest, `said`
what `weight-gate check` prints there. `tests/docs` holds that they are what is made now, but for times, versions and
the names of commits (`comparable`).
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":  # run as a script: its own folder is on the path, the repository is not
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from docs.blocks import ROOT, Page, environment, settled

PAGE = Page("loosening.md", "loosened.py")
DIGITS = ROOT / "examples" / "digits" / "models"
BEFORE = """\
version: 1
models:
  - weights: digits.keras
    reference: golden.keras
    load: false
    tensors:
      - {match: "backbone/**", expect: identical}
"""
AFTER = """\
version: 1
models:
  - weights: digits.keras
    reference: golden.keras
    load: false
    tensors:
      - {match: "backbone/**", expect: identical}
      - {match: "backbone/conv_*/bias", tolerance: {rtol: 1e-2, atol: 1e-4}, expect: close}
      - {match: "head/**", expect: any, reason: retrained on the spring data}
"""
_WHO = {f"GIT_{who}_{what}": "ada" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
_WHEN = {f"GIT_{who}_DATE": "2027-03-01T12:00:00Z" for who in ("AUTHOR", "COMMITTER")}
_ALONE = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}


def made(scratch: Path) -> dict[str, str]:
    """The blocks by their word."""
    shutil.copyfile(DIGITS / "golden" / "digits.keras", scratch / "golden.keras")
    shutil.copyfile(DIGITS / "golden" / "digits.keras", scratch / "digits.keras")
    _run(scratch, "git", "init", "--quiet", "--initial-branch=main")
    for branch, manifest in (("main", BEFORE), ("spring", AFTER)):
        (scratch / "weight-gate.yml").write_text(manifest, encoding="utf-8")
        if branch != "main":
            _run(scratch, "git", "checkout", "--quiet", "-b", branch)
        _run(scratch, "git", "add", "--all")
        _run(scratch, "git", "-c", "commit.gpgsign=false", "commit", "--quiet", "-m", branch)
    difference = _run(scratch, "git", "diff", "--no-color", "main", "--", "weight-gate.yml")
    printed = _run(scratch, sys.executable, "-m", "gate", "check", "--no-reports", "--base", "main")
    shown = "".join(line for line in difference.splitlines(keepends=True)[2:] if not line.startswith("index "))
    return {"diff": shown, "said": f"$ weight-gate check --base main\n{printed}"}


def _run(folder: Path, *command: str) -> str:
    done = subprocess.run(  # noqa: S603 - git, and the gate itself
        command,
        cwd=folder,
        env=environment(**_WHO, **_WHEN, **_ALONE),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # progress
        encoding="utf-8",
        check=True,
    )
    return done.stdout


def comparable(block: str) -> str:
    """What must not differ between two runs: no names of commits either."""
    return re.sub(r"\b[0-9a-f]{12}\b", "COMMIT", settled(block))


def main() -> None:
    """Rewrite the blocks of the page."""
    with tempfile.TemporaryDirectory() as scratch:
        PAGE.fill(made(Path(scratch)))


if __name__ == "__main__":
    main()

"""What docs/explain.md and docs/names.md show, run anew and written into them: python docs/explained.py, or `make docs`

The pages have places, each a comment with a folder of examples/ and the block that follows it. The first line of a
block is the command, the rest what it prints there. `tests/docs` holds that it is what is printed now.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

if __name__ == "__main__":  # run as a script: its own folder is on the path, the repository is not
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from docs.blocks import ROOT, environment

PAGE = ROOT / "docs" / "explain.md"
PAGES = (PAGE, ROOT / "docs" / "names.md")
_PLACE = re.compile(r"(<!-- explained\.py: (\w+) -->\n```console\n)\$ ([^\n]*)\n(.*?)(^```$)", re.DOTALL | re.MULTILINE)


def page(text: str) -> str:
    """The page with every block as it is printed now."""
    return _PLACE.sub(lambda found: f"{found[1]}$ {found[3]}\n{_printed(found[2], found[3])}{found[5]}", text)


def commands(text: str) -> list[str]:
    """The commands that the page shows the output of."""
    return [found[3] for found in _PLACE.finditer(text)]


def _printed(example: str, command: str) -> str:
    program, *arguments = shlex.split(command)
    if program != "weight-gate":
        raise SystemExit(f"no command of the gate: {command}")
    done = subprocess.run(  # noqa: S603 - the gate itself
        [sys.executable, "-m", "gate", *arguments],
        cwd=ROOT / "examples" / example,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.stderr or done.returncode:
        raise SystemExit(f"{command}: exit {done.returncode}: {done.stderr}")
    return done.stdout


def main() -> None:
    """Write the pages."""
    for each in PAGES:
        each.write_text(page(each.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()

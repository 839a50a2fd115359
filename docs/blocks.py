"""Blocks of a page that a script makes: where they stand, how they are put there, and what may differ in them.

A page has places for them, each a comment with the script's name and a word, and the block that follows it:

    <!-- locks.py: red -->
    ```console
    $ weight-gate check
    ```

What is no block of code, a table say, ends at `<!-- end -->`.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class Page:
    """A page with blocks that the script of that name (`locks.py`) makes."""

    def __init__(self, name: str, script: str) -> None:
        self.path = ROOT / "docs" / name
        self._place = re.compile(
            rf"(<!-- {re.escape(script)}: (\w+) -->\n\n?(?:```\w+\n)?)(.*?)(^```$|^<!-- end -->$)",
            re.DOTALL | re.MULTILINE,
        )

    @property
    def text(self) -> str:
        return self.path.read_text("utf-8")

    @property
    def blocks(self) -> dict[str, str]:
        """What stands there now, by word."""
        return {found[2]: found[3] for found in self._place.finditer(self.text)}

    def fill(self, blocks: Mapping[str, str]) -> None:
        """Writes `blocks` to their places; the others stay as they are."""
        filled = self._place.sub(lambda found: found[1] + blocks.get(found[2], found[3]) + found[4], self.text)
        self.path.write_text(filled, "utf-8")


def environment(**more: str) -> dict[str, str]:
    """For a run of the gate as a reader would see it: without a runner, in a terminal of a hundred columns."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "INPUT_"))}
    return {**own, "PYTHONPATH": str(ROOT), "COLUMNS": "100", **more}


def settled(block: str) -> str:
    """What the gate printed, without what differs between two runs: times, versions, the machine, last digits."""
    text = re.sub(r"^(?:  )?(with|time) .*\n(?: {2,}.*\n)*", "", block, flags=re.MULTILINE)
    text = re.sub(r"^weight-gate \d\S*:", "weight-gate:", text, flags=re.MULTILINE)
    return re.sub(r"(\d\.\d{7})\d+", r"\1", " ".join(text.split()))

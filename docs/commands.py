"""docs/commands.md, made of the parser of command lines: python docs/commands.py (or `make docs`)

`tests/test_help.py` holds that the page is what this makes now.
"""

import argparse
import os
import sys
from pathlib import Path
from unittest.mock import patch

if __name__ == "__main__":  # run as a script: its own folder is on the path, the repository is not
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gate.arguments import COMMANDS
from gate.parser import parser

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "commands.md"
COLUMNS = "100"
# Where a command is explained.
_EXPLAINED = {
    "check": "start.md",
    "diff": "tolerances.md",
    "list": "names.md",
    "explain": "explain.md",
    "validate": "manifest.md",
    "schema": "manifest.md#editors",
    "completion": "explain.md#completion",
    "action": "action.md",
}

_HEAD = """# Every command

Made by `make docs` from the command line itself: what `weight-gate --help` and `weight-gate COMMAND --help` print.
"""


def page() -> str:
    """The whole page."""
    with patch.dict(os.environ, {"COLUMNS": COLUMNS}):
        whole = parser()
        (inner,) = (each for each in whole._actions if isinstance(each, argparse._SubParsersAction))  # noqa: SLF001
        sections = [_HEAD, _block(whole.format_help())]
        for name in COMMANDS:
            sections += [f"\n## `weight-gate {name}`\n", _block(inner.choices[name].format_help())]
            sections.append(f"\nMore: [{explained(name)}]({explained(name)})\n")
    return "\n".join(sections).replace("\n\n\n", "\n\n")


def explained(name: str) -> str:
    """The page about a command; its own where it has one."""
    return _EXPLAINED.get(name, f"{name}.md")


def _block(text: str) -> str:
    return f"```text\n{text.rstrip()}\n```\n"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()

"""The options of each command: one module per command, which `gate.cli` makes a parser of.

A module has `SUMMARY`, the line in the list of commands, `EXAMPLES`, command lines with what each is for, and `add`.
"""

import argparse
from typing import Protocol

from gate.arguments import check, diff, listing, validate


class Arguments(Protocol):
    """What a module of this package offers."""

    SUMMARY: str
    EXAMPLES: str

    def add(self, parser: argparse.ArgumentParser) -> None:
        """Adds what the command takes."""


# In the order of `weight-gate --help`.
COMMANDS: dict[str, Arguments] = {
    "check": check,
    "diff": diff,
    "list": listing,
    "validate": validate,
}

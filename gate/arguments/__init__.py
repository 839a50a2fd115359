"""The options of each command: one module per command, which `gate.cli` makes a parser of.

A module has `SUMMARY`, the line in the list of commands, `EXAMPLES`, command lines with what each is for, `EXITS`, what
its exit codes mean, and `add`.
"""

import argparse
from typing import Protocol

from gate.arguments import (
    action,
    calibrate,
    check,
    completion,
    diff,
    explain,
    init,
    listing,
    mutate,
    schema,
    update,
    validate,
)


class Arguments(Protocol):
    """What a module of this package offers."""

    SUMMARY: str
    EXAMPLES: str
    EXITS: str

    def add(self, parser: argparse.ArgumentParser) -> None:
        """Adds what the command takes."""


COMMANDS: dict[str, Arguments] = {
    "init": init,
    "check": check,
    "diff": diff,
    "list": listing,
    "explain": explain,
    "validate": validate,
    "update": update,
    "calibrate": calibrate,
    "mutate": mutate,
    "schema": schema,
    "completion": completion,
    "action": action,
}

# By what one wants; as `weight-gate --help` shows them.
GROUPS: dict[str, tuple[str, ...]] = {
    "begin": ("init",),
    "judge": ("check", "diff"),
    "understand": ("list", "explain", "validate"),
    "approve a change": ("update",),
    "choose tolerances": ("calibrate",),
    "trust the manifest": ("mutate",),
    "machinery": ("schema", "completion", "action"),
}

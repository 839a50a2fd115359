"""`weight-gate completion`: the script by which a shell completes command lines."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from gate.action import Runner

_FILES = ("FILE", "MANIFEST", "PATH")
_FOLDERS = ("DIR",)
_KIND = "KIND"
"""Of what takes a path: what it is called in the help."""


def run(options: argparse.Namespace, host: Runner, out: TextIO, err: TextIO) -> int:  # noqa: ARG001
    """Prints the script that shtab makes of the parser."""
    import shtab  # noqa: PLC0415 - nothing else needs it

    parser: argparse.ArgumentParser = options.parser
    for action in _actions(parser):
        if action.metavar == _KIND:  # globs are taken too, so that the parser knows no choices
            from gate.mutations import DAMAGES  # noqa: PLC0415 - nothing else needs it

            action.choices = tuple(DAMAGES)
        elif action.metavar in _FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        elif action.type is Path or action.metavar in _FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    out.write(shtab.complete(parser, options.shell).rstrip("\n") + "\n")
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """What the parser takes, and what those of its commands take."""
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to them
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for each in action.choices.values():
                yield from _actions(each)

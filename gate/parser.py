"""The parser of command lines: help that teaches, and errors that know what was meant."""

import argparse
import re
import sys
import textwrap
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

import gate
from gate.arguments import COMMANDS, GROUPS
from gate.arguments.exits import JUDGED
from gate.errors import UsageError

EXIT_CODES = f"exit codes:\n{JUDGED}"
ORDINARY_DAY = """\
an ordinary day:
  weight-gate check                      judge what weight-gate.yml names; red says why
  weight-gate explain classifier         which line of the manifest asks for what
  weight-gate update --model classifier  approve what has changed on purpose

`weight-gate help COMMAND` has the options of each, with examples.
"""
_SHORT = 16  # characters: what stands before two spaces in a line of help, as a column
_LONGEST_MEANT = 100


class Parser(argparse.ArgumentParser):
    """What is wrong is a `UsageError`; a word that is near a known one is asked after."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, f"see `{self.prog} --help`")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        choices = [str(each) for each in action.choices]
        meant = did_you_mean(str(value), choices)
        raise argparse.ArgumentError(action, f"invalid choice: {value!r}{meant} (choose from {', '.join(choices)})")


class _Whole(Parser):
    """The parser of `weight-gate` itself: its commands stand by what one wants."""

    commands: "argparse._SubParsersAction[Parser]"

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """As always, but for options that no command has, for `help`, and for no word at all."""
        words = list(sys.argv[1:] if args is None else args)
        if not words:
            self.exit(2, self.format_help())
        if words[0] == "help":
            words = [*words[1:], "--help"]
        found, rest = self.parse_known_args(words, namespace)
        if rest:
            parser = self.commands.choices[found.command]
            options = [option for action in parser._actions for option in action.option_strings]  # noqa: SLF001
            asked = next((each.partition("=")[0] for each in rest if each.startswith("-")), "")
            parser.error(f"unrecognized arguments: {' '.join(rest)}{did_you_mean(asked, options)}")
        return found

    def format_help(self) -> str:
        """Usage, commands in groups, options, a day's work, exit codes."""
        formatter = self._get_formatter()
        formatter.add_usage(self.usage, self._actions, self._mutually_exclusive_groups)
        formatter.add_text(self.description)
        listed = {each.dest: each for each in self.commands._get_subactions()}  # noqa: SLF001 - has no public name
        for title, names in GROUPS.items():
            formatter.start_section(title)
            formatter.add_arguments([listed[name] for name in names if name in listed])
            formatter.end_section()
        formatter.start_section("options")
        formatter.add_arguments([each for each in self._actions if each.option_strings])
        formatter.end_section()
        formatter.add_text(self.epilog)
        return formatter.format_help()


class _Help(argparse.HelpFormatter):
    """Wraps to the terminal. Commands in examples stay whole, so that they can be copied; no option is broken."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False, break_long_words=False)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(line for each in text.splitlines() for line in _wrapped(indent + each, width))


def _wrapped(line: str, width: int) -> Iterable[str]:
    if len(line) <= width:
        return [line]
    start, gap, rest = re.fullmatch(r"( *\S(?:.*?\S)??)( {2,}|$)(.*)", line, re.DOTALL).groups()  # type: ignore[union-attr]
    if not rest:
        is_example = line.startswith("  weight-gate ")
        return [line] if is_example else textwrap.wrap(line, width, break_on_hyphens=False, break_long_words=False)
    hang = " " * (len(start) + len(gap) if len(start) < _SHORT else 6)
    first = start + gap if len(start) < _SHORT else hang
    rows = textwrap.wrap(
        rest, width, initial_indent=first, subsequent_indent=hang, break_on_hyphens=False, break_long_words=False
    )
    return rows if len(start) < _SHORT else [start, *rows]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`, did you mean check?` where a known word is near, else nothing."""
    near = get_close_matches(word, list(known), n=1) if 1 < len(word) <= _LONGEST_MEANT else []
    return f", did you mean {near[0]}?" if near else ""


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; what it makes has the command's name as `command`."""
    whole = _Whole(
        prog="weight-gate",
        description="A CI gate for model weights: reads them as data, compares them with what a manifest expects.",
        epilog=f"{ORDINARY_DAY}\n{EXIT_CODES}",
        formatter_class=_Help,
    )
    whole.add_argument("--version", action="version", version=f"weight-gate {gate.__version__}")
    whole.commands = whole.add_subparsers(
        title="commands", dest="command", required=True, metavar="COMMAND", parser_class=Parser
    )
    for name, arguments in COMMANDS.items():
        exits = f"\nexit codes:\n{arguments.EXITS}" if arguments.EXITS else ""
        made = whole.commands.add_parser(
            name,
            help=arguments.SUMMARY,
            description=arguments.SUMMARY,
            epilog=f"examples:\n{arguments.EXAMPLES}{exits}",
            formatter_class=_Help,
        )
        arguments.add(made)
        made.set_defaults(command=name, parser=whole)
    return whole

"""`--help` teaches: groups, examples that parse, exit codes, what was meant; docs/commands.md is all of it."""

import argparse
import re
import shlex

import pytest

from docs import commands as page
from gate.arguments import COMMANDS, GROUPS
from gate.errors import UsageError
from gate.parser import EXIT_CODES, ORDINARY_DAY, did_you_mean, parser
from support.cli import ROOT, run_gate

NARROW, WIDE = 60, 140


def helped(*words: str, columns: int = WIDE) -> str:
    found = run_gate(*words, "--help", env={"COLUMNS": str(columns)})
    assert (found.returncode, found.stderr) == (0, "")
    return found.stdout


def examples(text: str) -> list[str]:
    """The command lines in examples, without what is said of each. Lines further in go on with the one above."""
    return [re.split(r" {2,}", line.strip())[0] for line in text.splitlines() if re.match(r"  \S", line)]


def test_every_command_is_in_one_group() -> None:
    grouped = [name for names in GROUPS.values() for name in names]
    assert sorted(grouped) == sorted(COMMANDS)


def test_the_first_help_has_the_groups_with_their_commands() -> None:
    text = helped()
    places = []
    for title, names in GROUPS.items():
        places.append(text.index(f"\n{title}:\n"))
        for name in names:
            assert re.search(rf"^  {name} +{re.escape(COMMANDS[name].SUMMARY)}$", text, re.MULTILINE), name
            places.append(text.index(f"\n  {name} "))
    assert places == sorted(places)
    assert ORDINARY_DAY in text
    assert EXIT_CODES in text


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_has_examples_and_exit_codes(name: str) -> None:
    text = helped(name)
    assert f"examples:\n{COMMANDS[name].EXAMPLES}" in text
    told = text.partition("exit codes:\n")[2]
    assert told == COMMANDS[name].EXITS
    assert bool(told) == (name not in {"schema", "completion"})
    assert examples(COMMANDS[name].EXAMPLES)


def test_no_word_at_all_prints_the_help_and_is_a_usage_error() -> None:
    found = run_gate(env={"COLUMNS": str(WIDE)})
    assert (found.returncode, found.stdout, found.stderr) == (2, "", helped())


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_is_a_word_too(name: str) -> None:
    words = [name] if name else []
    found = run_gate("help", *words, env={"COLUMNS": str(WIDE)})
    assert (found.returncode, found.stdout, found.stderr) == (0, helped(*words), "")


def test_help_of_what_is_no_command() -> None:
    found = run_gate("help", "chekc")
    assert (found.returncode, found.stdout) == (2, "")
    assert "did you mean check?" in found.stderr


PAGES = {"update": r"\| (\d) \| (.*) \|", "calibrate": r"\| (\d) \| (.*) \|"}


@pytest.mark.parametrize("name", PAGES)
def test_the_exit_codes_are_those_of_the_page(name: str) -> None:
    told = [tuple(line.split(maxsplit=1)) for line in COMMANDS[name].EXITS.splitlines()]
    assert told == re.findall(PAGES[name], (ROOT / "docs" / f"{name}.md").read_text("utf-8"))


@pytest.mark.parametrize(
    ("name", "line"),
    [(name, line) for name, each in COMMANDS.items() for line in examples(each.EXAMPLES)]
    + [("", line) for line in examples(ORDINARY_DAY)],
)
def test_every_example_parses(name: str, line: str) -> None:
    program, *arguments = shlex.split(line)
    assert program == "weight-gate"
    found = parser().parse_args(arguments)
    assert not name or found.command == name


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_is_wrapped_to_the_terminal(name: str) -> None:
    """Only command lines, which are there to be copied, stay whole; and usage, where a single option is longer."""
    words = [name] if name else []
    for line in helped(*words, columns=NARROW).splitlines():
        assert len(line) <= NARROW or re.match(r"  weight-gate | {20,}\[", line), line
    wide = " ".join(helped(*words, columns=WIDE).split())
    assert " ".join(helped(*words, columns=NARROW).split()) == wide


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["chekc"], "invalid choice: 'chekc', did you mean check? (choose from"),
        (["explan", "x"], "did you mean explain?"),
        (
            ["check", "--alow-code"],
            "unrecognized arguments: --alow-code, did you mean --allow-code?: see `weight-gate check",
        ),
        (["check", "--modle=x"], "did you mean --model?"),
        (["diff", "a", "b", "--identicla"], "did you mean --identical?"),
        (["check", "--device", "gup"], "invalid choice: 'gup', did you mean gpu?"),
        (["check", "--zzzz"], "unrecognized arguments: --zzzz: see `weight-gate check --help`"),
        (["check", "a.yml", "b.yml"], "unrecognized arguments: b.yml: see `weight-gate check --help`"),
        (["check", "--" + "x" * 100_000], "unrecognized arguments"),
    ],
)
def test_what_is_misspelt_is_asked_after(arguments: list[str], says: str) -> None:
    with pytest.raises(UsageError) as error:
        parser().parse_args(arguments)
    assert says in str(error.value)


def test_did_you_mean_is_silent_where_nothing_is_near() -> None:
    assert did_you_mean("", ["a"]) == did_you_mean("q", ["check"]) == did_you_mean("zzz", ["check"]) == ""


def test_the_page_is_made_of_the_parser_as_it_is() -> None:
    """If not: make docs. Versions of Python break lines differently."""
    assert page.PAGE.read_text("utf-8").split() == page.page().split()


def test_the_page_has_every_option_of_every_command() -> None:
    text = page.PAGE.read_text("utf-8")
    sections = dict(re.findall(r"^## `weight-gate (\S+)`\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    assert sections.keys() == COMMANDS.keys()
    made = parser()
    (inner,) = (each for each in made._actions if isinstance(each, argparse._SubParsersAction))
    for name, section in sections.items():
        for action in inner.choices[name]._actions:
            assert all(option in section for option in action.option_strings), (name, action)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_page_that_the_readme_leads_to(name: str) -> None:
    file = page.explained(name).partition("#")[0]
    assert f"(docs/{file})" in (ROOT / "README.md").read_text("utf-8")
    assert (page.DOCS / file).is_file()

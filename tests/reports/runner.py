"""GitHub's runner, as far as it reads output: actions/runner, ActionCommand.cs and FileCommandManager.cs.

Stricter than the original in two ways: every word counts as a registered command, and characters that a
comparison by culture may skip are skipped everywhere.
"""

import re
import unicodedata
from dataclasses import dataclass, field

_SKIPPED = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]")


@dataclass(frozen=True)
class Command:
    name: str
    data: str
    properties: dict[str, str] = field(default_factory=dict)


def _lines(output: str) -> list[str]:
    """A StreamReader ends a line at a line feed, a carriage return, or both."""
    return re.split("\r\n|\r|\n", output)


def _without_skipped(line: str) -> str:
    return "".join(c for c in line if unicodedata.category(c) not in {"Cc", "Cf", "Cs"} and not _SKIPPED.match(c))


def _unescaped(text: str, **more: str) -> str:
    for escape, char in {"%0D": "\r", "%0A": "\n", **more, "%25": "%"}.items():
        text = text.replace(escape, char)
    return text


def commands(output: str) -> list[Command]:
    """Every command that the runner would carry out."""
    return [found for line in _lines(output) if (found := _second_form(line) or _first_form(line))]


def _second_form(line: str) -> Command | None:
    line = _without_skipped(line).lstrip()
    if not line.startswith("::") or (end := line.find("::", 2)) < 0:
        return None
    name, _, rest = line[2:end].partition(" ")
    properties = {}
    for pair in rest.strip().split(","):
        key, equals, value = pair.partition("=")
        if equals and key and value:
            properties[key] = _unescaped(value, **{"%3A": ":", "%2C": ","})
    return Command(name, _unescaped(line[end + 2 :]), properties)


def _first_form(line: str) -> Command | None:
    line = _without_skipped(line)
    match = re.search(r"##(?:vso)?\[(.*?)\](.*)", line)
    return Command(match[1], match[2]) if match else None


def outputs(text: str) -> dict[str, str]:
    """The file behind GITHUB_OUTPUT, read as on Linux: lines end at line feeds only."""
    found = {}
    lines = iter(text.split("\n"))
    for line in lines:
        if not line:
            continue
        name, mark, delimiter = line.partition("<<")
        assert mark, line
        assert "=" not in name, line
        value = []
        while (each := next(lines)) != delimiter:
            value.append(each)
        found[name] = "\n".join(value)
    return found

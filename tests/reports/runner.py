"""GitHub's runner, as far as it reads output. A port of these files of actions/runner, as they are at commit 079cdb1d:

- src/Runner.Common/ActionCommand.cs: `TryParseV2` takes `::name key=value,…::data` after leading blanks, `TryParse`
  takes `##[name key=value;…]data` anywhere in a line;
- src/Runner.Worker/ActionCommandManager.cs: the second form is tried where the first is no registered command;
- src/Runner.Sdk/ProcessInvoker.cs: stdout and stderr are read apart, both by `StreamReader.ReadLine`;
- src/Runner.Worker/FileCommandManager.cs, for `outputs`.

Stricter than the original in three ways: every word counts as a registered command, characters that a comparison by
culture may skip are skipped everywhere, and Azure's `##vso[` counts too.
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
    properties = _properties(rest.strip(), ",", {"%3A": ":", "%2C": ","})
    return Command(name, _unescaped(line[end + 2 :]), properties)


def _first_form(line: str) -> Command | None:
    line = _without_skipped(line)
    match = re.search(r"##(?:vso)?\[(.*?)\](.*)", line)
    if match is None:
        return None
    more = {"%3B": ";", "%5D": "]"}
    name, _, rest = match[1].partition(" ")
    return Command(name, _unescaped(match[2], **more), _properties(rest, ";", more))


def _properties(text: str, between: str, escapes: dict[str, str]) -> dict[str, str]:
    """`Split` with `RemoveEmptyEntries`: what would be an empty part is none, so `==a==b` is a=b."""
    properties = {}
    for pair in text.split(between):
        key, _, value = pair.lstrip("=").partition("=")
        if key and value.lstrip("="):
            properties[key.lower()] = _unescaped(value.lstrip("="), **escapes)
    return properties


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

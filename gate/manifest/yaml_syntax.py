"""What PyYAML's parser says of text that is no YAML, in plain speech."""

from typing import Any

import yaml

from gate.manifest.text import quoted

Place = tuple[int, int]

# Part of the parser's words (its two implementations differ) -> what is wrong, what to do, whether the place is where
# the thing began.
_KNOWN = (
    ("scanning an alias", "a text that begins with * needs quotes", 'a glob is written "**/kernel"', True),
    ("scanning an anchor", "a text that begins with & needs quotes", "", True),
    (
        "mapping values are not allowed",
        "a `: ` where no key can stand",
        "check the indentation, and put a text that holds `: ` in quotes",
        False,
    ),
    ("unknown escape", "in double quotes a backslash begins an escape", "use single quotes", False),
    ("found unexpected end of stream", "the quotes that begin here are never closed", "", True),
    ("found unexpected document", "the quotes that begin here are never closed", "", True),
    ("parsing a flow sequence", "the list that begins here lacks a `,` or its `]`", "", True),
    (
        "parsing a flow mapping",
        "the mapping that begins here lacks a `,` or its `}`",
        "put a text that holds any of `,[]{}` in quotes",
        True,
    ),
    ("could not find expected ':'", "a key without its `:`", "", True),
    (
        "parsing a block",
        "this does not fit the lines above",
        "check the indentation, and put a text that begins with [ or { in quotes",
        False,
    ),
    ("incompatible YAML document", "a manifest is YAML 1.2", "remove the `%YAML` line", False),
    ("scanning a directive", "an unknown `%` line", "remove it", True),
)


def explained(error: yaml.YAMLError, text: str) -> tuple[str, str, Place]:
    """Reason, hint, and line and column of `error`, which `text` gave."""
    problem = str(getattr(error, "problem", "") or "")
    mark = getattr(error, "problem_mark", None)
    line, column = (mark.line, mark.column) if mark else (0, 0)
    lines = text.splitlines()
    char = lines[line][column : column + 1] if line < len(lines) else ""
    if "cannot start any token" in problem:
        return *_bad_start(char), (line + 1, column + 1)
    said = f"{getattr(error, 'context', '') or ''}; {problem}"
    for words, reason, hint, at_context in _KNOWN:
        if words in said:
            context: Any = getattr(error, "context_mark", None)
            if at_context and context:
                line, column = context.line, context.column
            return reason, hint, _within(line, column, lines)
    return f"not valid YAML: {_ascii(problem)}", "", _within(line, column, lines)


def _bad_start(char: str) -> tuple[str, str]:
    if char == "\t":
        return "a tab", "YAML indents with spaces"
    return f"no text begins with {quoted(char)} without quotes", "put it in quotes"


def _within(line: int, column: int, lines: list[str]) -> Place:
    """The place, or the end of the text where it is beyond it: editors and annotations have no such line."""
    if line >= len(lines) > 0:
        return len(lines), len(lines[-1]) + 1
    return line + 1, column + 1


def _ascii(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text[:200]) or "unknown error"

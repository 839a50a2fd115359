"""What a manifest says, made safe to show in a message: short, on one line, without control characters."""

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any

_LONGEST = 60
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")

Path = tuple[str | int, ...]


def quoted(text: str, longest: int = _LONGEST) -> str:
    """`text` in double quotes, cut to `longest` characters; what could steer a terminal or a reader is escaped."""
    cut = text if len(text) <= longest else text[: longest - 1] + "…"
    return '"' + "".join(_escaped(char) for char in cut) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def found(value: Any) -> str:
    """`value` in words: `the text "no"`, `the number 5`, `a list`."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text {quoted(value)}"
    if isinstance(value, int | float):
        return f"the number {number(value)}"
    return "a list" if isinstance(value, list | tuple) else "a mapping"


def number(value: float) -> str:
    """`value` as YAML writes it."""
    text = repr(value)
    return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}.get(text, text)


def dotted(path: Path) -> str:
    """`path` as people write it: `models[0].tensors[2].match`."""
    parts: list[str] = []
    for step in path:
        if isinstance(step, int):
            parts.append(f"[{step}]")
        elif not _PLAIN_KEY.fullmatch(step):
            parts.append(f"[{quoted(step)}]")
        else:
            parts.append(f".{step}" if parts else step)
    return "".join(parts)


def listed(words: Sequence[str], last: str = "or") -> str:
    """`a, b or c`."""
    return " ".join([", ".join(words[:-1]), last, words[-1]]) if len(words) > 1 else "".join(words)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`, did you mean "expect"?` where a known word is near, else nothing."""
    near = difflib.get_close_matches(word[:_LONGEST].lower(), list(known), n=1, cutoff=0.6)
    return f', did you mean "{near[0]}"?' if near else ""

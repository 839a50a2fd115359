"""Plain Python data -> YAML as a manifest has it: `{match: "head/**", tolerance: {rtol: 1e-5, atol: 1e-8}}`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gate.manifest import yaml_scalars
from gate.manifest.text import number

# No other text is sure to be one without quotes.
_PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./+-]*")
# Texts that are none for readers of YAML 1.1: https://yaml.org/type/bool.html, int.html, float.html, timestamp.html.
_OF_YAML_1_1 = re.compile(
    r"(?i:y|n|yes|no|on|off|[-+]?0b[01_]+|[-+]?0x[0-9a-f_]+|[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?(?:e[-+]?[0-9]+)?"
    r"|[-+]?\.[0-9_]+(?:e[-+]?[0-9]+)?|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:t.*)?)"
)
_ESCAPES = {'"': r"\"", "\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"}
_EXPONENT = re.compile(r"e([+-])0*(?=\d)")


def flow(value: Any) -> str:
    """`value` on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value)


def scalar(value: Any) -> str:
    """One text, number, truth value or nothing."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _EXPONENT.sub(lambda found: "e" + found[1].strip("+"), number(value))
    if _PLAIN.fullmatch(value) and not _OF_YAML_1_1.fullmatch(value) and _is_text(value):
        return str(value)
    return '"' + "".join(map(_escaped, value)) + '"'


def _is_text(plain: str) -> bool:
    """Whether a reader of YAML 1.2 takes it for a text, without quotes."""
    try:
        return bool(yaml_scalars.plain(plain) == plain)
    except ValueError:
        return False


def entry(key: str, value: Any, indent: int = 0, dash: int = 2) -> Iterator[str]:
    """`key: value` as lines: a list of mappings has a line for each, `dash` columns in; all else is on one line."""
    of_mappings = isinstance(value, list | tuple) and bool(value) and all(isinstance(each, Mapping) for each in value)
    if not of_mappings:
        yield f"{' ' * indent}{scalar(key)}: {flow(value)}"
        return
    yield f"{' ' * indent}{scalar(key)}:"
    for each in value:
        yield f"{' ' * (indent + dash)}- {flow(each)}"


def item(value: Any, column: int, block: bool) -> Iterator[str]:
    """One item of a list whose dashes stand in `column`: a mapping in `block` style has a line for each key."""
    lines = [flow(value)]
    if block and isinstance(value, Mapping) and value:
        lines = [f"{scalar(key)}: {flow(each)}" for key, each in value.items()]
    for index, line in enumerate(lines):
        yield f"{' ' * column}{'- ' if index == 0 else '  '}{line}"


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"

"""What is wrong with a manifest's data, in plain speech: pydantic's errors put into words, and the cross checks.

pydantic stops looking at what keys mean together where one of them has an error of its own. So the cross checks run
here over what was written, and pydantic's own run of them is left out.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from gate.manifest.parts import SHAPES, WORDS, homes, keys_of, part_at
from gate.manifest.text import Path, did_you_mean, found, listed, quoted
from gate.manifest.yaml_nodes import Broken, Node
from gate.manifest.yaml_scalars import boolean_advice, number_advice

# Kinds of pydantic's errors.
_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
}
_OR_FALSE = (("load",), ("roundtrip",))  # ends of paths
_TOLERANCE = "is missing: a tolerance has both, rtol and atol"
_MISSING = {"rtol": _TOLERANCE, "atol": _TOLERANCE, "reason": "is missing: say why this need not hold"}
_LISTS_OF_TEXTS = ("outputs", "partial")


def problems(data: Any, root: Node, errors: list[Any]) -> Iterator[tuple[Path, str]]:
    """Every problem of `data`, which `root` gave and in which pydantic found `errors`, with its path."""
    unknown = {tuple(error["loc"]) for error in errors if error["type"] == "extra_forbidden"}
    for error in errors:
        missing = error["type"] == "missing"
        path = tuple(error["loc"]) if missing else _within(tuple(error["loc"]), data)
        value = _at(data, path)
        if not missing and error["type"] != "extra_forbidden" and _unreadable(value):
            continue  # its own message stands elsewhere
        if error["type"] == "gate" and part_at(path) and isinstance(value, Mapping):
            continue  # a cross check
        if reason := _in_words(error, path, value, root):
            yield path, reason
    for path in _empty(data, ()):
        if not any(path[:length] in unknown for length in range(1, len(path) + 1)):
            yield path, "has no value: give it one, or remove it"
    guessing = {path[:-1] for path in unknown}
    for path, where, reason in _cross(data, ()):
        if where or path not in guessing:  # that a mapping says nothing, where it says something misspelt
            yield _within((*path, *where), data), reason


def _cross(data: Any, path: Path) -> Iterator[tuple[Path, Path, str]]:
    """The cross checks of every mapping in `data`."""
    if isinstance(data, Mapping):
        if part := part_at(path):
            for where, reason in part.problems(data):
                yield path, where, reason
        for key, value in data.items():
            yield from _cross(value, (*path, key))
    elif isinstance(data, list):
        for index, item in enumerate(data):
            if isinstance(item, list | Mapping):
                yield from _cross(item, (*path, index))


def _in_words(error: Any, path: Path, value: Any, root: Node) -> str:
    kind = error["type"]
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}, found {found(value)}{_advice(root, path)}"
    if kind == "extra_forbidden":
        return _unknown(path)
    if kind == "gate":
        return _ours(str(error["ctx"]["reason"]), root, path)
    if kind == "literal_error":
        return _word(_last_key(path), value, root, path)
    if kind == "string_type":
        return _text(value, root, path)
    if kind == "tuple_type":
        return f"expected a list, found {found(value)}{_brackets(path, value)}"
    return _rest(error, path, value, root)


def _rest(error: Any, path: Path, value: Any, root: Node) -> str:
    kind = error["type"]
    if kind == "missing":
        return _MISSING.get(str(path[-1]), "is missing")
    if kind == "too_short":
        return "" if value else "needs at least one entry"  # its entries have problems of their own
    if kind == "greater_than_equal":
        return f"must be {error['ctx']['ge']:g} or more, found {found(value)}"
    if part := part_at(path):
        return f"expected {SHAPES[part]}, found {found(value)}{_advice(root, path)}"
    return f"makes no sense here: found {found(value)}"


def _unknown(path: Path) -> str:
    key, known = str(path[-1]), keys_of(part_at(path[:-1]))
    if nearest := did_you_mean(key, known):
        return f"unknown key{nearest}"
    first, colon, _ = key.partition(":")
    if colon and first in known:
        return f"unknown key: a space is missing after the colon, {quoted(key.replace(':', ': ', 1))}"
    if places := homes(key):
        return f"unknown key here: it belongs in {listed(places[:2])}"
    return f"unknown key: known here are {listed(known, 'and')}"


def _ours(reason: str, root: Node, path: Path) -> str:
    return f"{reason}{_advice(root, path)}" if path[-1:] in _OR_FALSE and reason.startswith("expected") else reason


def _text(value: Any, root: Node, path: Path) -> str:
    return f"expected a text, found {found(value)}{_quotes(root, path)}"


def _word(key: str, value: Any, root: Node, path: Path) -> str:
    words = WORDS.get(key, ())
    if key in ("nan", "inf", "missing") and isinstance(value, bool):
        return f"expected allowed or forbidden, found {found(value)}: write {'allowed' if value else 'forbidden'}"
    near = did_you_mean(value, words) if isinstance(value, str) else _quotes(root, path)
    if near and key == "dtype":
        return f"no dtype of that name: {found(value)}{near}"
    return f"expected {listed(words)}, found {found(value)}{near}"


def _advice(root: Node, path: Path) -> str:
    node = _node(root, path)
    if node is None or not isinstance(node.value, str):
        return ""
    give = boolean_advice if path[-1:] in _OR_FALSE else number_advice
    text = give(node.text, not node.plain)
    return f": {text}" if text else ""


def _quotes(root: Node, path: Path) -> str:
    """How a number or boolean that is meant as a text is written."""
    node = _node(root, path)
    return f": put it in quotes, {quoted(node.text)}" if node and node.is_scalar and node.plain and node.text else ""


def _brackets(path: Path, value: Any) -> str:
    if path[-1:] == ("shape",):
        return f": write [{value}]" if type(value) is int else ""
    if isinstance(value, str) and path[-1] in _LISTS_OF_TEXTS:
        return f": write [{quoted(value)}]"
    return ": each entry of a list begins with `- `" if isinstance(value, Mapping) else ""


def _last_key(path: Path) -> str:
    return next((step for step in reversed(path) if isinstance(step, str)), "")


def _within(path: Path, data: Any) -> Path:
    """`path` without what the manifest does not have: a bare number has no key `value`."""
    for length, step in enumerate(path):
        if isinstance(data, Mapping):
            known = step in data
        else:
            known = isinstance(data, list) and isinstance(step, int) and step < len(data)
        if not known:
            return path[:length]
        data = data[step]
    return path


def _at(data: Any, path: Path) -> Any:
    for step in path:
        if isinstance(data, Mapping):
            data = data.get(step)
        elif isinstance(data, list) and isinstance(step, int):
            data = data[step]
        else:
            return None
    return data


def _node(root: Node, path: Path) -> Node | None:
    node = root
    for step in path:
        child = node.step(step)
        if child is None:
            return None
        node = child[1]
    return node


def _unreadable(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_unreadable, value))
    return value is None or isinstance(value, Broken)


def _empty(data: Any, path: Path) -> Iterator[Path]:
    if data is None:
        yield path
    elif isinstance(data, Mapping):
        for key, value in data.items():
            yield from _empty(value, (*path, key))
    elif isinstance(data, list):
        for index, item in enumerate(data):
            yield from _empty(item, (*path, index))

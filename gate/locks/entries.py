"""Mappings of a lock, taken apart key by key: what is wrong with one is an error with the place where it stands."""

from collections.abc import Callable, Iterable
from typing import Any, NoReturn, TypeVar

from gate.errors import UnreadableError
from gate.manifest.text import did_you_mean, found, quoted
from gate.manifest.yaml_nodes import Mark, Node, Problem, read_yaml
from gate.position import Position

ANEW = "restore the lock from git, or make it anew with `weight-gate update`"

_Value = TypeVar("_Value")


class Entry:
    """One mapping. What it holds is taken by key; `done` refuses what nobody took."""

    def __init__(self, node: Node, at: Callable[[Mark], Position], mark: Mark | None = None) -> None:
        self._at = at
        self._mark = mark or node.mark
        self._left = dict(node.entries or {})
        if node.entries is None:
            self.refuse("expected a mapping")

    def take(self, key: str, kind: type[_Value]) -> _Value:
        """The value of `key`, which has to be there and of that type; a whole number is a float too."""
        value = self.take_if(key, kind)
        if value is None:
            self.refuse(f"{key} is missing")
        return value

    def take_if(self, key: str, kind: type[_Value]) -> _Value | None:
        """The same, or None where the key is not there."""
        node = self._take(key)
        if node is None:
            return None
        value = node.value if node.is_scalar else None
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            said = found(node.data()) if node.is_scalar else "a list or mapping"
            self.refuse(f"{key}: expected {_WORDS[kind]}, found {said}", node.mark)
        return value

    def entry(self, key: str) -> "Entry":
        """The mapping of `key`, which has to be there."""
        return Entry(self._needed(key), self._at)

    def entries(self, key: str) -> "list[Entry]":
        """The mappings in the list of `key`, which has to be there."""
        return [Entry(node, self._at) for node in self._items(key)]

    def scalars(self, key: str) -> list[Any]:
        """The items of the list of `key`, which has to be there; None for one that is a list or mapping itself."""
        return [node.value for node in self._items(key)]

    def texts(self) -> dict[str, str]:
        """All that is left, whatever the keys: texts."""
        return {key: self.take(key, str) for key in list(self._left)}

    def has(self, key: str) -> bool:
        return key in self._left

    def done(self, known: Iterable[str]) -> None:
        """Refuse what was not taken; `known` are the keys that could have been meant."""
        for key, (mark, _) in self._left.items():
            self.refuse(f"unknown key {quoted(key)}{did_you_mean(key, known)}", mark)

    def refuse(self, reason: str, mark: Mark | None = None) -> NoReturn:
        raise broken(reason, self._at(mark or self._mark))

    def _items(self, key: str) -> list[Node]:
        node = self._needed(key)
        if node.items is None:
            self.refuse(f"{key}: expected a list", node.mark)
        return [item for _, item in node.items]

    def _needed(self, key: str) -> Node:
        node = self._take(key)
        if node is None:
            self.refuse(f"{key} is missing")
        return node

    def _take(self, key: str) -> Node | None:
        _, node = self._left.pop(key, (None, None))
        return node


_WORDS: dict[type[Any], str] = {str: "a text", int: "a whole number", float: "a number"}


def document(text: str, at: Callable[[Mark], Position]) -> Node:
    """The one value in a piece of a lock; `at` tells where in the lock a place of the piece is."""
    node, problems = read_yaml(text)
    if problems or node is None:
        first = min(problems, key=lambda problem: problem.mark, default=Problem((), Mark(1, 1), "nothing stands here"))
        raise broken(first.reason, at(first.mark))
    return node


def broken(reason: str, position: Position) -> UnreadableError:
    """What is wrong with a lock."""
    return UnreadableError(f"not a lock as weight-gate writes it: {reason}", ANEW, position)

"""YAML 1.2 text -> plain Python data, and where each part of it stands.

The tree is built from PyYAML's parser events, one by one and within limits, so that no text can exhaust the stack
or the memory; PyYAML's own composer and constructor read YAML 1.1 and keep the last of two equal keys.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from gate.manifest import yaml_scalars
from gate.manifest.text import Path, quoted
from gate.manifest.yaml_syntax import explained

MAX_DEPTH = 64
MAX_NODES = 100_000  # aliases counted as often as they are used
MAX_PROBLEMS = 100

_SURROGATE = re.compile("[\ud800-\udfff]")
_TAG = "tag:yaml.org,2002:"
_SCALAR_TAGS = ("str", "int", "float", "bool", "null")


class Mark(NamedTuple):
    """A place in the text, counted from 1."""

    line: int
    column: int


class Problem(NamedTuple):
    """Something wrong at `path` (of what could be read), which stands at `mark`."""

    path: Path
    mark: Mark
    reason: str
    hint: str = ""


class Broken:
    """The value of something that was written and could not be read."""


class Node:
    """A part of the document: a scalar, or items or entries, each with the place where the parent has it."""

    __slots__ = ("entries", "height", "items", "mark", "plain", "size", "text", "value")

    def __init__(self, mark: Mark) -> None:
        self.mark = mark
        self.size = 1
        self.height = 0
        self.value: Any = None  # of a scalar
        self.text = ""  # of a scalar, as it was written
        self.plain = False  # a scalar without quotes
        self.items: list[tuple[Mark, Node]] | None = None
        self.entries: dict[str, tuple[Mark, Node]] | None = None

    @property
    def is_scalar(self) -> bool:
        """Whether this is neither a list nor a mapping."""
        return self.items is None and self.entries is None

    def step(self, key: str | int) -> "tuple[Mark, Node] | None":
        """The child of that key or index, and where its key or it itself stands."""
        if isinstance(key, str):
            return self.entries.get(key) if self.entries is not None else None
        return self.items[key] if self.items is not None and 0 <= key < len(self.items) else None

    def data(self) -> Any:
        """The plain Python data; what an alias stands for is one object."""
        return _data(self, {})


def _data(node: Node, known: dict[int, Any]) -> Any:
    if node.is_scalar:
        return node.value
    if id(node) not in known:
        if node.items is not None:
            known[id(node)] = [_data(child, known) for _, child in node.items]
        else:
            known[id(node)] = {key: _data(child, known) for key, (_, child) in (node.entries or {}).items()}
    return known[id(node)]


def read_yaml(text: str) -> tuple[Node | None, list[Problem]]:
    """The document in `text`, as far as it can be read, and everything wrong with it as YAML.

    The node is `None` where there is no document, or where the text is no YAML at all.
    """
    builder = _Builder()
    try:
        for event in events(text):
            builder.take(event)
    except yaml.YAMLError as error:
        reason, hint, mark = explained(error, text)
        builder.problems.append(Problem((), Mark(*mark), reason, hint))
        return None, builder.problems
    except _StopReadingError:
        return None, builder.problems
    return builder.root, builder.problems


def events(text: str) -> Iterator[Any]:
    """PyYAML's events of `text`, with the marks of where each begins and ends; raises `yaml.YAMLError`."""
    # libyaml takes UTF-8 only; PyYAML's own parser says where a lone surrogate stands.
    whole = not any("\ud800" <= character <= "\udfff" for character in text)
    loader = (getattr(yaml, "CSafeLoader", yaml.SafeLoader) if whole else yaml.SafeLoader)(text)
    try:
        while loader.check_event():
            yield loader.get_event()
    finally:
        loader.dispose()


class _StopReadingError(Exception):
    """What follows cannot be read, or must not be."""


class _Frame:
    """A list or mapping that is not complete yet."""

    __slots__ = ("anchor", "key", "keyless", "node")

    def __init__(self, node: Node, anchor: str | None) -> None:
        self.node = node
        self.anchor = anchor
        self.key: tuple[Mark, str | None] | None = None  # the key whose value comes next; no text: to be dropped


class _Builder:
    def __init__(self) -> None:
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self._frames: list[_Frame] = []
        self._anchors: dict[str, Node | None] = {}  # None: not complete yet
        self._size = 0
        self._documents = 0

    def take(self, event: Any) -> None:
        mark = Mark(event.start_mark.line + 1, event.start_mark.column + 1)
        if isinstance(event, yaml.ScalarEvent):
            self._add(mark, self._scalar(event, mark), event.anchor, 1)
        elif isinstance(event, yaml.AliasEvent):
            alias = self._alias(str(event.anchor), mark)
            self._add(mark, alias, None, alias.size)
        elif isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            self._open(event, mark)
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            self._close()
        elif isinstance(event, yaml.DocumentStartEvent):
            self._document(event, mark)

    def _document(self, event: Any, mark: Mark) -> None:
        self._documents += 1
        if self._documents > 1:
            self._stop(mark, "a second document", "a manifest is one document: remove the `---` and what follows")
        if event.version and tuple(event.version) != (1, 2):
            self._problem(mark, "a manifest is YAML 1.2", "remove the `%YAML` line")

    def _open(self, event: Any, mark: Mark) -> None:
        if len(self._frames) >= MAX_DEPTH:
            self._stop(mark, f"nested more than {MAX_DEPTH} deep", "a manifest needs less than ten levels")
        node = Node(mark)
        kind = "map" if isinstance(event, yaml.MappingStartEvent) else "seq"
        if kind == "map":
            node.entries = {}
        else:
            node.items = []
        if event.tag is not None and event.tag != _TAG + kind:
            self._problem(mark, *_bad_tag(event.tag, kind), self._path(self._frames))
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._frames.append(_Frame(node, event.anchor))

    def _close(self) -> None:
        frame = self._frames.pop()
        self._add(frame.node.mark, frame.node, frame.anchor, 1)

    def _scalar(self, event: Any, mark: Mark) -> Node:
        node = Node(mark)
        node.text = event.value
        node.plain = not event.style
        node.value = Broken()
        try:
            if event.tag is None:
                node.value = yaml_scalars.plain(event.value) if node.plain else event.value
            elif event.tag.startswith(_TAG) and event.tag[len(_TAG) :] in _SCALAR_TAGS:
                node.value = yaml_scalars.tagged(event.value, event.tag[len(_TAG) :])
            else:
                self._problem(mark, *_bad_tag(event.tag, "scalar"), self._path(self._frames))
        except ValueError as error:
            self._problem(mark, f"{quoted(event.value)}: {error}", "", self._path(self._frames))
        if _SURROGATE.search(event.value):
            where = self._path(self._frames)
            self._problem(mark, "half a character: \\ud800 to \\udfff are no characters", "", where)
            node.value = Broken()
        return node

    def _alias(self, anchor: str, mark: Mark) -> Node:
        path = self._path(self._frames)
        if anchor not in self._anchors:
            star = quoted("*" + anchor)
            self._problem(
                mark, f"there is no anchor for the alias {star}", "a text that begins with * needs quotes", path
            )
        elif (node := self._anchors[anchor]) is None:
            self._problem(mark, f"the alias {quoted('*' + anchor)} stands within what it stands for", "", path)
        elif len(self._frames) + node.height > MAX_DEPTH:
            self._stop(mark, f"nested more than {MAX_DEPTH} deep", "a manifest needs less than ten levels")
        else:
            return node
        broken = Node(mark)
        broken.value = Broken()
        return broken

    def _add(self, mark: Mark, node: Node, anchor: str | None, more: int) -> None:
        """Hand a complete node, by which the document grows by `more` nodes, to what it stands in."""
        if anchor is not None:
            self._anchors[anchor] = node
        self._size += more
        if self._size > MAX_NODES:
            self._stop(mark, f"more than {MAX_NODES:,} values, aliases counted", "keep large values in a file")
        if not self._frames:
            self.root = node
            return
        frame = self._frames[-1]
        parent = frame.node
        if parent.items is not None:
            parent.items.append((mark, node))
        elif frame.key is None:
            frame.key = (mark, self._key(frame, mark, node))
            return
        else:
            (key_mark, key), frame.key = frame.key, None
            if key is not None and parent.entries is not None:
                parent.entries[key] = (key_mark, node)
        parent.size += node.size
        parent.height = max(parent.height, node.height + 1)

    def _key(self, frame: _Frame, mark: Mark, node: Node) -> str | None:
        """The key that `node` is, or nothing where its entry must be dropped."""
        if isinstance(node.value, Broken):
            return None
        path = self._path(self._frames[:-1])
        if node.text == "<<" and node.plain and node.is_scalar:
            self._problem(
                mark, "merge keys (<<) are not part of YAML 1.2", "write the keys out, or alias a whole value", path
            )
            return None
        if not node.is_scalar or not isinstance(node.value, str):
            what = quoted(node.text) if node.is_scalar else "a list or mapping"
            hint = "put it in quotes" if node.is_scalar and node.text else ""
            self._problem(mark, f"keys are texts, and {what} is none", hint, path)
            return None
        entries = frame.node.entries or {}
        if node.value in entries:
            first = entries[node.value][0]
            self._problem(
                mark, f"duplicate key, first set on line {first.line}", "remove one of the two", (*path, node.value)
            )
            return None
        return node.value

    @staticmethod
    def _path(frames: list[_Frame]) -> Path:
        """Where the value that is read next will stand."""
        steps: list[str | int] = []
        for frame in frames:
            if frame.node.items is not None:
                steps.append(len(frame.node.items))
            elif frame.key is not None and frame.key[1] is not None:
                steps.append(frame.key[1])
        return tuple(steps)

    def _problem(self, mark: Mark, reason: str, hint: str = "", path: Path = ()) -> None:
        self.problems.append(Problem(path, mark, reason, hint))
        if len(self.problems) >= MAX_PROBLEMS:
            raise _StopReadingError

    def _stop(self, mark: Mark, reason: str, hint: str) -> None:
        self.problems.append(Problem((), mark, reason, hint))
        raise _StopReadingError


def _bad_tag(tag: str, kind: str) -> tuple[str, str]:
    shown = "!!" + tag[len(_TAG) :] if tag.startswith(_TAG) else tag
    known = {"map": "!!map", "seq": "!!seq"}.get(kind, "!!" + " !!".join(_SCALAR_TAGS))
    return f"the tag {quoted(shown)} is not read here", f"remove it (known: {known})"

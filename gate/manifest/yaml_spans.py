"""YAML text -> which of its characters each part of it is, for edits that leave all others alone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from gate.manifest.text import Path
from gate.manifest.yaml_nodes import events

_KINDS: dict[type[Any], str] = {
    yaml.ScalarEvent: "scalar",
    yaml.AliasEvent: "alias",
    yaml.SequenceStartEvent: "list",
    yaml.MappingStartEvent: "mapping",
}


@dataclass(eq=False)
class Span:
    """A part of the document, from `start` to before `end`, its anchor and tag included.

    `end` of a list or mapping in block style is that of the last thing in it. `column` is where its lines begin: the
    dashes of a list, the keys of a mapping. `keys` are the spans of a mapping's keys, in the order of `parts`.
    """

    start: int
    end: int
    column: int
    kind: str  # "scalar", "alias", "list" or "mapping"
    flow: bool = False  # in brackets or braces
    tagged: bool = False  # with an anchor or a tag
    keys: list["Span"] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    parts: list["Span"] = field(default_factory=list)

    def child(self, step: str | int) -> "Span | None":
        """The part of that key or index; an alias has none of its own."""
        if self.kind == "mapping" and isinstance(step, str):
            return self.parts[self.names.index(step)] if step in self.names else None
        if self.kind == "list" and isinstance(step, int) and 0 <= step < len(self.parts):
            return self.parts[step]
        return None

    def key(self, name: str) -> "Span":
        """The span of a key."""
        return self.keys[self.names.index(name)]

    def at(self, path: Path) -> "Span | None":
        """The part at `path`, if it is there in so many words."""
        found: Span | None = self
        for step in path:
            found = found.child(step) if found else None
        return found

    def walk(self) -> Iterator["Span"]:
        """Itself, and all in it."""
        waiting = [self]
        while waiting:
            found = waiting.pop()
            yield found
            waiting += found.parts


def spans(text: str) -> Span:
    """The spans of the one document in `text`, which was read as a manifest before."""
    found = events(text)
    for event in found:
        if isinstance(event, yaml.NodeEvent):
            return _span(event, found.__next__)
    raise ValueError("the document is empty")


def _span(event: Any, following: Callable[[], Any]) -> Span:
    """The part that begins with `event`; no deeper than what reading allows (`yaml_nodes.MAX_DEPTH`)."""
    start, end = event.start_mark.index, _end(event)
    kind = next(name for of, name in _KINDS.items() if isinstance(event, of))
    tagged = kind != "alias" and (event.anchor is not None or event.tag is not None)
    made = Span(start, end, event.start_mark.column, kind, bool(getattr(event, "flow_style", False)), tagged)
    if kind not in {"list", "mapping"}:
        return made
    while not isinstance(inner := following(), yaml.CollectionEndEvent):
        if kind == "mapping":
            made.keys.append(_span(inner, following))
            made.names.append(str(getattr(inner, "value", "")))
            inner = following()
        made.parts.append(_span(inner, following))
    if made.flow:
        made.end = _end(inner)
    elif made.parts:
        made.end = made.parts[-1].end
        made.column = made.keys[0].column if made.keys else made.column
    return made


def _end(event: Any) -> int:
    return int(event.end_mark.index)

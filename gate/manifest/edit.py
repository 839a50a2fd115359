"""Edits of a manifest's text that keep everything else in it: comments, quotes, layout and ends of lines.

An edit is made in the text, never by writing the document anew. What comes out is parsed again, and has to mean what
the edits say and nothing more; where it does not (an alias in the way, a layout that is not understood), the edit is
refused, and the error has what one may paste by hand.
"""

import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from gate.errors import UsageError
from gate.manifest import yaml_writing
from gate.manifest.load import BOM, parse_manifest
from gate.manifest.text import Path, dotted
from gate.manifest.yaml_nodes import read_yaml
from gate.manifest.yaml_spans import Span, spans

_BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Put:
    """Sets the value at `path`: replaces what is there, or adds the last key of the path to its mapping.

    A mapping that is there and has the same keys is changed key by key, so that its layout and comments stay.
    """

    path: Path
    value: Any


@dataclass(frozen=True)
class Append:
    """Adds `value` at the end of the list at `path`, which is made where it is missing."""

    path: Path
    value: Any


@dataclass(frozen=True)
class Drop:
    """Takes out the key at the end of `path`, and what it holds."""

    path: Path


Edit = Put | Append | Drop


class EditError(UsageError):
    """The text cannot be edited so. `snippet` is what to write by hand."""

    def __init__(self, reason: str, edits: Iterable[Edit]) -> None:
        self.snippet = snippet(edits)
        super().__init__(f"the manifest cannot be edited here: {reason}", "write it by hand")


def edited(text: str, edits: Iterable[Edit], file: str = "weight-gate.yml") -> str:
    """`text` with all `edits` made, one after the other; raises `EditError`, and `ManifestError` for other text."""
    wanted = tuple(edits)
    mark = BOM if text.startswith(BOM) else ""
    now = text.removeprefix(BOM)
    parse_manifest(now, file)
    for edit in wanted:
        now = _edited(now, edit, wanted)
    try:
        parse_manifest(now, file)
    except UsageError as error:
        raise EditError(f"the result would be no manifest: {error.reason}", wanted) from error
    return mark + now


def snippet(edits: Iterable[Edit]) -> str:
    """What the edits write, each with a comment that tells where it belongs."""
    lines: list[str] = []
    for edit in edits:
        if isinstance(edit, Drop):
            lines.append(f"# take {dotted(edit.path)} out")
        elif isinstance(edit, Append):
            lines += [f"# at the end of {dotted(edit.path)}", *yaml_writing.item(edit.value, 0, block=False)]
        elif edit.path and isinstance(edit.path[-1], str):
            lines += [
                f"# in {dotted(edit.path[:-1]) or 'the manifest'}",
                *yaml_writing.entry(edit.path[-1], edit.value),
            ]
        else:
            lines += [f"# instead of {dotted(edit.path)}", yaml_writing.flow(edit.value)]
    return "".join(f"{line}\n" for line in lines)


def _edited(text: str, edit: Edit, wanted: tuple[Edit, ...]) -> str:
    """The text with one edit made, which means just that."""
    meant = _data(text)
    try:
        _apply(meant, edit)
        new = _Text(text).with_edit(edit)
    except (LookupError, TypeError, ValueError) as error:
        raise EditError(f"{dotted(edit.path)}: {error}", wanted) from error
    root, problems = read_yaml(new)
    if root is None or problems or not _same(root.data(), meant):
        raise EditError(f"{dotted(edit.path)} is written in a way that only a person can change", wanted)
    return new


def _data(text: str) -> Any:
    """What the text means; what an alias stands for is copied, so that a change of one is none of the others."""
    root, _ = read_yaml(text)
    return _unshared(root.data()) if root else None


def _unshared(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _unshared(each) for key, each in data.items()}
    return [_unshared(each) for each in data] if isinstance(data, list) else data


def _apply(data: Any, edit: Edit) -> None:
    """The edit on the data; raises where the path leads nowhere."""
    *steps, last = edit.path
    for step in steps:
        data = data[step]
    if isinstance(edit, Drop):
        del data[last]
    else:
        _set(data, last, edit)


def _set(there: Any, last: Any, edit: Put | Append) -> None:
    if isinstance(there, list) and isinstance(last, int) and 0 <= last < len(there):
        before = there[last]
    elif isinstance(there, dict) and isinstance(last, str):
        before = there.get(last)
    else:
        raise TypeError("there is nothing to put it into")
    value = deepcopy(edit.value)
    if isinstance(edit, Append):
        if before is not None and not isinstance(before, list):
            raise TypeError("is no list")
        value = [*(before or []), value]
    there[last] = value


def _same(a: Any, b: Any) -> bool:
    """Equal, and of the same kinds: 1 is not 1.0, and not true. NaN is NaN."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(_same(each, b[key]) for key, each in a.items())
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    return type(a) is type(b) and (a == b or repr(a) == repr(b) == "nan")


@dataclass
class _Text:
    """A manifest's text, and where its parts stand."""

    text: str
    root: Span = field(init=False)

    def __post_init__(self) -> None:
        self.root = spans(self.text)

    @property
    def line_break(self) -> str:
        found = _BREAK.search(self.text)
        return found[0] if found else "\n"

    @property
    def dash(self) -> int:
        """How far the dashes of lists stand in from their keys in this document."""
        for each in self.root.walk():
            if each.kind == "mapping" and not each.flow:
                for part in each.parts:
                    if part.kind == "list" and not part.flow and not part.tagged and part.column >= each.column:
                        return part.column - each.column
        return 2

    def with_edit(self, edit: Edit) -> str:
        there = self.root.at(edit.path)
        if isinstance(edit, Drop):
            return self._without(self.root.at(edit.path[:-1]), str(edit.path[-1]))
        if isinstance(edit, Append):
            if there is None or (there.kind == "scalar" and there.start == there.end):
                return self._put(edit.path, [edit.value], there)
            return self._append(there, edit.value)
        return self._put(edit.path, edit.value, there)

    def _put(self, path: Path, value: Any, there: Span | None) -> str:
        parent = self.root.at(path[:-1])
        if parent is None:
            raise LookupError("it stands behind an alias")
        if there is None:
            return self._add(parent, str(path[-1]), value)
        if isinstance(value, Mapping) and value and not there.tagged and set(there.names) == set(value):
            return self._changed(path, value)
        return self._replaced(parent, there, path[-1], value)

    def _changed(self, path: Path, value: Mapping[str, Any]) -> str:
        """A mapping with other values under the same keys."""
        text = self.text
        before = _data(text)
        for step in path:
            before = before[step]
        for key, each in value.items():
            if not _same(before[key], each):
                text = _Text(text).with_edit(Put((*path, key), each))
        return text

    def _replaced(self, parent: Span, there: Span, last: str | int, value: Any) -> str:
        new = yaml_writing.flow(value)
        start, end = there.start, there.end
        if there.kind != "alias" and not there.flow and isinstance(last, str):
            # Of a block, or of nothing at all, what stands between the colon and it.
            colon = self.text.index(":", parent.key(last).end) + 1
            between = self.text[colon:start]
            if not between.strip():
                start, new = colon, f" {new}"
            elif there.column <= parent.column:
                new = " " * (parent.column + 2 - there.column) + new
        while end > start and self.text[end - 1] in "\r\n":  # of a block scalar
            end -= 1
        return self.text[:start] + new + self.text[end:]

    def _without(self, mapping: Span | None, name: str) -> str:
        """A key less: of block style its lines, with the comments on them."""
        if mapping is None or mapping.kind != "mapping" or len(mapping.keys) == 1:
            raise LookupError("nothing would be left there")
        at = mapping.names.index(name)
        start, end = mapping.keys[at].start, mapping.parts[at].end
        following = mapping.keys[at + 1].start if at + 1 < len(mapping.keys) else None
        begin = max(self.text.rfind(each, 0, start) for each in "\r\n") + 1
        if mapping.flow:
            start, end = (start, following) if following else (mapping.parts[at - 1].end, end)
        elif self.text[begin:start].strip() and following:  # behind the dash of a list
            end = following
        else:
            start = begin
            if self.text[end - 1] not in "\r\n":
                found = _BREAK.search(self.text, end)
                end = found.end() if found else len(self.text)
        return self.text[:start] + self.text[end:]

    def _add(self, mapping: Span, key: str, value: Any) -> str:
        if mapping.kind != "mapping":
            raise TypeError("there is no mapping to put it into")
        if mapping.flow:
            return self._within(mapping, f"{yaml_writing.scalar(key)}: {yaml_writing.flow(value)}")
        return self._below(mapping.end, yaml_writing.entry(key, value, mapping.column, self.dash))

    def _append(self, there: Span, value: Any) -> str:
        if there.kind != "list":
            raise TypeError("is no list of its own")
        if there.flow:
            return self._within(there, yaml_writing.flow(value))
        last = there.parts[-1]
        block = last.kind == "mapping" and not last.flow
        return self._below(there.end, yaml_writing.item(value, self._dash_of(there), block))

    def _dash_of(self, there: Span) -> int:
        """The column of a list's dashes; an anchor may stand before the first."""
        if not there.tagged:
            return there.column
        begin = self.text.rindex("-", there.start, there.parts[0].start)
        return begin - max(self.text.rfind(end, 0, begin) for end in "\r\n") - 1

    def _within(self, there: Span, new: str) -> str:
        """Before the closing bracket or brace."""
        if there.parts:
            at = max(there.parts[-1].end, there.keys[-1].end if there.keys else 0)
            return f"{self.text[:at]}, {new}{self.text[at:]}"
        at = there.end - 1
        return self.text[:at] + new + self.text[at:]

    def _below(self, end: int, lines: Iterable[str]) -> str:
        """On lines of their own, below the one on which something ends."""
        new = self.line_break.join(lines)
        if end and self.text[end - 1] in "\r\n":  # a block scalar ends with its line
            return self.text[:end] + new + self.line_break + self.text[end:]
        found = _BREAK.search(self.text, end)
        at = found.start() if found else len(self.text)
        return self.text[:at] + self.line_break + new + self.text[at:]

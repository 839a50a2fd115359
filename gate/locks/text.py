"""A lock as text: YAML 1.2 that a reviewer can read, one line per tensor, and read again strictly.

Lines and their order are part of the format. A lock that was edited by hand, cut short or merged is an error.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from gate.errors import MissingFileError, UnreadableError
from gate.locks.entries import ANEW, Entry, broken, document
from gate.locks.layer_lines import LayerTable, layer
from gate.locks.layer_names import strangers
from gate.locks.lock import Lock, LockedTensor, Made
from gate.locks.tensor_lines import tensor, tensor_as_written, tensor_line
from gate.manifest.text import quoted
from gate.manifest.yaml_nodes import Mark
from gate.manifest.yaml_writing import scalar
from gate.position import Position
from gate.tensors.locked import LOCK_MARK
from gate.tensors.weightset import Layer

VERSION = 1
MOST_BYTES = 64 * 1024 * 1024
_HEADER = f"""{LOCK_MARK} digests and statistics of every tensor of a weight file, in place of its values.
# Written by `weight-gate update`: do not edit it by hand. To approve a change of this file is to approve new weights.
"""
_FIRST_COLUMN = len("- ") + 1
_TENSORS, _LAYERS = "tensors:", "layers:"
_ABOUT_LAYERS = "# Where the layers stand in the model: what the names of other files are brought together by."
_CONFLICT = re.compile(r"<{7}( |$)|={7}$|>{7}( |$)|\|{7}( |$)")
_FILE_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HEAD = ("lock", "weights", "format", "digest", "made")
_MADE = ("when", "by", "reason", "commit", "tools")


def lock_text(lock: Lock) -> str:
    """The text of a lock; `parse_lock` reads the same lock from it."""
    layers = LayerTable()
    tensors = [tensor_line(each, layers) for each in lock.tensors]
    tools = ", ".join(f"{_text(name)}: {_text(version)}" for name, version in lock.made.tools.items())
    lines = [
        f"{_HEADER}lock: {VERSION}",
        f"weights: {_text(lock.weights)}",
        f"format: {_text(lock.format)}",
        f"digest: {lock.digest}",
        "made:",
        *(f"  {key}: {_text(getattr(lock.made, key))}" for key in _MADE[:-1]),
        f"  tools: {{{tools}}}",
        _TENSORS,
        *tensors,
    ]
    if layers.lines:
        lines += [_ABOUT_LAYERS, _LAYERS, *layers.lines]
    return "\n".join(lines) + "\n"


def _text(text: str) -> str:
    """Half characters, of which some paths consist, as escapes of their own."""
    return scalar(text.encode("utf-8", "backslashreplace").decode())


def read_lock(path: Path, shown: str) -> Lock:
    """The lock in the file `path`, which messages call `shown`.

    Raises `MissingFileError` where there is none, `UnreadableError` with the place where it is not one.
    """
    try:
        if not path.exists():
            raise MissingFileError(f"there is no lock at {shown}", "make it with `weight-gate update`, and commit it")
        if not path.is_file():
            raise UnreadableError(f"{shown} is not a regular file", "a lock is a text file", Position(shown))
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UnreadableError(
            f"{shown} cannot be read: {error.strerror}", "check the path and its permissions", Position(shown)
        ) from error
    if len(content) > MOST_BYTES:
        raise UnreadableError(f"{shown} is larger than {MOST_BYTES:,} bytes", ANEW, Position(shown))
    try:
        return parse_lock(content.decode("utf-8-sig"), shown)
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1
        raise broken(f"the byte 0x{content[error.start]:02x} is not UTF-8", Position(shown, line, column)) from error


def parse_lock(text: str, file: str) -> Lock:
    """The lock in `text`, which messages call `file`; raises `UnreadableError` with the place of what is wrong."""
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    _refuse_strange(lines, file)
    if lines.pop():
        raise broken("it ends within a line", Position(file, len(lines) + 1))
    body = _line_of(_TENSORS, lines, 0, file)
    end = next((at for at in range(body + 1, len(lines)) if not lines[at].startswith("- ")), len(lines))
    head = _head("\n".join(lines[:body]), file)
    layers = list(_layers(lines, end, file))
    tensors = tuple(_tensors(lines, body + 1, end, layers, file))
    if not tensors:
        raise broken("it has no tensors", Position(file, body + 1))
    for at, reason in strangers(tensors):
        raise broken(reason, Position(file, body + 2 + at, _FIRST_COLUMN))
    return Lock(*head, tensors)


def _refuse_strange(lines: list[str], file: str) -> None:
    for number, line in enumerate(lines, 1):
        if not line.isprintable():
            column, character = next((at, each) for at, each in enumerate(line, 1) if not each.isprintable())
            raise broken(f"the character {quoted(character)} without an escape", Position(file, number, column))
        if line[:1] in "<=>|" and _CONFLICT.match(line):
            raise broken("a merge conflict that nobody resolved", Position(file, number))


def _line_of(what: str, lines: list[str], start: int, file: str) -> int:
    for at in range(start, len(lines)):
        if lines[at] == what:
            return at
    raise broken(f"the line `{what}` is missing", Position(file, max(1, len(lines))))


def _head(text: str, file: str) -> tuple[str, str, str, Made]:
    """Weights, digest, format and provenance."""
    entry = Entry(document(text, lambda mark: Position(file, *mark)), lambda mark: Position(file, *mark))
    version = entry.take("lock", int)
    if version != VERSION:
        entry.refuse(f"it is of version {version}, and this weight-gate reads version {VERSION}")
    digest = entry.take("digest", str)
    if not _FILE_DIGEST.fullmatch(digest):
        entry.refuse(f"digest: expected sha256: and 64 digits of lower case, found {quoted(digest)}")
    said = entry.entry("made")
    when, by, reason, commit = (said.take(key, str) for key in _MADE[:-1])
    made = Made(when, by, reason, commit, said.entry("tools").texts())
    said.done(_MADE)
    weights, kind = entry.take("weights", str), entry.take("format", str)
    entry.done(_HEAD)
    return weights, digest, kind, made


def _layers(lines: list[str], start: int, file: str) -> Iterator[Layer]:
    """The layers below the tensors, which end before line number `start`, counted from 0."""
    if start == len(lines):
        return
    at = _line_of(_LAYERS, lines, start, file)
    if at - start > 1 or (at > start and lines[start] != _ABOUT_LAYERS):
        raise broken("only `layers:` can follow the tensors", Position(file, start + 1))
    if at + 1 == len(lines):
        raise broken("`layers:` has none", Position(file, at + 1))
    for number in range(at + 1, len(lines)):
        yield layer(entry_of(lines[number], _places(file, number)))


def _tensors(lines: list[str], start: int, end: int, layers: list[Layer], file: str) -> Iterator[LockedTensor]:
    known: dict[str, int] = {}
    for number in range(start, end):
        found = tensor_as_written(lines[number], layers) or tensor(
            entry_of(lines[number], _places(file, number)), layers
        )
        if found.name in known:
            at = Position(file, number + 1)
            raise broken(f"the tensor {quoted(found.name)} is there twice, first on line {known[found.name]}", at)
        known[found.name] = number + 1
        yield found


def entry_of(line: str, at: Callable[[Mark], Position]) -> Entry:
    """The mapping on a line `- {…}`."""
    node = document(line, at)
    if node.items is None or len(node.items) != 1:
        raise broken("expected one entry of a list", at(Mark(1, 1)))
    mark, item = node.items[0]
    return Entry(item, at, mark)


def _places(file: str, number: int) -> Callable[[Mark], Position]:
    """Where in the lock a place in line `number`, counted from 0, is."""
    return lambda mark: Position(file, number + mark.line, mark.column)

"""A manifest file -> `LoadedManifest`, or one error that says everything that is wrong with it."""

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gate.errors import ManifestError, UsageError
from gate.manifest import explain
from gate.manifest.model import Manifest
from gate.manifest.text import dotted, quoted
from gate.manifest.yaml_nodes import MAX_PROBLEMS, Mark, Node, Problem, read_yaml
from gate.position import Position

MAX_BYTES = 1024 * 1024
BOM = "\ufeff"

_SMALLEST = "the smallest one is `version: 1` and `models:` with one entry `- weights: PATH`"
_BOMS = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
_LINE = re.compile(r"\r\n|\r|\n")
# YAML 1.1 ends lines, and so comments, at the last three before the dash; YAML 1.2 and editors do not.
_FORBIDDEN = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f\\x80-\\x9f\\u2028\\u2029\\ufffe\\uffff]")


@dataclass(frozen=True)
class LoadedManifest:
    """A manifest that makes sense, and where in its file each part of it stands."""

    manifest: Manifest
    file: str
    _root: Node
    text: str
    """As it is in the file: with its byte order mark, and its own ends of lines."""

    def position(self, *path: str | int) -> Position:
        """Where `path` stands: the key of a mapping's entry, the start of a list's item.

        Where the file has no such part, because it was left out, the place of the nearest part that contains it.
        """
        return _position(self.file, _mark(self._root, path))


def load_manifest(path: Path, shown: str | None = None) -> LoadedManifest:
    """The manifest in the file `path`, which messages call `shown`.

    Raises `UsageError` where there is no such text file, `ManifestError` where it is no manifest.
    """
    file = str(path) if shown is None else shown
    return parse_manifest(_text(_read(path, file), file), file)


def parse_manifest(text: str, file: str) -> LoadedManifest:
    """The manifest in `text`; messages call it `file`."""
    as_written, text = text, text.removeprefix(BOM)
    if forbidden := _FORBIDDEN.search(text):
        mark = _mark_at(text, forbidden.start())
        what = f"a control character, {quoted(forbidden[0])}"
        raise ManifestError([UsageError(what, "in double quotes it is written as an escape", _position(file, mark))])
    root, problems = read_yaml(text)
    manifest: Manifest | None = None
    if root is None and not problems:
        problems.append(Problem((), Mark(1, 1), "the manifest is empty", _SMALLEST))
    elif root is not None:
        manifest = _validated(root, problems)
    if manifest is None or root is None or problems:
        raise ManifestError(_errors(problems, file))
    return LoadedManifest(manifest, file, root, as_written)


def _validated(root: Node, problems: list[Problem]) -> Manifest | None:
    data = root.data()
    if data is None:
        problems.append(Problem((), Mark(1, 1), "the manifest is empty", _SMALLEST))
        return None
    manifest: Manifest | None = None
    errors: list[Any] = []
    try:
        manifest = Manifest.model_validate(data)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    for path, reason in explain.problems(data, root, errors):
        problems.append(Problem(path, _mark(root, path), reason))
    if manifest is None and not problems:  # never an error without a word
        problems.append(Problem((), root.mark, "makes no sense as a manifest", _SMALLEST))
    return manifest


def _errors(problems: list[Problem], file: str) -> list[UsageError]:
    ordered = sorted(problems, key=lambda problem: problem.mark)
    errors = [
        UsageError(
            f"{dotted(problem.path)}: {problem.reason}" if problem.path else problem.reason,
            problem.hint,
            _position(file, problem.mark),
        )
        for problem in ordered[:MAX_PROBLEMS]
    ]
    if more := len(ordered) - len(errors):
        errors.append(UsageError(f"and {more} more problems", "", _position(file, ordered[MAX_PROBLEMS].mark)))
    return errors


def _mark(root: Node, path: tuple[str | int, ...]) -> Mark:
    mark, node = root.mark, root
    for step in path:
        child = node.step(step)
        if child is None:
            break
        mark, node = child
    return mark


def _position(file: str, mark: Mark) -> Position:
    return Position(file, mark.line, mark.column)


def _mark_at(text: str, offset: int) -> Mark:
    starts = [0, *(end.end() for end in _LINE.finditer(text, 0, offset))]
    return Mark(len(starts), offset - starts[-1] + 1)


def _read(path: Path, file: str) -> bytes:
    shown = Position(file)
    try:
        if path.is_dir():
            raise UsageError("is a directory, not a manifest", "name the file in it: weight-gate.yml", shown)
        if not path.exists():
            raise UsageError("there is no such manifest", _missing_hint(path), shown)
        if not path.is_file():
            raise UsageError("is not a regular file", "a manifest is a text file", shown)
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"the manifest cannot be read: {why}", "check the path and its permissions", shown) from error
    if len(content) > MAX_BYTES:
        raise UsageError(
            f"the manifest is larger than {MAX_BYTES:,} bytes", "keep large values in a file, as a reference", shown
        )
    return content


def _missing_hint(path: Path) -> str:
    other = {".yml": ".yaml", ".yaml": ".yml"}.get(path.suffix)
    if other and path.with_suffix(other).is_file():
        return f"{quoted(path.with_suffix(other).name)} is there: name it on the command line, or rename it"
    if above := manifest_above(path):
        told = os.path.relpath(above, Path.cwd())
        return f"{told} is there: `weight-gate check {shlex.quote(told)}`"
    return "`weight-gate init` writes one for the weights that are here; without a name, weight-gate.yml is read"


def manifest_above(path: Path) -> Path | None:
    """The manifest of that name in the nearest folder above, within the same repository; None where there is none."""
    folder = path.parent.resolve()
    passed = [folder, *folder.parents]
    top = next((number for number, each in enumerate(passed) if os.path.lexists(each / ".git")), 0)
    return next((each / path.name for each in passed[1 : top + 1] if (each / path.name).is_file()), None)


def _text(content: bytes, file: str) -> str:
    for bom, name in _BOMS.items():
        if content.startswith(bom):
            raise ManifestError([UsageError(f"the manifest is {name}", "save it as UTF-8", Position(file))])
    if b"\x00" in content:
        start = content[: content.index(b"\x00")].decode("utf-8", "replace")
        mark = _mark_at(start, len(start))
        raise ManifestError(
            [
                UsageError(
                    "a NUL character: this is UTF-16 or no text",
                    "save it as UTF-8; weight files are for `list` and `diff`",
                    _position(file, mark),
                )
            ]
        )
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        start = content[: error.start].decode("utf-8-sig", "replace")
        byte = content[error.start]
        raise ManifestError(
            [
                UsageError(
                    f"the byte 0x{byte:02x} is not UTF-8",
                    "save it as UTF-8",
                    _position(file, _mark_at(start, len(start))),
                )
            ]
        ) from error

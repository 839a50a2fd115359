"""The functions that a manifest names, `src/build.py:build`: whether they are there. Runs none of them."""

import ast
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from gate.errors import UnreadableError, UsageError
from gate.position import Position
from gate.workspace import Workspace

if TYPE_CHECKING:
    from gate.manifest import LoadedManifest

MOST_BYTES = 1 << 20
_FEW = 5
_DYNAMIC = frozenset({"globals", "vars", "locals", "setattr", "exec", "eval", "__getattr__", "*"})
"""Names by which a module may get functions that its text does not show."""


def hooks_missing(loaded: "LoadedManifest", workspace: Workspace) -> list[UsageError]:
    """One error, with its line, for each function that is certain not to be where the manifest says."""
    from gate.manifest.fields import split_code  # noqa: PLC0415 - pydantic

    problems: list[UsageError] = []
    for index, entry in enumerate(loaded.manifest.models):
        for route, written in entry.hooks():
            file, function = split_code(written)
            at = loaded.position("models", index, *route)
            path = workspace.locate(file, at)
            try:
                workspace.confine(path)
                problems += _missing(path, file, function, at)
            except (UnreadableError, OSError):  # what loads it says why
                continue
    return problems


def _missing(path: Path, file: str, function: str, at: Position) -> Iterator[UsageError]:
    if not path.exists():
        yield UsageError(f"there is no {file}", "correct the path: it is relative to the manifest", at)
        return
    tree = parsed(path)
    if tree is None:
        return
    names = {name for node in ast.walk(tree) for name in _names(node)}
    if function.split(".", maxsplit=1)[0] not in names and not names & _DYNAMIC:
        there = [each.name for each in tree.body if isinstance(each, ast.FunctionDef)][:_FEW]
        hint = f"it has {', '.join(there)}" if there else "it has no function"
        yield UsageError(f"there is no function {function} in {file}", hint, at)


def parsed(path: Path) -> ast.Module | None:
    """The code in a file; None where it cannot be read as such. Raises `OSError`."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        text = file.read(MOST_BYTES + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text) if len(text) <= MOST_BYTES else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _names(node: ast.AST) -> Iterator[str]:
    """What a piece of code defines, imports, or speaks of."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name) | ast.Name(id=name):
            yield name
        case ast.alias(name=name, asname=asname):
            yield asname or name.split(".", maxsplit=1)[0]

"""Functions of a repository that may build its model: found in the text of its code, of which nothing runs."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from gate.hooks import parsed

_MOST_FILES = 500
_TELLING = ("build", "make", "create", "get", "model", "new")


def builders(files: Iterable[Path]) -> list[tuple[Path, str]]:
    """Functions that take no argument, return something and speak of Keras; those whose names say so come first."""
    code = [path for path in files if path.suffix == ".py" and not path.name.startswith(("test_", "conftest"))]
    found = [(path, name) for path in code[:_MOST_FILES] for name in _in(path)]
    return sorted(found, key=lambda each: not each[1].startswith(_TELLING))


def _in(path: Path) -> Iterator[str]:
    try:
        tree = parsed(path)
    except OSError:
        return
    if tree is None:
        return
    of_keras = {name for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom) for name in _imported(node)}
    for each in tree.body:
        if not isinstance(each, ast.FunctionDef) or each.name.startswith("_") or not _without_arguments(each):
            continue
        words = {word for node in ast.walk(each) for word in _words(node)}
        returns = any(isinstance(node, ast.Return) and node.value is not None for node in ast.walk(each))
        if returns and words & {"keras", *of_keras}:
            yield each.name


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """What Keras' own things are called in a file."""
    module = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
    for alias in node.names:
        if "keras" in f"{module}.{alias.name}":
            yield alias.asname or alias.name.split(".", maxsplit=1)[0]


def _without_arguments(function: ast.FunctionDef) -> bool:
    arguments = function.args
    positional = len(arguments.posonlyargs) + len(arguments.args)
    return positional <= len(arguments.defaults) and None not in arguments.kw_defaults


def _words(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=word) | ast.Attribute(attr=word):
            yield word
        case ast.Import() | ast.ImportFrom():
            yield from _imported(node)

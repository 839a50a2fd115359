"""Functions of the repository: `PATH.py:FUNCTION`. They run only with `--allow-code`, in the child."""

import ast
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gate.runtime.held import Held
from gate.runtime.loaders.interface import How, Loaded, Refused, Sentinel, first_line
from gate.tensors.weightset import Array, Step


def shown_as(file: str) -> str:
    """The file as a manifest in the current folder has it, until code goes to another folder."""
    return os.path.relpath(file)


def module_of(file: str) -> Any:
    """The module; the folder of its file, that of its package and the current one can be imported from.

    The current folder is the manifest's. Where the file imports with a dot, it is a part of the package around it.
    """
    path, shown = Path(file), shown_as(file)
    package, top = _package_of(path)
    for folder in (str(path.parent), str(top), str(Path.cwd())):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    try:
        if package and _imports_with_a_dot(path) and _is_ours(package, path):
            return importlib.import_module(package if path.stem == "__init__" else f"{package}.{path.stem}")
        module = sys.modules.get(path.stem)
        return module if module is not None and getattr(module, "__file__", None) == file else _executed(path)
    except Refused:
        raise
    except BaseException as error:
        lacking = "no known parent package" in str(error)
        raise Refused(
            f"{shown} could not be imported: {type(error).__name__}: {first_line(error)}",
            f"put an __init__.py into {path.parent.name}/, which makes it a package, or import without the dot"
            if lacking
            else "run it by hand, with the packages that it needs",
        ) from error


def _executed(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise Refused(f"{path.name} is no Python file", "name a file that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]  # half of a module: the next import has to fail as this one does
        raise
    return module


def _imports_with_a_dot(path: Path) -> bool:
    """Whether it has `from .layers import …` anywhere: only then what the package itself imports has to be there."""
    nodes = ast.walk(ast.parse(path.read_bytes()))
    return any(isinstance(node, ast.ImportFrom) and node.level > 0 for node in nodes)


def _package_of(path: Path) -> tuple[str, Path]:
    """The name of the package that a file is in, empty where it is in none, and the folder to import that from."""
    names: list[str] = []
    folder = path.parent
    while (folder / "__init__.py").is_file() and folder.name.isidentifier():
        names.insert(0, folder.name)
        folder = folder.parent
    return ".".join(names), folder


def _is_ours(package: str, path: Path) -> bool:
    """Whether the name of a package means the one around this file, and none that is installed or imported already."""
    spec = importlib.util.find_spec(package)
    return spec is not None and str(path.parent) in (spec.submodule_search_locations or ())


def function_of(file: str, name: str) -> Callable[..., Any]:
    """The function of a Python file."""
    found: Any = module_of(file)
    for part in name.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise Refused(f"{shown_as(file)} has no function {name}", "correct the name behind the colon")
    return found  # type: ignore[no-any-return]


def called(file: str, name: str, *arguments: Any) -> Any:
    """What the function returns; what it raises is told in its own words."""
    function = function_of(file, name)
    shown = shown_as(file)
    try:
        return function(*arguments)
    except BaseException as error:
        raise Refused(
            f"{shown}:{name} raised {type(error).__name__}: {first_line(error)}",
            "run it by hand on the same file",
        ) from error


def load_by_code(how: How, path: str, sentinel: Sentinel) -> Loaded:  # noqa: ARG001 - the project builds by itself
    """The project's own loader: a path in, a model or its variables out."""
    file, name = how.code
    what = f"what {shown_as(file)}:{name} returns"
    return loaded_object(called(file, name, path), what)


def loaded_object(found: Any, what: str) -> Loaded:
    """Whatever a project's loader may return: a Keras model, a trackable object, or variables by name or in a list."""
    from gate.runtime.loaders.keras_model import KerasLoaded, is_keras_model
    from gate.runtime.loaders.saved_model import TrackableLoaded, is_trackable

    if is_keras_model(found):
        return KerasLoaded(found)
    if isinstance(found, Mapping):
        return VariablesLoaded([(str(name), value) for name, value in found.items()], what)
    if isinstance(found, list | tuple):
        once = {id(value): (_name(value, place), value) for place, value in enumerate(found)}
        return VariablesLoaded(list(once.values()), what)
    if is_trackable(found):
        return TrackableLoaded(found)
    raise Refused(
        f"{what} is a {type(found).__name__}",
        "return a Keras model, an object that TensorFlow tracks, or variables or arrays: a dict by name, or a list",
    )


class VariablesLoaded(Loaded):
    """Variables or arrays by name, and nothing that could predict."""

    what = "a loader that returns variables"

    def __init__(self, values: Sequence[tuple[str, Any]], what: str) -> None:
        self._variables = [_held(name, value, what) for name, value in values]
        if not self._variables:
            raise Refused(f"{what} is empty: no variable to look at", "return what was loaded")

    @property
    def variables(self) -> list[Held]:
        return self._variables


def _name(value: Any, place: int) -> str:
    for attribute in ("path", "name"):
        name = getattr(value, attribute, None)
        if isinstance(name, str) and name:
            return name.removesuffix(":0")
    return str(place)


def _held(name: str, value: Any, what: str) -> Held:
    if hasattr(value, "numpy") or hasattr(value, "assign"):
        from gate.runtime.keras_variables import dtype_of, numpy_of

        dtype, shape, read = dtype_of(value), tuple(int(size) for size in value.shape), lambda: numpy_of(value)
    else:
        array = np.ascontiguousarray(value)
        if array.dtype == object and not all(isinstance(each, bytes | str) for each in array.reshape(-1).tolist()):
            raise Refused(f"{what} has {name}, which is a {type(value).__name__}", "return arrays or variables")

        def read() -> Array:
            return array

        dtype, shape = array.dtype, np.shape(value)
        array = array.reshape(shape)
    parts = name.split("/")
    steps = tuple(Step(part, "/".join(parts[: depth + 1])) for depth, part in enumerate(parts[:-1]))
    return Held(parts[-1], dtype, shape, read, None, steps, keys=(name,))

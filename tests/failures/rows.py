"""What the rows of this folder share: the verdict a row expects, and small tools to make files and to look naively.

A row is a module `row_NN_what.py`, one or two for each way in which weights go wrong without a word:

    ROW            its number
    LOUD           None, or what today's version says: "Keras 3.15.1: ValueError: …"
    make(folder)   writes weight files, the user's code in src/, golden files and weight-gate.yml
    naive(folder)  does what people do, and asserts that all looks well (or, where LOUD, that it is said)
    EXPECT         what `weight-gate check` has to find in that folder
    ALLOW_CODE     whether the manifest has code hooks

This module imports without TensorFlow, and so does every row.
"""

import importlib
import itertools
import logging
import textwrap
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, cast

import numpy as np

from support.models import fill

PREDICTION_MISMATCH = "prediction-mismatch"
"""The kind of finding for outputs that are not the expected ones."""


@dataclass(frozen=True)
class Verdict:
    """The gate is red: `check` has findings of all these `kinds`, and what is printed holds every text of `says`."""

    check: str
    kinds: set[str]
    says: tuple[str, ...]


class Row(Protocol):
    """What a module `row_NN_….py` has."""

    __name__: str
    ROW: int
    LOUD: str | None
    EXPECT: Verdict
    ALLOW_CODE: bool
    make: Callable[[Path], None]
    naive: Callable[[Path], None]


def rows() -> list[Row]:
    """All rows of this folder, in order."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("row_*.py"))
    return [cast("Row", importlib.import_module(f"failures.{name}")) for name in names]


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Text files by their path in `folder`; indented as in the row, written without the indentation."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")


_numbers = itertools.count()


def code(folder: Path, name: str) -> ModuleType:
    """The user's module `name` ("src/models.py"), run anew: nothing of an earlier row or folder stays."""
    path = folder / name
    module = ModuleType(f"row_code_{next(_numbers)}_{path.stem}")
    module.__file__ = str(path)
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), vars(module))
    return module


def stack(*names: str, units: int = 4) -> Any:
    """Dense layers of these names, one after the other, four features in."""
    from keras import Input, Sequential
    from keras import layers as kl

    return Sequential([Input((4,)), *(kl.Dense(units, name=name) for name in names)])


def filled(model: Any, seed: int = 1) -> Any:
    """The model, with values that no two of its tensors share; another seed gives others."""
    fill(list(model.weights), seed)
    return model


def arrays(variables: Iterable[Any]) -> list[Any]:
    """Copies of the values of variables, or of `model.weights`."""
    return [np.array(variable) for variable in variables]


def alike(left: Iterable[Any], right: Iterable[Any]) -> bool:
    """The comparison that people write: it stops at the shorter list, and knows no names."""
    return all(np.allclose(a, b) for a, b in zip(left, right, strict=False))


@contextmanager
def listening() -> Iterator[list[str]]:
    """What Python's warnings and the loggers of TensorFlow, absl and Keras say meanwhile.

    Left out are deprecations and hints at better formats: they are said of every file, right or wrong.
    """
    heard: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.getMessage())

    ear = Ear(logging.WARNING)
    loggers = [logging.getLogger(name) for name in ("tensorflow", "absl", "keras")]
    for logger in loggers:
        logger.addHandler(ear)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield heard
        heard += [str(w.message) for w in caught if not issubclass(w.category, DeprecationWarning)]
    finally:
        for logger in loggers:
            logger.removeHandler(ear)
        heard[:] = [text for text in heard if not any(part in text for part in _SAID_OF_EVERY_FILE)]


_SAID_OF_EVERY_FILE = (
    "file format is considered legacy",
    "Compiled the loaded model, but the compiled metrics have yet to be built",
    "No training configuration found in the save file",
    "retracing",
)

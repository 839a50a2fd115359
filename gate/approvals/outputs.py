"""Golden outputs, made anew: what the loaded model predicts, in the format and under the names that the file has."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from gate.approvals.own_reference import own_reference
from gate.asked import REFERENCE, Prediction
from gate.checks.evidence import Evidence, Outputs
from gate.checks.interface import Subject
from gate.checks.loaded_values import check_loaded_values
from gate.checks.predictions import check_predictions
from gate.checks.wording import distance
from gate.errors import GateError, MissingFileError
from gate.formats.example_data import read_arrays
from gate.results import CheckResult, ModelResult, Outcome
from gate.tensors.agreement import differences
from gate.tensors.dtypes import is_number, widen
from gate.tensors.weightset import Array

_ZIP, _NPY = b"PK", b"\x93NUMPY"
_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Golden:
    """A file of golden outputs as it would be: `moved` tells for each output how far it did, in words."""

    path: Path
    data: bytes = field(repr=False)
    moved: Mapping[str, str]
    largest: float = 0.0


@dataclass(frozen=True)
class Loaded:
    """What was seen of a red model while it was loaded.

    `after` are the checks of the loaded model as they would be with these files and, where it `renews` it, with the
    weights as their own reference; `troubles` say why a file cannot be made.
    """

    golden: tuple[Golden, ...] = ()
    after: tuple[CheckResult, ...] = ()
    troubles: tuple[GateError, ...] = ()


def seen_loaded(subject: Subject, judged: ModelResult, scratch: Path, renews: bool) -> Loaded:
    """What an approval would make of the predictions, and of what was loaded."""
    outcomes = {check.check: check.outcome for check in judged.checks}
    after: list[CheckResult] = []
    golden: dict[int, Golden] = {}
    troubles: list[GateError] = []
    if outcomes.get("loaded-values") is Outcome.FAILED and renews:
        after.append(check_loaded_values(own_reference(subject)))
    if outcomes.get("predictions") in {Outcome.FAILED, Outcome.ERROR}:
        for number, asked in enumerate(subject.loading.predictions):
            if isinstance(asked.expected, Path) and not _holds(subject, number, asked):
                try:
                    golden[number] = _made(subject, number, asked, asked.expected)
                except GateError as error:
                    troubles.append(error)
        troubles += _shared(golden)
        evidence = _Renewed(
            subject.loaded,
            _read_back(golden, subject.loading.predictions, scratch),
            subject.loading.predictions,
            renews,
        )
        after.append(check_predictions(replace(subject, evidence=cast("Evidence", evidence))))
    return Loaded(tuple(golden.values()), tuple(after), tuple(troubles))


class _Renewed:
    """Evidence with other expected outputs: golden ones that were just made, and the model's own where it `renews`."""

    def __init__(
        self, evidence: Evidence, golden: Mapping[int, Outputs], asked: tuple[Prediction, ...], renews: bool
    ) -> None:
        self._evidence = evidence
        self._golden = golden
        self._asked = asked
        self._renews = renews

    def __getattr__(self, name: str) -> Any:
        return getattr(self._evidence, name)

    def expected(self, number: int) -> Outputs:
        if number in self._golden:
            return self._golden[number]
        if self._renews and self._asked[number].expected == REFERENCE:
            return self._evidence.outputs(number)
        return self._evidence.expected(number)

    def metric(self, number: int, of_reference: bool = False) -> float:
        return self._evidence.metric(number, of_reference=of_reference and not self._renews)

    def diverges(self, number: int, rtol: float, atol: float) -> str:  # noqa: ARG002 - as in `Evidence`
        return ""


class _One:
    """One prediction alone, without what is asked of batches."""

    def __init__(self, evidence: Evidence, number: int) -> None:
        self._evidence = evidence
        self._number = number

    def __getattr__(self, name: str) -> Any:
        return getattr(self._evidence, name)

    def outputs(self, number: int) -> Outputs:
        return self._evidence.outputs(self._number + number)

    def expected(self, number: int) -> Outputs:
        return self._evidence.expected(self._number + number)

    def one_by_one(self, number: int) -> None:  # noqa: ARG002 - as in `Evidence`
        return None

    def diverges(self, number: int, rtol: float, atol: float) -> str:  # noqa: ARG002 - as in `Evidence`
        return ""


def _holds(subject: Subject, number: int, asked: Prediction) -> bool:
    """Whether the outputs are the golden ones, by the entry's own measure."""
    alone = replace(subject.loading, predictions=(replace(asked, metric=None),))
    one = cast("Evidence", _One(subject.loaded, number))
    return check_predictions(replace(subject, evidence=one, loading=alone)).outcome is Outcome.PASSED


def _made(subject: Subject, number: int, asked: Prediction, path: Path) -> Golden:
    found = {name: _storable(name, array) for name, array in subject.loaded.outputs(number).arrays.items()}
    try:
        old: Mapping[str, Array] = read_arrays(path, path.name)
    except MissingFileError:
        if path.is_symlink() or path.exists():
            raise  # a pointer lies there, or a link to what is not there
        old = {}
    new = _named(found, old, asked)
    head = _head(path) if old else {".npz": _ZIP, ".npy": _NPY}.get(path.suffix, b"")
    told = {name: _moved(array, old.get(name)) for name, array in new.items()}
    moved = {name: words for name, (_, words) in told.items() if words}
    return Golden(path, _data(new, head, path), moved, max((size for size, _ in told.values()), default=0.0))


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(8)


def _named(found: Mapping[str, Array], old: Mapping[str, Array], asked: Prediction) -> dict[str, Array]:
    """The outputs by the names that the file has: one alone keeps its own, and what was not asked for stays."""
    if len(found) == len(old) == 1:
        return dict(zip(old, found.values(), strict=True))
    kept = dict(old) if asked.outputs else {name: array for name, array in old.items() if name in found}
    return {**kept, **found}


def _storable(name: str, array: Array) -> Array:
    """As files hold it: floats that NumPy has no name for as float32, texts of the width that they need."""
    if array.dtype.kind == "O":
        items = array.reshape(-1).tolist()
        texts = [item if isinstance(item, bytes) else str(item).encode() for item in items]
        if any(text.endswith(b"\0") for text in texts):
            raise GateError(
                f"the output {name} has texts that end in NUL, which no file of arrays keeps", "leave it out"
            )
        return np.array(texts, np.bytes_).reshape(array.shape)
    if array.dtype.kind == "V":
        return widen(array).astype(np.float32)
    return np.ascontiguousarray(array)


def _moved(new: Array, old: Array | None) -> tuple[float, str]:
    if old is None:
        return 0.0, f"new, {new.dtype} {list(new.shape)}"
    if old.shape != new.shape:
        return float("inf"), f"shape {list(old.shape)} → {list(new.shape)}"
    if not (is_number(new.dtype) and is_number(old.dtype)):
        return 0.0, "" if new.tolist() == old.tolist() else "other texts"
    found = differences(new, old)
    return found.max, f"moved by at most {distance(found.max)}, {distance(found.mean)} on average" if found.max else ""


def _data(arrays: Mapping[str, Array], head: bytes, path: Path) -> bytes:
    """The file's bytes, in the format that `head` begins."""
    if head.startswith(_NPY):
        if len(arrays) != 1:
            raise GateError(f"{path.name} holds one array, and the model has {len(arrays)} outputs", "name a .npz file")
        return _npy(next(iter(arrays.values())))
    if head.startswith(_ZIP):
        return _npz(arrays, path)
    return _json(arrays)


def _npy(array: Array) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _npz(arrays: Mapping[str, Array], path: Path) -> bytes:
    """With a fixed date: equal outputs make equal files. Compressed where the old file is."""
    compression = zipfile.ZIP_STORED
    if path.is_file():
        with zipfile.ZipFile(path) as old:
            compression = max((each.compress_type for each in old.infolist()), default=zipfile.ZIP_STORED)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", _DATE)
            member.compress_type = zipfile.ZIP_DEFLATED if compression else zipfile.ZIP_STORED
            archive.writestr(member, _npy(array))
    return buffer.getvalue()


def _json(arrays: Mapping[str, Array]) -> bytes:
    """A line for each sample; floats as they are, to the last digit."""
    lists = {name: _lines(array) for name, array in arrays.items()}
    if list(lists) == [""]:
        return f"{lists['']}\n".encode()
    members = ",\n".join(f"{json.dumps(name)}: {text}" for name, text in lists.items())
    return f"{{\n{members}\n}}\n".encode()


def _lines(array: Array) -> str:
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "surrogateescape")
    value = array.tolist()
    if not array.ndim:
        return json.dumps(value)
    return "[\n" + ",\n".join(json.dumps(each) for each in value) + "\n]"


def _shared(golden: Mapping[int, Golden]) -> list[GateError]:
    paths = [each.path for each in golden.values()]
    return [
        GateError(f"{path.name} holds the outputs of several predictions, which differ", "give each a file of its own")
        for path in dict.fromkeys(paths)
        if paths.count(path) > 1
    ]


def _read_back(golden: Mapping[int, Golden], asked: Sequence[Prediction], scratch: Path) -> dict[int, Outputs]:
    """The files as a check would read them, for all predictions that name them."""
    found: dict[int, Outputs] = {}
    for number, each in golden.items():
        copy = scratch / f"golden-{number}{each.path.suffix}"
        copy.write_bytes(each.data)
        arrays = read_arrays(copy, each.path.name)
        samples = max((len(array) for array in arrays.values() if array.ndim), default=1)
        same = (other for other, entry in enumerate(asked) if entry.expected == each.path)
        found.update(dict.fromkeys(same, Outputs(arrays, samples)))
    return found

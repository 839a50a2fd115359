"""The child: takes one request a line, gives one answer a line, until there are no more requests.

TensorFlow is imported here and in what this imports, nowhere else. A request is a JSON object with `do`; the answer is
one with what was asked for, or with `error`. Data goes through files in the scratch folder (`gate.runtime.dump`).
"""

import errno
import gc
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gate.errors import GateError
from gate.formats.example_data import read_arrays
from gate.runtime import dump
from gate.runtime.devices import described, prepare
from gate.runtime.forks import Forks
from gate.runtime.held import Held
from gate.runtime.loaders.interface import How, Loaded, Refused, first_line
from gate.runtime.messages import Message, messages
from gate.runtime.sandbox import confine, restrain
from gate.runtime.tagged_copy import Fill, copy_artifact, fill, prefix, twins
from gate.runtime.tags import Codebook, mixture, seen
from gate.tensors.dtypes import dtype_called
from gate.tensors.model_inputs import made_up, random_inputs
from gate.tensors.weightset import Array

Request = Mapping[str, Any]
Answer = dict[str, Any]

_CONFINED = "the process that loads may read the model alone, write only in its scratch folder, and not use the network"


_FORKED = Refused(
    "the project's code forked, and both processes came back from it",
    "end the process that it starts with os._exit, and return from one",
)


def serve(requests: int, answers: int) -> None:
    """Works until the parent closes the pipe of requests."""
    worker = Worker()
    with open(requests, "rb", closefd=True) as lines, open(answers, "wb", closefd=True) as out:
        for line in lines:
            with Forks() as forks:
                answer = worker.answer(json.loads(line))
                if forks.came_back():
                    answer = {"error": _told(_FORKED), "messages": answer["messages"]}
            out.write(json.dumps(answer, allow_nan=True).encode() + b"\n")
            out.flush()


class Worker:
    """What one child knows between requests."""

    def __init__(self) -> None:
        self.loaded: Loaded | None = None
        self.seed = 0

    def answer(self, request: Request) -> Answer:
        """The answer to one request; whatever goes wrong is an `error` in it."""
        with messages() as said:
            try:
                found = _TASKS[request["do"]](self, request)
            except Exception as error:  # noqa: BLE001 - the parent decides what it means
                found = {"error": _told(error)}
            gc.collect()  # TensorFlow says what a checkpoint lacked when its objects go
        found["messages"] = [[message.text, message.source] for message in _distinct(said)]
        return found

    def start(self, request: Request) -> Answer:
        """Gives up what is not needed, before anything else."""
        self.seed = request["seed"]
        restrain(request["file_bytes"], request["parent"])
        os.chdir(request["base"])
        level = confine(map(Path, request["readable"]), map(Path, request["writable"]), request["device"] != "cpu")
        # Only now, and last: the project's packages are code too, and take the place of none that is there.
        sys.path.extend(request["packages"])
        prepare(request["device"], request["threads"])
        confinement = {"text": level.text, "complete": level.complete}
        return {"confinement": confinement, "runtime": described(request["device"])}

    def load(self, request: Request) -> Answer:
        """Loads a file for real, and lists what there is."""
        self.loaded = None
        gc.collect()
        self.loaded = self._load(request, request["path"], request["sentinel"])
        return {"variables": [dump.variables_entry(each) for each in self.loaded.variables]}

    def tagged(self, request: Request) -> Answer:
        """Loads tagged copies, a round each, and tells what every variable held after each."""
        codebook = Codebook(
            [dtype_called(name) for name in request["dtypes"]], [dtype_called(name) for name in request["through"]]
        )
        files = [Path(file) for file in request["files"]]
        keys = {key: index for index, key in enumerate(request["keys"])}
        for twin, key in twins(request["format"], files, keys.keys()).items():
            keys[twin] = keys[key]
        path = copy_artifact(request["format"], files, Path(request["target"]))
        rounds: list[list[Answer]] = []
        variables: list[Answer] = []
        for number in request["rounds"] or range(codebook.rounds):
            filled = [(key, index) for key, index in keys.items() if codebook.taggable(index)]
            fill(request["format"], path, [Fill(key, codebook.value(index, number)) for key, index in filled])
            given = str(path.parent) if request["as_folder"] else prefix(path)
            loaded = self._load(request, given, request["sentinel"])
            variables = [dump.variables_entry(each) for each in loaded.variables]
            rounds.append([_seen(each) for each in loaded.variables])
            del loaded
            gc.collect()
        return {"variables": variables, "rounds": rounds}

    def damaged(self, request: Request) -> Answer:
        """Loads a copy in which some tensors hold other values, and lists what there is."""
        files = [Path(file) for file in request["files"]]
        data = np.memmap(request["values"], np.uint8, "r")
        values = {}
        for entry in request["entries"]:
            start, stop = entry["offset"], entry["offset"] + entry["bytes"]
            values[entry["key"]] = data[start:stop].view(dtype_called(entry["dtype"])).reshape(entry["shape"])
        for twin, key in twins(request["format"], files, request["keys"]).items():
            if key in values:
                values[twin] = values[key]
        path = copy_artifact(request["format"], files, Path(request["target"]))
        fill(request["format"], path, [Fill(key, value) for key, value in values.items()])
        given = str(path.parent) if request["as_folder"] else prefix(path)
        self.loaded = self._load(request, given, request["sentinel"])
        return {"variables": [dump.variables_entry(each) for each in self.loaded.variables]}

    def dump(self, request: Request) -> Answer:
        """Writes all variables, or those whose numbers are given."""
        writer = dump.Writer(Path(request["to"]))
        try:
            entries = [{**dump.variables_entry(each), **writer.add(each.read())} for each in self._ready.variables]
        finally:
            writer.close()
        return {"variables": entries}

    def predict(self, request: Request) -> Answer:
        """Predicts, in batches of `batch` samples, at most `limit` samples; writes the outputs, and says on what."""
        loaded = self._ready
        inputs, labels = self._inputs(request)
        outputs = _in_batches(loaded, inputs, request)
        entries = dump.written(Path(request["to"]), outputs)
        return {
            "outputs": entries,
            "made_up": self._made_up(request, inputs),
            "labels": sorted(labels),
            "samples": _limit(loaded, inputs, request),
            "strangers": loaded.strangers(),
        }

    def metric(self, request: Request) -> Answer:
        """The user's own metric of the outputs, over all that the file of inputs holds."""
        from gate.runtime.loaders.project_code import called, shown_as

        inputs, _ = self._inputs(request)
        outputs = _in_batches(self._ready, inputs, request)
        data = read_arrays(Path(request["inputs"]), request["inputs"])
        file, name = request["code"]
        shown = shown_as(file)
        value = called(file, name, next(iter(outputs.values())) if len(outputs) == 1 else outputs, data)
        number = np.asarray(value)
        if isinstance(value, bool | str | bytes) or number.size != 1 or number.dtype.kind not in "fiu":
            raise Refused(f"{shown}:{name} returns a {type(value).__name__}, no number", "return one number")
        return {"value": float(number.reshape(()))}

    def activations(self, request: Request) -> Answer:
        """What each layer makes of the first samples."""
        inputs, _ = self._inputs(request)
        some = {name: value[: request["limit"]] for name, value in inputs.items()}
        return {"layers": dump.written(Path(request["to"]), self._ready.activations(some))}

    def save(self, request: Request) -> Answer:
        """Saves what is loaded."""
        folder = Path(request["folder"])
        folder.mkdir(parents=True, exist_ok=True)
        try:
            return {"path": str(self._ready.save(request["format"], folder))}
        except (Refused, OSError, MemoryError):
            raise
        except Exception as error:
            raise Refused(
                f"it could not be saved as {request['format']}: {type(error).__name__}: {first_line(error)}",
                f"mend the model, or take {request['format']} out of `roundtrip`",
                unsavable=True,
            ) from error

    @property
    def _ready(self) -> Loaded:
        if self.loaded is None:
            raise Refused("nothing is loaded", "report this as a defect of weight-gate")
        return self.loaded

    def _load(self, request: Request, path: str, sentinel: bool) -> Loaded:
        from gate.runtime.loaders import LOADERS
        from gate.runtime.loaders.project_code import module_of

        self._reseed()
        how = How.read(request["how"])
        for file in how.imports:
            module_of(file)
        return LOADERS[how.way](how, path, _put_sentinel if sentinel else lambda _: None)

    def _reseed(self) -> None:
        """Another seed for each load: what the load does not write differs from one to the next."""
        import keras

        keras.utils.set_random_seed(self.seed)
        self.seed += 1

    def _inputs(self, request: Request) -> tuple[dict[str, Array], dict[str, Array]]:
        """The inputs, and what else the file holds."""
        loaded = self._ready
        if request["inputs"] is None:
            specs = loaded.inputs(request["signature"])
            names = made_up(specs)
            made = random_inputs(
                [replace(each, name=names[each.name]) for each in specs], request["samples"], request["seed"]
            )
            return {name: made[called] for name, called in names.items()}, {}
        arrays = read_arrays(Path(request["inputs"]), request["inputs"])
        return loaded.fitted(arrays, request["signature"], request["labels"])

    def _made_up(self, request: Request, inputs: Mapping[str, Array]) -> list[str]:
        """What the inputs that were made up hold: names, dtypes and shapes, and the seed, decide it."""
        if request["inputs"] is not None:
            return []
        names = made_up(self._ready.inputs(request["signature"]))
        return sorted(f"{names[name]} ({each.dtype.name} {list(each.shape)})" for name, each in inputs.items())


def _in_batches(loaded: Loaded, inputs: Mapping[str, Array], request: Request) -> dict[str, Array]:
    limit = _limit(loaded, inputs, request)
    whole = loaded.takes_whole(inputs, request["signature"])
    if whole and request["batch"] == 1:
        raise Refused("it takes all samples at once", "leave it so: there are no batches that could differ")
    step = limit or 1 if whole else request["batch"] or limit or 1
    predict = loaded.predict_eagerly if request.get("eager") else loaded.predict
    parts: list[dict[str, Array]] = []
    for at in range(0, limit, step):
        part = slice(at, min(at + step, limit))
        batch = {name: value if whole or not value.ndim else value[part] for name, value in inputs.items()}
        parts.append(predict(batch, request["signature"], request["outputs"]))
    if not parts:
        raise Refused("there is not one sample to predict", "put samples into the file of inputs")
    if len(parts) == 1:
        return parts[0]
    return {
        name: np.concatenate([part[name] for part in parts]) if parts[0][name].ndim else parts[0][name]
        for name in parts[0]
    }


def _limit(loaded: Loaded, inputs: Mapping[str, Array], request: Request) -> int:
    """How many samples are predicted."""
    there = _samples(inputs)
    return there if loaded.takes_whole(inputs, request["signature"]) else min(there, request["limit"] or there)


def _samples(inputs: Mapping[str, Array]) -> int:
    return max((len(value) for value in inputs.values() if value.ndim), default=1)


def _seen(held: Held) -> Answer:
    array = held.read()
    found = seen(array)
    value = found.value if found.value is None or np.isfinite(found.value) else None
    return {"value": value, "mixed": found.mixed, "parts": list(mixture(array)) if found.mixed else []}


def _put_sentinel(loaded: Loaded) -> None:
    """Fills every variable with the bitwise complement of what it holds: what stays so was not loaded."""
    for held in loaded.variables:
        if held.assign is not None and held.dtype.kind not in "OSU" and held.shape is not None:
            value = np.ascontiguousarray(held.read())
            if held.dtype.kind == "b":
                held.assign(~value)
            else:
                held.assign((~value.reshape(-1).view(np.uint8)).view(value.dtype).reshape(held.shape))


def _told(error: Exception) -> Answer:
    for each in _causes(error):
        if full := _full(each):
            return {"kind": "full", "reason": full, "hint": "", "verdict": False}
        if isinstance(each, MemoryError) or _is_exhausted(each):
            return {"kind": "memory", "reason": first_line(each), "hint": "", "verdict": False}
    if any(isinstance(each, PermissionError) or _is_denied(each) for each in _causes(error)):
        told = error.reason if isinstance(error, GateError) else f"{type(error).__name__}: {first_line(error)}"
        return {"kind": "denied", "reason": told, "hint": _CONFINED, "verdict": False}
    if isinstance(error, Refused):
        kind = "unsavable" if error.unsavable else "refused"
        return {"kind": kind, "reason": error.reason, "hint": error.hint, "verdict": error.verdict}
    if isinstance(error, GateError):
        return {"kind": "refused", "reason": error.reason, "hint": error.hint, "verdict": False}
    return {"kind": "failed", "reason": f"{type(error).__name__}: {first_line(error)}", "hint": "", "verdict": False}


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The exception, then what it was raised from: a loader may tell a full disk in words of its own."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _full(error: BaseException) -> str:
    """What the system says of a disk that has no more room, if it was that."""
    if not isinstance(error, OSError) and not _is_exhausted(error):
        return ""
    told = [os.strerror(each) for each in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)]
    return next((each for each in told if each in str(error)), "")


def _is_denied(error: BaseException) -> bool:
    """The same as TensorFlow has it."""
    return type(error).__name__ == "PermissionDeniedError"


def _is_exhausted(error: BaseException) -> bool:
    """What TensorFlow raises where memory or the disk has no more room."""
    return type(error).__name__ == "ResourceExhaustedError"


def _distinct(said: list[Message]) -> list[Message]:
    return list(dict.fromkeys(said))


_TASKS: dict[str, Callable[[Worker, Request], Answer]] = {
    name: getattr(Worker, name)
    for name in ("start", "load", "tagged", "damaged", "dump", "predict", "metric", "activations", "save")
}

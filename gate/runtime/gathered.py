"""`gate.checks.evidence.Evidence` for one model: starts children, asks them, and puts their answers together.

One child keeps the real model loaded. Others come and go: for the tagged copies, for what is saved and loaded again,
for the reference. All they write lies in one scratch folder, which goes with the evidence.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from gate.asked import REFERENCE, Loading, Prediction
from gate.checks.evidence import Again, Evidence, Landing, NotLoaded, Outputs, Restored, Unable
from gate.checks.landings import is_waived
from gate.errors import GateError, UnreadableError
from gate.formats import open_weights
from gate.formats.example_data import read_arrays
from gate.formats.tensorflow.checkpoint_tensors import TABLE
from gate.results import Step
from gate.runtime.artifact import Artifact
from gate.runtime.damaged_copy import DamagedCopy, load_damaged
from gate.runtime.homes import aligned, homes
from gate.runtime.loaders.interface import How
from gate.runtime.nursery import Nursery
from gate.runtime.scratch import remove, room_for
from gate.runtime.session import Session
from gate.runtime.settings import Settings, allowed
from gate.runtime.tagged_loads import landings
from gate.runtime.ways import way_of, way_of_saved
from gate.tensors.agreement import compare_outputs
from gate.tensors.compare import EVERY_BIT, Criterion, compare
from gate.tensors.survey import Job, measure
from gate.tensors.tolerance import Tolerance
from gate.tensors.weightset import Array, Group, Tensor, WeightSet

OWN_FORMATS = {
    "keras": "keras", "weights.h5": "weights.h5", "weights.json": "weights.h5", "h5": "h5",
    "saved_model": "saved_model", "checkpoint": "checkpoint",
}  # fmt: skip
_FEW = 4
"""Samples that are predicted to see whether two loads compute the same."""
_LOOKED_INTO = 8
_SEEDS = 1000
"""Between the random seeds of two processes: what no load writes shall differ between them."""
_BATCH = 256
_SLACK = 64 * 1024 * 1024
_NOT_SAVED = {
    "code": "only the project's own loader knows how its files are written",
}

Opened = Callable[[], tuple[WeightSet, Path]]
"""The reference's tensors, and its path."""


class Gathered:
    """What loading one model shows. Close it when done."""

    def __init__(
        self,
        settings: Settings,
        loading: Loading,
        weights: WeightSet,
        path: Path,
        how: How,
        groups: frozenset[Group],
        reference: Opened | None = None,
        nurseries: tuple[Nursery, Nursery] | None = None,
    ) -> None:
        self.settings = settings
        self.loading = loading
        self.weights = weights
        self.artifact = Artifact(weights, path, how.way == "code")
        self.how = how
        self.groups = groups
        self.steps: list[Step] = []
        self._open_reference = reference
        self._nurseries = nurseries
        self._stack = ExitStack()
        self._numbers = 0
        self._runtime: dict[str, str] = {}
        allowed(loading, settings)
        room_for(settings.scratch, self._needed, "loading it")
        made = tempfile.TemporaryDirectory(prefix="weight-gate-", dir=settings.scratch, ignore_cleanup_errors=True)
        self.folder = Path(self._stack.enter_context(made))

    # What checks ask for, as in `Evidence`.

    @property
    def on_gpu(self) -> bool:
        return bool(self._main.runtime["on_gpu"])

    @property
    def strangers(self) -> tuple[str, ...]:
        return tuple(self._main.strangers) if "_main" in self.__dict__ else ()

    def restored(self) -> Restored:
        if isinstance(self._restored, GateError):
            raise self._restored
        if self._restored is None:
            try:
                self._restored = self._restore()
            except GateError as error:
                self._restored = error
                self._no_second()
                raise
        return self._restored

    def repeats(self) -> Iterator[Again]:
        session = self._second or self._begin()
        try:
            path = self.artifact.given(self.artifact.elsewhere(session.folder / "elsewhere"))
            session.load(self.how, path, "load from another path")
            after = session.variables("the second load")
            again = self._again(
                session,
                after,
                "loaded again from another path",
                "the model depends on the path, on the order in which it is built, or on how often",
            )
            yield self._without_new(again)
        finally:
            self._second = session
            self._no_second()

    @property
    def own_format(self) -> str:
        return "" if self.how.way == "code" else OWN_FORMATS.get(self.weights.format, "")

    @property
    def not_saved(self) -> str:
        return _NOT_SAVED.get(self.how.way, f"nothing saves a file of format {self.weights.format}")

    @contextmanager
    def roundtrip(self, format: str) -> Iterator[Again]:
        how = way_of_saved(format, self.how, self.artifact.path, self.own_format)
        how = replace(how, compile=self.how.compile)
        room_for(self.folder, self.artifact.nbytes + self.weights.nbytes + _SLACK, f"the round-trip in {format}")
        folder = self.folder / f"saved-{format}"
        try:
            said = len(self._main.said)
            path = self._saved(format, folder)
            while_saving = self._main.said[said:]
            with self._session([folder, *self._readable]) as session:
                session.load(how, str(path), f"load what was saved as {format}", sentinel=how.in_place)
                after = session.variables(f"what was saved as {format}")
                again = self._again(
                    session,
                    after,
                    f"saved as {format} and loaded again",
                    "what was served until now and what is loaded from the saved file are two models",
                    other_graph=(format == "saved_model") != (self.how.way == "saved_model"),
                    saved=path,
                )
                yield replace(again, said=(*while_saving, *session.said))
        finally:
            remove(folder)

    def _saved(self, format: str, folder: Path) -> Path:
        """Has the model saved; moved to `folder`, where the process that saved it can reach it by no name."""
        theirs = self._main.folder / folder.name
        said = self._main.ask("save", f"save as {format}", format=format, folder=str(theirs)).get("path")
        path = Path(os.path.normpath(str(said)))
        if not path.is_relative_to(theirs) or path == theirs:
            raise GateError(
                f"the process that saves it as {format} names another place than its own", "see what its code writes"
            )
        try:
            theirs.rename(folder)
        except OSError as error:
            raise GateError(
                f"what was saved as {format} is not there: {error.strerror}", "see what it prints"
            ) from error
        return folder / path.relative_to(theirs)

    def outputs(self, number: int) -> Outputs:
        if number not in self._outputs:
            asked = self.loading.predictions[number]
            self._outputs[number] = self._main.predict("predict", f"outputs-{number}", **wanted(asked))
        return self._outputs[number]

    def one_by_one(self, number: int) -> tuple[Outputs, Outputs] | None:
        asked = self.loading.predictions[number]
        if self.outputs(number).samples < 2:
            return None
        few = {**wanted(asked), "limit": _FEW}
        alone = self._main.predict("predict one by one", f"alone-{number}", **{**few, "batch": 1})
        return alone, self._main.predict("predict together", f"together-{number}", **few)

    def expected(self, number: int) -> Outputs:
        if number not in self._expected:
            self._expected[number] = self._expect(number)
        return self._expected[number]

    def _expect(self, number: int) -> Outputs:
        asked = self.loading.predictions[number]
        if isinstance(asked.expected, Path):
            arrays = read_arrays(asked.expected, str(asked.expected.name))
            samples = max((len(array) for array in arrays.values() if array.ndim), default=1)
            return Outputs(arrays, samples)
        found = self._reference.predict("predict by the reference", f"expected-{number}", **wanted(asked))
        if why := _other_inputs(self.outputs(number), found):
            raise GateError(f"the reference cannot be compared: {why}", "give inputs in a file, under `inputs`")
        return found

    def metric(self, number: int, of_reference: bool = False) -> float:
        asked = self.loading.predictions[number]
        if asked.metric is None:
            raise GateError("there is no metric", "report this as a defect of weight-gate")
        code = [str(asked.metric.code.file), asked.metric.code.function]
        session = self._reference if of_reference else self._main
        what = "the reference's metric" if of_reference else "the metric"
        return float(session.ask("metric", what, **wanted(asked), code=code)["value"])

    @contextmanager
    def damaged(self, values: Mapping[str, Array]) -> Iterator[Evidence]:
        """What a copy of the file predicts in which tensors, by `Tensor.stored_as`, hold other values."""
        room_for(self.folder, 2 * self.artifact.nbytes + self.weights.nbytes + _SLACK, "a damaged copy")
        keys = [tensor.stored_as for tensor in self.weights]
        requests = [wanted(asked) for asked in self.loading.predictions]
        with self._begin() as session:
            load_damaged(session, self.artifact, self.how, keys, values)
            yield DamagedCopy(self, session, self.loading, requests)

    def diverges(self, number: int, rtol: float, atol: float) -> str:
        asked = self.loading.predictions[number]
        if asked.expected != REFERENCE:
            return ""
        try:
            ours, theirs = (
                session.activations(**{**wanted(asked), "limit": _LOOKED_INTO})
                for session in (self._main, self._reference)
            )
        except GateError:
            return ""  # the outputs told already; where it begins is more than can be had of this model
        return _first_to_diverge(ours, theirs, Tolerance(rtol, atol))

    # What reports ask for.

    @property
    def runtime(self) -> dict[str, str]:
        """Versions, device, threads and confinement; empty until there is a process that loads."""
        return self._runtime

    def close(self) -> None:
        """Ends all children and removes all they wrote; outputs that were asked for stay."""
        self._closed = True
        for name in ("_main", "_reference"):
            session = self.__dict__.pop(name, None)
            if session is not None:
                session.close()
        self._no_second()
        self._stack.close()

    # How it is done.

    _closed = False
    _second: Session | None = None
    _restored: Restored | GateError | None = None

    @cached_property
    def _outputs(self) -> dict[int, Outputs]:
        return {}

    @cached_property
    def _expected(self) -> dict[int, Outputs]:
        return {}

    failure: GateError | None = None
    """Why the model could not be loaded; nothing tries again."""

    @cached_property
    def _main(self) -> Session:
        if self.failure is not None:
            raise self.failure
        session = None
        try:
            session = self._begin()
            said = {**session.runtime, "confinement": session.confinement["text"]}
            self._runtime = {name: str(value) for name, value in said.items() if name != "on_gpu"}
            session.load(self.how, self.artifact.given())
        except BaseException as error:
            if session is not None:
                session.close()
            self.failure = error if isinstance(error, GateError) else None
            raise
        return session

    @cached_property
    def _variables(self) -> WeightSet:
        return self._main.variables("the loaded model")

    @cached_property
    def _reference(self) -> Session:
        if self._open_reference is None:
            raise GateError("there is no reference to predict with", "name one under `reference`")
        weights, path = self._open_reference()
        how = way_of(weights, replace(self.loading, partial=()), frozenset({Group.WEIGHTS}))
        if isinstance(how, str):
            raise GateError(f"the reference cannot be loaded to predict with: {how}", how)
        artifact = Artifact(weights, path)
        session = self._session([*artifact.readable, *self._asked_files])
        try:
            session.load(how, artifact.given(), "load the reference")
            _prove(weights, session.variables("the reference"))
        except NotLoaded as error:
            session.close()
            raise GateError(f"the reference does not load: {error.reason}", error.hint) from error
        except BaseException:
            session.close()
            raise
        return session

    @property
    def _nursery(self) -> Nursery | None:
        """The first process is from one; where code runs, all others are from one with another seed for hashes."""
        if self._nurseries is None:
            return None
        return self._nurseries[bool(self.loading.runs_code) and self._numbers > 1]

    def _begin(self) -> Session:
        return self._session(self._readable)

    def _session(self, readable: list[Path]) -> Session:
        if self._closed:
            raise GateError("the model is no longer loaded", "report this as a defect of weight-gate")
        self._numbers += 1
        return Session(
            self.settings,
            self.loading.device,
            self.folder / str(self._numbers),
            readable,
            bool(self.loading.runs_code),
            self._nursery,
            self._numbers * _SEEDS,
            self.steps,
        )

    def _fresh(self) -> Session:
        """Another process instead of the second one, which stays for the next load."""
        self._no_second()
        self._second = self._begin()
        return self._second

    def _no_second(self) -> None:
        if self._second is not None:
            self._second.close()
            self._second = None

    @property
    def _readable(self) -> list[Path]:
        return [*self.artifact.readable, *self._asked_files]

    @property
    def _asked_files(self) -> list[Path]:
        built_by = self.loading.architecture
        files = [built_by.keras, built_by.json] if built_by else []
        files += [asked.inputs for asked in self.loading.predictions]
        return [file for file in files if file is not None]

    @property
    def _needed(self) -> int:
        """The tagged copy, or what is saved, beside the variables of two loads."""
        return self.artifact.nbytes + 2 * self.weights.nbytes + _SLACK

    def _restore(self) -> Restored:
        variables = self._variables
        tensors = {name: tensor for name, tensor in self.weights.tensors.items() if self._is_asked(tensor)}
        landed = landings(self.artifact, self.how, tensors, variables, self._fresh)
        found = homes(tensors, variables.tensors)
        copies = _second_copies(tensors, found.of, landed)
        tensors = {name: tensor for name, tensor in tensors.items() if name not in copies}
        told = f"stored twice, bit for bit the same, for one variable: {', '.join(copies)}"
        said = (*self._main.said, *(self._second.said if self._second else ()))
        return Restored(
            tensors=tensors,
            variables=variables.tensors,
            landed=landed,
            home={name: variable for name, variable in found.of.items() if name not in copies},
            uncertain=found.uncertain,
            texts=frozenset(name for name, tensor in tensors.items() if tensor.dtype.kind in "OSU"),
            tables=frozenset(name for name, tensor in tensors.items() if _is_of_a_table(tensor)),
            said=tuple(dict.fromkeys(said)),
            notes=(*found.notes, *([told] if copies else ())),
        )

    def _is_asked(self, tensor: Tensor) -> bool:
        """Optimizers are only loaded where they are compared; everything else that a file has may land somewhere."""
        if tensor.group is Group.METRICS and self.how.way == "checkpoint":
            return True  # a model may hold the counter that a checkpoint seems to hold beside it
        return (
            tensor.group in self.groups or tensor.group is Group.RNG or self.how.way in {"saved_model", "saver", "code"}
        )

    def _again(
        self,
        session: Session,
        after: WeightSet,
        how: str,
        hint: str,
        other_graph: bool = False,
        saved: Path | None = None,
    ) -> Again:
        before, now = self._compared(self._variables), self._compared(after)
        predicted, why, silent = None, "", ""
        try:
            ours = self._few
        except Unable as error:
            why = error.reason
        else:
            try:
                theirs = session.predict("predict again", "again", **self._few_wanted(other_graph))
                why = _other_inputs(ours, theirs)
                predicted = None if why else (ours, theirs)
            except Unable as error:
                # Another graph may call its inputs otherwise; the same one has to do what it did.
                why, silent = (error.reason, "") if other_graph else ("", error.reason)
        paired = aligned(before, now)
        constants: frozenset[str] = frozenset()
        if saved is not None and other_graph:
            paired = _through(saved, before, now)
            constants = frozenset(name for name, each in before.items() if name not in paired and _is_folded(each))
        return Again(how, hint, before, now, predicted, other_graph, why, (), paired, silent, constants)

    def _without_new(self, again: Again) -> Again:
        """Without the variables that no load writes, by the manifest's own word: they are new each time."""
        if not (self.loading.partial or self.loading.waivers):
            return again
        landed = self.restored().landed
        of = {variable: tensor for tensor, variable in self.restored().home.items()}
        new = {
            name
            for name in again.before
            if (name not in landed or landed[name].tensor is None)
            and (not self.loading.comes_from_the_file(name) or is_waived((name, of.get(name, name)), self.loading))
        }
        if not new:
            return again
        gone = {again.paired[name] for name in new if name in again.paired}
        return replace(
            again,
            before={name: each for name, each in again.before.items() if name not in new},
            after={name: each for name, each in again.after.items() if name not in gone},
            paired={name: other for name, other in again.paired.items() if name not in new},
            predicted=None,
            unpredicted=f"{len(new):,} variables are new with each load, as told",
        )

    def _compared(self, variables: WeightSet) -> Mapping[str, Tensor]:
        """Those of the groups that are asked for: states of random generators and metrics begin anew with each load."""
        return {name: each for name, each in variables.tensors.items() if each.group in self.groups}

    @cached_property
    def _few(self) -> Outputs:
        """What a few samples make, where that is the same each time."""
        first, again = (self._main.predict("predict", name, **self._few_wanted(False)) for name in ("few", "few-again"))
        if not _equal(first, again):
            raise Unable(
                "its outputs are others from one call to the next: it draws at random, or keeps a state",
                "compare it by a `metric` of your own, or by `agreement`",
            )
        return first

    def _few_wanted(self, other_graph: bool) -> dict[str, Any]:
        first = next((each for each in self.loading.predictions), Prediction(samples=_FEW))
        signature = None if other_graph else first.signature
        outputs = first.outputs if self.how.way == "saver" else ()  # what nobody asked for may differ too
        return {**wanted(replace(first, signature=signature, outputs=outputs, metric=first.metric)), "limit": _FEW}


def _other_inputs(ours: Outputs, theirs: Outputs) -> str:
    """Why two predictions are not of the same inputs, where they were made up by their names, dtypes and shapes."""
    if ours.made_up == theirs.made_up:
        return ""
    return f"made-up inputs go by names, and it takes {', '.join(theirs.made_up)} instead of {', '.join(ours.made_up)}"


def _equal(first: Outputs, second: Outputs) -> bool:
    """Whether two predictions of one model are the same to the bit."""
    return first.arrays.keys() == second.arrays.keys() and all(
        first.arrays[name].tolist() == other.tolist()
        if other.dtype == object
        else first.arrays[name].tobytes() == other.tobytes()
        for name, other in second.arrays.items()
    )


def _prove(weights: WeightSet, variables: WeightSet) -> None:
    """That the reference's own weights arrived, as far as names tell: what it predicts with them is the measure."""
    tensors = {name: tensor for name, tensor in weights.tensors.items() if tensor.group is Group.WEIGHTS}
    found = homes(tensors, variables.tensors).of
    pairs = [(tensors[name], variables.tensors[home]) for name, home in found.items()]
    alike = [(a, b) for a, b in pairs if a.shape == b.shape and a.dtype == b.dtype]
    measured = measure((Job(b, a, EVERY_BIT, a.name) for a, b in alike), 2)
    lost = [name for name, each in measured.items() if isinstance(each, UnreadableError) or each.violating]
    if lost or (tensors and not found):
        which = ", ".join(lost[:3]) or "no tensor has a variable of its name"
        raise GateError(
            f"the reference was not restored: {which}",
            "give the reference a form that loads by itself (.keras, SavedModel), or golden outputs in a file",
        )


def wanted(asked: Prediction) -> dict[str, Any]:
    """The request for what an entry of `predictions` asks for."""
    return {
        "inputs": str(asked.inputs) if asked.inputs else None,
        "seed": asked.seed,
        "samples": asked.samples,
        "signature": asked.signature,
        "outputs": list(asked.outputs),
        "labels": asked.metric is not None,
        "batch": _BATCH,
        "limit": None,
    }


def _second_copies(
    tensors: Mapping[str, Tensor], home: Mapping[str, str], landed: Mapping[str, Landing]
) -> tuple[str, ...]:
    """Tensors whose variable another one was loaded into after them, which is the same to the bit.

    Two layers that hold one variable save it twice. Which copy comes last does not matter only where they are equal.
    """
    arrived = {landing.tensor for landing in landed.values()}
    found = []
    for name, variable in home.items():
        other = landed[variable].tensor if variable in landed else None
        if name not in arrived and other is not None and home.get(other) == variable:
            found += [name] if _same_bits(tensors[name], tensors[other]) else []
    return tuple(found)


def _same_bits(one: Tensor, other: Tensor) -> bool:
    if (one.shape, one.dtype) != (other.shape, other.dtype):
        return False
    return not compare(one.read(), other.read(), Criterion(bitwise=True, nan=True, inf=True)).violating


def _is_of_a_table(tensor: Tensor) -> bool:
    """Whether it is half of a lookup table that an object of TF2 holds: variables have another end there."""
    return "/.ATTRIBUTES/" in tensor.stored_as and tensor.stored_as.endswith(TABLE)


def _is_folded(tensor: Tensor) -> bool:
    """Whether a SavedModel has it as a constant: Keras' lookup layers compute with the value of their IDF weights."""
    kinds = {step.kind for step in tensor.layer.steps[-1:]} if tensor.layer else set()
    return tensor.variable == "idf_weights" and bool(kinds & {"string_lookup", "integer_lookup"})


def _through(saved: Path, before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> dict[str, str]:
    """The variables of two kinds of loads, each with its like, by the names in the file that was saved between."""
    with open_weights(saved) as file:
        tensors = {name: tensor for name, tensor in file.tensors.items() if tensor.group is Group.WEIGHTS}
        first, second = homes(tensors, before).of, homes(tensors, after).of
        return {first[name]: second[name] for name in tensors if name in first and name in second}


def _first_to_diverge(ours: Outputs, theirs: Outputs, tolerance: Tolerance) -> str:
    """The first layer, in the model's order, that makes something else of the same inputs."""
    names = list(ours.arrays) if ours.arrays.keys() == theirs.arrays.keys() else []
    pairs = [(name, name) for name in names] or (
        list(zip(ours.arrays, theirs.arrays, strict=True)) if len(ours.arrays) == len(theirs.arrays) else []
    )
    for name, other in pairs:
        actual, expected = ours.arrays[name], theirs.arrays[other]
        if actual.shape != expected.shape:
            return f"the first layer that differs is {name}: {list(actual.shape)} and {list(expected.shape)}"
        with suppress(GateError):
            found = compare_outputs(np.asarray(actual), np.asarray(expected), tolerance)
            if found.violating:
                return f"the first layer whose activations differ is {name}: at most {found.max_difference:.3g} apart"
    return ""

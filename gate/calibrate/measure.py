"""Has one model predict the same inputs under every condition, in confined children, and collects the outputs."""

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gate.asked import Prediction
from gate.calibrate.conditions import ON_THE_CPU, Condition, conditions, ways
from gate.calibrate.noise import Runs
from gate.checks.evidence import Outputs, Unable
from gate.errors import GateError
from gate.run import Opened, available_cpus
from gate.runtime.artifact import Artifact
from gate.runtime.environment import scrubbed
from gate.runtime.gathered import wanted
from gate.runtime.nursery import Nursery
from gate.runtime.scratch import room_for
from gate.runtime.session import Session
from gate.runtime.settings import Settings
from gate.tensors.weightset import Array

ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
_SLACK = 64 * 1024 * 1024

Step = Callable[[str], None]
"""Told the condition that comes next."""


class NothingToMeasureError(GateError):
    """A model that nobody asks to predict, and that does not predict what is made up."""


@dataclass(frozen=True)
class Measured:
    """What one model gave: runs by entry of `predictions`, and what it was loaded with."""

    entries: tuple[Prediction, ...]
    runs: tuple[Runs, ...]
    runtime: Mapping[str, Any]

    @property
    def on_gpu(self) -> bool:
        return bool(self.runtime["on_gpu"])


def measure(opened: Opened, repeats: int, step: Step) -> Measured:
    """All runs of one model; raises `GateError` where it does not load, or does not predict what it is asked to.

    A model without `predictions` is given inputs that are made up, as `check` makes them up.
    """
    entries = opened.loading.predictions or (Prediction(),)
    with ExitStack() as kept:
        children = _Children(opened, kept)
        step("loading")
        with children.start(Condition("")) as session:
            runtime = {**session.runtime, "confinement": session.confinement["text"]}
            try:
                runs = tuple(_begun(session, asked) for asked in entries)
            except Unable as error:
                if opened.loading.predictions:
                    raise
                raise NothingToMeasureError(error.reason, error.hint) from error
            for way in ways(repeats):
                step(way.name)
                for found, asked in zip(runs, entries, strict=True):
                    more = {"eager": way.eager, **({"batch": way.batch} if way.batch else {})}
                    try:
                        outputs = [_predicted(session, asked, **more).arrays for _ in range(way.times)]
                    except Unable as error:
                        found.skipped.append((way.name, error.reason))
                    else:
                        found.add(way.name, outputs)
        measured = Measured(entries, runs, runtime)
        others = [*conditions(repeats, available_cpus(), children.onednn), *([ON_THE_CPU] if measured.on_gpu else [])]
        for condition in others:
            step(condition.name)
            _repeat(children, condition, measured)
    return measured


def _begun(session: Session, asked: Prediction) -> Runs:
    first = _predicted(session, asked)
    if not first.arrays or not first.samples:
        raise GateError("the model has no outputs", "have it return what is served", asked.position("outputs"))
    return Runs(first.arrays, first.samples)


def _repeat(children: "_Children", condition: Condition, measured: Measured) -> None:
    """One condition: its processes, one after the other."""
    found: list[list[Mapping[str, Array]]] = [[] for _ in measured.entries]
    for _ in range(condition.times):
        with children.start(condition) as session:
            for outputs, asked in zip(found, measured.entries, strict=True):
                outputs.append(_predicted(session, asked).arrays)
    for outputs, runs in zip(found, measured.runs, strict=True):
        # What is computed on another device is shown; a tolerance is for one.
        runs.add(condition.name, outputs, counts=condition is not ON_THE_CPU)


def _predicted(session: Session, asked: Prediction, **more: Any) -> Outputs:
    return session.predict("predict", "outputs", **{**wanted(asked), **more})


class _Children:
    """Processes that have the model loaded, each as a condition has it."""

    def __init__(self, opened: Opened, kept: ExitStack) -> None:
        self.opened = opened
        self.artifact = Artifact(opened.weights, opened.path, opened.how.way == "code")
        self._kept = kept
        self._numbers = 0
        self._nurseries: dict[tuple[str, str | None], Nursery] = {}
        scratch = opened.settings.scratch
        room_for(scratch, 2 * opened.weights.nbytes + _SLACK, "loading it")
        made = tempfile.TemporaryDirectory(prefix="weight-gate-", dir=scratch, ignore_cleanup_errors=True)
        self._folder = Path(kept.enter_context(made))

    @property
    def onednn(self) -> bool:
        """Whether TensorFlow uses oneDNN as things are."""
        return self.opened.settings.environment.get(ONEDNN, "1") != "0"

    def start(self, condition: Condition) -> Session:
        """A process with the model, which the caller closes."""
        loading, settings = self.opened.loading, self._settings(condition)
        device = condition.device or loading.device
        self._numbers += 1
        session = Session(
            settings,
            device,
            self._folder / str(self._numbers),
            [*self.artifact.readable, *loading.files],
            bool(loading.runs_code),
            None if condition.new else self._nursery(settings, device),
        )
        try:
            session.load(self.opened.how, self.artifact.given())
        except BaseException:
            session.close()
            raise
        return session

    def _settings(self, condition: Condition) -> Settings:
        settings = self.opened.settings
        if condition.threads is not None:
            settings = replace(settings, threads=condition.threads)
        if condition.onednn is not None:
            settings = replace(settings, environment={**settings.environment, ONEDNN: str(int(condition.onednn))})
        return settings

    def _nursery(self, settings: Settings, device: str) -> Nursery:
        """The one for a device and a setting of oneDNN, which TensorFlow may look at when it is imported."""
        key = (device, settings.environment.get(ONEDNN))
        if key not in self._nurseries:
            home = self._folder / f"nursery-{len(self._nurseries)}"
            home.mkdir()
            environment = scrubbed(settings.environment, home, device, settings.untrusted)
            self._nurseries[key] = self._kept.enter_context(Nursery(environment))
        return self._nurseries[key]

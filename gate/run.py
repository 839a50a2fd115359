"""Does what was planned: for each model read, compare, collect. One model's trouble never hides another's."""

import os
import platform
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

import gate
from gate.advice import suggestions
from gate.asked import Loading
from gate.checks import CHECKS
from gate.checks.interface import Check, Subject, timed
from gate.checks.restore import restore_waivers
from gate.checks.rules import waivers
from gate.checks.values import coverage
from gate.errors import GateError, ManifestError, UsageError, defect
from gate.formats import open_weights
from gate.plan import NOT_LOADED, ModelPlan
from gate.plan_missing import of_missing_lock, waiting, without_reference
from gate.position import Position
from gate.references.interface import Fetched, Missing, Sources
from gate.references.lfs import from_clone, has_pointers
from gate.results import CheckResult, Finding, LeftOut, ModelResult, Outcome, RunResult, worst
from gate.runtime.settings import Settings, allowed
from gate.tensors.pairing import Pairing, pair
from gate.tensors.rules import Expect
from gate.tensors.weightset import Group, Tensor, WeightSet
from gate.workspace import Workspace

if TYPE_CHECKING:
    from gate.requirements import Packages, Requirements
    from gate.runtime.gathered import Gathered
    from gate.runtime.loaders.interface import How
    from gate.runtime.nursery import Nursery

READ = "read"
REFERENCE = "reference"
MUTATIONS = "mutations"
LOADING_CHECKS = frozenset({"restore", "roundtrip", "loaded-values", "predictions"})

Step = Callable[[str, str], None]
Done = Callable[[Subject], None]
Loaded = Callable[[Subject, ModelResult], None]


@dataclass(frozen=True)
class _Read:
    """What reading came to: the plan as it can be carried out, and what is judged, if there is anything."""

    plan: ModelPlan
    result: CheckResult
    subject: Subject | None = None
    reference: Fetched | Missing | None = None
    notes: tuple[str, ...] = ()

    def frame(self) -> ModelResult:
        """The model's result before any check but this one was made."""
        made = _put(_not_run(self.plan), self.result)
        made = replace(made, notes=(*made.notes, *self.notes))
        if isinstance(self.reference, Fetched):
            return replace(made, reference=self.reference.shown, notes=(*made.notes, *self.reference.notes))
        if isinstance(self.reference, Missing):
            at = self.plan.positions.get("reference")
            waived = CheckResult(REFERENCE, Outcome.WAIVED, self.reference.reason, position=at)
            return replace(made, checks=(*made.checks, waived))
        return made


class NotLoadedError(GateError):
    """A file that is read as data and not loaded."""


@dataclass(frozen=True)
class Opened:
    """A model that may be loaded: its file, and everything that loading it takes."""

    weights: WeightSet
    path: Path
    how: "How"
    loading: Loading
    settings: Settings


class Run:
    """One run over planned models. `result` is complete at any moment: what was not reached is `NOT_RUN`."""

    def __init__(
        self,
        plans: Iterable[ModelPlan],
        workspace: Workspace,
        command: str,
        manifest: str | None = None,
        threads: int | None = None,
        settings: Settings | None = None,
        sources: Sources | None = None,
        left_out: Iterable[LeftOut] = (),
        requirements: "Requirements | None" = None,
    ) -> None:
        self.plans = tuple(plans)
        self.settings = settings
        self.workspace = workspace
        self.sources = sources or Sources(workspace)
        self.threads = threads or available_cpus()
        self._requirements = requirements
        self._packages: Packages | GateError | None = None
        self._nurseries: dict[tuple[str, int], Nursery] = {}
        self._models = [_not_run(plan) for plan in self.plans]
        self._start = perf_counter()
        self._frame = replace(_frame(command, manifest, self.threads), left_out=tuple(left_out))

    @property
    def result(self) -> RunResult:
        loaded = "yes" if any(model.runtime for model in self._models) else "no"
        frame = replace(self._frame, environment={**self._frame.environment, "loaded": loaded})
        return replace(frame, models=tuple(self._models), seconds=perf_counter() - self._start)

    def execute(
        self,
        step: Step = lambda _model, _check: None,
        done: Done = lambda _subject: None,
        loaded: Loaded = lambda _subject, _so_far: None,
    ) -> RunResult:
        """Judges every model; `step` is told the model and the check before each, `done` sees what was judged.

        `loaded` sees it with its evidence, and what was found so far, while the model is still loaded.
        """
        self._loaded = loaded
        with ExitStack() as self._kept:
            for index, plan in enumerate(self.plans):
                start = perf_counter()
                try:
                    for so_far in self._judge(plan, step, done):
                        self._models[index] = replace(so_far, seconds=perf_counter() - start)
                except Exception as error:  # noqa: BLE001 - as in `_guarded`
                    trouble = _trouble("result", defect(error), plan.positions.get("weights"))
                    so_far = self._models[index]
                    self._models[index] = replace(so_far, checks=(*so_far.checks, trouble))
        return self.result

    def _judge(self, plan: ModelPlan, step: Step, done: Done) -> Iterable[ModelResult]:
        """The model's result, growing check by check."""
        with ExitStack() as files:
            step(plan.name, READ)
            start = perf_counter()
            try:
                read = self._read(plan, files)
            except Exception as error:  # noqa: BLE001 - as in `_guarded`
                read = _Read(plan, _unreadable(plan.weights, defect(error), plan.positions.get("weights")))
            plan, subject = read.plan, read.subject
            so_far = replace(read, result=replace(read.result, seconds=perf_counter() - start)).frame()
            yield so_far
            if subject is None:
                return
            so_far = replace(so_far, notes=(*so_far.notes, *_reader_notes(subject)))
            for check in plan.checks:
                if check not in LOADING_CHECKS:
                    step(plan.name, check)
                    made = _mutations(plan, subject, so_far) if check == MUTATIONS else _guarded(check, subject)
                    so_far = _put(so_far, made)
                    yield so_far
            so_far = replace(so_far, checks=(*so_far.checks, *waivers(subject)), coverage=coverage(subject))
            if plan.loading is not None:
                for loaded, judged in self._load(read, subject, so_far, step):
                    so_far, subject = loaded, judged
                    yield so_far
            yield _advised(so_far, subject)
            done(subject)

    def _load(
        self, read: _Read, subject: Subject, so_far: ModelResult, step: Step
    ) -> Iterable[tuple[ModelResult, Subject]]:
        """The checks that need the model to be loaded; and the subject, with what loading showed."""
        plan = read.plan
        wanted = [check for check in plan.checks if check in LOADING_CHECKS]
        with ExitStack() as running:
            try:
                gathered = self._gathered(read, subject)
            except GateError as error:
                yield _put_all(so_far, _not_loaded(wanted, error, plan.loading_position)), subject
                return
            if isinstance(gathered, str):
                kept = tuple(check for check in so_far.checks if check.check not in wanted)
                yield replace(so_far, checks=kept, notes=(*so_far.notes, f"{NOT_LOADED}: {gathered}")), subject
                return
            running.callback(gathered.close)
            subject = replace(subject, evidence=gathered, loading=plan.loading or subject.loading)
            for check in wanted:
                step(plan.name, check)
                so_far = replace(so_far, runtime=gathered.runtime)
                if gathered.failure is not None:
                    left = wanted[wanted.index(check) :]
                    so_far = _put_all(so_far, _not_loaded(left, gathered.failure, plan.loading_position, again=True))
                    break
                so_far = _put(so_far, _guarded(check, subject))
                so_far = replace(so_far, runtime=gathered.runtime)
                yield so_far, subject
            else:
                self._loaded(subject, so_far)
            gathered.close()
            so_far = replace(so_far, steps=tuple(gathered.steps))
            yield replace(so_far, checks=(*so_far.checks, *restore_waivers(subject))), subject

    @contextmanager
    def opened(self, plan: ModelPlan) -> Iterator[Opened]:
        """A model as it would be loaded, for other questions than whether it holds; raises `GateError`.

        `NotLoadedError` where it is not loaded at all, by its manifest or for what it is.
        """
        from gate.runtime.ways import way_of  # noqa: PLC0415 - only where something is loaded

        with ExitStack() as self._kept, ExitStack() as files:
            self._packages = None  # what was installed for another one is gone with it
            if plan.problem:
                raise plan.problem
            judged, weights = self._candidate(plan, files)
            _confine(weights, judged.workspace)
            loading, settings = plan.loading, self.settings
            if loading is None or settings is None:
                raise NotLoadedError(f"{plan.weights} is not loaded", "take `load: false` out of the manifest")
            how = way_of(weights, loading, plan.groups)
            if isinstance(how, str):
                raise NotLoadedError(f"{plan.weights} cannot be loaded on its own", how)
            allowed(loading, settings)
            for file in loading.files:
                self.workspace.confine(file)
            yield Opened(weights, judged.path, how, loading, self._equipped(settings))

    def _gathered(self, read: _Read, subject: Subject) -> "Gathered | str":
        """What loads the model, or what to add to the manifest for it to be loaded."""
        from gate.runtime.gathered import Gathered  # noqa: PLC0415 - only where something is loaded
        from gate.runtime.ways import way_of  # noqa: PLC0415

        plan, fetched = read.plan, read.reference
        loading, settings = plan.loading, self.settings
        if loading is None or settings is None:
            return "nothing asks for it"
        how = way_of(subject.candidate, loading, plan.groups)
        if isinstance(how, str):
            if loading.asked:
                raise GateError(f"{plan.weights} cannot be loaded on its own, and `{loading.asked}` asks for it", how)
            return how

        def reference() -> tuple[WeightSet, Path]:
            if subject.reference is None or not isinstance(fetched, Fetched):
                raise GateError("there is no reference to predict with", "name one under `reference`")
            if subject.is_locked:
                raise GateError("a lock cannot be loaded, and so not be predicted with", "use golden outputs")
            return subject.reference, fetched.path

        settings = self._equipped(settings)
        for file in loading.files:
            self.workspace.confine(file)
        nurseries = (self._nursery(settings, loading.device, 1), self._nursery(settings, loading.device, 2))
        return Gathered(settings, loading, subject.candidate, plan.path, how, plan.groups, reference, nurseries)

    def _equipped(self, settings: Settings) -> Settings:
        """With the packages that code of the repository needs; they are installed once in a run, or fail once."""
        if self._requirements is None:
            return settings
        if self._packages is None:
            made = TemporaryDirectory(prefix="weight-gate-", dir=settings.scratch, ignore_cleanup_errors=True)
            folder = Path(self._kept.enter_context(made))
            try:
                self._packages = self._requirements.install(
                    folder, settings.environment, settings.seconds, settings.untrusted
                )
            except GateError as error:
                self._packages = error
        if isinstance(self._packages, GateError):
            raise self._packages
        return replace(settings, packages=self._packages.folders, installed=", ".join(self._packages.versions))

    def _nursery(self, settings: Settings, device: str, seed: int) -> "Nursery":
        """The one for a device and a seed for hashes: TensorFlow is imported once in a run, however many the models."""
        from gate.runtime.environment import scrubbed  # noqa: PLC0415 - only where something is loaded
        from gate.runtime.nursery import Nursery  # noqa: PLC0415

        if (device, seed) not in self._nurseries:
            home = self._kept.enter_context(TemporaryDirectory(prefix="weight-gate-", dir=settings.scratch))
            environment = scrubbed(settings.environment, Path(home), device, settings.untrusted)
            environment["PYTHONHASHSEED"] = str(seed)
            self._nurseries[device, seed] = self._kept.enter_context(Nursery(environment))
        return self._nurseries[device, seed]

    def _read(self, plan: ModelPlan, files: ExitStack) -> _Read:
        at = plan.positions.get("weights")
        try:
            if plan.problem:
                raise plan.problem
            judged, candidate = self._candidate(plan, files)
            plan = replace(plan, path=judged.path)
        except GateError as error:
            return _Read(plan, _unreadable(plan.weights, error, at))
        fetched: Fetched | Missing | None = None
        reference = None
        if plan.reference:
            try:
                fetched = plan.reference.fetch(self._sources(files))
                if isinstance(fetched, Missing):
                    also = waiting(plan)
                    fetched = Missing(f"{fetched.reason}; left out with it: {also}" if also else fetched.reason)
                    plan = without_reference(plan)
                else:
                    read = fetched.weights
                    opened = open_weights(fetched.path, shown=fetched.shown) if read is None else read
                    reference = files.enter_context(opened)
                    _confine(reference, fetched.workspace)
            except GateError as error:
                which = f"reference {plan.reference.shown}" if plan.reference else "reference"
                told = of_missing_lock(error, plan)
                return _Read(plan, _unreadable(which, told, plan.positions.get("reference")))
        try:
            _confine(candidate, judged.workspace)
            if plan.distinct and reference and self._identities(candidate) & self._identities(reference):
                raise GateError(
                    f"{plan.weights} and its reference are the same file",
                    "name another file, or none, as the reference",
                    plan.positions.get("reference"),
                )
            subject = _subject(plan, candidate, reference, self.threads)
        except GateError as error:
            return _Read(plan, _unreadable(plan.weights, error, at))
        summary = _described(candidate) + (f"; reference: {_described(reference)}" if reference else "")
        return _Read(plan, CheckResult(READ, Outcome.PASSED, summary, position=at), subject, fetched, judged.notes)

    def _candidate(self, plan: ModelPlan, files: ExitStack) -> tuple[Fetched, WeightSet]:
        """The weights, and where they lie: from Git LFS, where it left a pointer in their place and has them.

        Raises a `GateError`. What the file leads to is not confined yet.
        """
        self.workspace.confine(plan.path)
        kept = from_clone(plan.path, plan.weights, self._sources(files)) if has_pointers(plan.path) else None
        judged = kept or Fetched(plan.path, plan.weights, self.workspace)
        return judged, files.enter_context(open_weights(judged.path, shown=plan.weights))

    def _identities(self, weights: WeightSet) -> set[tuple[int, int]]:
        """The files themselves, whatever they are called. A cache outside the repository keeps equal ones once."""
        own = (path for path in weights.files if path.resolve().is_relative_to(self.workspace.roots[0]))
        return {(status.st_dev, status.st_ino) for status in (path.stat() for path in own)}

    def _sources(self, files: ExitStack) -> Sources:
        """What a reference may use: its own folder, which goes with the model's files."""
        scratch = self.settings.scratch if self.settings else self.sources.scratch
        folder = files.enter_context(TemporaryDirectory(prefix="weight-gate-", dir=scratch, ignore_cleanup_errors=True))
        return replace(self.sources, scratch=Path(folder))


def _confine(weights: WeightSet, workspace: Workspace) -> None:
    """Shards are named by the file, not by the manifest."""
    for path in weights.files:
        workspace.confine(path)


def _not_loaded(
    checks: Iterable[str], error: GateError, at: Position | None, again: bool = False
) -> Iterable[CheckResult]:
    """One finding, and the other checks beside it: nothing was loaded that they could look at."""
    outcome = Outcome.FAILED if error.exit_code == 1 else Outcome.ERROR
    for number, check in enumerate(checks):
        if number == 0 and not again:
            yield _trouble(check, error, at)
        else:
            yield CheckResult(check, outcome, "not made: the model was not loaded", position=at)


def unusable(error: GateError, manifest: str, asked: tuple[str, str] | None = None) -> RunResult:
    """The result of a run that never began: one error for each problem of the manifest.

    `asked` is where else the trouble lies, in words, and the command that reproduces it.
    """
    what, command = asked or ("the manifest", f"weight-gate check {shlex.quote(manifest)}")
    problems = error.problems if isinstance(error, ManifestError) else (error,)
    findings = tuple(Finding("unusable", each.reason, hint=each.hint, position=each.position) for each in problems)
    at = findings[0].position or (None if asked else Position(manifest))
    why = f"{what} cannot be used" if isinstance(error, UsageError) else "what to judge cannot be told"
    check = CheckResult("manifest", Outcome.ERROR, why, findings, at)
    model = ModelResult(name=manifest, weights=manifest, checks=(check,), position=at)
    return replace(_frame(command, None if asked else manifest), models=(model,))


def _frame(command: str, manifest: str | None, threads: int = 1) -> RunResult:
    return RunResult(
        models=(),
        command=command,
        started=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        version=gate.__version__,
        manifest=manifest,
        environment=_environment(threads),
    )


def _subject(plan: ModelPlan, candidate: WeightSet, reference: WeightSet | None, threads: int) -> Subject:
    everything = paired(plan, candidate, reference)
    return Subject(
        candidate=candidate,
        reference=reference,
        pairing=_of_groups(everything, plan.groups),
        everything=everything,
        pair_again=lambda changed: compared(plan, changed, reference),
        rules=plan.rules,
        groups=plan.groups,
        digest=plan.digest,
        thresholds=plan.thresholds,
        positions=plan.positions,
        threads=threads,
        loading=plan.loading or Loading(),
        written=plan.written,
        renewable=plan.reference is not None and plan.reference.renewable,
    )


def compared(plan: ModelPlan, candidate: WeightSet, reference: WeightSet | None) -> Pairing:
    """The tensors of the groups that are compared, by the names they are compared under."""
    return _of_groups(paired(plan, candidate, reference), plan.groups)


def paired(plan: ModelPlan, candidate: WeightSet, reference: WeightSet | None) -> Pairing:
    """The tensors of all groups, by the same names."""
    if reference is None:
        return Pairing(candidate.tensors, {})
    return pair(
        candidate.tensors,
        reference.tensors,
        plan.renames,
        new=lambda name: plan.rules.expectation(name).expect == Expect.NEW,
        removed=lambda name: plan.rules.expectation(name).expect == Expect.REMOVED,
    )


def _of_groups(pairing: Pairing, groups: frozenset[Group]) -> Pairing:
    theirs = _grouped(pairing.reference, groups)
    uncertain = tuple(each for each in pairing.uncertain if each.reference in theirs)
    return replace(pairing, candidate=_grouped(pairing.candidate, groups), reference=theirs, uncertain=uncertain)


def _grouped(tensors: Mapping[str, Tensor], groups: frozenset[Group]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if tensor.group in groups}


def _mutations(plan: ModelPlan, subject: Subject, so_far: ModelResult) -> CheckResult:
    """Whether the manifest catches enough damage. What is red undamaged would catch everything: no score then."""
    from gate.mutations.check import check_mutations  # noqa: PLC0415 - only where the policy asks for it

    at = plan.positions.get("mutation_score")
    outcome = worst(check.outcome for check in so_far.checks if check.outcome is not Outcome.NOT_RUN)
    if outcome not in (Outcome.PASSED, Outcome.WAIVED) or plan.mutation_score is None:
        return CheckResult(MUTATIONS, outcome, "not made: the weights are not green as they are", position=at)
    made = [check.check for check in so_far.checks]
    return _guarded(MUTATIONS, subject, partial(check_mutations, checks=made, at_least=plan.mutation_score, at=at))


def _guarded(check: str, subject: Subject, judge: Check | None = None) -> CheckResult:
    """A check's result, whatever happens inside it."""
    try:
        return timed(judge or CHECKS[check], subject)
    except GateError as error:
        trouble = error
    except Exception as error:  # noqa: BLE001 - a defect of ours must be red, and must not hide the other models
        trouble = defect(error)
    return _trouble(check, trouble, subject.positions.get("weights"))


def _advised(model: ModelResult, subject: Subject) -> ModelResult:
    """With what one may do about it, where it is not green; a defect of an adviser's changes no verdict."""
    if model.outcome in (Outcome.PASSED, Outcome.WAIVED):
        return model
    try:
        return replace(model, suggestions=tuple(suggestions(subject, model)))
    except Exception as error:  # noqa: BLE001 - as in `_guarded`
        return replace(model, notes=(*model.notes, f"no suggestions: {defect(error).reason}"))


def _trouble(check: str, error: GateError, at: Position | None) -> CheckResult:
    finding = Finding("not-checked", error.reason, hint=error.hint, position=error.position)
    return CheckResult(check, Outcome.ERROR, error.reason, (finding,), at)


def _unreadable(what: str, error: GateError, position: Position | None) -> CheckResult:
    name = what.removeprefix("reference ")  # said once
    named = error.reason if name == what else f"reference: {error.reason}"
    reason = named if name in error.reason else f"{what}: {error.reason}"
    finding = Finding("unreadable", reason, hint=error.hint, position=error.position or position)
    return CheckResult(READ, Outcome.ERROR, reason, (finding,), finding.position)


def _not_run(plan: ModelPlan) -> ModelResult:
    at = plan.positions.get("weights")
    checks = tuple(CheckResult(name, Outcome.NOT_RUN, "not run", position=at) for name in (READ, *plan.checks))
    return ModelResult(
        name=plan.name,
        weights=plan.weights,
        reference=plan.reference.shown if plan.reference else None,
        checks=checks,
        notes=plan.notes,
        position=at,
    )


def _put_all(model: ModelResult, checks: Iterable[CheckResult]) -> ModelResult:
    for check in checks:
        model = _put(model, check)
    return model


def _put(model: ModelResult, check: CheckResult) -> ModelResult:
    return replace(model, checks=tuple(check if old.check == check.check else old for old in model.checks))


def _described(weights: WeightSet) -> str:
    tensors = "1 tensor" if len(weights) == 1 else f"{len(weights):,} tensors"
    groups = Counter(tensor.group.value for tensor in weights)
    told = ", ".join(f"{count:,} {group}" for group, count in groups.items()) if len(groups) > 1 else ""
    return f"{weights.format}, {tensors}{f' ({told})' if told else ''}, {weights.nbytes:,} bytes"


def _reader_notes(subject: Subject) -> tuple[str, ...]:
    theirs = tuple(f"reference: {note}" for note in subject.reference.notes) if subject.reference else ()
    return (*subject.candidate.notes, *theirs, *subject.pairing.notes)


def _environment(threads: int) -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": f"{sys.platform} {platform.machine()}",
        "threads": str(threads),
        "loaded": "no",
    }


def available_cpus() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

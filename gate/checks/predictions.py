"""Does the model predict what it should: the golden outputs, the reference's, or what the project's own metric asks?

What cannot be compared is an error of its own, and everything else is still judged. Bounds are written so that NaN
fails.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, partial
from typing import Literal, cast

from gate.asked import REFERENCE, Prediction
from gate.checks.evidence import NotLoaded, Outputs, Unable
from gate.checks.interface import UNCHECKABLE, Subject, result
from gate.checks.wording import distance, number, place, rounded_up, share
from gate.errors import GateError
from gate.position import Position
from gate.results import CheckResult, Finding
from gate.tensors.agreement import agreement, compare_outputs, cosine, differences
from gate.tensors.compare import Measurement
from gate.tensors.dtypes import is_floating
from gate.tensors.tolerance import Tolerance
from gate.tensors.weightset import Array
from gate.wording import counted

ON_CPU, ON_GPU = Tolerance(1e-5, 1e-6), Tolerance(1e-3, 1e-4)
"""Default tolerances of predictions by device (docs/tolerances.md)."""
MISMATCH, DISAGREE, FAR, BELOW = "prediction-mismatch", "low-agreement", "prediction-far", "metric-below"
BATCH = "batch-dependent"
_Metric = Literal["argmax", "topk", "sign", "threshold"]


def check_predictions(subject: Subject) -> CheckResult:
    """Judges every entry of `predictions`."""
    at = subject.positions.get("predictions") or subject.positions.get("weights")
    entries = [_Entry(subject, index, asked) for index, asked in enumerate(subject.loading.predictions)]
    for entry in entries:
        entry.judge()
    samples = sum(entry.samples for entry in entries)
    told = [f"{counted(samples, 'sample')} predicted", *(text for entry in entries for text in entry.told)]
    findings = [finding for entry in entries for finding in entry.findings]
    if not entries:
        findings.append(Finding(UNCHECKABLE, "no predictions are asked for", position=at))
    return result("predictions", "; ".join(told), findings, samples, at)


def compared_outputs(subject: Subject, index: int) -> tuple[Tolerance, list[tuple[str, Array, Array]]]:
    """What an entry of `predictions` compares, and by which tolerance: each output's name, values, expected values."""
    entry = _Entry(subject, index, subject.loading.predictions[index])
    return entry.tolerance, entry.paired(entry.evidence.expected(index))


def _counted(outputs: Iterable[str]) -> bool:
    """Whether outputs have no names of their own: a SavedModel calls them by their places, in the model's order."""
    return all(re.fullmatch(r"output_\d+", name) for name in outputs)


class _Entry:
    """One entry of `predictions`, with what was found so far."""

    def __init__(self, subject: Subject, index: int, asked: Prediction) -> None:
        self.evidence = subject.loaded
        self.index = index
        self.asked = asked
        self.samples = 0
        self.told: list[str] = []
        self.findings: list[Finding] = []

    def judge(self) -> None:
        """Everything that is asked; one step that cannot be made hides no other."""
        self._attempt(lambda: _meaningless(self.asked))
        self._attempt(self._predicted)
        if not self.samples:
            return
        if self.asked.expected is not None:
            self._attempt(self._against)
        self._attempt(self._batches)
        self._attempt(self._metric)

    def _attempt(self, step: Callable[[], Iterable[Finding]]) -> None:
        try:
            for finding in step():
                self.findings.append(finding)
        except GateError as error:
            kind = "load-failed" if isinstance(error, NotLoaded) else UNCHECKABLE
            position = error.position or self.asked.position()
            told = Finding(kind, error.reason, hint=error.hint, position=position)
            if told not in self.findings:  # a process that is gone says so at every step
                self.findings.append(told)

    def _predicted(self) -> Iterable[Finding]:
        if not self.actual.arrays:
            raise GateError("the model has no outputs", "have it return what is served", self.asked.position("outputs"))
        self.samples = self.actual.samples
        if not self.samples:
            raise GateError("nothing was predicted: there is no sample", "give inputs of at least one sample")
        return ()

    @cached_property
    def actual(self) -> Outputs:
        return self.evidence.outputs(self.index)

    @cached_property
    def tolerance(self) -> Tolerance:
        """As asked for, or the device's own."""
        return self.asked.tolerance or (ON_GPU if self.evidence.on_gpu else ON_CPU)

    def _against(self) -> Iterable[Finding]:
        steps = (
            (self.asked.elementwise, self._elementwise),
            (self.asked.agreement is not None, self._agreement),
            (self.asked.cosine is not None, self._cosine),
            (self.asked.difference is not None, self._difference),
        )
        if not self._told_apart():
            raise GateError(
                "the model answers all made-up inputs alike, so that equal outputs say nothing",
                "give it inputs in a file, under `inputs`",
                self.asked.position("expected"),
            )
        for name, actual, wanted in self.paired(self.evidence.expected(self.index)):
            for is_asked, step in steps:
                if is_asked:
                    self._attempt(partial(step, name, actual, wanted))
        return ()

    def _told_apart(self) -> bool:
        """Whether made-up inputs led to more than one answer: if not, equal answers say nothing."""
        if self.asked.inputs is not None or self.actual.samples < 2:
            return True
        arrays = [each for each in self.actual.arrays.values() if each.ndim and len(each) > 1]
        return not arrays or any(bool((each != each[:1]).any()) for each in arrays)

    def paired(self, expected: Outputs) -> list[tuple[str, Array, Array]]:
        """Outputs and what they should be, by name; one alone needs none."""
        ours, theirs = self.actual.arrays, expected.arrays
        if self.asked.outputs:  # golden outputs may have more
            theirs = {name: array for name, array in theirs.items() if name in ours} or theirs
        if len(ours) == len(theirs) == 1:
            (name, actual), (wanted,) = next(iter(ours.items())), theirs.values()
            return [(name, actual, wanted)]
        if self.asked.expected == REFERENCE and len(ours) == len(theirs) and (_counted(ours) or _counted(theirs)):
            return list(zip(ours, ours.values(), theirs.values(), strict=True))
        if ours.keys() != theirs.keys():
            raise GateError(
                f"the model has the outputs {', '.join(ours)}, and expected are {', '.join(theirs) or 'none'}",
                "name the golden outputs as the model does, or choose some with `outputs`",
                self.asked.position("expected"),
            )
        return [(name, ours[name], theirs[name]) for name in ours]

    def _elementwise(self, name: str, actual: Array, wanted: Array) -> Iterator[Finding]:
        found = compare_outputs(actual, wanted, self.tolerance)
        exact = not (is_floating(actual.dtype) or is_floating(wanted.dtype))
        if not found.violating:
            near = "equal" if exact else f"within {self.tolerance}, at most {distance(found.max_difference)} apart"
            self.told.append(f"output {name} {near}")
            return
        verb = "differs" if found.violating == 1 else "differ"
        by = "" if exact else f" by more than {self.tolerance}"
        details = [*_worst(found, actual)]
        if not exact and found.needed_atol < float("inf"):
            details.append(f"the smallest tolerance that passes: atol={rounded_up(found.needed_atol)} at this rtol")
        hint = "the weights or the code around them compute something else"
        if layer := self._first_layer:
            details.append(layer)
            hint += ": see the first layer that does"
        yield Finding(
            MISMATCH,
            f"output {name}: {found.violating:,} of {counted(found.elements, 'element')} {verb}{by}",
            details=tuple(details),
            hint=hint,
            severity=found.max_difference,
            position=self.asked.position("tolerance", "expected"),
        )

    @cached_property
    def _first_layer(self) -> str:
        try:
            return self.evidence.diverges(self.index, self.tolerance.rtol, self.tolerance.atol)
        except GateError:
            return ""  # it is a help, and the outputs are judged without it

    def _agreement(self, name: str, actual: Array, wanted: Array) -> Iterator[Finding]:
        asked = self.asked.agreement
        assert asked is not None  # noqa: S101 - asked for by the caller
        found = agreement(actual, wanted, cast("_Metric", asked.metric), asked.k, asked.threshold)
        self.told.append(f"{asked.metric} of {name} agrees in {found.agreeing:,} of {found.of:,}")
        if not found.share >= asked.at_least:
            yield Finding(
                DISAGREE,
                f"output {name}: {asked.metric} agrees in {share(found.agreeing, found.of)} "
                f"({found.agreeing:,} of {found.of:,}), at least {100 * asked.at_least:g} % is asked for",
                details=tuple(
                    f"at {list(each.index)}: {each.actual}, expected {each.expected}" for each in found.first
                ),
                hint="look at the samples that changed sides; lower `at_least` only if they may",
                severity=1 - found.share,
                position=self.asked.position("agreement"),
            )

    def _cosine(self, name: str, actual: Array, wanted: Array) -> Iterator[Finding]:
        least = self.asked.cosine
        assert least is not None  # noqa: S101 - asked for by the caller
        found = cosine(actual, wanted)
        self.told.append(f"cosine of {name} at least {found.smallest:.6g}")
        if not found.smallest >= least:
            yield Finding(
                FAR,
                f"output {name}: the cosine of sample {found.sample} is {distance(found.smallest)}, "
                f"at least {least:g} is asked for",
                hint="look at that sample",
                severity=1.0,
                position=self.asked.position("cosine"),
            )

    def _difference(self, name: str, actual: Array, wanted: Array) -> Iterator[Finding]:
        asked = self.asked.difference
        assert asked is not None  # noqa: S101 - asked for by the caller
        which, bound = asked.quantile or (None, None)
        found = differences(actual, wanted, which)
        rows = (
            ("largest", found.max, asked.max),
            ("mean", found.mean, asked.mean),
            (f"quantile {which} of the", found.quantile, bound),
        )
        for what, value, allowed in rows:
            if allowed is None or value is None:  # a value is there wherever it is asked for
                continue
            self.told.append(f"{what} difference of {name} {distance(value)}")
            if not value <= allowed:
                yield Finding(
                    FAR,
                    f"output {name}: the {what} difference is {distance(value)}, {distance(allowed)} is allowed",
                    hint="look at the outputs that moved; widen the bound only if they may",
                    severity=value,
                    position=self.asked.position("difference"),
                )

    def _batches(self) -> Iterator[Finding]:
        """The first samples alone, and together: a model that looks at its neighbours is wrong in service."""
        try:
            both = self.evidence.one_by_one(self.index)
        except Unable as error:  # the size of its batches is fixed, most often
            self.told.append(f"batches not compared ({error.reason})")
            return
        if both is None:
            self.told.append("batches not compared (one sample)")
            return
        alone, together = (each.arrays for each in both)
        samples = both[1].samples
        compared = 0
        for name in dict.fromkeys((*together, *alone)):
            if name not in alone or name not in together:
                yield self._depends(name, f"batches of 1 and one of {samples} do not both have it", 1.0)
            elif alone[name].shape == together[name].shape and together[name].size:
                compared += 1
                found = compare_outputs(alone[name], together[name], self.tolerance)
                if found.violating:
                    what = f"{found.violating:,} of {counted(found.elements, 'element')} are others in batches of 1"
                    what += f" than in one of {samples}, by more than {self.tolerance}"
                    yield self._depends(name, what, found.max_difference, tuple(_worst(found, alone[name])))
        if compared:
            self.told.append(f"batches of 1 and of {samples} compared")
        if left := len(together) - compared:
            which = "batches not compared" if not compared else f"of {counted(left, 'output')} not"
            self.told.append(f"{which} (the shape follows the batch)")

    def _depends(self, name: str, what: str, severity: float, details: tuple[str, ...] = ()) -> Finding:
        return Finding(
            BATCH,
            f"output {name}: {what}",
            details=details,
            hint="the model mixes the samples of a batch: normalisation that is in training mode, most often",
            severity=severity,
            position=self.asked.position(),
        )

    def _metric(self) -> Iterator[Finding]:
        asked = self.asked.metric
        if asked is None:
            return
        name, at = asked.code.function, self.asked.position("metric")
        value = self.evidence.metric(self.index)
        self.told.append(f"{name} {value:.6g}")
        if asked.at_least is not None and not value >= asked.at_least:
            yield _bound(name, f"{distance(value)}, at least {distance(asked.at_least)} is asked for", at)
        if asked.at_most is not None and not value <= asked.at_most:
            yield _bound(name, f"{distance(value)}, at most {distance(asked.at_most)} is asked for", at)
        if asked.max_drop is not None:
            before = self.evidence.metric(self.index, of_reference=True)
            self.told[-1] += f" (reference {before:.6g})"
            if not before - value <= asked.max_drop:
                dropped = f"from {distance(before)} of the reference to {distance(value)}"
                yield _bound(name, f"{dropped}, a drop of at most {distance(asked.max_drop)} is allowed", at)


def _worst(found: Measurement, actual: Array) -> Iterator[str]:
    if found.worst is not None:
        where = place(found.worst.index, actual.shape)
        yield f"worst at {where}: {number(found.worst.actual)}, expected {number(found.worst.expected)}"
    if found.nan:
        yield f"{counted(found.nan, 'element')} of the model's {'is' if found.nan == 1 else 'are'} NaN"


def _bound(name: str, what: str, at: Position | None) -> Finding:
    return Finding(BELOW, f"{name}: {what}", hint="the model got worse by your own measure", severity=1.0, position=at)


def _meaningless(asked: Prediction) -> Iterator[Finding]:
    """What compares nothing is an error: it would hold whatever the model predicts."""
    comparing = [asked.elementwise, asked.agreement is not None, asked.cosine is not None, asked.difference is not None]
    difference, metric = asked.difference, asked.metric
    within = (difference.max, difference.mean, difference.quantile) if difference else (0.0,)
    bounds = (metric.at_least, metric.at_most, metric.max_drop) if metric else (0.0,)
    problems = (
        (not any(comparing) and metric is None, "asks nothing of the outputs"),
        (any(comparing) and asked.expected is None, "compares the outputs with nothing: there is no `expected`"),
        (asked.expected is not None and not any(comparing), "has `expected`, and compares nothing with it"),
        (not any(each is not None for each in within), "has a `difference` without a bound"),
        (not any(each is not None for each in bounds), "has a `metric` without a bound"),
    )
    for is_so, what in problems:
        if is_so:
            yield Finding(UNCHECKABLE, f"the entry {what}", hint="say what has to hold", position=asked.position())

"""Does the model predict what it should: the golden outputs, the reference's, or what the project's own metric asks?"""

from collections.abc import Iterator

from gate.asked import Prediction
from gate.checks.evidence import NotLoaded, Outputs
from gate.checks.interface import UNCHECKABLE, Subject, result
from gate.checks.wording import counted, distance, number, place, rounded_up, share
from gate.errors import GateError
from gate.position import Position
from gate.results import CheckResult, Finding
from gate.tensors.agreement import agreement, compare_outputs, cosine, differences
from gate.tensors.dtypes import is_floating
from gate.tensors.tolerance import Tolerance
from gate.tensors.weightset import Array

ON_CPU, ON_GPU = Tolerance(1e-5, 1e-6), Tolerance(1e-3, 1e-4)
"""Default tolerances of predictions by device (docs/tolerances.md)."""
MISMATCH, DISAGREE, FAR, BELOW = "prediction-mismatch", "low-agreement", "prediction-far", "metric-below"
BATCH = "batch-dependent"


def check_predictions(subject: Subject) -> CheckResult:
    """Judges every entry of `predictions`."""
    at = subject.positions.get("predictions") or subject.positions.get("weights")
    findings: list[Finding] = []
    told: list[str] = []
    samples = 0
    for index, asked in enumerate(subject.loading.predictions):
        try:
            judge = _Judge(subject, index, asked)
            findings += judge.findings()
            samples += judge.actual.samples
            told += judge.told
        except NotLoaded as error:
            findings.append(Finding("load-failed", error.reason, hint=error.hint, position=asked.position()))
        except GateError as error:
            findings.append(
                Finding(UNCHECKABLE, error.reason, hint=error.hint, position=error.position or asked.position())
            )
    summary = f"{counted(samples, 'sample')} predicted" + "".join(f"; {each}" for each in told)
    return result("predictions", summary, findings, samples, at)


class _Judge:
    """One entry of `predictions`, with what was found so far."""

    def __init__(self, subject: Subject, index: int, asked: Prediction) -> None:
        self.subject = subject
        self.evidence = subject.loaded
        self.index = index
        self.asked = asked
        self.told: list[str] = []
        self.actual = self.evidence.outputs(index)

    def findings(self) -> list[Finding]:
        """Everything that does not hold."""
        found: list[Finding] = []
        if self.asked.expected is not None:
            found += self._against(self.evidence.expected(self.index))
        found += self._batches()
        found += self._metric()
        return found

    def _against(self, expected: Outputs) -> Iterator[Finding]:
        for name, actual, wanted in self._paired(expected):
            if self.asked.elementwise:
                yield from self._elementwise(name, actual, wanted)
            if self.asked.agreement is not None:
                yield from self._agreement(name, actual, wanted)
            if self.asked.cosine is not None:
                yield from self._cosine(name, actual, wanted)
            if self.asked.difference is not None:
                yield from self._difference(name, actual, wanted)

    def _paired(self, expected: Outputs) -> list[tuple[str, Array, Array]]:
        """Outputs and what they should be, by name; one alone needs none."""
        ours, theirs = self.actual.arrays, expected.arrays
        if len(ours) == len(theirs) == 1:
            (name, actual), (wanted,) = next(iter(ours.items())), theirs.values()
            return [(name, actual, wanted)]
        if set(ours) != set(theirs):
            raise GateError(
                f"the model has the outputs {', '.join(ours)}, and expected are {', '.join(theirs)}",
                "name the golden outputs as the model does, or choose some with `outputs`",
                self.asked.position("expected"),
            )
        return [(name, ours[name], theirs[name]) for name in ours]

    def _elementwise(self, name: str, actual: Array, wanted: Array) -> Iterator[Finding]:
        tolerance = self.asked.tolerance or (ON_GPU if self.evidence.on_gpu else ON_CPU)
        found = compare_outputs(actual, wanted, tolerance)
        largest = distance(found.max_difference)
        if not found.violating:
            self.told.append(f"output {name} within {tolerance}, at most {largest} apart")
            return
        details = []
        if found.worst is not None:
            where = place(found.worst.index, actual.shape)
            details.append(f"worst at {where}: {number(found.worst.actual)}, expected {number(found.worst.expected)}")
        if is_floating(actual.dtype) and found.needed_atol < float("inf"):
            details.append(f"the smallest tolerance that passes: atol={rounded_up(found.needed_atol)} at this rtol")
        if layer := self.evidence.diverges(self.index, tolerance.rtol, tolerance.atol):
            details.append(layer)
        yield Finding(
            MISMATCH,
            f"output {name}: {found.violating:,} of {counted(found.elements, 'element')} "
            f"differ by more than {tolerance}",
            details=tuple(details),
            hint="the weights or the code around them compute something else: see the values and the first layer",
            severity=found.max_difference,
            position=self.asked.position("tolerance", "expected"),
        )

    def _agreement(self, name: str, actual: Array, wanted: Array) -> Iterator[Finding]:
        asked = self.asked.agreement
        assert asked is not None  # noqa: S101 - asked for by the caller
        found = agreement(actual, wanted, asked.metric, asked.k, asked.threshold)  # type: ignore[arg-type]
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
        found = cosine(actual, wanted)
        self.told.append(f"cosine of {name} at least {found.smallest:.6g}")
        if not found.smallest >= (self.asked.cosine or 0.0):
            yield Finding(
                FAR,
                f"output {name}: the cosine of sample {found.sample} is {found.smallest:.6g}, "
                f"at least {self.asked.cosine:g} is asked for",
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
            (f"quantile {which:g} of the" if which is not None else "", found.quantile, bound),
        )
        for what, value, allowed in rows:
            if allowed is None or value is None:
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
        both = self.evidence.one_by_one(self.index)
        if both is None:
            return
        alone, together = both
        tolerance = self.asked.tolerance or (ON_GPU if self.evidence.on_gpu else ON_CPU)
        for name, expected in together.arrays.items():
            actual = alone.arrays.get(name)
            if actual is None or actual.shape != expected.shape or not expected.size:
                continue  # its shape follows the batch: there is nothing to compare element by element
            found = compare_outputs(actual, expected, tolerance)
            if found.violating:
                yield Finding(
                    BATCH,
                    f"output {name}: {found.violating:,} of {counted(found.elements, 'element')} are others in "
                    f"batches of 1 than in one of {together.samples}, by more than {tolerance}",
                    hint="the model mixes the samples of a batch: normalisation that is in training mode, most often",
                    severity=found.max_difference,
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
            yield _bound(name, f"{value:.6g}, at least {asked.at_least:g} is asked for", at)
        if asked.at_most is not None and not value <= asked.at_most:
            yield _bound(name, f"{value:.6g}, at most {asked.at_most:g} is asked for", at)
        if asked.max_drop is not None:
            before = self.evidence.metric(self.index, of_reference=True)
            self.told[-1] += f" (reference {before:.6g})"
            if not before - value <= asked.max_drop:
                dropped = f"fell from {before:.6g} to {value:.6g}, by more than {asked.max_drop:g}"
                yield _bound(name, dropped, at)


def _bound(name: str, what: str, at: Position | None) -> Finding:
    return Finding(BELOW, f"{name}: {what}", hint="the model got worse by your own measure", severity=1.0, position=at)

"""The seam of all checks: what one may look at (`Subject`), and how what it found becomes a result."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from time import perf_counter

from gate.asked import Loading
from gate.checks.evidence import Evidence
from gate.errors import GateError, UnreadableError
from gate.position import Position
from gate.results import CheckResult, Finding, Outcome
from gate.tensors.compare import Criterion, Measurement
from gate.tensors.diagnose import Diagnosis, Library
from gate.tensors.dtypes import dtype_name, is_number, is_real
from gate.tensors.moments import Moved, moved
from gate.tensors.pairing import Pairing
from gate.tensors.rules import Expect, Expectation, Rules
from gate.tensors.survey import Job, Measured, measure, verify
from gate.tensors.tolerance import Tolerance, published_tolerance
from gate.tensors.weightset import Group, Tensor, WeightSet
from gate.written import Written


def _unpaired(candidate: WeightSet) -> Pairing:
    return Pairing(candidate.tensors, {})


@dataclass(frozen=True)
class Subject:
    """One model as its checks see it: the weights, what they are compared with, and what is expected.

    `pairing` holds the tensors of the compared groups only. `positions` are lines of the manifest by key ("weights",
    "reference", "digest", "statistics"). `thresholds` are the allowed distances of statistics, by name.
    """

    candidate: WeightSet
    reference: WeightSet | None
    pairing: Pairing
    rules: Rules
    groups: frozenset[Group] = frozenset({Group.WEIGHTS})
    digest: str | None = None
    thresholds: Mapping[str, Tolerance] = field(default_factory=dict)
    positions: Mapping[str, Position] = field(default_factory=dict)
    threads: int = 1
    loading: Loading = field(default_factory=Loading)
    """What is asked of the loaded model."""
    evidence: Evidence | None = None
    """What loading shows; None where the file is not loaded."""
    written: Written | None = None
    """Where the model stands in a manifest, if it does."""
    everything: Pairing | None = field(default=None, repr=False)
    """The tensors of all groups, paired; None where `pairing` has them all."""
    pair_again: Callable[[WeightSet], Pairing] = field(default=_unpaired, repr=False)
    """Pairs another state of the candidate with the same reference, by the same rules."""
    renewable: bool = False
    """Whether the reference is a file that an approval can write."""

    @property
    def loaded(self) -> Evidence:
        """The same, for checks that are only made where there is some."""
        if self.evidence is None:
            raise GateError("the file was not loaded", "report this as a defect of weight-gate")
        return self.evidence

    @cached_property
    def is_locked(self) -> bool:
        """Whether the reference is a lock, which has digests and statistics and no values."""
        return self.reference is not None and any(tensor.locked is not None for tensor in self.reference)

    @cached_property
    def expectations(self) -> Mapping[str, Expectation]:
        """What is expected, for every name of either side."""
        return {name: self.rules.expectation(name) for name in self.pairing.names}

    @cached_property
    def judged(self) -> tuple[str, ...]:
        """The candidate's tensors that no rule tells to ignore."""
        return tuple(name for name in self.pairing.candidate if self.expectations[name].expect != Expect.IGNORED)

    @cached_property
    def comparable(self) -> frozenset[str]:
        """The judged tensors that the reference has too, with the same shape and a dtype that is accepted."""
        return frozenset(name for name in self.judged if name in self.pairing.reference and self._comparable(name))

    @cached_property
    def compared(self) -> frozenset[str]:
        """The tensors whose values are held against the reference's."""
        return frozenset(name for name in self.comparable if self.expectations[name].expect in COMPARED)

    @cached_property
    def measurements(self) -> Mapping[str, Measured]:
        """Every judged tensor measured: against the reference where comparable, else for NaN and infinities only."""
        return measure((self._job(name) for name in self.judged), self.threads)

    @cached_property
    def moved(self) -> Mapping[str, Moved | UnreadableError]:
        """How the compared tensors that are not the lock's came to differ, as far as statistics tell."""
        found = ((name, self.measurements[name]) for name in self.judged if name in self.compared)
        names = [name for name, each in found if isinstance(each, Measurement) and each.digest]
        with ThreadPoolExecutor(max_workers=max(1, self.threads)) as pool:
            return dict(zip(names, pool.map(self._moved, names), strict=True))

    def _moved(self, name: str) -> Moved | UnreadableError:
        try:
            return moved(self.pairing.candidate[name], self.pairing.reference[name], self.criterion(name).tolerance)
        except UnreadableError as error:
            return error

    @cached_property
    def damaged(self) -> Mapping[str, UnreadableError]:
        """What is not what its file's checksum says, of all that nobody measures."""
        judged = {self.pairing.candidate[name].name for name in self.judged}
        others = {t.name: t.verify for t in self.candidate if t.verify is not None and t.name not in judged}
        return verify({**others, **self.candidate.checksums}, self.threads)

    @cached_property
    def candidate_library(self) -> Library:
        return Library(self.pairing.candidate)

    @cached_property
    def reference_library(self) -> Library:
        return Library(self.pairing.reference)

    @cached_property
    def surplus_library(self) -> Library:
        """The tensors that the reference lacks."""
        return Library({name: self.pairing.candidate[name] for name in self.pairing.only_candidate})

    @cached_property
    def _diagnoses(self) -> Iterator[int]:
        return iter(range(MOST_DIAGNOSES))

    def diagnose(self, explain: Callable[[], Diagnosis | None]) -> Diagnosis | None:
        """What `explain` says of one more failed tensor; nothing after many, since each takes time."""
        return explain() if next(self._diagnoses, None) is not None else None

    def has_statistics(self, name: str) -> bool:
        """Whether a judged tensor has bounds of its own, or thresholds and a reference to hold them against."""
        return bool(self.expectations[name].statistics) or self.shares_statistics(name)

    def shares_statistics(self, name: str) -> bool:
        """Whether its statistics are compared with the reference's: only real numbers have any."""
        sides = [side[name] for side in (self.pairing.candidate, self.pairing.reference) if name in side]
        return bool(self.thresholds) and len(sides) == 2 and all(is_real(tensor.dtype) for tensor in sides)

    def criterion(self, name: str) -> Criterion:
        """When an element of the tensor `name` holds against its reference."""
        expectation = self.expectations[name]
        sides = [side[name].dtype for side in (self.pairing.candidate, self.pairing.reference) if name in side]
        return Criterion(
            tolerance=expectation.tolerance or published_tolerance(*sides),
            bitwise=expectation.expect == Expect.IDENTICAL,
            nan=expectation.nan,
            inf=expectation.inf,
        )

    def position(self, name: str, *keys: str, fallback: str = "reference") -> Position | None:
        """The line of the manifest that set one of `keys` for the tensor `name`, else the model's own line."""
        for key in keys:
            if found := self.expectations[name].position(key):
                return found
        return self.positions.get(fallback) or self.positions.get("weights")

    def _comparable(self, name: str) -> bool:
        actual, expected = self.pairing.candidate[name], self.pairing.reference[name]
        expectation = self.expectations[name]
        dtype_accepted = dtype_name(actual.dtype) == dtype_name(expected.dtype) or (
            expectation.dtype is not None
            and expectation.expect != Expect.IDENTICAL  # bits of two dtypes are never the same
            and is_number(actual.dtype) == is_number(expected.dtype)
        )
        return actual.shape == expected.shape and dtype_accepted

    def _job(self, name: str) -> Job:
        expected: Tensor | None = None
        if name in self.comparable and self.expectations[name].expect != Expect.ANY:
            expected = self.pairing.reference[name]
        return Job(self.pairing.candidate[name], expected, self.criterion(name), name)


Check = Callable[[Subject], CheckResult]

COMPARED = frozenset({Expect.CLOSE, Expect.IDENTICAL, Expect.CHANGED})
"""Expectations of values."""

MOST_DIAGNOSES = 1000
UNREADABLE = "unreadable-tensor"
UNCHECKABLE = "uncheckable"  # asked for, and not possible with what is there


def result(
    check: str,
    summary: str,
    findings: Iterable[Finding],
    checked: int,
    position: Position | None = None,
) -> CheckResult:
    """A check's result: an error if anything could not be read, else a failure if anything was found."""
    found = tuple(findings)
    outcome = Outcome.FAILED if found else Outcome.PASSED
    if any(finding.kind in {UNREADABLE, UNCHECKABLE} for finding in found):
        outcome = Outcome.ERROR
    return CheckResult(check, outcome, summary, found, position, checked)


def unreadable(name: str | None, error: UnreadableError, position: Position | None) -> Finding:
    """The finding for a tensor, or another part of the file, whose data could not be read."""
    return Finding(UNREADABLE, error.reason, tensor=name, hint=error.hint, position=position)


def timed(check: Check, subject: Subject) -> CheckResult:
    """The check's result with the seconds it took."""
    start = perf_counter()
    found = check(subject)
    return CheckResult(**{**vars(found), "seconds": perf_counter() - start})

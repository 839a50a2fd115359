"""What a run found. Checks build these; reports read them; nothing else decides the exit code.

A run holds models, a model holds checks, a check holds findings. All texts in here are raw: names of tensors
and files come from pull requests and may hold any character. Whoever prints one escapes it for where it goes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gate.position import Position


class Outcome(StrEnum):
    """How one check ended. Only `PASSED` and `WAIVED` are compatible with a green run."""

    PASSED = "passed"
    FAILED = "failed"  # checked, and did not hold
    ERROR = "error"  # could not be checked
    WAIVED = "waived"  # left out by a rule that gives its reason
    NOT_RUN = "not run"  # planned, not reached yet


class Conclusion(StrEnum):
    """The verdict of a run in one word."""

    SUCCESS = "success"
    FAILURE = "failure"
    NOTHING_CHECKED = "nothing checked"
    NOTHING_TO_CHECK = "nothing to check"  # every model was left out, for the reason that nothing touched it
    ERROR = "error"
    NOT_RUN = "not run"


EXIT_CODES: dict[Conclusion, int] = {
    Conclusion.SUCCESS: 0,
    Conclusion.FAILURE: 1,
    Conclusion.NOTHING_CHECKED: 3,
    Conclusion.NOTHING_TO_CHECK: 0,
    Conclusion.ERROR: 4,
    Conclusion.NOT_RUN: 4,
}


@dataclass(frozen=True)
class Finding:
    """One thing that did not hold, or could not be checked.

    `kind` is a stable kebab-case word ("value-mismatch", "missing-tensor"): reports fold findings of one check
    and kind whose tensor names differ in their numbers only. `severity` orders findings within a kind, greatest
    first; its unit is the kind's own (for values: the largest difference over what was allowed).
    """

    kind: str
    reason: str  # one line, cause first, without the tensor's name
    tensor: str | None = None  # the one name of docs/names.md
    details: tuple[str, ...] = ()  # more lines: numbers, a diagnosis
    hint: str = ""  # what to do about it
    severity: float = 0.0
    position: Position | None = None  # the line of the manifest that asked for it


@dataclass(frozen=True)
class CheckResult:
    """What one check of one model found. A check that is not `PASSED` has a finding, or a reason in `summary`."""

    check: str  # "structure", "values", …; unique within its model
    outcome: Outcome
    summary: str  # one line: what was checked and how it went
    findings: tuple[Finding, ...] = ()
    position: Position | None = None
    checked: int = 0  # tensors, or files, that this check judged
    seconds: float = 0.0


@dataclass(frozen=True)
class Coverage:
    """How much of a weight file was compared with an expectation.

    Counts are of tensors, `*_bytes` of their data. `tensors` and `bytes` are of the candidate's compared groups.
    """

    tensors: int = 0
    bytes: int = 0
    compared: int = 0  # value by value, with a reference or with values in the manifest
    compared_bytes: int = 0
    identical: int = 0  # of those compared: bit for bit equal
    statistics: int = 0  # not compared, but held to statistics


@dataclass(frozen=True)
class Step:
    """One thing that was done with a loaded model: how long it took, and the most memory its processes held so far."""

    what: str
    seconds: float
    peak_bytes: int


@dataclass(frozen=True)
class Suggestion:
    """What one may do about a model that is not green. It is no part of the verdict.

    `kind` is a stable kebab-case word ("tolerance", "approval"); `title` and `details` are lines of prose; `code` is to
    paste or to run, as it is, and `language` says what it is: `sh`, `diff` or `yaml`.
    """

    kind: str
    title: str
    details: tuple[str, ...] = ()
    code: str = ""
    language: str = "sh"


@dataclass(frozen=True)
class ModelResult:
    """Everything about one weight file. `notes` are facts that limit what the verdict means.

    `runtime` is what the model was loaded with: versions, device, threads, confinement; empty where it was not loaded.
    """

    name: str
    weights: str  # the path, as the user would write it
    reference: str | None = None
    checks: tuple[CheckResult, ...] = ()
    coverage: Coverage = Coverage()
    notes: tuple[str, ...] = ()
    position: Position | None = None
    seconds: float = 0.0
    runtime: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()

    @property
    def outcome(self) -> Outcome:
        return worst(check.outcome for check in self.checks)


@dataclass(frozen=True)
class LeftOut:
    """A model that was not judged in this run, because the command line asked for others alone.

    `untouched`: git shows that nothing its verdict depends on has changed.
    """

    name: str
    weights: str
    reason: str
    position: Position | None = None
    untouched: bool = False


@dataclass(frozen=True)
class Loosening:
    """What is said of the manifest itself, and what a pull request makes of it. It is no part of the verdict.

    `base` is what it was compared with, empty where it was compared with nothing; `found` is what lets more through
    than that, the worst first, `endless` are waivers without an end date, `approved` is what the same pull request
    changes and the verdict goes by: locks, golden files. Findings of tensors name the model in `reason`. `notes` limit
    what this means. Where `fails`, what was found is a failed check too.
    """

    base: str = ""
    found: tuple[Finding, ...] = ()
    endless: tuple[Finding, ...] = ()
    approved: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    fails: bool = False


@dataclass(frozen=True)
class RunResult:
    """A whole run. `command` reproduces it on a laptop; `started` is ISO 8601 in UTC, seconds, no zone."""

    models: tuple[ModelResult, ...]
    command: str
    started: str
    version: str
    manifest: str | None = None
    seconds: float = 0.0
    environment: dict[str, str] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()
    loosening: Loosening = Loosening()

    @property
    def checks(self) -> tuple[CheckResult, ...]:
        return tuple(check for model in self.models for check in model.checks)

    @property
    def checked_count(self) -> int:
        """How many checks judged at least one tensor or file."""
        return sum(1 for check in self.checks if check.checked and check.outcome in _JUDGED)

    @property
    def failed_count(self) -> int:
        """How many checks did not hold or could not be made."""
        return sum(1 for check in self.checks if check.outcome not in _GREEN)

    @property
    def conclusion(self) -> Conclusion:
        """The verdict: could not be checked beats did not hold; a model without any check is never green."""
        outcomes = [check.outcome for check in self.checks]
        if Outcome.ERROR in outcomes:
            return Conclusion.ERROR
        if Outcome.NOT_RUN in outcomes:
            return Conclusion.NOT_RUN
        if Outcome.FAILED in outcomes:
            return Conclusion.FAILURE
        if not self.models and any(model.untouched for model in self.left_out):
            return Conclusion.NOTHING_TO_CHECK
        if not self.models or not all(_judged(model) for model in self.models):
            return Conclusion.NOTHING_CHECKED
        return Conclusion.SUCCESS

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.conclusion]


_JUDGED = {Outcome.PASSED, Outcome.FAILED}
_GREEN = {Outcome.PASSED, Outcome.WAIVED}
_RANK = (Outcome.ERROR, Outcome.NOT_RUN, Outcome.FAILED, Outcome.PASSED, Outcome.WAIVED)


def _judged(model: ModelResult) -> bool:
    """Whether a model was really judged: with a reference, at least one element was held against it."""
    held = model.coverage.compared_bytes > 0 or model.coverage.statistics > 0
    predicted = any(
        check.check == "predictions" and check.checked and check.outcome in _JUDGED for check in model.checks
    )
    compared = model.reference is None or held or predicted
    return compared and any(check.checked and check.outcome in _JUDGED for check in model.checks)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome that speaks for all of `outcomes`; `NOT_RUN` when there are none."""
    return min(outcomes, key=_RANK.index, default=Outcome.NOT_RUN)

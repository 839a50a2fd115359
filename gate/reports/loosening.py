"""What reports say of the manifest itself, in the same words: what it lets through, and what is approved with it."""

from collections.abc import Iterator
from dataclasses import dataclass

from gate.results import CheckResult, Finding, Loosening, Outcome, RunResult

LOOSENED, ENDLESS, APPROVED = (
    "This pull request loosens the gate",
    "Waivers without an end",
    "Approved in this pull request",
)


@dataclass(frozen=True)
class Part:
    """One part of the section: a heading, what it means, and findings."""

    heading: str
    meaning: str
    findings: tuple[Finding, ...]

    @property
    def check(self) -> CheckResult:
        """The same as a check, which is none: nothing of it is in the verdict."""
        return CheckResult(self.heading, Outcome.WAIVED, self.meaning, self.findings)


def parts(run: RunResult) -> Iterator[Part]:
    """What there is to say. What is a failed check already is not said twice."""
    return (part for part in parts_of(run.loosening) if not (run.loosening.fails and part.heading == LOOSENED))


def parts_of(said: Loosening) -> Iterator[Part]:
    """The same of a manifest alone, beside which there is no check."""
    if said.found:
        yield Part(LOOSENED, f"It lets more through than {said.base}: see that each of these is meant.", said.found)
    if said.endless:
        yield Part(ENDLESS, "What they leave out is left out for ever: give each a day, in `until`.", said.endless)
    if said.approved:
        yield Part(APPROVED, "The verdict goes by these files, and this change has them anew.", said.approved)

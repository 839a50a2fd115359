"""The check `mutations`: does the manifest catch as much as `policy: {mutation_score: …}` asks?"""

from collections.abc import Iterable, Iterator

from gate.checks.interface import Subject
from gate.mutations.campaign import SEED, mutate
from gate.mutations.verdict import Fate, Score, Verdict
from gate.mutations.wording import share, tally
from gate.position import Position
from gate.results import CheckResult, Finding, Outcome

CHECK = "mutations"
COUNT = 60
"""Damaged copies of each model: as many as every run can afford."""
SECONDS = 600.0
NO_SCORE = "no-score"
SLIPPED = "slipped-mutation"


def check_mutations(subject: Subject, checks: Iterable[str], at_least: float, at: Position | None) -> CheckResult:
    """Judges a model whose data checks are green. What slipped is a finding at the line that let it through."""
    score = mutate(subject, checks, SEED, COUNT, seconds=SECONDS)
    if score.value is None:
        finding = Finding(NO_SCORE, _why_none(score), hint="see `weight-gate mutate`", position=at)
        return CheckResult(CHECK, Outcome.ERROR, finding.reason, (finding,), at)
    summary = f"{tally(score)}; {share(at_least)} is asked for; seed {score.seed}"
    if score.value >= at_least:
        return CheckResult(CHECK, Outcome.PASSED, summary, (), at)
    findings = tuple(_findings(score, at))
    return CheckResult(CHECK, Outcome.FAILED, summary, findings, at)


def _why_none(score: Score) -> str:
    if not score.complete:
        return f"no mutation score: {len(score.verdicts)} of {score.wanted} damaged copies took {SECONDS:g} s"
    return "no mutation score: no damage could be done to this model that a rule could catch"


def _findings(score: Score, at: Position | None) -> Iterator[Finding]:
    for verdict in score.of(Fate.SLIPPED):
        yield _finding(verdict, at)


def _finding(verdict: Verdict, at: Position | None) -> Finding:
    return Finding(
        SLIPPED,
        f"{verdict.kind} slipped through: {verdict.why}",
        tensor=verdict.through,
        details=(verdict.told,) if verdict.told else (),
        hint=verdict.cure,
        position=verdict.position or at,
    )

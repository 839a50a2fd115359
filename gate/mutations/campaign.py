"""All damaged copies of one model, one after the other."""

from collections.abc import Iterable, Sequence
from time import perf_counter

from gate.checks.interface import Subject
from gate.mutations import DAMAGES
from gate.mutations.choose import Plan
from gate.mutations.interface import Base
from gate.mutations.judge import DATA_CHECKS, Damaged, Judge
from gate.mutations.verdict import Fate, Score, Verdict

COUNT, SEED = 100, 0


def mutate(
    subject: Subject,
    checks: Iterable[str],
    seed: int = SEED,
    count: int = COUNT,
    kinds: Sequence[str] = (),
    seconds: float | None = None,
    damaged: Damaged | None = None,
    loads: int = 0,
) -> Score:
    """The score of a model that is green by `checks`, over `count` damaged copies of some `kinds`, all by default.

    What is done to which tensor follows from `seed` alone. After `seconds` no further copy is made, and there is no
    score. With `damaged`, up to `loads` copies that no data check sees are loaded, to ask their predictions.
    """
    made_by = tuple(checks)
    base = Base(subject, seed)
    plan = Plan(base, tuple(kinds) or tuple(DAMAGES), count)
    judge = Judge(base, tuple(check for check in DATA_CHECKS if check in made_by), subject.threads)
    start = perf_counter()
    verdicts: list[Verdict] = []
    complete = True
    loads = loads if damaged and subject.loading.predictions else 0
    for mutation in plan.mutations():
        if seconds is not None and perf_counter() - start > seconds:
            complete = False
            break
        verdict = judge.verdict(mutation)
        if damaged and loads and verdict.fate is Fate.SLIPPED and not mutation.structural:
            loads -= 1
            verdict = judge.predicted(mutation, verdict, damaged)
        verdicts.append(verdict)
    locked = any(tensor.locked is not None for tensor in subject.pairing.reference.values())
    return Score(tuple(verdicts), seed, count, "digest" in made_by, plan.unhit, complete, locked)

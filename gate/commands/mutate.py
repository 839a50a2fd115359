"""`weight-gate mutate`: damage copies of the weights, and see what the manifest catches."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TextIO

from gate.action import Runner
from gate.checks.interface import Subject
from gate.commands.job import job_of, run_of
from gate.errors import UsageError
from gate.globs import GlobError, glob_pattern
from gate.mutations import DAMAGES
from gate.mutations.campaign import mutate
from gate.mutations.judge import Damaged
from gate.mutations.table import (
    ALL,
    CHECKS,
    KINDS,
    LISTED,
    Judged,
    check_rows,
    document,
    holes,
    kind_rows,
    rows,
    scored,
)
from gate.mutations.verdict import Fate, Score
from gate.mutations.wording import share, tally
from gate.reports.console import write_console
from gate.reports.escaping import harmless, json_text, plain
from gate.reports.progress import Progress
from gate.reports.stream import emit
from gate.reports.table import write_table
from gate.results import EXIT_CODES, Conclusion, ModelResult, Outcome
from gate.run import Run
from gate.wording import counted

_GREEN = (Outcome.PASSED, Outcome.WAIVED)


def run(options: argparse.Namespace, host: Runner, out: TextIO, err: TextIO) -> int:
    """Judges the undamaged models first: a manifest that is red anyway would catch everything."""
    kinds = _kinds(options.only)
    planned = job_of(options, host)
    asked = options.at_least if options.at_least is not None else planned.loaded.manifest.policy.mutation_score
    plans = tuple(
        replace(plan, loading=plan.loading if options.load else None, mutation_score=None) for plan in planned.plans
    )
    job = run_of(replace(planned, plans=plans), options, host)
    judged: list[Judged] = []
    with Progress(err) as progress:

        def damage(subject: Subject, model: ModelResult, load: Damaged | None = None) -> None:
            if model.outcome in _GREEN:
                progress.step(model.name, "mutations")
                checks = [check.check for check in model.checks]
                score = mutate(subject, checks, options.seed, options.count, kinds, damaged=load, loads=options.load)
                judged.append(Judged(model.name, model.weights, model.reference, score))

        def loaded(subject: Subject, so_far: ModelResult) -> None:
            damage(subject, so_far, _loader(subject))

        def done(subject: Subject) -> None:
            model = _current(job)
            if not model.runtime:  # else it was damaged while it was loaded
                damage(subject, model)

        job.execute(progress.step, done, loaded)
    code = _exit_code(job, judged, asked)
    if options.json:
        made = document(judged, options.seed, options.count, asked, code)
        emit(out, json_text(json.dumps(made, ensure_ascii=True, allow_nan=False, indent=2)) + "\n")
        return code
    _write(judged, options, asked, out)
    if job.result.exit_code:
        emit(out, "not damaged, because it is not green as it is:\n\n")
        write_console(job.result, out, color=options.color)
    return code


def _loader(subject: Subject) -> Damaged | None:
    from gate.runtime.gathered import Gathered  # noqa: PLC0415 - only where something is loaded

    return subject.evidence.damaged if isinstance(subject.evidence, Gathered) else None


def _kinds(only: Sequence[str]) -> tuple[str, ...]:
    """The kinds that are asked for; raises `UsageError` for a pattern that is none."""
    for pattern in only:
        try:
            glob_pattern(pattern)
        except GlobError as error:
            raise UsageError(f"--only {pattern} makes no sense as a glob: {error}", "correct it") from error
        if not any(_matches(pattern, kind) for kind in DAMAGES):
            raise UsageError(f"--only {pattern}: there is no such kind of damage", f"there are {', '.join(DAMAGES)}")
    return tuple(kind for kind in DAMAGES if not only or any(_matches(pattern, kind) for pattern in only))


def _matches(pattern: str, kind: str) -> bool:
    return pattern == kind or glob_pattern(pattern).fullmatch(kind) is not None


def _current(job: Run) -> ModelResult:
    """The model that was judged last: those after it are not run yet."""
    return [model for model in job.result.models if model.outcome is not Outcome.NOT_RUN][-1]


def _exit_code(job: Run, judged: Sequence[Judged], asked: float | None) -> int:
    """As `check` where a model is not green as it is; 4 where there is no score; 1 where one is below what is asked."""
    if job.result.exit_code:
        return job.result.exit_code
    values = [each.score.value for each in judged]
    if not values or any(value is None for value in values):
        return EXIT_CODES[Conclusion.ERROR if values else Conclusion.NOTHING_CHECKED]
    below = asked is not None and any(value is not None and not value >= asked for value in values)
    return EXIT_CODES[Conclusion.FAILURE if below else Conclusion.SUCCESS]


def _write(judged: Sequence[Judged], options: argparse.Namespace, asked: float | None, out: TextIO) -> None:
    for each in judged:
        _line(out, f"{each.name}  {each.weights}")
        _line(out, f"  reference  {each.reference}" if each.reference else "  no reference: values are held to nothing")
        _line(out, "")
        if options.all:
            write_table(out, ALL, list(rows(each.score)), color=options.color)
        elif each.score.locked and not each.score.of(Fate.SLIPPED):
            _line(out, "a lock catches every change of a value that is held to it:")
            write_table(out, CHECKS, list(check_rows(each.score)), color=options.color)
        else:
            write_table(out, KINDS, list(kind_rows(each.score)), color=options.color)
        _line(out, "")
        _write_holes(each.score, options.all, out)
        _verdict(each, asked, out)
        _line(out, "")
    if len(judged) > 1:
        _line(out, scored(judged))
    if judged:
        predicted = sum(each.score.predicted for each in judged)
        told = "nothing was loaded: `restore`, `roundtrip` and `predictions` were not asked"
        if options.load:
            told = f"loaded, to ask `predictions`: {counted(predicted, 'mutation')}"
        _line(out, f"seed {options.seed}; {told}")


def _write_holes(score: Score, everything: bool, out: TextIO) -> None:
    for hole in holes(score, None if everything else LISTED):
        _line(out, f"{hole.count:,} SLIPPED: {hole.why}")
        for what, cure in hole.examples:
            _line(out, f"  {what}")
            if cure:
                _line(out, f"    {cure}")
        if hole.more:
            _line(out, f"  and {hole.more:,} more: --all shows them")
        if hole.cure:
            _line(out, f"  for all {hole.count:,}: {hole.cure}")
        _line(out, "")


def _verdict(judged: Judged, asked: float | None, out: TextIO) -> None:
    score = judged.score
    wanted = ""
    if score.value is None:
        wanted = ": no score, nothing could be counted"
    elif asked is not None:
        wanted = f": {share(asked)} is asked for" + ("" if score.value >= asked else ", NOT REACHED")
    _line(out, f"{judged.name}: {tally(score)}{wanted}")
    if score.pinned:
        _line(out, f"the pinned digest catches all {counted(score.counted, 'mutation')}, and is no part of the score")
    for rule in score.unhit:
        _line(out, f"no tensor of the rule `{rule.match}` ({rule.position}) was damaged: raise --count")


def _line(out: TextIO, text: str) -> None:
    emit(out, harmless(f"{plain(text)}\n"))

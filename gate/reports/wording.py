"""What every report says in the same words: the verdict, the coverage, the story of one entry. All of it is raw.

Nothing in here is escaped: texts hold names as they came. The report that prints them escapes them.
"""

import dataclasses
import math
from collections.abc import Iterator, Sequence

from gate.position import Position
from gate.reports.entry import Entry
from gate.reports.fold import Fold
from gate.results import CheckResult, Conclusion, Finding, ModelResult, Outcome, RunResult
from gate.wording import counted

NOTHING = "nothing-checked"
LEFT_OUT = "left-out"
RED = frozenset({Outcome.FAILED, Outcome.ERROR, Outcome.NOT_RUN})

VERDICTS = {
    Conclusion.SUCCESS: "PASSED",
    Conclusion.FAILURE: "FAILED",
    Conclusion.NOTHING_CHECKED: "NOTHING CHECKED",
    Conclusion.NOTHING_TO_CHECK: "NOTHING TO CHECK",
    Conclusion.ERROR: "ERROR",
    Conclusion.NOT_RUN: "NOT RUN",
}

_SAID = {
    Outcome.ERROR: "could not be checked",
    Outcome.FAILED: "did not hold",
    Outcome.NOT_RUN: "not reached",
    Outcome.WAIVED: "waived",
}


def crop(text: str, limit: int) -> str:
    """`text`, with its middle left out where it is longer than `limit`."""
    if len(text) <= limit:
        return text
    head = max((limit - 5) * 2 // 3, 1)
    tail = max(limit - 5 - head, 1)
    return f"{text[:head]} ... {text[-tail:]}"


def duration(seconds: float) -> str:
    """`0.02 s`, `12.3 s`, `2 min 05 s`."""
    if not math.isfinite(seconds) or seconds < 0:
        return "? s"
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02} s"


def complete(run: RunResult) -> tuple[ModelResult, ...]:
    """The run's models, with an errored check added wherever nothing was checked and nothing else says so.

    The exit code is 0 exactly when no check in here is red; a run without models gets one that stands for it, unless
    all were left out for a reason.
    """
    if run.conclusion is Conclusion.NOTHING_TO_CHECK:
        return ()
    if not run.models:
        return (ModelResult(name="no model", weights="", checks=(_nothing(None),)),)
    return tuple(
        dataclasses.replace(model, checks=(*model.checks, _nothing(model)))
        if dataclasses.replace(run, models=(model,)).conclusion is Conclusion.NOTHING_CHECKED
        else model
        for model in run.models
    )


def with_left_out(run: RunResult) -> tuple[ModelResult, ...]:
    """The same, and after them the models that were left out, each with a waived check that says why."""
    left = (
        ModelResult(
            left.name,
            left.weights,
            checks=(CheckResult(LEFT_OUT, Outcome.WAIVED, f"left out: {left.reason}", position=left.position),),
            position=left.position,
        )
        for left in run.left_out
    )
    return (*complete(run), *left)


def left_out(run: RunResult) -> Iterator[tuple[str, tuple[str, ...]]]:
    """`2 models left out: not named by --model` for each reason, and which ones these are."""
    reasons: dict[str, list[str]] = {}
    for left in run.left_out:
        reasons.setdefault(left.reason, []).append(left.name)
    for reason, names in reasons.items():
        yield f"{counted(len(names), 'model')} left out: {reason}", tuple(names)


def _nothing(model: ModelResult | None) -> CheckResult:
    what = "nothing was checked"
    if model is None:
        why, hint = "the run has no model", "declare at least one model under models:"
    elif not model.checks:
        why, hint = "no check is planned for this model", "see which checks the manifest turns off"
    elif model.reference is not None and any(check.checked for check in model.checks):
        what, why = "nothing was compared", "no value and no statistic of this model was held against its reference"
        hint = "add a rule that compares, like `expect: close`, or leave `reference` out: the digest is its own proof"
    else:
        why, hint = "no check of this model compared any tensor or file", "see the checks that are waived or empty"
    position = model.position if model else None
    finding = Finding(NOTHING, f"{what}: {why}", hint=hint, position=position)
    return CheckResult(NOTHING, Outcome.ERROR, what, (finding,), position)


def findings(check: CheckResult) -> tuple[Finding, ...]:
    """The findings of a check, none without a reason; a check that is not passed has at least one."""
    fallback = check.summary.strip() or f"the check {_SAID.get(check.outcome, check.outcome)}"
    if not check.findings and check.outcome is not Outcome.PASSED:
        return (Finding(str(check.outcome).replace(" ", "-"), fallback, position=check.position),)
    return tuple(
        found if found.reason.strip() else dataclasses.replace(found, reason=fallback) for found in check.findings
    )


def outline(check: CheckResult) -> str:
    """The check's own line, or its first reason where it has none."""
    if check.summary.strip() or not (found := findings(check)):
        return check.summary.strip() or "no summary"
    return found[0].reason


def headline(run: RunResult) -> str:
    """The verdict in one line, without names."""
    word = VERDICTS[run.conclusion]
    counts = [(sum(check.outcome is outcome for check in run.checks), said) for outcome, said in _SAID.items()]
    told = [f"{count:,} {said}" for count, said in counts if count]
    scope = f"{counted(len(run.checks), 'check')} of {counted(len(run.models), 'model')}"
    if run.left_out:
        told.append(f"{counted(len(run.left_out), 'model')} left out")
    if run.loosening.found:
        told.append(counted(len(run.loosening.found), "loosening"))
    if run.conclusion is Conclusion.NOTHING_TO_CHECK:
        told.insert(0, "nothing that a verdict depends on has changed")
    if run.conclusion is Conclusion.SUCCESS:
        told.insert(0, "everything checked, everything held")
    if run.conclusion is Conclusion.NOTHING_CHECKED:
        idle = sum(check.check == NOTHING for model in complete(run) for check in model.checks)
        what = f"{idle:,} of {counted(len(run.models), 'model')} compared nothing"
        told.insert(0, what if run.models else "the run has no model")
    return f"{word}: {', '.join(told)} ({scope})"


def coverage(model: ModelResult) -> str:
    """How much of the file was compared, in so many words when it was nothing."""
    covered = model.coverage
    if not covered.tensors:
        return "no tensor was read, nothing was compared"
    more = f"; {covered.statistics:,} held to statistics only" if covered.statistics else ""
    if not covered.compared:
        return f"0 of {counted(covered.tensors, 'tensor')}: values were compared with nothing{more}"
    share = 100.0 if covered.compared_bytes >= covered.bytes else 100 * covered.compared_bytes / covered.bytes
    percent = "100" if share == 100 else f"{math.floor(share * 10) / 10:g}"
    return (
        f"{covered.compared:,} of {counted(covered.tensors, 'tensor')}, {percent} % of bytes compared; "
        f"{covered.identical:,} bit for bit equal{more}"
    )


def where(entry: Entry, check: CheckResult, model: ModelResult, run: RunResult) -> Position | None:
    """The line of the manifest that asked for it, or the nearest thing to it."""
    nearest = entry.worst.position or check.position or model.position
    return nearest or (Position(run.manifest) if run.manifest else None)


def label(fold: Fold, limit: int = 400) -> str:
    """The names in a fold, `block_{0..11}/kernel`, with some left out where they make more than `limit`."""
    whole = fold.label()
    return whole if len(whole) <= limit else crop(fold.label(shown=4), limit)


def labels(entry: Entry, limit: int = 400) -> tuple[list[str], int]:
    """The names in an entry, as many as fit into `limit`, and how many tensors are left out."""
    shown: list[str] = []
    room = limit
    for each in entry.names:
        name = label(each, limit)
        room -= len(name) + 2
        if shown and room < 0:
            break
        shown.append(name)
    return shown, sum(each.count for each in entry.names[len(shown) :])


def tally(entry: Entry) -> str:
    """`12 tensors`; nothing for a single finding."""
    if entry.count == 1:
        return ""
    tensors = sum(math.prod(len(part) for part in each.parts if not isinstance(part, str)) for each in entry.names)
    return counted(tensors, "tensor") if tensors == entry.count else counted(entry.count, "finding")


def title(entry: Entry, limit: int = 400) -> str:
    """What an entry is about: its names and how many, or its reason when it concerns no tensor."""
    if not entry.names:
        return entry.worst.reason
    shown, left = labels(entry, limit)
    told = ", ".join(shown) + (f", and {left:,} more" if left else "")
    return told + (f" ({count})" if (count := tally(entry)) else "")


def speaker(entry: Entry) -> str:
    """`worst` or `first`: how the finding is called that speaks for the others; empty where all say the same."""
    if entry.says_one_thing:
        return ""
    return "worst" if entry.has_a_worst else "first"


def story(entry: Entry, limit: int = 400) -> list[str]:
    """The lines under the title: what all of it say, or what the worst one does, and its numbers."""
    worst = entry.worst
    if which := speaker(entry):
        return [f"{which}: {crop(worst.tensor or '', limit)}: {worst.reason}", *worst.details]
    return [*([worst.reason] if entry.names else []), *worst.details]


def numbers(entry: Entry, limit: int = 400) -> str:
    """The details of an entry whose reason was told, in one line."""
    worst = entry.worst
    told = "; ".join(worst.details)
    return f"{which}: {crop(worst.tensor or '', limit)}: {told}" if (which := speaker(entry)) and told else told


def unsaid(left: Sequence[Entry]) -> str:
    """`290 more findings`, by kind where there are several; nothing when nothing is left."""
    kinds: dict[str, int] = {}
    for each in left:
        kinds[each.worst.kind] = kinds.get(each.worst.kind, 0) + each.count
    if not kinds:
        return ""
    told = f" ({', '.join(f'{count:,} {kind}' for kind, count in kinds.items())})" if len(kinds) > 1 else ""
    return f"{counted(sum(kinds.values()), 'more finding')}{told}"


def rank(model: ModelResult) -> int:
    """Models that could not be checked first, then those that failed, then the rest."""
    order = (Outcome.ERROR, Outcome.FAILED, Outcome.NOT_RUN)
    return order.index(model.outcome) if model.outcome in order else len(order)

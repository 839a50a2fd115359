"""Did loading bring every tensor of the file, unchanged, into the variable of its name, and nothing else anywhere?

The tags of `gate.runtime.tags` tell which tensor landed in which variable; names tell where it belongs; then what the
real file left in each variable is compared with the tensor that landed there, bit for bit.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from gate.asked import Loading, Waiver
from gate.checks.evidence import NotLoaded
from gate.checks.framework_warnings import warnings_of
from gate.checks.interface import UNCHECKABLE, UNREADABLE, Subject, result, unreadable
from gate.checks.landings import ELSEWHERE, NOT_LOADED, NOT_RESTORED, Account, Trouble, active, is_waived
from gate.checks.renamed import layers_renamed, quoted
from gate.checks.wording import kind_of, number, place, share
from gate.errors import UnreadableError
from gate.position import Position
from gate.results import CheckResult, Finding, Outcome
from gate.tensors.compare import EVERY_BIT, Measurement
from gate.tensors.dtypes import dtype_name
from gate.tensors.survey import Job, measure
from gate.tensors.weightset import Tensor
from gate.wording import counted

__all__ = ["ALTERED", "ELSEWHERE", "FAILED", "NOT_LOADED", "NOT_RESTORED", "check_restore", "restore_waivers"]

ALTERED, FAILED = "altered", "load-failed"
_ABSENT = frozenset({NOT_LOADED, NOT_RESTORED})
_MOST_NAMED = 5


def check_restore(subject: Subject) -> CheckResult:
    """Judges the load of the file, tensor by tensor and variable by variable."""
    at = subject.positions.get("load") or subject.positions.get("weights")
    try:
        restored = subject.loaded.restored()
    except NotLoaded as error:
        return result("restore", error.reason, [Finding(FAILED, error.reason, hint=error.hint, position=at)], 1, at)
    account = Account(restored, subject.loading, subject.groups, at)
    troubles = [*account.troubles(), *_altered(account, subject.threads)]
    # What could not be read is not restored in some other way: no waiver is about that.
    troubles = _renamed(subject, troubles)
    kept = [
        trouble.finding
        for trouble in troubles
        if trouble.finding.kind == UNREADABLE or not is_waived(trouble.names, subject.loading)
    ]
    summary = _summary(account, troubles, len(troubles) - len(kept))
    if account.asked_tensors and not kept and len(_right(account, troubles)) == 0:
        kept.append(
            Finding(
                UNCHECKABLE,
                "nothing was restored, and every finding is waived: that the file loads is not shown",
                hint="waive what need not arrive, by narrower patterns, or say `load: false`",
                position=subject.positions.get("restore") or at,
            )
        )
    kept += warnings_of(restored.said, at)
    kept += _idle(subject.loading, account, subject.positions.get("restore") or at)
    return result("restore", summary, kept, len(account.asked_tensors), at)


def _renamed(subject: Subject, troubles: Sequence[Trouble]) -> list[Trouble]:
    """With what to do where the file has a layer under another name than the reference and the code."""
    if not any(trouble.finding.kind in _ABSENT for trouble in troubles):
        return list(troubles)
    hints: dict[str, str] = {}
    for each in layers_renamed(subject):
        glob = f"{each.new}**" if each.new.endswith("/") else each.new
        waiver = f"restore: {{waive: [{{match: {quoted(glob)}, reason: why, until: YYYY-MM-DD}}]}}"
        hint = (
            f"file and code disagree on a name: {each.new} in the file is {each.old} in the code. Either rename it in"
            f" the code, and tell the new name by `names`; or save the file anew with {each.old}, and no rule is needed"
            f". Where it need not arrive meanwhile: `{waiver}`"
        )
        hints |= dict.fromkeys((*each.missing, *each.surplus), hint)
    return [
        replace(trouble, finding=replace(trouble.finding, hint=hints[trouble.finding.tensor or ""]))
        if trouble.finding.kind in _ABSENT and trouble.finding.tensor in hints
        else trouble
        for trouble in troubles
    ]


def restore_waivers(subject: Subject) -> tuple[CheckResult, ...]:
    """One waived result for each waiver that holds, with its reason."""
    return tuple(
        CheckResult(
            f"restore waived: {each.match}",
            Outcome.WAIVED,
            f"need not be restored: {each.reason}" + (f" (until {each.until})" if each.until else ""),
            position=each.position,
        )
        for each in active(subject.loading)
    )


def _idle(loading: Loading, account: Account, at: Position | None) -> Iterator[Finding]:
    """Patterns that match nothing guard nothing: of waivers, also those whose day has passed, and of `partial`."""
    variables = account.restored.variables
    names = {*account.restored.tensors, *variables}
    for each in loading.waivers:
        if not any(map(each.matches, names)):
            yield Finding(
                UNCHECKABLE,
                f"the waiver `{each.match}` matches no tensor and no variable",
                hint="correct the pattern, or remove the waiver",
                position=each.position,
            )
    for pattern in loading.partial:
        if not any(map(Waiver(pattern, "").matches, variables)):
            told = ", ".join(list(variables)[:_MOST_NAMED]) + (", …" if len(variables) > _MOST_NAMED else "")
            yield Finding(
                UNCHECKABLE,
                f"`partial` names `{pattern}`, and no variable matches it",
                hint=f"correct the pattern; the variables are {told or 'none'}",
                position=at,
            )


def _altered(account: Account, threads: int) -> Iterator[Trouble]:
    """What landed, and is not what the file has: other values, another dtype, another shape."""
    jobs: dict[str, Job] = {}
    landed = dict(account.pairs())
    for variable, tensor in landed.items():
        ours, theirs = account.restored.variables[variable], account.restored.tensors[tensor]
        if (ours.shape, dtype_name(ours.dtype)) != (theirs.shape, dtype_name(theirs.dtype)):
            yield Trouble(_another_kind(variable, ours, tensor, theirs, account.at), tensor, (variable,))
        else:
            jobs[variable] = Job(ours, theirs, EVERY_BIT, variable)
    for variable, found in measure(jobs.values(), threads).items():
        tensor = landed[variable]
        if isinstance(found, UnreadableError):
            yield Trouble(unreadable(tensor, found, account.at), tensor, (variable,))
        elif found.violating:
            yield Trouble(_changed(tensor, variable, jobs[variable], found, account.at), tensor, (variable,))


def _another_kind(variable: str, ours: Tensor, name: str, theirs: Tensor, at: Position | None) -> Finding:
    return Finding(
        ALTERED,
        f"the file has {kind_of(theirs)}, the variable {variable} {kind_of(ours)}",
        tensor=name,
        hint="give the layer the dtype and the shape of the file, or save the file as it is served",
        severity=1.0,
        position=at,
    )


def _changed(name: str, variable: str, job: Job, found: Measurement, at: Position | None) -> Finding:
    details = []
    if found.worst is not None:
        where = place(found.worst.index, job.actual.shape)
        details.append(f"worst at {where}: {number(found.worst.actual)}, the file has {number(found.worst.expected)}")
    verb = "is" if found.violating == 1 else "are"
    return Finding(
        ALTERED,
        f"{found.violating:,} of {counted(found.elements, 'element')} of the variable {variable} {verb} not the file's",
        tensor=name,
        details=tuple(details),
        hint="the loader changes what it reads: see whether that is meant, and save what is served",
        severity=1.0,
        position=at,
    )


def _summary(account: Account, troubles: Iterable[Trouble], waived: int) -> str:
    """`312 of 312 tensors restored, 100 % of bytes; 312 of 312 variables written by the load`, and what limits that."""
    tensors, asked = account.restored.tensors, account.asked_tensors
    fine = _right(account, troubles)
    written = [name for name in account.asked_variables if account.is_written(name)]
    text = f"{len(fine):,} of {counted(len(asked), 'tensor')} restored"
    arrived, of = (sum(tensors[name].nbytes for name in names) for names in (fine, asked))
    if arrived < of or len(fine) == len(asked) > 0:  # what is empty has no share in the bytes
        text += f", {share(arrived, of)} of bytes"
    text += f"; {len(written):,} of {counted(len(account.asked_variables), 'variable')} written by the load"
    return "; ".join([text, *_limits(account, waived)])


def _copies(account: Account) -> Iterator[str]:
    if copies := account.copies:
        named = ", ".join(copies[:_MOST_NAMED]) + (", …" if len(copies) > _MOST_NAMED else "")
        yield f"{counted(len(copies), 'variable')} of no tensor's name, each a copy of one: {named}"


def _right(account: Account, troubles: Iterable[Trouble]) -> list[str]:
    """The tensors that arrived as they should."""
    wrong = {trouble.tensor for trouble in troubles}
    return [name for name in account.asked_tensors if name not in wrong]


def _limits(account: Account, waived: int) -> Iterator[str]:
    restored, asked = account.restored, account.asked_tensors
    if account.left:
        yield f"{counted(len(account.left), 'tensor')} left in the file, as told"
    if account.kept:
        yield f"{counted(len(account.kept), 'variable')} left as built, as told"
    if waived:
        yield f"{counted(waived, 'finding')} waived"
    for each in account.loading.waivers:
        if each.expired(account.loading.today):
            yield f"the waiver for {each.match} ended after {each.until} and no longer holds"
    if unknown := [name for name in asked if name in restored.uncertain]:
        yield f"of {counted(len(unknown), 'tensor')} no name tells the variable: taken as they landed"
    if texts := [name for name in asked if name in restored.texts]:
        yield f"{counted(len(texts), 'tensor')} of texts compared by name, since texts carry no tag"
    yield from _copies(account)
    if account.tables:
        yield f"{counted(len(account.tables), 'tensor')} of lookup tables not proved: predictions show them"
    for note in restored.notes:
        yield note.partition(": ")[0]  # how names were paired; which ones is a long list

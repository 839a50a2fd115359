"""Which tolerance tensors and predictions that are beyond theirs would need: grouped by the rule that set it."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

from gate.checks.inline import inline_array
from gate.checks.interface import Subject
from gate.checks.predictions import MISMATCH, compared_outputs
from gate.covering import covering
from gate.errors import GateError, UnreadableError
from gate.globs import glob_pattern
from gate.results import CheckResult, ModelResult, Outcome
from gate.tensors.agreement import compare_outputs
from gate.tensors.compare import Criterion, Measurement, compare
from gate.tensors.dtypes import is_floating
from gate.tensors.leniency import MOST, Expected
from gate.tensors.rules import Rule
from gate.tensors.smallest import smallest
from gate.tensors.survey import Job, measure
from gate.tensors.tolerance import Tolerance
from gate.tensors.weightset import Array

VALUE = "value-mismatch"


@dataclass(frozen=True, eq=False)
class Failed:
    """One tensor that is beyond its tolerance: how far, and from what."""

    name: str
    expected: Expected
    found: tuple[Measurement, ...]
    inline: Array | None = None
    """Values of the manifest; None where the reference's alone are meant."""
    by_reference: bool = True


@dataclass(frozen=True, eq=False)
class Group:
    """Tensors that have one tolerance, of one rule or by default."""

    given: Tolerance
    rule: Rule | None
    failed: tuple[Failed, ...]
    wanted: Tolerance | None = None
    glob: str = ""
    """What matches these tensors and no other."""
    is_own: bool = False
    """Whether that is the rule which they have already."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.failed)


@dataclass(frozen=True, eq=False)
class Entry:
    """One entry of `predictions` that is beyond its tolerance."""

    index: int
    given: Tolerance
    is_default: bool
    outputs: tuple[tuple[str, Array, Array], ...] = field(repr=False)
    wanted: Tolerance | None = None

    @cached_property
    def expected(self) -> tuple[Expected, ...]:
        return tuple(Expected(each) for _, _, each in self.outputs if is_floating(each.dtype))


def other_causes(judged: ModelResult) -> list[str]:
    """Kinds of findings that no tolerance mends."""
    kinds = {finding.kind for check in judged.checks for finding in check.findings if _is_red(check)}
    return sorted(kinds - {VALUE, MISMATCH})


def _is_red(check: CheckResult) -> bool:
    return check.outcome in (Outcome.FAILED, Outcome.ERROR)


def groups_of(subject: Subject, judged: ModelResult) -> tuple[list[Group], list[str]]:
    """The tensors that a wider tolerance lets pass, by what set theirs; and those that none does."""
    names = dict.fromkeys(
        finding.tensor
        for check in judged.checks
        if check.check == "values"
        for finding in check.findings
        if finding.kind == VALUE and finding.tensor is not None
    )
    most = max(4096, min(MOST, 4 * MOST // max(1, len(names))))
    groups: dict[tuple[int, Tolerance], Group] = {}
    beyond: list[str] = []
    for name in names:
        failed = _failed(subject, name, most)
        if failed is None or not any(math.isfinite(w) for each in failed.found for w in _needs(each)):
            beyond.append(name)
            continue
        rule = subject.expectations[name].sources.get("tolerance")
        given = subject.criterion(name).tolerance
        key = (-1 if rule is None else subject.rules.all.index(rule), given)
        before = groups.get(key, Group(given, rule, ()))
        groups[key] = replace(before, failed=(*before.failed, failed))
    return list(groups.values()), beyond


def _needs(found: Measurement) -> tuple[float, float]:
    return found.needed_atol, found.needed_rtol


def _failed(subject: Subject, name: str, most: int) -> Failed | None:
    """What is known of a tensor whose values differ; None where no tolerance has a part in it."""
    tensor = subject.pairing.candidate[name]
    criterion = subject.criterion(name)
    if criterion.bitwise or not is_floating(tensor.dtype):
        return None
    found: list[Measurement] = []
    expected: Array | None = None
    inline: Array | None = None
    try:
        by_reference = name in subject.compared
        if by_reference:
            theirs = subject.pairing.reference[name]
            of_reference = subject.measurements[name]
            if isinstance(of_reference, UnreadableError) or theirs.locked is not None:
                return None
            found.append(of_reference)
            expected = theirs.read()
        if subject.expectations[name].values is not None:
            inline, _ = inline_array(subject.expectations[name].values, tensor)
            if inline is None:
                return None
            found.append(compare(tensor.read(), inline, criterion))
            expected = inline if expected is None else expected
    except UnreadableError:
        return None
    if expected is None or any(each.violating and not math.isfinite(each.needed_atol) for each in found):
        return None
    return Failed(name, Expected(expected, most), tuple(found), inline, by_reference)


def sensible(groups: Iterable[Group], subject: Subject) -> tuple[list[Group], list[Group]]:
    """The groups with the smallest tolerance of each; and, one by one, tensors for which it would be none."""
    fine: list[Group] = []
    too_wide: list[Group] = []
    for group in groups:
        alone = [_measured(replace(group, failed=(each,)), None) for each in group.failed]
        too_wide += [each for each in alone if _is_no_noise(each)]
        together = tuple(each.failed[0] for each in alone if not _is_no_noise(each))
        fine += _parted(replace(group, failed=together), subject) if together else []
    return fine, too_wide


def _parted(group: Group, subject: Subject) -> Iterator[Group]:
    """The group, or parts of it: what the largest needs may be as wide as the smallest are apart."""
    measured = _measured(group, subject)
    if not _is_no_noise(measured):
        yield measured
        return
    wanted = measured.wanted
    small = [each for each in group.failed if wanted is None or each.expected.is_no_noise(wanted)]
    large = [each for each in group.failed if each not in small]
    if not large:
        small, large = small[:1], small[1:]
    for part in (small, large):
        if part:
            yield from _parted(replace(group, failed=tuple(part)), subject)


def _measured(group: Group, subject: Subject | None) -> Group:
    """With the smallest tolerance, which is proved on the tensors of `subject`, if that is given."""
    found = [each for failed in group.failed for each in failed.found]
    expected = [failed.expected for failed in group.failed]
    again = partial(_again, group, subject) if subject else None
    return replace(group, wanted=smallest(group.given, found, expected, again))


def _is_no_noise(group: Group) -> bool:
    return group.wanted is None or any(each.expected.is_no_noise(group.wanted) for each in group.failed)


def _again(group: Group, subject: Subject, tolerance: Tolerance) -> Iterator[Measurement]:
    """All comparisons of the group's tensors, by another tolerance."""

    def criterion(name: str) -> Criterion:
        return replace(subject.criterion(name), tolerance=tolerance)

    pairing = subject.pairing
    jobs = [
        Job(pairing.candidate[each.name], pairing.reference[each.name], criterion(each.name), each.name)
        for each in group.failed
        if each.by_reference
    ]
    for found in measure(jobs, subject.threads).values():
        if isinstance(found, UnreadableError):
            raise found
        yield found
    for each in group.failed:
        if each.inline is not None:
            yield compare(pairing.candidate[each.name].read(), each.inline, criterion(each.name))


def entries_of(subject: Subject, judged: ModelResult) -> tuple[list[Entry], list[Entry]]:
    """The entries of `predictions` that a wider tolerance lets pass, and those for which it would be none."""
    checks = [check for check in judged.checks if check.check == "predictions" and _is_red(check)]
    fine: list[Entry] = []
    far: list[Entry] = []
    if not any(finding.kind == MISMATCH for check in checks for finding in check.findings):
        return fine, far
    for index, asked in enumerate(subject.loading.predictions):
        if not asked.elementwise or asked.expected is None:
            continue
        try:
            tolerance, outputs = compared_outputs(subject, index)
            made = _entry(Entry(index, tolerance, asked.tolerance is None, tuple(outputs)))
        except GateError:
            continue
        if made is not None:
            is_no_noise = made.wanted is None or any(each.is_no_noise(made.wanted) for each in made.expected)
            (far if is_no_noise else fine).append(made)
    return fine, far


def _entry(entry: Entry) -> Entry | None:
    """With the tolerance that it would take; None where it holds, or where no tolerance has a part in it."""

    def again(tolerance: Tolerance) -> list[Measurement]:
        return [compare_outputs(actual, expected, tolerance) for _, actual, expected in entry.outputs]

    found = again(entry.given)
    if not any(each.violating for each in found) or any(not math.isfinite(each.needed_atol) for each in found):
        return None
    return replace(entry, wanted=smallest(entry.given, found, entry.expected, again))


def by_glob(group: Group, subject: Subject) -> Iterator[Group]:
    """The group by the rules that it takes: its own, or new ones, each as narrow as its tensors allow.

    Of several rules that match, the last one holds; so a tensor counts for that one.
    """
    wanted = {*group.names}
    if group.rule is not None:
        governed = {name for name, each in subject.expectations.items() if each.sources.get("tolerance") is group.rule}
        if governed == wanted:
            yield replace(group, glob=group.rule.match, is_own=True)
            return
    globs = covering(group.names, (name for name in subject.pairing.names if name not in wanted))
    of: dict[str, list[Failed]] = {glob: [] for glob in globs}
    for failed in group.failed:
        last = next(glob for glob in reversed(globs) if glob_pattern(glob).fullmatch(failed.name))
        of[last].append(failed)
    for glob, some in of.items():
        if some:
            part = replace(group, failed=tuple(some), glob=glob)
            narrow = part if len(globs) == 1 else _measured(part, subject)
            yield replace(narrow, wanted=narrow.wanted or group.wanted)

"""The smallest tolerance that would make a red model green, rule by rule, as a patch; and what it would let through.

Only for values that differ by themselves. Where something else is wrong (a swap, a NaN, a rounding) the cause is to be
mended, and where a tolerance would have to be a tenth of what values differ among themselves, it is for no noise.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gate.advice.let_through import let_through, outputs_let_through
from gate.advice.needs import Entry, Group, by_glob, entries_of, groups_of, other_causes, sensible
from gate.checks.interface import Subject
from gate.checks.wording import distance
from gate.results import ModelResult, Suggestion
from gate.tensors.dtypes import dtype_name
from gate.tensors.leniency import Expected
from gate.tensors.tolerance import Tolerance
from gate.wording import counted
from gate.written import Written

KIND = "tolerance"
_MOST_RULES = 30
_NAMED = 5
_SAID = 10


def advise(subject: Subject, judged: ModelResult) -> Iterator[Suggestion]:
    """What one may do about values and predictions that are beyond their tolerance."""
    others = other_causes(judged)
    found, beyond = groups_of(subject, judged)
    fine, too_wide = sensible(found, subject)
    groups = [each for group in fine for each in by_glob(group, subject)]
    entries, far = entries_of(subject, judged) if not (others or beyond or too_wide) else ([], [])
    if groups or entries:
        yield _offer(subject, groups, entries, [*others, *(["other tensors differ by more"] if too_wide else [])])
    if too_wide or far:
        yield _no_offer(too_wide, far, approvable=subject.written is not None)


@dataclass(frozen=True)
class _Change:
    """One edit of the model's entry in the manifest, what it is for, and what it would mean."""

    path: tuple[str | int, ...]
    value: Any
    is_added: bool
    told: tuple[str, ...]


def _of_group(group: Group, subject: Subject) -> _Change:
    wanted = group.wanted or group.given
    told = (_said(group, wanted), *let_through(group.failed, wanted, subject))
    if group.is_own and group.rule is not None:
        return _Change(("tensors", subject.rules.all.index(group.rule), "tolerance"), _plain(wanted), False, told)
    return _Change(("tensors",), {"match": group.glob, "tolerance": _plain(wanted)}, True, told)


def _of_entry(entry: Entry) -> _Change:
    wanted = entry.wanted or entry.given
    by = "the device's default" if entry.is_default else "as the entry has it"
    said = f"predictions[{entry.index}]: {wanted} instead of {entry.given} ({by})"
    told = (said, *outputs_let_through(entry.outputs, wanted))
    return _Change(("predictions", entry.index, "tolerance"), _plain(wanted), False, told)


def _offer(subject: Subject, groups: Sequence[Group], entries: Sequence[Entry], others: Sequence[str]) -> Suggestion:
    """The patch, and what it would mean."""
    if len(groups) > _MOST_RULES:
        what = f"it would take {len(groups):,} rules, so none is offered: see what these tensors have in common"
        return Suggestion(KIND, _TITLE, (what,))
    changes = [*(_of_group(each, subject) for each in groups), *map(_of_entry, entries)]
    details = [line for change in changes[:_SAID] for line in change.told]
    if len(changes) > _SAID:
        details.append(f"and {counted(len(changes) - _SAID, 'more rule')}")
    if others:
        details.append(f"this alone does not make the model green: {', '.join(others)}")
    if (written := subject.written) is None:
        return Suggestion(KIND, _TITLE, tuple(details))
    if written.is_glob:
        details.append("the entry stands for every file that its glob matches, and so does the change")
    code, language = _patch(written, changes)
    if "\r\n" in written.text and language == "diff":
        details.append("the manifest's lines end with CRLF: what is pasted needs `git apply --ignore-whitespace`")
    return Suggestion(KIND, _TITLE, tuple(details), code, language)


_TITLE = "The smallest tolerance that would pass. Take it only where the difference is noise."


def _said(group: Group, wanted: Tolerance) -> str:
    dtypes = dict.fromkeys(dtype_name(each.expected.array.dtype) for each in group.failed)
    by = f"of the rule `{group.rule.match}`" if group.rule else f"the default of {', '.join(dtypes)}"
    return f"{group.glob}: {wanted} instead of {group.given} ({by}), for {counted(len(group.failed), 'tensor')}"


def _plain(tolerance: Tolerance) -> dict[str, float]:
    return {"rtol": tolerance.rtol, "atol": tolerance.atol}


def _patch(written: Written, changes: Iterable[_Change]) -> tuple[str, str]:
    """The change of the manifest as a diff; as YAML where its text is one that only a person can change."""
    from gate.manifest.edit import Append, EditError, Put, edited  # noqa: PLC0415 - `diff` runs without pydantic
    from gate.manifest.unified_diff import unified_diff  # noqa: PLC0415

    at = ("models", written.index)
    made = [(Append if each.is_added else Put)((*at, *each.path), each.value) for each in changes]
    try:
        return unified_diff(written.text, edited(written.text, made, written.file), written.patched), "diff"
    except EditError as error:
        return error.snippet, "yaml"


def _no_offer(groups: Sequence[Group], entries: Sequence[Entry], approvable: bool) -> Suggestion:
    """Why no tolerance is offered."""
    details: list[str] = []
    for group in groups[:_NAMED]:
        failed = group.failed[0]
        details.append(f"{failed.name}: {_would_take(group.wanted, group.given)} {_apart(failed.expected)}")
    if len(groups) > _NAMED:
        details.append(f"and {counted(len(groups) - _NAMED, 'more tensor')}")
    for entry in entries:
        expected = max(entry.expected, key=lambda each: each.spread, default=None)
        told = f" {_apart(expected)}" if expected else ""
        details.append(f"predictions[{entry.index}]: {_would_take(entry.wanted, entry.given)}{told}")
    meant = ". Where the new values are meant, approve them with `weight-gate update`" if approvable else ""
    details.append(
        f"that is more than a tenth of what the values differ among themselves: a difference, not noise{meant}"
    )
    return Suggestion(KIND, "No tolerance is offered: this is no noise.", tuple(details))


def _would_take(wanted: Tolerance | None, given: Tolerance) -> str:
    if wanted is None:
        return "no tolerance passes"
    return f"atol={wanted.atol:g}" if wanted.atol != given.atol else f"rtol={wanted.rtol:g}"


def _apart(expected: Expected) -> str:
    if not expected.rms:
        return "where every expected value is zero"
    return f"where the expected values have a standard deviation of {distance(float(f'{expected.spread:.3g}'))}"

"""What stands in the way of an approval: what the manifest says that a reference made of this file would not fulfil.

`weight-gate update` judges the model against what it would write, and refuses what is red then. Here the same is asked
before, of the data that tell it soon, so that no command is printed which could not work.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from gate.approvals.copies import refuse_name
from gate.approvals.own_reference import of_these, own_reference
from gate.checks.interface import Subject
from gate.checks.renamed import Renamed, layers_renamed
from gate.checks.rules import check_rules
from gate.checks.statistics import check_statistics
from gate.checks.structure import check_structure
from gate.checks.values import check_values
from gate.errors import GateError
from gate.globs import glob_pattern, literal
from gate.results import Finding
from gate.tensors.rules import Expect, Rule
from gate.written import Written

_MOST = 3


@dataclass(frozen=True)
class Obstacles:
    """Reasons, and the change of the manifest that takes them away where one is known, with its language."""

    reasons: tuple[str, ...] = ()
    code: str = ""
    language: str = "sh"


def obstacles(subject: Subject, takes: Callable[[str], bool]) -> Obstacles:
    """What keeps the tensors that `takes` means from being approved; no reasons where nothing does."""
    after = own_reference(subject, takes)
    reasons = [*_of_format(subject), *_of_rules(after), *_of_findings(after)]
    idle = subject.rules.idle(after.pairing.names)
    known = [(rule, glob) for rule in idle for glob in _new_glob(rule, subject)] if idle else []
    reasons += [_idle(rule, dict(known).get(rule, "")) for rule in idle]
    if known and len(known) == len(reasons) and subject.written is not None:
        return Obstacles(tuple(reasons), *_patch(subject.written, subject.rules.all, known))
    return Obstacles(tuple(reasons))


def _of_format(subject: Subject) -> Iterator[str]:
    """A file cannot become one of another format under the same name."""
    reference = subject.reference
    if reference is None or subject.is_locked or reference.format == subject.candidate.format:
        return
    formats = {reference.format, subject.candidate.format}
    try:
        if formats & {"saved_model", "checkpoint"}:
            raise GateError(
                f"the weights are of format {subject.candidate.format}, the reference of {reference.format}"
            )
        refuse_name(subject.candidate.format, reference.files[0].name, reference.format, reference.files[0].name)
    except GateError as error:
        yield str(error)


def _of_rules(after: Subject) -> Iterator[str]:
    yield from _told(each for each in check_rules(after).findings if each.kind not in ("idle-rule", "expired-waiver"))


def _of_findings(after: Subject) -> Iterator[str]:
    """What would be red of the file itself, and of rules that ask for a difference."""
    names = after.expectations
    changed = [name for name in after.compared if names[name].expect == Expect.CHANGED]
    if changed:
        own = {name for name in changed if after.pairing.reference[name] is after.pairing.candidate[name]}
        if own:
            yield _same(after, sorted(own))
    yield from _told(check_structure(after).findings)
    asked = of_these(after, lambda name: names[name].values is not None and name not in changed)
    if asked.pairing.candidate:
        yield from _told(check_values(asked).findings)
    bounded = of_these(after, lambda name: bool(names[name].statistics))
    if bounded.pairing.candidate:
        yield from _told(check_statistics(bounded).findings)


def _same(after: Subject, names: list[str]) -> str:
    at = after.position(names[0], "expect")
    where = f" ({at})" if at else ""
    more = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
    return (
        f"`expect: changed` asks that {names[0]}{more} differ from the reference{where}, which would be this file: "
        "take that rule out first, or say `expect: any` with a reason"
    )


def _told(findings: Iterable[Finding]) -> Iterator[str]:
    found = list(findings)
    for each in found[:_MOST]:
        yield f"{each.tensor}: {each.reason}" if each.tensor else each.reason
    if len(found) > _MOST:
        yield f"and {len(found) - _MOST:,} more like these"


def _idle(rule: Rule, glob: str) -> str:
    where = f" ({rule.position})" if rule.position else ""
    what = f"write `{glob}` instead first" if glob else "correct it, or take it out first"
    return f"the rule `{rule.match}`{where} would match no tensor any more: {what}"


def _new_glob(rule: Rule, subject: Subject) -> Iterator[str]:
    """The rule's glob for the new name of a layer, where it means just the same tensors there."""
    meant = {name for name in subject.pairing.names if rule.matches(name)}
    for each in layers_renamed(subject):
        if (glob := _translated(rule.match, each)) is not None:
            new = {each.new + name.removeprefix(each.old) for name in meant}
            matches = glob_pattern(glob).fullmatch
            if meant <= each.missing and {name for name in subject.pairing.names if matches(name)} == new:
                yield glob
                return


def _translated(glob: str, renamed: Renamed) -> str | None:
    old = literal(renamed.old)
    return literal(renamed.new) + glob.removeprefix(old) if glob.startswith(old) else None


def _patch(written: Written, rules: tuple[Rule, ...], known: Iterable[tuple[Rule, str]]) -> tuple[str, str]:
    from gate.manifest.edit import EditError, Put, edited  # noqa: PLC0415 - `diff` runs without pydantic
    from gate.manifest.unified_diff import unified_diff  # noqa: PLC0415

    made = [Put(("models", written.index, "tensors", rules.index(rule), "match"), glob) for rule, glob in known]
    try:
        return unified_diff(written.text, edited(written.text, made, written.file), written.patched), "diff"
    except EditError as error:
        return error.snippet, "yaml"

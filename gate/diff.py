"""Two weight files, tensor by tensor: the checks of a gate without a manifest, and a table of what was found."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from gate.checks.interface import Subject
from gate.checks.wording import distance
from gate.errors import UnreadableError
from gate.plan import ModelPlan
from gate.references.path import PathReference
from gate.tensors.dtypes import dtype_name, is_number
from gate.tensors.rules import Expect, Rule, Rules
from gate.tensors.tolerance import Tolerance
from gate.tensors.weightset import Group


@dataclass(frozen=True)
class Row:
    """One tensor of either file. `largest` is the largest absolute difference, `None` where none was computed."""

    name: str
    state: str  # "identical", "within tolerance", "differs", "missing", …
    dtype: str
    shape: str
    differing: int | None = None
    elements: int | None = None
    largest: float | None = None


def plan_diff(
    reference: Path,
    candidate: Path,
    tolerance: Tolerance | None = None,
    identical: bool = False,
    groups: Iterable[Group] = (),
) -> ModelPlan:
    """The plan that compares `candidate` with `reference`, as a manifest with those two lines would."""
    rules = (Rule("**", expect=Expect.IDENTICAL),) if identical else ()
    chosen = frozenset({Group.WEIGHTS, *groups})
    return ModelPlan(
        name=str(candidate),
        weights=str(candidate),
        path=candidate.absolute(),
        rules=Rules(rules, date.min, tolerance),
        reference=PathReference(reference.absolute(), str(reference)),
        groups=chosen,
        checked=(*(("rules",) if rules or len(chosen) > 1 else ()), "structure", "finite", "values"),
        distinct=False,
    )


def rows(subject: Subject) -> list[Row]:
    """Every compared tensor of both files, the candidate's order first."""
    return [_row(subject, name) for name in subject.pairing.names]


def _row(subject: Subject, name: str) -> Row:
    tensor = subject.pairing.candidate.get(name) or subject.pairing.reference[name]
    kind = (dtype_name(tensor.dtype), str(list(tensor.shape)))
    if name in subject.pairing.doubtful:
        return Row(name, "uncertain", *kind)
    if name not in subject.pairing.candidate:
        return Row(name, "missing", *kind)
    if name not in subject.pairing.reference:
        return Row(name, "unexpected", *kind)
    if name not in subject.comparable:
        other = subject.pairing.reference[name]
        both = (dtype_name(other.dtype), str(list(other.shape)))
        dtype, shape = (f"{was} -> {now}" if was != now else now for was, now in zip(both, kind, strict=True))
        return Row(name, "shape differs" if other.shape != tensor.shape else "dtype differs", dtype, shape)
    found = subject.measurements[name]
    if isinstance(found, UnreadableError):
        return Row(name, "unreadable", *kind)
    state = "differs" if found.violating else "identical" if found.identical else "within tolerance"
    largest = float(distance(found.max_difference)) if is_number(tensor.dtype) else None
    return Row(name, state, *kind, found.violating or found.unequal, found.elements, largest)

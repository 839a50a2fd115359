"""Why a damage slipped through, and which rule would catch it: with numbers, ready to be written down."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from gate.errors import UnreadableError
from gate.globs import literal
from gate.manifest.yaml_writing import flow
from gate.mutations.interface import Mutation
from gate.mutations.measure import distance
from gate.mutations.overlay import Overlay
from gate.mutations.tighter import Tighter
from gate.position import Position
from gate.tensors.compare import Criterion
from gate.tensors.dtypes import is_real
from gate.tensors.rules import Expect, Expectation
from gate.tensors.statistics import statistics

OR_PREDICTIONS = ", or `predictions`"
_MOST_BYTES = 256 * 1024 * 1024  # of a tensor whose statistics are looked at for a cure
_MOVES = 0.01  # relative: less is no basis for a bound
_ORDER = ("std", "norm", "mean", "max", "min", "sparsity", "kurtosis", "skewness")


@dataclass(frozen=True)
class Slip:
    """`why` begins with what let it through; `cure` is what would not."""

    why: str
    cure: str
    position: Position | None


def explain(tighter: Tighter, mutation: Mutation, name: str) -> Slip:
    """What let a damage of the tensor `name` through."""
    base = tighter.base
    subject = base.subject
    expectation = subject.rules.expectation(name)
    rule = expectation.position("expect")
    model = subject.positions.get("reference") or subject.positions.get("weights")
    overlay = mutation.changed.get(name)
    if expectation.expect == Expect.IGNORED:
        return Slip(f"ignored by {_at(rule)}", f"a rule that looks at {name} would", rule)
    if expectation.expect in (Expect.NEW, Expect.REMOVED):
        cure = _bound(overlay, name) or ("`values` would" if overlay else f"no such rule for {name} would")
        return Slip(f"{expectation.expect} by {_at(rule)}: there is nothing to compare it with", cure, rule)
    if subject.reference is None:
        cure = _bound(overlay, name)
        return Slip("no reference", "`reference: …` would" + (f", or {cure}" if cure else ""), model)
    if overlay is None or overlay.dtype is not None:
        at = expectation.position("dtype") or rule
        return Slip(f"allowed by {_at(at)}", "no such rule would", at or model)
    if expectation.expect == Expect.ANY:
        cures = [tighter.close(name), _bound(overlay, name)]
        cure = ", or ".join(filter(None, cures)) or f"only a `reference` with these values would{OR_PREDICTIONS}"
        return Slip(f"`any` at {_at(rule)} looks at no value", cure, rule)
    if expectation.expect == Expect.CHANGED:
        cure = _bound(overlay, name) or f"only a `reference` with these values would{OR_PREDICTIONS}"
        return Slip(f"`changed` at {_at(rule)} asks only that it differs", cure, rule)
    return _tolerated(tighter, overlay, name, expectation)


def _at(position: Position | None) -> str:
    return f"{position.file}:{position.line}" if position else "the manifest"


def _tolerated(tighter: Tighter, overlay: Overlay, name: str, expectation: Expectation) -> Slip:
    """A tolerance that is wide enough, and one that is not."""
    base = tighter.base
    given, expected = base.allowed(name), base.expected(name)
    at = expectation.position("tolerance")
    special = expectation.position("nan") or expectation.position("inf")
    where = (
        f"the tolerance of {_at(at)}" if at else "`defaults.tolerance`" if expectation.tolerance else "the tolerance"
    )
    position = at or base.subject.positions.get("reference") or base.subject.positions.get("weights")
    if special and not math.isfinite(distance(overlay, expected, Criterion(given)).needed_atol):
        return Slip(f"allowed by {_at(special)}", "no such rule would", special)
    why = f"{where} ({given}) allows it"
    cure = tighter.cure(overlay, name) or _bound(overlay, name) or "only a reference nearer to the file would"
    return Slip(why, cure, position)


def _bound(overlay: Overlay | None, name: str) -> str:
    """A statistic that the damage moves, as a bound that it leaves; empty where none moves."""
    if overlay is None or overlay.dtype is not None:
        return ""
    if not is_real(overlay.original.dtype) or overlay.original.nbytes > _MOST_BYTES:
        return ""
    return next(_bounds(overlay, name), "")


def _bounds(overlay: Overlay, name: str) -> Iterator[str]:
    try:
        before, after = statistics(overlay.original.read()), statistics(overlay.read())
    except UnreadableError:
        return
    for key in _ORDER:
        was, now = before[key], after[key]
        if was is None or not math.isfinite(was):
            continue
        gone = now is None or not math.isfinite(now)
        apart = math.inf if gone or now is None else abs(now - was)
        if apart > _MOVES * abs(was) and apart > 1e-12:
            allowed = float(f"{min(apart, abs(was) or apart) / 2:.1g}")
            bound = {"value": float(f"{was:.6g}"), "atol": allowed}
            yield f"`- {flow({'match': literal(name), key: bound})}` would"

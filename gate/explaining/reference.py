"""What a model is compared with, in words: which file, commit, lock or address."""

from gate.explaining.lines import Lines
from gate.explaining.opened import Opened
from gate.explaining.said import Said
from gate.plan import NO_REFERENCE, ModelPlan
from gate.references.git import GitReference
from gate.references.lock import LockReference
from gate.references.path import PathReference
from gate.references.url import UrlReference
from gate.tensors.weightset import WeightSet
from gate.wording import counted


def file_said(plan: ModelPlan, weights: WeightSet | None) -> Said:
    """The file itself."""
    told = described(weights) if weights else "cannot be read"
    glob = f"one of {plan.glob}; " if plan.glob else ""
    return Said("file", f"{plan.weights} ({glob}{told})", plan.positions.get("weights"), plan.weights)


def reference_said(asked: ModelPlan, found: Opened, lines: Lines) -> Said:
    """`asked` is the plan as the manifest has it, `found` what became of it."""
    reference = asked.reference
    if reference is None:
        return Said("reference", f"none: {NO_REFERENCE}")
    parts = [_kind(asked)]
    if found.reference_said and isinstance(reference, LockReference):
        parts = [found.reference_said, "digests and statistics, no values"]
    elif found.reference_said:
        parts.append(found.reference_said)
    if found.reference is not None:
        parts.append(described(found.reference))
    elif found.reference_unknown and not found.reference_said:
        parts.append("cannot be had")
    return Said("reference", "; ".join(parts), lines.of("reference"), reference.shown)


def renames(plan: ModelPlan) -> list[Said]:
    """How names of the reference are changed first."""
    return [
        Said("names", f"{each.pattern} -> {each.replacement}", each.position, [each.pattern, each.replacement])
        for each in plan.renames
    ]


def described(weights: WeightSet) -> str:
    """`keras, 12 tensors, 9,196 bytes`."""
    return f"{weights.format}, {counted(len(weights), 'tensor')}, {weights.nbytes:,} bytes"


def _kind(plan: ModelPlan) -> str:
    reference = plan.reference
    if isinstance(reference, PathReference):
        return f"the file {reference.shown}"
    if isinstance(reference, LockReference):
        return f"the lock {reference.shown}"
    if isinstance(reference, GitReference):
        allowed = ", which may be missing there" if reference.missing else ""
        return f"{reference.written} in the commit that {reference.ref} means{allowed}"
    if isinstance(reference, UrlReference):
        return f"the file at {reference.shown} with the SHA-256 {reference.sha256}"
    return reference.shown if reference else "none"

"""Layers that change places: the `names` rules that say so, where every tensor of both tells.

Two rules cannot: the second would take back what the first one made, or give one name to two tensors. So there is a
third name in between (docs/manifest.md).
"""

from collections.abc import Iterator, Mapping, Sequence

from gate.checks.interface import Subject
from gate.checks.renamed import ending, kind, rules_text
from gate.errors import UnreadableError
from gate.results import Finding
from gate.tensors.compare import EVERY_BIT, Measurement, compare
from gate.tensors.weightset import Tensor

WRITER = "see what wrote this file: it may go by order where it should go by name"


def rules_of_swaps(subject: Subject, findings: Sequence[Finding], swapped: Mapping[str, str]) -> dict[str, str]:
    """For each tensor of `swapped`, which maps both ways, the rules by which its layer and the other one hold.

    Those are told of whole layers alone, in which nothing else is wrong.
    """
    red = {each.tensor for each in findings}
    told: dict[str, str] = {}
    for name, other in swapped.items():
        if name in told:
            continue
        for one, two in _layers(name, other):
            below = _below(subject, one, two, swapped, red)
            if below:
                first, second = sorted((one, two))
                third = _unused(subject)
                text = rules_text((first, third), (second, first), (third, second))
                told |= dict.fromkeys(below, text)
                break
    return told


def _layers(name: str, other: str) -> Iterator[tuple[str, str]]:
    """The beginnings of both names, up to a slash, that differ while what follows is the same; the shortest first."""
    one, two = name.split("/"), other.split("/")
    for length in range(ending(one, two), 0, -1):
        begin, also = ("/".join(parts[: len(parts) - length]) + "/" for parts in (one, two))
        yield begin, also


def _below(
    subject: Subject, one: str, two: str, swapped: Mapping[str, str], red: set[str | None]
) -> dict[str, None] | None:
    """The tensors of both layers; None where the layers are not each the other's, tensor by tensor."""
    ours, theirs = subject.pairing.candidate, subject.pairing.reference
    found: dict[str, None] = {}
    for begin, other in ((one, two), (two, one)):
        for name in (each for each in subject.pairing.names if each.startswith(begin)):
            partner = other + name.removeprefix(begin)
            if not all(each in side for each in (name, partner) for side in (ours, theirs)):
                return None
            if theirs[name].name != name or kind(theirs[name]) != kind(theirs[partner]):
                return None
            if swapped.get(name) != partner and (name in red or not _is_same(subject, name, partner)):
                return None
            found[name] = None
    return found


def _is_same(subject: Subject, name: str, partner: str) -> bool:
    """Whether it makes no difference which of two tensors of the reference it is compared with: biases of zeros."""
    first, second = (subject.pairing.reference[each] for each in (name, partner))
    if first.locked is not None:
        return second.locked is not None and first.locked.digest == second.locked.digest
    if not isinstance(subject.measurements.get(name), Measurement):
        return False
    return _is_equal(first, second)


def _is_equal(first: Tensor, second: Tensor) -> bool:
    try:
        return not compare(first.read(), second.read(), EVERY_BIT).violating
    except UnreadableError:
        return False


def _unused(subject: Subject) -> str:
    """A beginning that no name has."""
    names = [*subject.pairing.names, *(tensor.name for tensor in subject.pairing.reference.values())]
    words = ("elsewhere/", *(f"elsewhere_{number}/" for number in range(2, 10)))
    free = (word for word in words if not any(name.startswith(word) for name in names))
    return next(free, f"elsewhere_{len(names)}/")

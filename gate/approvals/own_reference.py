"""A model as it would stand to its reference once it is approved: the tensors that are taken are the reference's."""

from collections.abc import Callable
from dataclasses import replace

from gate.checks.interface import Subject
from gate.tensors.pairing import Pairing


def own_reference(subject: Subject, takes: Callable[[str], bool] = lambda _: True) -> Subject:
    """`subject` beside a reference that has the tensors which `takes` means as the file has them, or lacks them too."""
    ours, theirs = subject.pairing.candidate, subject.pairing.reference
    kept = {name: tensor for name, tensor in theirs.items() if not takes(name)}
    kept |= {name: tensor for name, tensor in ours.items() if takes(name)}
    doubtful = tuple(each for each in subject.pairing.uncertain if not takes(each.reference))
    pairing = replace(subject.pairing, reference=kept, uncertain=doubtful)
    return replace(subject, reference=subject.candidate, pairing=pairing)


def of_these(subject: Subject, names: Callable[[str], bool]) -> Subject:
    """`subject` as if it had no other tensors than those which `names` means."""
    ours, theirs = (
        {name: tensor for name, tensor in side.items() if names(name)}
        for side in (subject.pairing.candidate, subject.pairing.reference)
    )
    return replace(subject, pairing=Pairing(ours, theirs))

"""What is kept of a red model from while its files were open: all that an approval of it needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gate.approvals.changes import Change, everything, of_locks, of_values
from gate.approvals.copies import There
from gate.approvals.transaction import digest_of_file
from gate.checks.interface import Subject
from gate.file_digest import digest_of
from gate.locks.lock import Lock, Made
from gate.locks.make import lock_of

_NOBODY = Made("", "", "", "")


@dataclass(frozen=True)
class Seen:
    """One model. `names` are those that rules are matched against; `tensors` those of the file itself; `there` is
    the reference as files.

    `sha256` are the digests of the weights' files, hexadecimal; `lock` is what they would be locked as; `pairs` has
    by the names of its tensors those of the reference's own.
    """

    names: tuple[str, ...]
    weights: There
    digest: str
    tensors: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    there: There | None = None
    there_digest: str = ""
    lock: Lock | None = None
    pairs: Mapping[str, str] = field(default_factory=dict)
    earlier: tuple[Change, ...] | None = None
    """Where there is no reference yet: what differs from the lock that HEAD has; None where it has none."""
    sha256: dict[Path, str] = field(default_factory=dict)


def seen(subject: Subject, locks: bool) -> Seen:
    """What there is to see; `locks`: the reference is a lock, or will be one. Raises `UnreadableError`."""
    weights, reference, pairing = subject.candidate, subject.reference, subject.pairing
    lock = lock_of(weights, _NOBODY, subject.threads) if locks else None
    changes: tuple[Change, ...] = ()
    if reference is not None:
        changes = of_locks(subject, lock.tensors) if lock else of_values(subject)
    return Seen(
        names=everything(subject).names,
        tensors=tuple(weights.tensors),
        weights=There(weights.format, tuple(weights.files)),
        digest=lock.digest if lock else digest_of(weights.files),
        changes=changes,
        there=There(reference.format, tuple(reference.files)) if reference else None,
        there_digest=digest_of(reference.files) if reference and reference.files else "",
        lock=lock,
        pairs={pairing.candidate[name].name: pairing.reference[name].name for name in pairing.both},
        sha256={} if locks else {file: digest_of_file(file) for file in weights.files},
    )

"""What is said of a tensor that has another digest than a lock's. A lock proves equality, and nothing nearer."""

import math
from collections.abc import Iterator, Mapping

from gate.checks.interface import UNCHECKABLE, Subject, unreadable
from gate.checks.swapped import WRITER
from gate.checks.wording import NOT_SHIPPED, UNSET, distance, kind_of
from gate.errors import UnreadableError
from gate.results import Finding
from gate.tensors.compare import Measurement
from gate.tensors.diagnose import CONSTANT, SWAPPED, Diagnosis
from gate.tensors.diagnose_locked import explain_locked_value
from gate.tensors.dtypes import dtype_name
from gate.tensors.locked import LOCKED_STATISTICS
from gate.tensors.moments import Moved
from gate.tensors.rules import Expect

_FILE = "to judge by a tolerance, use a file, or one from git, as the reference"
_MEANT = f"if the new values are meant, approve them with `weight-gate update`; {_FILE}"
_MOVED = f"{WRITER}; if the move is meant, approve it with `weight-gate update`"
_HINTS = {SWAPPED: _MOVED, "misplaced-tensor": _MOVED, CONSTANT: f"{UNSET}; {_MEANT}"}


def judge_locked(subject: Subject, name: str, found: Measurement, swapped: dict[str, str]) -> Iterator[Finding]:
    """Judges a compared tensor of another digest: red where it must be near, green only where it is proved changed.

    `swapped` takes the tensor that this one changed places with.
    """
    moved = subject.moved[name]
    if isinstance(moved, UnreadableError):
        yield unreadable(name, moved, subject.position(name))
    elif subject.expectations[name].expect != Expect.CHANGED:
        yield _mismatch(subject, name, found, moved, swapped)
    elif not moved.is_proved:
        yield Finding(
            UNCHECKABLE,
            "whether it changed beyond its tolerance cannot be told by a lock: its digest is another one, and its "
            "statistics prove no more",
            tensor=name,
            details=(_change(moved),),
            hint="use a file, or one from git, as the reference, or approve it with `weight-gate update`",
            position=subject.position(name, "expect"),
        )


def _mismatch(subject: Subject, name: str, found: Measurement, moved: Moved, swapped: dict[str, str]) -> Finding:
    actual, expected = subject.pairing.candidate[name], subject.pairing.reference[name]
    criterion = subject.criterion(name)
    position = subject.position(name, "expect" if criterion.bitwise else "tolerance", "expect")
    if dtype_name(actual.dtype) != dtype_name(expected.dtype):
        return Finding(
            "not-comparable",
            f"values cannot be compared: the file has {kind_of(actual)}, the lock {kind_of(expected)}",
            tensor=name,
            details=(_change(moved),),
            hint=_MEANT,
            severity=1.0,
            position=subject.position(name, "dtype", "expect"),
        )
    diagnosis: Diagnosis | None = None
    undiagnosed: tuple[str, ...] = ()
    try:
        libraries = (subject.candidate_library, subject.reference_library)
        diagnosis = subject.diagnose(lambda: explain_locked_value(name, actual, expected, found.digest, *libraries))
    except UnreadableError as error:
        undiagnosed = (f"no diagnosis: {error.reason}",)
    if diagnosis and diagnosis.kind == SWAPPED:
        swapped[name] = diagnosis.names[0]
    headline = "another digest than the lock's: at least one element differs"
    nearer = "" if criterion.bitwise or moved.is_proved else f"; whether within {criterion.tolerance} it cannot tell"
    is_far = moved.is_proved and any(math.isfinite(each.ratio) for each in moved.apart) and not criterion.bitwise
    details = (_change(moved), *([_proof(moved)] if is_far else []))
    return Finding(
        diagnosis.kind if diagnosis else "lock-mismatch",
        diagnosis.text if diagnosis else headline + nearer,
        tensor=name,
        details=(*((headline,) if diagnosis else ()), *details, *undiagnosed),
        hint=_hint(diagnosis, moved),
        severity=max((each.ratio for each in moved.apart), default=math.inf),
        position=position,
    )


def _hint(diagnosis: Diagnosis | None, moved: Moved) -> str:
    if _is_finite(moved.expected) and not _is_finite(moved.actual):
        return f"{NOT_SHIPPED}; {_MEANT}"
    return _HINTS.get(diagnosis.kind, _MEANT) if diagnosis else _MEANT


def _is_finite(statistics: Mapping[str, float]) -> bool:
    return all(map(math.isfinite, statistics.values()))


def _change(moved: Moved) -> str:
    """`mean 0.0123 → 0.0125, max 1 → 2`."""
    if not moved.expected:
        return "a lock holds no statistics of such values"
    both = ((name, moved.expected.get(name), moved.actual.get(name)) for name in LOCKED_STATISTICS)
    told = [f"{name} {_shown(old, new)} → {_shown(new, old)}" for name, old, new in both if repr(old) != repr(new)]
    return ", ".join(told) or "none of its statistics changed"


def _shown(value: float | None, other: float | None) -> str:
    """Nine digits, or as many as tell it from the other."""
    if value is None:
        return "undefined"
    return distance(value) if other is None or distance(value) != distance(other) else repr(value)


def _proof(moved: Moved) -> str:
    most = max(moved.apart, key=lambda each: each.ratio)
    return (
        f"beyond its tolerance: {most.statistic} is {distance(most.difference)} apart, and "
        f"{distance(most.possible)} is the most that a tensor within it can be"
    )

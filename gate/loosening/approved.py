"""What a pull request changes and the verdict goes by: locks, blessed files, golden outputs. Seen, not forbidden."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from gate.approvals import record
from gate.errors import GateError
from gate.locks.lock import Lock
from gate.locks.text import lock_text, parse_lock, read_lock
from gate.loosening.base import Base
from gate.loosening.entries import Entry
from gate.loosening.lock_changes import LockChanges, lock_changes
from gate.loosening.said import APPROVED, cropped, loosened
from gate.position import Position
from gate.results import Finding
from gate.tensors.weightset import Group

_FEW = 5


@dataclass(frozen=True)
class Approvals:
    """`blessed` is what this change approves; `looser` are tensors that a lock holds no more to what it did."""

    blessed: tuple[Finding, ...] = ()
    looser: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Named:
    """A file that a manifest goes by."""

    written: str
    what: str
    at: Position
    entry: Entry


def approvals(base: Base, entries: tuple[Entry, ...]) -> Approvals:
    """What is new or changed of the files that the manifest of now names."""
    blessed: list[Finding] = []
    looser: list[Finding] = []
    notes: list[str] = []
    for written, each in {each.written: each for entry in entries for each in _files(entry)}.items():
        path = base.folder / written
        if each.what != "lock":
            if base.is_another(path):
                blessed.append(_found(each, f"{cropped(written)}, {each.what} of {cropped(each.entry.called)}"))
            continue
        try:
            was, now = base.text(path), read_lock(path, written)
            if was is None:
                blessed.append(_found(each, f"{cropped(written)} is new: {_made(now)}"))
                continue
            before = parse_lock(was, f"{written} at {base.short}")
        except GateError as error:  # that of now has to be read by the run, which says so
            notes.append(f"what changed in {cropped(written)} cannot be told: {error.reason}")
            continue
        if lock_text(before) != lock_text(now):
            changes = lock_changes(before, now)
            told = changes.told() or "other words about the same tensors"
            blessed.append(_found(each, f"{cropped(written)}: {told}; {_made(now)}"))
            looser += _looser(changes, each, {t.name for t in before.tensors if t.group in _compared(each.entry)})
    try:
        blessed += _recorded(base)
    except GateError as error:
        notes.append(f"what is new in {record.FILE} cannot be told: {error.reason}")
    return Approvals(tuple(blessed), tuple(looser), tuple(notes))


def _recorded(base: Base) -> Iterator[Finding]:
    """The entries of the record of approvals that the base's has not."""
    path = base.folder / record.FILE
    now = record.approvals(text, record.FILE) if (text := record.read(path, record.FILE)) else ()
    was = base.text(path) if now else None
    before = Counter(map(repr, record.approvals(was, f"{base.short}:{record.FILE}"))) if was else Counter[str]()
    for each in now:
        if before[repr(each)]:
            before[repr(each)] -= 1
            continue
        files = ", ".join(cropped(str(written["file"])) for written in each["written"][:_FEW])
        reason = f"{cropped(each['model'])}: {files} approved by {cropped(each['by'])}, {each['when']}: "
        named = [cropped(name) for name in each.get("names", ())[:_FEW]]
        details = (f"tensors: {', '.join(named)}",) if named else ()
        yield Finding(APPROVED, f"{reason}{cropped(each['reason'])}", details=details, position=Position(record.FILE))


def named(entries: tuple[Entry, ...]) -> Iterator[str]:
    """The files that a manifest goes by, as it has them."""
    yield from (each.written for entry in entries for each in _files(entry))
    yield record.FILE


def _files(entry: Entry) -> Iterator[_Named]:
    for file in entry.files or (entry.said.weights,):
        reference = entry.said.reference_for(file)
        if reference is not None and reference.lock is not None:
            yield _Named(reference.lock, "lock", entry.at("reference"), entry)
        if reference is not None and reference.file is not None:
            yield _Named(reference.file, "the reference", entry.at("reference"), entry)
    for number, asked in enumerate(entry.said.predictions):
        at = entry.at("predictions", number)
        if asked.expected is not None and not asked.from_reference:
            yield _Named(asked.expected, "expected outputs", at, entry)
        if asked.inputs is not None:
            yield _Named(asked.inputs, "inputs for predictions", at, entry)


def _found(named: _Named, reason: str) -> Finding:
    return Finding(APPROVED, reason, position=named.at)


def _made(lock: Lock) -> str:
    made = lock.made
    return f"by {cropped(made.by)}, {cropped(made.when)}: {cropped(made.reason)}"


def _compared(entry: Entry) -> set[str]:
    """The groups that verdicts go by."""
    return {Group.WEIGHTS.value, *(group for group, mode in entry.said.groups if mode == "compare")}


def _looser(changes: LockChanges, named: _Named, compared: Collection[str]) -> Iterator[Finding]:
    edited = "has its old digest and other facts, so somebody edited it"
    for kind, names, reason in (
        ("lock-contradicted", changes.contradicted, edited),
        ("lock-shorter", [name for name in changes.removed if name in compared], "had it, and has it no more"),
    ):
        for name in names:
            said = f"{cropped(named.written)} {reason}"
            yield loosened(kind, named.entry.called, said, named.at, tensor=name)

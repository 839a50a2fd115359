"""What a lock says that is lost, or that git had: a first lock is compared with the one that was committed last."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from gate.approvals.changes import Change, Kind, moved
from gate.errors import GateError
from gate.git.repository import Repository
from gate.locks.lock import Lock
from gate.locks.text import parse_lock
from gate.locks.weights import weights_of


def earlier_lock(path: Path, shown: str) -> Lock | None:
    """The lock at `path` as HEAD has it; None where there is none, or none that can be read."""
    with suppress(GateError):
        repository = Repository.around(path.parent)
        kept = os.fsdecode(repository.inside(path, path.parent))
        text = repository.ask("cat-file", "blob", f"HEAD:{kept}")
        return parse_lock(f"{text}\n", shown) if text else None
    return None


def since(earlier: Lock, now: Lock, path: Path, shown: str) -> tuple[Change, ...]:
    """What differs from it, name by name, and whose values a tensor has now."""
    before = weights_of(earlier, shown, path).tensors
    owners = {each.digest: each.name for each in earlier.tensors}

    def found() -> Iterator[Change]:
        for each in now.tensors:
            if each.name not in before:
                yield Change(each.name, Kind.NEW)
            elif (how := moved(before[each.name], each)) is not None:
                size, told = how
                if other := owners.get(each.digest):
                    told = f"it holds what the lock of HEAD has as {other}"
                yield Change(each.name, Kind.CHANGED, each.name, size, told)
        names = {each.name for each in now.tensors}
        for name in before:
            if name not in names:
                yield Change(name, Kind.REMOVED, name)

    return tuple(found())

"""Locks of weight files, as the gate writes them."""

from pathlib import Path

from gate.formats import open_weights
from gate.locks.lock import Lock, Made
from gate.locks.make import lock_of
from gate.locks.text import lock_text

MADE = Made("2026-11-21T08:09:10Z", "Ada", "first training", "0123456789ab", {"weight-gate": "0.1.0"})


def lock_at(weights: Path, made: Made = MADE) -> Lock:
    """The lock of a file."""
    with open_weights(weights, shown=weights.name) as opened:
        return lock_of(opened, made, threads=2)


def write_lock(weights: Path, lock: Path) -> Path:
    """The lock of a file, written to `lock`."""
    lock.write_text(lock_text(lock_at(weights)), encoding="utf-8")
    return lock

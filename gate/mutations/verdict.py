"""What became of damaged copies, and the score of a manifest that follows."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from gate.position import Position
from gate.tensors.rules import Rule

NAMES = frozenset({"dropped", "added"})
"""Kinds of damage that are no damage of values."""


class Fate(StrEnum):
    """How one damaged copy ended. Only the first two are counted."""

    CAUGHT = "caught"
    SLIPPED = "slipped"
    WITHIN = "within tolerance"  # no check sees it, and no element is farther off than the published tolerance allows
    EQUIVALENT = "equivalent"  # not one bit is another


@dataclass(frozen=True)
class Catch:
    """A check that is not green on a damaged copy: its first finding, and the line of the manifest that asked."""

    check: str
    reason: str
    position: Position | None = None
    kind: str = ""


@dataclass(frozen=True)
class Verdict:
    """One damaged copy. `why` it slipped, and the `cure`, are sentences; `position` is the line that let it through.

    `through` is the tensor that these are about, where several were damaged.
    """

    kind: str
    tensors: tuple[str, ...]
    told: str
    fate: Fate
    by: tuple[Catch, ...] = ()
    why: str = ""
    cure: str = ""
    position: Position | None = None
    through: str = ""
    predicted: bool = False
    """Whether the copy was loaded, and its predictions were asked."""


@dataclass(frozen=True)
class Score:
    """All damaged copies of one model.

    `pinned`: the manifest pins the file's digest, which no damage passes; that is no part of the score. `unhit` are
    rules that match tensors of the file, none of which was damaged. `complete` is false where time ran out.
    """

    verdicts: tuple[Verdict, ...]
    seed: int
    wanted: int
    pinned: bool = False
    unhit: tuple[Rule, ...] = ()
    complete: bool = True
    locked: bool = False
    """Whether the reference is a lock, by which every change of a value that is held to it is seen."""

    def of(self, fate: Fate) -> tuple[Verdict, ...]:
        """Those that ended so."""
        return tuple(verdict for verdict in self.verdicts if verdict.fate is fate)

    @property
    def of_names(self) -> bool:
        """Whether all that counts is tensors that were taken away or added: none of their values could be damaged."""
        counted = (verdict.kind for verdict in self.verdicts if verdict.fate in (Fate.CAUGHT, Fate.SLIPPED))
        return all(kind in NAMES for kind in counted) and self.counted > 0

    @property
    def caught(self) -> int:
        return len(self.of(Fate.CAUGHT))

    @property
    def predicted(self) -> int:
        """How many were loaded, because no other check saw them."""
        return sum(1 for verdict in self.verdicts if verdict.predicted)

    @property
    def counted(self) -> int:
        """Caught or slipped: all that a manifest can be blamed or praised for."""
        return self.caught + len(self.of(Fate.SLIPPED))

    @property
    def value(self) -> float | None:
        """Caught / counted; None where nothing was counted, or not all that was asked for was tried."""
        return self.caught / self.counted if self.counted and self.complete else None


def overall(scores: Iterable[Score]) -> tuple[int, int]:
    """How many were caught, and how many counted, over several models."""
    scores = tuple(scores)
    return sum(each.caught for each in scores), sum(each.counted for each in scores)

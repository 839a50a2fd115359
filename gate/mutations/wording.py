"""How scores are put into words."""

import math

from gate.mutations.verdict import Fate, Score
from gate.wording import counted


def share(value: float) -> str:
    """A score with three digits after the point, cut off: 1.000 is said of nothing less."""
    return f"{math.floor(value * 1000 + 1e-9) / 1000:.3f}".rstrip("0").ljust(3, "0")


def tally(score: Score) -> str:
    """The numbers of one model in one line."""
    parts = [f"{score.caught:,} of {counted(score.counted, 'mutation')} caught"]
    if score.value is not None:
        parts[0] += f", score {share(score.value)}"
    if score.of_names:
        parts.append("none of them of a value: tensors were taken away and added, and nothing else could be done")
    uncounted = {fate: len(score.of(fate)) for fate in (Fate.WITHIN, Fate.EQUIVALENT)}
    parts += [f"{count:,} {fate}, not counted" for fate, count in uncounted.items() if count]
    return "; ".join(parts)

"""What is known of a tensor whose values are not here: the digest of its bytes, and some statistics."""

from collections.abc import Mapping
from dataclasses import dataclass

LOCK_MARK = "# A weight-gate lock:"
"""What a lock begins with."""

LOCKED_STATISTICS = ("mean", "std", "min", "max", "norm", "sparsity")
"""Of `gate.tensors.statistics.STATISTICS`, those that a lock holds."""


@dataclass(frozen=True, slots=True)
class Locked:
    """`digest` is that of `gate.tensors.digest`; `statistics` has those that are defined, of texts none."""

    digest: str
    statistics: Mapping[str, float]


def defined(size: int, real: bool) -> tuple[str, ...]:
    """The statistics that a tensor of `size` elements has: of nothing the norm alone, and of texts none."""
    if not real:
        return ()
    return LOCKED_STATISTICS if size else ("norm",)

"""What a lock holds: of every tensor all but its values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gate.tensors.weightset import Group, Layer


@dataclass(frozen=True)
class LockedTensor:
    """One tensor. `dtype` is the name that manifests use; `digest` is that of `gate.tensors.digest`.

    `statistics` has those that are defined, of `gate.tensors.locked.LOCKED_STATISTICS` and in that order. `layer`,
    `variable`, `index` and `stored_as` are what `gate.tensors.pairing` goes by, as in `gate.tensors.weightset.Tensor`,
    and left out where the name says as much.
    """

    name: str
    group: Group
    dtype: str
    shape: tuple[int, ...]
    digest: str
    statistics: Mapping[str, float | None] = field(default_factory=dict)
    layer: Layer | None = field(default=None, compare=False)
    variable: str = ""
    index: int | None = None
    stored_as: str = ""


@dataclass(frozen=True)
class Made:
    """How a lock came to be: for its reader, never for a verdict.

    `when` is ISO 8601 in UTC, `2027-03-01T12:00:00Z`; `commit` is empty where there is none; `tools` are versions.
    """

    when: str
    by: str
    reason: str
    commit: str
    tools: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Lock:
    """A lock of one weight file.

    `weights` is the file's path, as reports show it; `digest` is that of its bytes (`gate.file_digest`), `sha256:…`;
    `tensors` are in the file's own order.
    """

    weights: str
    digest: str
    format: str
    made: Made
    tensors: tuple[LockedTensor, ...]

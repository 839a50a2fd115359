"""How a loosening becomes a finding: its kind, how grave it is, and where in the two manifests it stands."""

from gate.position import Position
from gate.results import Finding

# From what lets most through to what lets least.
KINDS = (
    "model-removed",
    "reference-dropped",
    "not-loaded",
    "loading-changed",
    "expect-weaker",
    "policy-weaker",
    "rename-added",
    "rename-dropped",
    "reference-changed",
    "model-moved",
    "digest-dropped",
    "predictions-weaker",
    "lock-contradicted",
    "lock-shorter",
    "group-dropped",
    "roundtrip-shorter",
    "restore-waived",
    "values-dropped",
    "kind-dropped",
    "statistics-wider",
    "tolerance-wider",
    "not-finite-allowed",
    "waiver-longer",
    "untold",
)
CHECK = "loosening"
ENDLESS, APPROVED = "endless-waiver", "approved-here"
_LONGEST = 80


def loosened(
    kind: str,
    model: str,
    reason: str,
    at: Position | None,
    tensor: str | None = None,
    was: Position | None = None,
) -> Finding:
    """A finding of one model, empty for the manifest as a whole; `was` is where the base said otherwise."""
    return Finding(
        kind,
        f"{cropped(model)}: {reason}" if model else reason,
        tensor=tensor,
        details=(f"as it was: {was}",) if was else (),
        severity=float(len(KINDS) - KINDS.index(kind)),
        position=at,
    )


def cropped(text: str) -> str:
    """A name from a manifest, no longer than a line takes."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"

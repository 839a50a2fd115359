"""What a manifest is compared with: what somebody names, or the branch that something is merged into."""

from gate.action import Event
from gate.errors import GateError

OF_PULLS = frozenset({"pull_request", "pull_request_target"})
EVENTS = OF_PULLS | {"merge_group"}
"""In which something is merged."""
REMOTE = "refs/remotes/"


def is_wanted(ref: str | None, event: Event | None) -> bool:
    """Whether it is compared at all."""
    return ref is not None or (event is not None and event.name in EVENTS)


def wanted(ref: str | None, event: Event | None) -> str | None:
    """The branch or commit to compare with; None where nothing is merged and nobody names one. Raises `GateError`."""
    if ref is not None or not is_wanted(ref, event) or event is None:
        return ref
    if not event.base_ref:
        raise GateError(
            f"the event {event.name} does not say which branch is merged into",
            "let the gate read the file that GITHUB_EVENT_PATH names: in a container, mount it there",
        )
    return f"{REMOTE}origin/{event.base_ref}"  # in full: a tag may be called origin/main

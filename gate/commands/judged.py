"""Which commit is judged, and whether it is the pull request's: a workflow may check out any other."""

from dataclasses import dataclass
from pathlib import Path

from gate.action import Event
from gate.errors import GateError
from gate.git.commits import Commits
from gate.git.objects import SHORT, Objects
from gate.git.repository import Repository


@dataclass(frozen=True)
class Judged:
    """The commit that is checked out. `is_of_pull` is None where the event does not say what the pull request is."""

    name: str
    is_of_pull: bool | None

    @property
    def short(self) -> str:
        return self.name[:SHORT]


def judged(folder: Path, event: Event) -> Judged:
    """What the repository around `folder` has checked out: the pull request's last commit, or a merge of it.

    Raises `GateError` where that cannot be told.
    """
    repository = Repository.around(folder)
    with Objects(repository) as objects:
        head = Commits(repository, objects, event).head
    return Judged(head.name, event.head_sha in (head.name, *head.parents) if event.head_sha else None)


def refuse_another_commit(folder: Path, event: Event) -> None:
    """The event `pull_request_target` checks out the base branch: a verdict on that would stand on the pull request.

    Raises `GateError`.
    """
    found = judged(folder, event)
    if not found.is_of_pull:
        raise GateError(
            f"what is checked out, {found.short}, is not the pull request's commit: the verdict would be of another",
            "use `on: pull_request`, or give actions/checkout `ref: refs/pull/${{ github.event.number }}/merge`",
        )

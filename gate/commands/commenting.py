"""The comment that `weight-gate check` leaves on the pull request it judges: asked for by giving a token."""

import argparse
import os
from pathlib import Path
from typing import TextIO

from gate.action import Event, Runner
from gate.commands.judged import judged
from gate.errors import CommentError, GateError
from gate.github.marker import Marker
from gate.github.process import write_comment
from gate.github.wish import Wish
from gate.interpreter import untrusted
from gate.reports.annotations import warning_annotation
from gate.reports.comment import Origin, comment
from gate.reports.escaping import plain
from gate.results import Conclusion, RunResult

_PULL_REQUESTS = {"pull_request", "pull_request_target"}


def comment_on(result: RunResult, options: argparse.Namespace, host: Runner, out: TextIO, err: TextIO) -> None:
    """Write or update the comment where there is a token and a pull request; what goes wrong is a warning."""
    event = host.event
    if not host.token or event is None or event.name not in _PULL_REQUESTS or not (event.number and event.repository):
        return
    if result.conclusion is Conclusion.NOT_RUN:  # interrupted: there is no verdict to tell, and no time
        return
    marker = Marker.of(_identity(event, options), event.run_number, event.run_attempt, red=result.exit_code != 0)
    folder = Path(options.manifest).parent
    folders = [folder, *options.root, *([event.workspace] if event.workspace else [])]
    try:
        body = comment(result, marker.line(), Origin(event.job, _run_url(event), _commit(folder, event)))
        wish = Wish(event.api_url, event.repository, event.number, event.fork, body, host.token)
        write_comment(wish, untrusted=untrusted(folders))
    except CommentError as error:
        err.write(f"warning: {plain(str(error))}\n")
        if options.annotations != "never":
            out.write(warning_annotation(error))


def _commit(folder: Path, event: Event) -> str:
    """The commit that was judged, empty where it cannot be told; raises `CommentError` where it is another's."""
    try:
        found = judged(folder, event)
    except GateError:
        return ""
    if found.is_of_pull is False:
        raise CommentError(
            f"pull request {event.number} got no comment: what is checked out, {found.short}, is not its commit",
            "leave actions/checkout without `ref`, or `github-token` out",
        )
    return found.name


def _identity(event: Event, options: argparse.Namespace) -> list[str]:
    """What tells this gate from the others of the repository, and is the same in its next run."""
    models = sorted(set(options.models))
    return [event.workflow, event.job, os.path.normpath(options.manifest), options.device or "", *models]


def _run_url(event: Event) -> str:
    if not (event.run_id and event.repository):
        return ""
    attempt = f"/attempts/{event.run_attempt}" if event.run_attempt else ""
    return f"{event.server_url}/{event.repository}/actions/runs/{event.run_id}{attempt}"

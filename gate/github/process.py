"""Parent: a process of its own writes the comment.

It is ended when its time is over, whatever its libraries wait for, and its memory is bounded. The token reaches it
through a pipe: neither arguments nor environment show it.
"""

import json
import subprocess
import sys
from pathlib import Path

from gate.errors import CommentError
from gate.github.wish import Wish

SECONDS = 20.0

# Nothing is imported from the folder it runs in, which is the pull request's.
_START = """\
import sys
sys.path[:0] = sys.argv[2:]
from gate.github.worker import main
main(float(sys.argv[1]))
"""
_INSTALLED = {"site-packages", "dist-packages"}


def write_comment(wish: Wish, seconds: float = SECONDS) -> None:
    """Writes or updates the comment in at most `seconds`; raises `CommentError` where it could not be done."""
    ours = Path(__file__).resolve().parents[2]
    child = subprocess.Popen(  # noqa: S603 - what is run is ours
        [sys.executable, "-P", "-c", _START, str(seconds), *([] if ours.name in _INSTALLED else [str(ours)])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with child:
        try:
            answer, _ = child.communicate(wish.to_json().encode(), timeout=seconds)
        except subprocess.TimeoutExpired as error:
            raise CommentError(
                f"pull request {wish.number} got no comment: {wish.api_url} did not answer within {seconds:g} s",
                "see that the runner may reach it (HTTPS_PROXY names a proxy), or leave `github-token` out",
            ) from error
        finally:
            child.kill()
    _raise_what_it_says(answer, child.returncode, wish)


def _raise_what_it_says(answer: bytes, status: int, wish: Wish) -> None:
    try:
        said = json.loads(answer)
        if not said:
            return
        error = CommentError(said["reason"], said["hint"])
    except (ValueError, KeyError, TypeError):
        error = CommentError(
            f"pull request {wish.number} got no comment: the process that writes it ended with {status}",
            "the summary of the run says the same; run the job again for the comment",
        )
    raise error

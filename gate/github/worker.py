"""What the process that speaks with GitHub runs: a wish on its standard input, what went wrong on its output."""

import json
import os
import resource
import signal
import time
from contextlib import closing, suppress

from gate.errors import CommentError
from gate.github.conversation import Conversation
from gate.github.sticky import keep_up_to_date
from gate.github.troubles import in_words, pause
from gate.github.wish import Wish

_MOST_ATTEMPTS = 4
_MOST_MEMORY = 1 << 30
_EXTRA = "pip install 'weight-gate[github]', or leave `github-token` out"


def main(seconds: float) -> None:
    """Writes the comment within `seconds`; answers `{}`, or the warning's `reason` and `hint`."""
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    signal.setitimer(signal.ITIMER_REAL, seconds + 1)  # should nobody be left to end us
    with open(0, "rb") as stream:
        wish = Wish.from_json(stream.read())
    try:
        write(wish, time.monotonic() + 0.9 * seconds)
        answer = {}
    except CommentError as error:
        answer = {"reason": error.reason, "hint": error.hint}
    os.write(1, json.dumps(answer).encode())


def write(wish: Wish, until: float) -> None:
    """Tries until it is written, or `until` (of the monotonic clock) would pass; raises `CommentError`.

    Every attempt looks afresh at what is there: one whose answer was lost may have been a success.
    """
    try:
        import github  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        raise CommentError(f"pull request {wish.number} got no comment: PyGithub is not installed", _EXTRA) from error
    for attempt in range(_MOST_ATTEMPTS):
        try:
            with closing(Conversation(wish.api_url, wish.token, wish.repository, wish.number)) as conversation:
                keep_up_to_date(conversation, wish.body)
        except CommentError:
            raise
        except Exception as error:  # PyGithub raises what it meets
            wait = pause(error, attempt)
            if wait is None or attempt == _MOST_ATTEMPTS - 1 or time.monotonic() + wait > until:
                raise in_words(error, wish) from error
            time.sleep(wait)
        else:
            return

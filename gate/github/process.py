"""Parent: a process of its own writes the comment.

It is ended when its time is over, whatever its libraries wait for, and its memory is bounded. The token reaches it
through a pipe: neither arguments nor environment show it.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from gate.errors import CommentError
from gate.github.wish import Wish
from gate.interpreter import IMPORTS, command, imports, searched

SECONDS = 20.0

# How GitHub is reached, and whom it is believed to be.
_NEEDED = re.compile(r"LANG|LC_\w+|TZ|(?i:https?|no|all)_(?i:proxy)|SSL_CERT_(?:FILE|DIR)|(?:REQUESTS|CURL)_CA_BUNDLE")


def write_comment(wish: Wish, seconds: float = SECONDS, untrusted: Iterable[Path] = ()) -> None:
    """Writes or updates the comment in at most `seconds`; raises `CommentError` where it could not be done.

    Nothing is imported from `untrusted` folders: this process has the token, and is not confined.
    """
    try:
        child = subprocess.Popen(  # noqa: S603 - what is run is ours
            command("gate.github", str(seconds)),
            cwd="/",
            env=_environment(os.environ, tuple(untrusted)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise CommentError(
            f"pull request {wish.number} got no comment: the process that writes it could not be started:"
            f" {error.strerror or error}",
            "the summary of the run says the same; see that the machine has room for one more process",
        ) from error
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


def _environment(environment: Mapping[str, str], untrusted: tuple[Path, ...]) -> dict[str, str]:
    kept = {name: value for name, value in environment.items() if _NEEDED.fullmatch(name)}
    ours = {IMPORTS: os.pathsep.join(imports(environment, untrusted))}
    return {**kept, **searched(environment, untrusted), **ours}


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

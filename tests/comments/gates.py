"""Comments as the gate leaves them."""

import time

from comments.server import NUMBER, REPOSITORY, GitHub
from gate.github.marker import Marker
from gate.github.process import write_comment
from gate.github.wish import Wish
from gate.github.worker import write

GATE = ("org/models/.github/workflows/ci.yml", "gate", "weight-gate.yml", "")


def body(text: str, run: int = 1, attempt: int = 1, gate: tuple[str, ...] = GATE, red: bool = True) -> str:
    return f"{Marker.of(gate, run, attempt, red).line()}\n\n{text}"


def wish(api: str, said: str, token: str = "ghs_actions", fork: bool = False) -> Wish:
    return Wish(api, REPOSITORY, NUMBER, fork, said, token)


def say(github: GitHub, said: str, token: str = "ghs_actions", fork: bool = False) -> None:
    """Over HTTP, without a process of its own."""
    write(wish(github.api, said, token, fork), time.monotonic() + 18)


def send(api: str, said: str, token: str = "ghs_actions", fork: bool = False, seconds: float = 20) -> None:
    """As `weight-gate check` does it: in a process, over HTTP."""
    write_comment(wish(api, said, token, fork), seconds)

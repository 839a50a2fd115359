"""The hidden first line of a comment: which gate it is of, from which run, and whether it is red."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

_LINE = re.compile(r"<!-- weight-gate ([0-9a-f]{32}) run ([0-9]{1,18})\.([0-9]{1,18}) (red|green) -->(?:\r?\n|\Z)")


@dataclass(frozen=True)
class Marker:
    """`run` counts the runs of one workflow, `attempt` those that were started again."""

    key: str
    run: int
    attempt: int
    red: bool

    @classmethod
    def of(cls, identity: Sequence[str], run: int, attempt: int, red: bool) -> Self:
        """Of the gate that `identity` describes; any text may stand in it, none of it is seen in the line."""
        text = json.dumps(list(identity))
        return cls(hashlib.sha256(text.encode()).hexdigest()[:32], run, attempt, red)

    @classmethod
    def read(cls, body: str) -> Self | None:
        """The marker that `body` begins with. Quoted, or anywhere else, it is none."""
        if not (found := _LINE.match(body)):
            return None
        key, run, attempt, colour = found.groups()
        return cls(key, int(run), int(attempt), colour == "red")

    @property
    def at(self) -> tuple[int, int]:
        """When it was: greater is later."""
        return self.run, self.attempt

    def line(self) -> str:
        """The line, which `read` understands."""
        return f"<!-- weight-gate {self.key} run {self.run}.{self.attempt} {'red' if self.red else 'green'} -->"

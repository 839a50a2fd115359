"""What is to be said, and where: it goes from the gate to the process that speaks with GitHub."""

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True)
class Wish:
    """A comment on pull request `number` of `repository` (`owner/name`). `body` begins with a `Marker`'s line."""

    api_url: str
    repository: str
    number: int
    fork: bool
    body: str
    token: str = field(repr=False)

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        return cls(**json.loads(text))

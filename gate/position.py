"""Where in a text file something stands: what findings and errors point at."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Position:
    """A place in a text file; `line` and `column` count from 1, as editors and annotations do."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

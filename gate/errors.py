"""The error family. Every error says what is wrong and what to do; its class decides the exit code.

| class             | exit | meaning                                            |
|-------------------|------|----------------------------------------------------|
| `UsageError`      | 2    | the command line or the manifest is wrong          |
| `ManifestError`   | 2    | the same, with every problem of one manifest       |
| `UnreadableError` | 4    | a file could not be read as weights                |
| `MissingFileError`| 4    | it is not there, or a pointer lies in its place    |
| `UnsafeFileError` | 4    | it asks for something that reading must not do     |
| `ReportError`     | 4    | a report could not be written                      |
| `CommentError`    | none | a pull request got no comment: a warning           |
"""

import traceback
from collections.abc import Iterable
from typing import ClassVar

from gate.position import Position


class GateError(Exception):
    """An error meant for the user: one line of what is wrong (`reason`), one of what to do (`hint`)."""

    exit_code: ClassVar[int] = 4

    def __init__(self, reason: str, hint: str = "", position: Position | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint
        self.position = position

    def __str__(self) -> str:
        where = f"{self.position}: " if self.position else ""
        return f"{where}{self.reason}" + (f": {self.hint}" if self.hint else "")


class UsageError(GateError):
    """The command line or the manifest asks for something that makes no sense."""

    exit_code = 2


class ManifestError(UsageError):
    """Everything that is wrong with one manifest, in the order of its lines."""

    def __init__(self, problems: Iterable[UsageError]) -> None:
        self.problems: tuple[UsageError, ...] = tuple(sorted(problems, key=lambda p: p.position or Position("", 0, 0)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class UnreadableError(GateError):
    """A file could not be read as weights: damaged, of an unknown format, or beyond the limits."""


class MissingFileError(UnreadableError):
    """A file is not there, or a pointer (Git LFS, DVC) stands in its place."""


class UnsafeFileError(UnreadableError):
    """A file asks for something that reading data must never do: links out of it, pickles, bombs."""


class ReportError(GateError):
    """A report could not be written, so nobody would see the verdict."""


class CommentError(GateError):
    """A pull request got no comment, or one that says too little: a warning, whatever the verdict."""


def defect(error: Exception) -> GateError:
    """What to say of an exception that no user can have caused: where it happened, and that it is ours."""
    if isinstance(error, MemoryError):
        return GateError("there was not enough memory", "give the job more memory, or fewer threads")
    where = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{where.name}, line {where.lineno} of {where.filename.rsplit('/', 1)[-1]}"
    return GateError(
        f"weight-gate itself failed in {place}: {type(error).__name__}: {error}",
        "this is a defect of weight-gate: please report it with this line",
    )


class Interrupted(BaseException):
    """A signal asks the process to stop; no `Exception`, so that nothing on the way takes it for an error."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number

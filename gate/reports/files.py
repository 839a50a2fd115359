"""Report files: written whole or not at all, early as "not run" and again with the verdict.

A job that is killed in between leaves the first version, which is red.
"""

import contextlib
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from gate.errors import ReportError
from gate.ownership import give_to_owner_of
from gate.reports.outputs import github_outputs
from gate.reports.registry import REPORTS, Report
from gate.reports.summary import LIMIT, summary
from gate.results import Conclusion, RunResult

_NO_REPORTS_IN = (Path("/dev"), Path("/proc"), Path("/sys"))


class ReportFiles:
    """The files of one run: `paths` by kind of report (`REPORTS`), and the runner's, for step summary and outputs.

    The step summary may hold text of earlier writers: only the block that this object wrote is ever replaced. Outputs
    are added, and the runner believes the last of a name: they come after the files that they speak of.
    """

    def __init__(
        self,
        paths: Mapping[str, Path | str],
        step_summary: Path | str | None = None,
        outputs: Path | str | None = None,
        reports: Mapping[str, Report] = REPORTS,
    ) -> None:
        self.paths = {kind: Path(path) for kind, path in paths.items()}
        self._reports = reports
        self._step = _StepSummary(Path(step_summary)) if step_summary else None
        self._outputs = Path(outputs) if outputs else None

    def write(self, run: RunResult) -> None:
        """Write every report, then raise a `ReportError` when one could not be written."""
        problems: list[ReportError] = []
        for kind, path in self.paths.items():
            try:
                write_atomically(path, self._reports[kind](run))
            except ReportError as error:
                problems.append(error)
        if self._step:
            try:
                self._step.write(run)
            except ReportError as error:
                problems.append(error)
        if self._outputs:
            try:
                _append(self._outputs, github_outputs(run, self.paths, Conclusion.ERROR if problems else None))
            except ReportError as error:
                problems.append(error)
        if problems:
            raise problems[0]


def write_atomically(path: Path, text: str) -> None:
    """Put `text` at `path` in one step, with the mode that the umask gives; missing folders are made.

    As root (in a container) the file gets the owner of the folder: who owns the workspace must be able to clean it.
    """
    try:
        _refuse_devices(path)
        _make_folder(path.parent)
        temporary = path.parent / f".weight-gate-{secrets.token_hex(8)}.tmp"
        try:
            _write_new(temporary, text.encode("utf-8", "backslashreplace"))
            os.replace(temporary, path)  # noqa: PTH105 - says what it does
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: Exception) -> ReportError:
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return ReportError(
        f"the report {path} could not be written: {why}",
        "name a folder that this user may write to (`--reports DIR`), or write no reports (`--no-reports`)",
    )


def _refuse_devices(path: Path) -> None:
    if any(path.absolute().parent.is_relative_to(folder) for folder in _NO_REPORTS_IN):
        raise ValueError("a report is a file of its own, not a device")
    if path.exists() and not path.is_file():
        raise ValueError("there is something else than a file")


def _make_folder(folder: Path) -> None:
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
        give_to_owner_of(each.parent, each)


def _write_new(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    give_to_owner_of(path.parent, path)


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # some file systems cannot; the file itself is synced
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _append(path: Path, text: str) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise _unwritable(path, error) from error


class _StepSummary:
    """Our block in the file of `GITHUB_STEP_SUMMARY`: written in place, since the runner made that very file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start = 0
        self._block = b""

    def write(self, run: RunResult) -> None:
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
            with os.fdopen(os.open(self._path, flags, 0o666), "r+b") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise ValueError("there is something else than a file")
                self._replace(file.fileno(), file.read(), run)
        except (OSError, ValueError) as error:
            raise _unwritable(self._path, error) from error

    def _replace(self, descriptor: int, there: bytes, run: RunResult) -> None:
        before, after = there, b""
        if self._block and there[self._start :].startswith(self._block):
            before, after = there[: self._start], there[self._start + len(self._block) :]
        gap = b"" if not before else b"\n" if before.endswith(b"\n") else b"\n\n"
        text = summary(run, LIMIT - len(before) - len(gap) - len(after))
        block = gap + text.encode("utf-8", "backslashreplace")
        if os.pwrite(descriptor, block + after, len(before)) != len(block + after):
            raise OSError(0, "the disk is full")
        os.ftruncate(descriptor, len(before + block + after))
        os.fsync(descriptor)
        self._start, self._block = len(before), block

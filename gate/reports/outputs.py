"""The outputs of the GitHub step, as lines for the file that `GITHUB_OUTPUT` names."""

from collections.abc import Mapping
from pathlib import Path

from gate.reports.escaping import visible
from gate.results import Conclusion, RunResult

_PATHS = {"junit": "junit-path", "junit-strict": "junit-path", "json": "json-path", "summary": "summary-path"}


def github_outputs(run: RunResult, paths: Mapping[str, Path | str], conclusion: Conclusion | None = None) -> str:
    """`conclusion`, two counts, and where the reports of each kind are, by `paths`; empty for one that is nowhere.

    Each stands between delimiters that its value does not hold. `conclusion` beats the run's: a verdict whose reports
    could not be written is none.
    """
    values = {
        "conclusion": str(conclusion or run.conclusion),
        "checked-count": str(run.checked_count),
        "failed-count": str(run.failed_count),
        **dict.fromkeys(_PATHS.values(), ""),
        **{_PATHS[kind]: str(path) for kind, path in paths.items()},
    }
    return "".join(_output(name, _encodable(value)) for name, value in values.items())


def _output(name: str, value: str) -> str:
    number = 0
    while (delimiter := f"weight-gate-end-{number}") in value:
        number += 1
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


def _encodable(value: str) -> str:
    """The file is UTF-8, which holds no lone surrogate: such a byte of a path is shown as an escape."""
    return "".join(visible(char) if "\ud800" <= char <= "\udfff" else char for char in value)

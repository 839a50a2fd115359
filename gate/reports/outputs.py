"""The outputs of the GitHub step, as lines for the file that `GITHUB_OUTPUT` names."""

from gate.reports.escaping import visible
from gate.results import RunResult


def github_outputs(run: RunResult, junit_path: str | None = None, json_path: str | None = None) -> str:
    """`conclusion`, the two counts and the two paths, each between delimiters that its value does not hold."""
    values = {
        "conclusion": str(run.conclusion),
        "checked-count": str(run.checked_count),
        "failed-count": str(run.failed_count),
        "junit-path": junit_path or "",
        "json-path": json_path or "",
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

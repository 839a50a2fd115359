import io

import pytest

from gate.reports.progress import Progress
from reports.runner import commands
from reports.samples import HOSTILE


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_nothing_is_written_where_nobody_watches() -> None:
    stream = io.StringIO()
    with Progress(stream) as progress:
        progress.step("m", "values")
    assert stream.getvalue() == ""


@pytest.mark.parametrize("text", ["m", *HOSTILE])
def test_a_terminal_shows_the_step(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with Progress(stream) as progress:
        progress.step(text, "values")
    assert "values" in stream.getvalue()
    assert not [each for each in commands(stream.getvalue()) if each.name]
    assert stream.getvalue().endswith("\x1b[?25h") or "\x1b[?25h" in stream.getvalue()


def test_errors_pass_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    with pytest.raises(KeyError), Progress(Terminal()):
        raise KeyError

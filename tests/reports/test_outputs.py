import pytest
from hypothesis import given

from gate.reports.outputs import github_outputs
from gate.results import Conclusion
from reports.runner import outputs
from reports.samples import HOSTILE, mixed, model, passed, run
from reports.strategies import hostile_text, steady


def test_names_and_values() -> None:
    assert outputs(github_outputs(mixed(), {"junit": "build/junit.xml", "json": "build/report.json"})) == {
        "conclusion": "error",
        "checked-count": "6",
        "failed-count": "2",
        "junit-path": "build/junit.xml",
        "json-path": "build/report.json",
        "summary-path": "",
    }


@pytest.mark.parametrize("kind", ["junit", "junit-strict"])
def test_either_dialect_of_junit(kind: str) -> None:
    found = outputs(github_outputs(mixed(), {kind: "j.xml", "summary": "s.md"}))
    assert (found["junit-path"], found["summary-path"]) == ("j.xml", "s.md")


def test_a_verdict_whose_reports_are_not_there_is_none() -> None:
    assert outputs(github_outputs(run(model("m", passed())), {}))["conclusion"] == "success"
    assert outputs(github_outputs(run(model("m", passed())), {}, Conclusion.ERROR))["conclusion"] == "error"


def test_reports_that_were_not_asked_for_are_empty() -> None:
    found = outputs(github_outputs(run(), {}))
    assert found["conclusion"] == "nothing checked"
    assert found["junit-path"] == found["json-path"] == ""


@pytest.mark.parametrize(
    "path", [*HOSTILE, "weight-gate-end-0", "a\nweight-gate-end-0\nconclusion=success", "conclusion<<x\ny\nx"]
)
def test_a_path_adds_no_output(path: str) -> None:
    text = github_outputs(mixed(), {"junit": path, "json": path})
    text.encode()
    found = outputs(text)
    assert list(found) == ["conclusion", "checked-count", "failed-count", "junit-path", "json-path", "summary-path"]
    assert found["conclusion"] == "error"
    assert found["junit-path"] == found["json-path"] == path.replace("\ud800", r"\ud800")


@steady
@given(hostile_text, hostile_text)
def test_no_text_adds_an_output(one: str, other: str) -> None:
    found = outputs(github_outputs(mixed(), {"junit": one, "json": other}))
    assert len(found) == 6
    assert found["failed-count"] == "2"

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given

from gate.reports.json_report import json_report
from gate.results import CheckResult, Conclusion, Finding, Outcome, RunResult, Step
from reports.samples import AT, HOSTILE, RUNTIME, hostile_run, hostile_runtime, mixed, model, passed, run, values
from reports.strategies import runs, steady

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "report.schema.json").read_text())
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)


def _load(text: str) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_the_schema_is_one() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)


@steady
@given(runs)
def test_every_report_is_ascii_and_fits_the_schema(any_run: RunResult) -> None:
    text = json_report(any_run)
    assert text.isascii()
    VALIDATOR.validate(_load(text))


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_survive(text: str) -> None:
    report = _load(json_report(hostile_run(text)))
    (finding, _) = report["models"][0]["checks"][0]["findings"]
    assert finding["tensor"] == finding["reason"] == finding["hint"] == text
    assert finding["position"] == {"file": text, "line": 3, "column": 7}


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_child_said_survives(text: str) -> None:
    (one, _) = _load(json_report(hostile_run(text)))["models"]
    assert one["runtime"] == hostile_runtime(text)
    assert [step["what"] for step in one["steps"]] == [text, f"{text} "]


def test_what_a_model_was_loaded_with_and_every_step_as_it_was_made() -> None:
    one = _load(json_report(run(model("m", passed()))))["models"][0]
    assert one["runtime"] == RUNTIME
    assert list(one["runtime"]) == sorted(RUNTIME)
    assert one["steps"] == [
        {"what": "start TensorFlow", "seconds": 1.5, "peak_bytes": 246_000_000},
        {"what": "load", "seconds": 0.25, "peak_bytes": 612_000_000},
        {"what": "start TensorFlow", "seconds": 1.25, "peak_bytes": 245_000_000},
        {"what": "load tagged copies", "seconds": 0.9, "peak_bytes": 650_500_000},
    ]


def test_a_step_without_an_end_is_written() -> None:
    one = dataclasses.replace(model("m", passed()), steps=(Step("load", math.inf, 2**62),))
    report = _load(json_report(run(one)))
    VALIDATOR.validate(report)
    assert report["models"][0]["steps"] == [{"what": "load", "seconds": "inf", "peak_bytes": 2**62}]


def test_the_verdict_and_the_counts() -> None:
    report = _load(json_report(mixed()))
    assert report["conclusion"] == "error"
    assert report["exit_code"] == 4
    assert report["checked_count"] == 6
    assert report["failed_count"] == 2
    assert [each["outcome"] for each in report["models"]] == ["failed", "passed", "error"]
    assert report["models"][0]["position"] == {"file": "weight-gate.yml", "line": 4, "column": 5}


def test_nothing_is_folded() -> None:
    report = _load(json_report(run(model("m", values(500)))))
    assert len(report["models"][0]["checks"][0]["findings"]) == 501


@pytest.mark.parametrize(
    ("severity", "written"), [(math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf"), (1.5, 1.5), (2, 2.0)]
)
def test_numbers_that_json_does_not_have(severity: float, written: object) -> None:
    check = CheckResult("values", Outcome.FAILED, "s", (Finding("v", "r", severity=severity),), AT)
    report = _load(json_report(run(model("m", check))))
    assert report["models"][0]["checks"][0]["findings"][0]["severity"] == written


def test_keys_keep_their_order() -> None:
    assert list(_load(json_report(mixed()))) == list(SCHEMA["properties"])
    one = dataclasses.replace(run(model("m", passed())), environment={"b": "1", "a": "2"})
    assert list(_load(json_report(one))["environment"]) == ["a", "b"]


def test_the_schema_knows_every_word() -> None:
    assert SCHEMA["properties"]["conclusion"]["enum"] == [str(each) for each in Conclusion]
    assert set(SCHEMA["definitions"]["outcome"]["enum"]) == {str(each) for each in Outcome}

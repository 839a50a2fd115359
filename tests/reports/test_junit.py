import dataclasses
import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite
from lxml import etree

from gate.reports.junit import Dialect, junit_xml
from gate.results import CheckResult, Finding, Outcome, RunResult
from reports.samples import HOSTILE, RUNTIME, error, hostile_run, letters, mixed, model, passed, run, values, waived
from reports.strategies import runs, steady

SCHEMAS = Path(__file__).parents[3] / "shared" / "junit"
needs_schemas = pytest.mark.skipif(
    not SCHEMAS.is_dir(), reason="the JUnit schemas are not in ../shared/junit beside the repository"
)
DIALECTS: tuple[Dialect, ...] = ("extended", "strict")


@pytest.fixture(scope="module")
def schemas() -> list[etree.XMLSchema]:
    return [etree.XMLSchema(etree.parse(SCHEMAS / name)) for name in ("JUnit.xsd", "junit-10.xsd")]


def _assert_valid(text: str, schemas: list[etree.XMLSchema]) -> None:
    document = etree.fromstring(text.encode())
    for schema in schemas:
        schema.assertValid(document)


def _suites(text: str) -> list[TestSuite]:
    return list(JUnitXml.fromstring(text.encode()))


def _cases(text: str) -> list[TestCase]:
    return [case for suite in _suites(text) for case in suite]


def _red(text: str) -> int:
    return sum(isinstance(result, Failure | Error) for case in _cases(text) for result in case.result)


@needs_schemas
@pytest.mark.parametrize("one", [mixed(), run(), run(model("a", passed()))])
def test_strict_satisfies_both_schemas(one: RunResult, schemas: list[etree.XMLSchema]) -> None:
    _assert_valid(junit_xml(one, "strict"), schemas)


@needs_schemas
@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("text", HOSTILE)
def test_strict_stays_valid_with_hostile_names(text: str, outcome: Outcome, schemas: list[etree.XMLSchema]) -> None:
    _assert_valid(junit_xml(hostile_run(text, outcome), "strict"), schemas)


@needs_schemas
@steady
@given(runs)
def test_strict_is_always_valid(schemas: list[etree.XMLSchema], any_run: RunResult) -> None:
    _assert_valid(junit_xml(any_run, "strict"), schemas)


@needs_schemas
def test_extended_differs_by_file_line_and_totals_only(schemas: list[etree.XMLSchema]) -> None:
    document = etree.fromstring(junit_xml(mixed()).encode())
    for name in ("name", "tests", "failures", "errors", "skipped", "time"):
        del document.attrib[name]
    for case in document.iter("testcase"):
        case.attrib.pop("file", None)
        case.attrib.pop("line", None)
    for schema in schemas:
        schema.assertValid(document)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_outcome_has_its_element(dialect: Dialect) -> None:
    unreached = CheckResult("predictions", Outcome.NOT_RUN, "")
    text = junit_xml(run(model("m", passed(), values(), error(), waived(), unreached)), dialect)
    results = {case.name: [type(result) for result in case.result] for case in _cases(text)}
    assert results == {
        "structure": [],
        "values": [Failure],
        "roundtrip": [Error],
        "restore": [Skipped],
        "predictions": [Error],
    }
    (suite,) = _suites(text)
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (5, 1, 2, 1)
    assert suite.time == 2.5
    assert suite.timestamp == "2026-03-01T12:30:05"


def test_extended_has_totals_and_places() -> None:
    root = etree.fromstring(junit_xml(mixed()).encode())
    assert {name: root.get(name) for name in ("tests", "failures", "errors", "skipped", "time")} == {
        "tests": "8",
        "failures": "1",
        "errors": "1",
        "skipped": "1",
        "time": "4.250",
    }
    (case,) = root.xpath("//testcase[@name='values'][failure]")
    assert (case.get("file"), case.get("line")) == ("weight-gate.yml", "4")


@pytest.mark.parametrize("dialect", DIALECTS)
@steady
@given(any_run=runs)
def test_red_exactly_when_the_exit_code_is(dialect: Dialect, any_run: RunResult) -> None:
    text = junit_xml(any_run, dialect)
    assert bool(_red(text)) == (any_run.exit_code != 0)
    root = etree.fromstring(text.encode())
    counted = sum(int(suite.get("failures")) + int(suite.get("errors")) for suite in root)
    assert counted == _red(text)


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.ERROR, Outcome.NOT_RUN])
@pytest.mark.parametrize("found", [(), (Finding("k", ""),), (Finding("", "  "), Finding("", "", ""))])
@pytest.mark.parametrize("summary", ["", " ", "\n"])
def test_red_without_a_word_stays_red(outcome: Outcome, found: tuple[Finding, ...], summary: str) -> None:
    text = junit_xml(run(model("m", CheckResult("values", outcome, summary, found))))
    (case,) = _cases(text)
    (result,) = case.result
    assert isinstance(result, Failure if outcome is Outcome.FAILED else Error)
    assert result.message.strip()
    assert result.text.strip()


@steady
@given(runs)
def test_no_two_cases_are_alike(any_run: RunResult) -> None:
    cases = [(" ".join(c.classname.split()), " ".join(c.name.split())) for c in _cases(junit_xml(any_run))]
    assert len(cases) == len(set(cases))


def test_models_of_one_name_are_told_apart() -> None:
    one = model("m", passed())
    other = dataclasses.replace(one, weights="other/m.h5")
    names = [case.classname for case in _cases(junit_xml(run(one, other, other)))]
    assert names == ["weight-gate.m", "weight-gate.m (other/m.h5)", "weight-gate.m (other/m.h5) #2"]


@steady
@given(runs)
def test_every_time_has_three_decimals(any_run: RunResult) -> None:
    for element in etree.fromstring(junit_xml(any_run).encode()).iter("testsuites", "testsuite", "testcase"):
        assert re.fullmatch(r"\d+\.\d{3}", element.get("time"))
        assert "disabled" not in element.attrib


def test_float_noise_and_impossible_times() -> None:
    checks = [dataclasses.replace(passed(), check=str(t), seconds=t) for t in (0.1 + 0.2, 0.0, -1.0, math.nan)]
    assert [
        case.get("time") for case in etree.fromstring(junit_xml(run(model("m", *checks))).encode()).iter("testcase")
    ] == [
        "0.300",
        "0.000",
        "0.000",
        "0.000",
    ]


def test_the_text_of_a_failure_holds_the_story_and_the_message_one_line() -> None:
    (result,) = _cases(junit_xml(run(model("m", values()))))[0].result
    assert result.message == "13 of 312 tensors are not as their rules say"
    assert result.type == "value-mismatch"
    for piece in (
        "models/m.weights.h5",
        "models/golden/classifier.keras",
        "backbone/block_{0..11}/kernel (12 tensors)",
        "worst: backbone/block_7/kernel: 37 of 9,408 elements",
        "allowed 2.6e-07",
        "what to do: retrain",
        "weight-gate.yml:14:9",
        "head/bias",
        "weight-gate check --root models",
    ):
        assert piece in result.text


def test_one_word_for_one_reason() -> None:
    found = (Finding("crash", "the child crashed", details=("it printed nothing",), hint="see why"),)
    (result,) = _cases(junit_xml(run(model("m", CheckResult("restore", Outcome.ERROR, "", found)))))[0].result
    assert result.text.split("\n\n")[0].startswith("restore: error: the child crashed\n")
    assert result.text.count("the child crashed") == 1
    assert "  it printed nothing\n  what to do: see why" in result.text


def test_a_waiver_gives_its_reason() -> None:
    (result,) = _cases(junit_xml(run(model("m", waived("known drift")))))[0].result
    assert result.message == "known drift"


def test_thousands_of_findings_stay_readable() -> None:
    found = tuple(Finding("v", f"differs {letters(i).upper()}", letters(i)) for i in range(5000))
    check = CheckResult("values", Outcome.FAILED, "all of them", found, checked=5000)
    (result,) = _cases(junit_xml(run(model("m", check))))[0].result
    assert "4,800 more findings" in result.text


def test_properties_of_the_run() -> None:
    document = etree.fromstring(junit_xml(run(model("m", passed()))).encode())
    properties = {each.get("name"): each.get("value") for each in document.iter("property")}
    assert properties["weight-gate.version"] == "0.1.0"
    assert properties["weight-gate.manifest"] == "weight-gate.yml"
    assert properties["coverage.compared"] == "311"
    assert properties["environment.tensorflow"] == "2.21.0"
    assert {name: properties[f"runtime.{name}"] for name in RUNTIME} == RUNTIME
    assert properties["steps.start TensorFlow.seconds"] == "2.750"
    assert properties["steps.start TensorFlow.peak-bytes"] == "246000000"
    assert properties["steps.load tagged copies.peak-bytes"] == "650500000"
    (out,) = document.iter("system-out")
    assert "loaded with: TensorFlow 2.21.0, Keras 3.15.1 on cpu, 2 threads; oneDNN on, TF32 off" in out.text
    assert "steps: start TensorFlow 2.75 s, 246 MB; load 0.25 s, 612 MB" in out.text


def test_a_model_that_was_not_loaded_has_no_properties_of_loading() -> None:
    one = dataclasses.replace(model("m", passed()), runtime={}, steps=())
    document = etree.fromstring(junit_xml(run(one)).encode())
    names = [each.get("name") for each in document.iter("property")]
    assert not [name for name in names if name.startswith(("runtime.", "steps."))]


def test_three_hundred_tensors_are_named_one_by_one() -> None:
    names = [f"stage_{chr(97 + i % 26)}{chr(97 + i // 26)}/kernel" for i in range(300)]
    found = tuple(Finding("not-loaded", "the load put it into no variable", name, hint="see why") for name in names)
    (result,) = _cases(junit_xml(run(model("m", CheckResult("restore", Outcome.FAILED, "s", found)))))[0].result
    assert result.text.count("see why") == 1
    assert set(re.findall(r"stage_[a-z]{2}/kernel", result.text)) == set(names)


@pytest.mark.parametrize(
    ("started", "written"),
    [
        ("2026-03-01T12:30:05", "2026-03-01T12:30:05"),
        ("2026-03-01T12:30:05.25Z", "2026-03-01T12:30:05"),
        ("yesterday", "1970-01-01T00:00:00"),
    ],
)
def test_timestamps(started: str, written: str) -> None:
    one = dataclasses.replace(run(model("m", passed())), started=started)
    assert _suites(junit_xml(one))[0].timestamp == written

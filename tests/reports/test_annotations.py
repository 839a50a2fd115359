import dataclasses
import io

import pytest
from hypothesis import given

from gate.errors import UsageError
from gate.position import Position
from gate.reports.annotations import annotations, error_annotation, write_annotations
from gate.results import CheckResult, Finding, Outcome, RunResult
from reports.runner import commands
from reports.samples import HOSTILE, error, hostile_run, letters, mixed, model, passed, run, values, waived
from reports.strategies import runs, steady


def test_errors_stand_on_the_lines_of_the_manifest() -> None:
    found = [command for command in commands(annotations(mixed())) if command.name == "error"]
    assert [(each.properties["file"], each.properties["line"], each.properties["col"]) for each in found] == [
        ("weight-gate.yml", "4", "5"),
        ("weight-gate.yml", "14", "9"),
        ("weight-gate.yml", "15", "9"),
    ]
    assert found[0].properties["title"] == "ranker: roundtrip: error"
    assert found[1].data.split("\n")[:3] == [
        "backbone/block_{0..11}/kernel (12 tensors)",
        "worst: backbone/block_7/kernel: 37 of 9,408 elements differ by more than allowed",
        "worst at [3, 1, 0, 14]: 0.5112 instead of 0.25, allowed 2.6e-07",
    ]
    assert found[1].data.split("\n")[-1].startswith("What to do: retrain")


def test_waivers_are_warnings_and_notes_are_notices() -> None:
    names = [command.name for command in commands(annotations(run(model("m", passed(), waived()))))]
    assert names == ["warning", "notice"]


@steady
@given(runs)
def test_commands_are_ours_and_an_error_is_there_exactly_when_red(any_run: RunResult) -> None:
    text = annotations(any_run)
    found = commands(text)
    assert len(found) == text.count("\n")
    assert {each.name for each in found} <= {"error", "warning", "notice"}
    assert any(each.name == "error" for each in found) == (any_run.exit_code != 0)
    for name in ("error", "warning", "notice"):
        assert sum(each.name == name for each in found) <= 10
    for each in found:
        assert set(each.properties) <= {"file", "line", "col", "title"}
        assert each.data.strip()


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_add_no_command(text: str) -> None:
    for outcome in (Outcome.FAILED, Outcome.WAIVED):
        output = annotations(hostile_run(text, outcome))
        lines = output.splitlines()
        assert len(commands(output)) == len(lines)
        assert all(line.startswith(("::error ", "::warning ", "::notice ")) for line in lines)
        assert all(len(line) <= 4096 for line in lines)
        assert output.isascii() or output.encode()


def _spread(count: int, outcome: Outcome) -> CheckResult:
    """Findings that do not fold, ever worse."""
    names = [letters(i) for i in range(count)]
    found = tuple(Finding("v", f"reason {name.upper()}", name, severity=float(i)) for i, name in enumerate(names))
    return CheckResult("values", outcome, "many", found, checked=count)


def test_the_worst_ten_and_how_many_more() -> None:
    found = commands(annotations(run(model("m", _spread(25, Outcome.FAILED), _spread(12, Outcome.WAIVED), error()))))
    errors = [each for each in found if each.name == "error"]
    assert len(errors) == 10
    assert errors[0].data.startswith("the loading process ended")
    assert [each.data.split("\n")[1] for each in errors[1:]] == [
        f"reason {letters(i).upper()}" for i in range(24, 15, -1)
    ]
    assert sum(each.name == "warning" for each in found) == 10
    assert found[-1].name == "notice"
    assert found[-1].data == "18 more findings: see summary"


def test_long_messages_are_cut_between_characters() -> None:
    for pad in range(4):
        check = CheckResult("values", Outcome.FAILED, "s", (Finding("v", "x" * pad + "%" * 5000, "🙂" * 5000),))
        (found,) = [each for each in commands(annotations(run(model("m", check)))) if each.name == "error"]
        text = annotations(run(model("m", check))).splitlines()[0]
        assert len(text.encode("utf-16-le")) // 2 <= 4096
        assert found.data.endswith("...")
        assert set(found.data.split("\n")[-1].removesuffix("...")) <= {"x", "%", "🙂", " ", "."}


def test_a_path_beyond_all_limits_is_left_out() -> None:
    check = dataclasses.replace(values(1), position=Position("p" * 9000), findings=())
    (line, *_) = annotations(run(model("m", check))).splitlines()
    assert len(line) <= 4096
    assert "file=" not in line


def test_unreached_checks_of_a_model_are_one_annotation() -> None:
    planned = [CheckResult(name, Outcome.NOT_RUN, "not run") for name in ("structure", "values")]
    found = commands(annotations(run(model("m", *planned))))
    assert [each.data for each in found if each.name == "error"] == ["2 checks not reached: structure, values"]


def test_checks_that_could_not_be_made_for_one_reason_are_one_annotation() -> None:
    why = "not made: the model was not loaded"
    left = [CheckResult(name, Outcome.ERROR, why) for name in ("values", "predictions")]
    found = commands(annotations(run(model("m", error(), *left))))
    assert [each.data.split("\n")[0] for each in found if each.name == "error"] == [
        "the loading process ended with signal 11 after 3.2 s",
        "values, predictions: not made: the model was not loaded",
    ]


def test_the_worst_of_every_kind_comes_before_the_second_of_any() -> None:
    lost = [Finding("not-loaded", f"lost {chr(97 + i)}", chr(107 + i), severity=1.0) for i in range(4)]
    warned = [Finding("load-warning", f"warned {i}") for i in range(4)]
    restore = CheckResult("restore", Outcome.FAILED, "s", (*lost, *warned))
    found = commands(annotations(run(model("m", restore, _spread(25, Outcome.FAILED)))))
    said = [each.data.split("\n")[-1] for each in found if each.name == "error"]
    assert said == [
        *("reason CE", "lost a", "warned 0"),
        *("reason CD", "lost b", "warned 1"),
        *("reason CC", "lost c", "warned 2"),
        "reason CB",
    ]


def test_tensors_that_were_not_loaded_are_one_annotation() -> None:
    found = tuple(Finding("not-loaded", "no variable", f"{chr(97 + i % 26)}{i // 26}/kernel") for i in range(300))
    check = CheckResult("restore", Outcome.FAILED, "s", found)
    (each,) = [each for each in commands(annotations(run(model("m", check)))) if each.name == "error"]
    assert "(300 tensors)" in each.data
    assert each.data.split("\n")[-1] == "no variable"


def test_nothing_checked_is_an_error_at_the_manifest() -> None:
    (found,) = commands(annotations(run()))
    assert found.name == "error"
    assert found.properties["file"] == "weight-gate.yml"
    assert "nothing was checked" in found.data


def test_they_go_to_the_stream_that_was_given() -> None:
    stream = io.StringIO()
    write_annotations(mixed(), stream)
    assert stream.getvalue() == annotations(mixed())


@pytest.mark.parametrize("text", HOSTILE)
def test_an_error_before_any_run_is_one_command(text: str) -> None:
    found = commands(error_annotation(UsageError(text, text, Position("weight-gate.yml", 3, 5))))
    assert [each.name for each in found] == ["error"]
    assert found[0].properties["line"] == "3"

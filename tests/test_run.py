"""A run is complete at any moment, and one model's trouble never hides another's."""

from pathlib import Path
from typing import Any

import pytest

import gate.run
from gate.errors import Interrupted
from gate.manifest import load_manifest
from gate.plan import plan
from gate.results import Conclusion, Outcome
from gate.run import Run
from gate.workspace import Workspace
from support.files import WRITERS
from support.judging import TODAY, sample

MANIFEST = """\
version: 1
models:
  - weights: one.npz
    reference: gold.npz
    load: false
  - weights: two.npz
    reference: gold.npz
    load: false
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    for name in ("one", "two", "gold"):
        WRITERS["npz"](tmp_path / f"{name}.npz", sample())
    path = tmp_path / "weight-gate.yml"
    path.write_text(MANIFEST)
    workspace = Workspace.of_manifest(path)
    return Run(plan(load_manifest(path), workspace, TODAY), workspace, "weight-gate check", str(path), 2)


def test_before_it_began_everything_is_not_run(run: Run) -> None:
    result = run.result
    assert result.conclusion == Conclusion.NOT_RUN
    assert result.exit_code == 4
    assert {check.outcome for check in result.checks} == {Outcome.NOT_RUN}
    assert [check.check for check in result.models[0].checks] == ["read", "structure", "finite", "values"]


def test_an_interruption_leaves_what_was_done(run: Run) -> None:
    def step(model: str, check: str) -> None:
        if (model, check) == ("two", "finite"):
            raise Interrupted(2)

    with pytest.raises(Interrupted):
        run.execute(step)
    outcomes = [[str(check.outcome) for check in model.checks] for model in run.result.models]
    assert outcomes == [["passed"] * 4, ["passed", "passed", "not run", "not run"]]
    assert run.result.exit_code == 4


@pytest.mark.parametrize("where", ["coverage", "waivers", "_subject", "open_weights"])
def test_a_defect_anywhere_is_red_for_its_model_alone(run: Run, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = getattr(gate.run, where)
    calls: list[int] = []

    def broken(*args: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise ZeroDivisionError("oops")
        return real(*args, **options)

    monkeypatch.setattr(gate.run, where, broken)
    first, second = run.execute().models
    assert first.outcome == Outcome.ERROR
    assert second.outcome == Outcome.PASSED
    assert run.result.exit_code == 4


def test_all_steps_are_told(run: Run) -> None:
    steps: list[tuple[str, str]] = []
    run.execute(lambda model, check: steps.append((model, check)))
    assert steps == [(model, check) for model in ("one", "two") for check in ("read", "structure", "finite", "values")]

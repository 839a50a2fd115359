"""What the runner's environment says."""

from pathlib import Path

from gate.action import Runner, runner


def test_no_runner_whatever_else_is_set() -> None:
    assert runner({"GITHUB_STEP_SUMMARY": "/s", "GITHUB_OUTPUT": "/o", "GITHUB_ACTIONS": "false"}) == Runner()


def test_a_runner_and_its_files() -> None:
    found = runner({"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": "/s", "GITHUB_OUTPUT": "/o"})
    assert found == Runner(True, Path("/s"), Path("/o"))
    assert runner({"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": ""}) == Runner(True, None, None)

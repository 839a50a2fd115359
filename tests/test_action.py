"""What the runner's environment says: its files, the action's inputs, the event."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gate.action import INPUTS, Event, Runner, arguments, runner
from gate.errors import UsageError

HEAD = "a" * 40
BASE = "0123456789abcdef0123456789abcdef01234567"
BEFORE = "f" * 64


def event(tmp_path: Path, name: str, payload: Any, **more: str) -> Event:
    path = tmp_path / "event.json"
    path.write_bytes(payload if isinstance(payload, bytes) else json.dumps(payload).encode())
    found = runner({"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(path), **more}).event
    assert found is not None
    return found


def test_no_runner_whatever_else_is_set() -> None:
    assert runner({"GITHUB_STEP_SUMMARY": "/s", "GITHUB_OUTPUT": "/o", "GITHUB_ACTIONS": "false"}) == Runner()


def test_a_runner_and_its_files() -> None:
    found = runner({"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": "/s", "GITHUB_OUTPUT": "/o"})
    assert found == Runner(True, Path("/s"), Path("/o"))
    assert runner({"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": ""}) == Runner(True, None, None)


@pytest.mark.parametrize("name", ["INPUT_GITHUB-TOKEN", "INPUT_GITHUB_TOKEN"])
def test_the_token_is_taken_out_of_the_environment_and_is_never_shown(name: str) -> None:
    environment = {"GITHUB_ACTIONS": "true", name: "ghs_secret", "INPUT_MANIFEST": "m.yml"}
    found = runner(environment)
    assert found.token == "ghs_secret"
    assert "ghs_secret" not in environment.values()
    assert found.inputs == {"manifest": "m.yml"}
    assert "ghs_secret" not in repr(found)


def test_both_names_of_the_token_go() -> None:
    environment = {"GITHUB_ACTIONS": "true", "INPUT_GITHUB-TOKEN": "one", "INPUT_GITHUB_TOKEN": "two"}
    assert runner(environment).token == "one"
    assert environment == {"GITHUB_ACTIONS": "true"}


def test_inputs_by_both_names_without_the_empty_and_the_unknown() -> None:
    found = runner(
        {
            "GITHUB_ACTIONS": "true",
            "INPUT_JUNIT-PATH": "a.xml",
            "INPUT_ALLOW_CODE": "true",
            "INPUT_REPORTS": " ",
            "INPUT_FAIL-ON": "never",
        }
    )
    assert found.inputs == {"junit-path": "a.xml", "allow-code": "true"}


def test_a_pull_request(tmp_path: Path) -> None:
    pull = {"number": 7, "base": {"ref": "main", "sha": BASE}, "head": {"ref": "x", "sha": HEAD}}
    found = event(
        tmp_path,
        "pull_request",
        {"before": BEFORE, "after": HEAD, "pull_request": pull},
        GITHUB_REPOSITORY="org/models",
        GITHUB_API_URL="https://ghe.example.com/api/v3",
        GITHUB_SERVER_URL="https://ghe.example.com",
        GITHUB_RUN_ID="1658821493",
        GITHUB_WORKSPACE="/github/workspace",
    )
    assert found == Event(
        name="pull_request",
        repository="org/models",
        number=7,
        base_ref="main",
        base_sha=BASE,
        head_sha=HEAD,
        before="",  # in a pull request's event it is the head before, no base
        api_url="https://ghe.example.com/api/v3",
        server_url="https://ghe.example.com",
        run_id="1658821493",
        workspace=Path("/github/workspace"),
    )


@pytest.mark.parametrize(
    ("head", "fork"),
    [
        ({"repo": {"full_name": "org/models"}}, False),
        ({"repo": {"full_name": "stranger/models"}}, True),
        ({"repo": None}, True),  # deleted meanwhile
    ],
)
def test_which_run_of_which_job_and_whether_from_a_fork(tmp_path: Path, head: dict[str, Any], fork: bool) -> None:
    found = event(
        tmp_path,
        "pull_request",
        {"pull_request": {"number": 7, "head": head, "base": {"repo": {"full_name": "org/models"}}}},
        GITHUB_WORKFLOW_REF="org/models/.github/workflows/ci.yml@refs/pull/7/merge",
        GITHUB_JOB="gate",
        GITHUB_RUN_NUMBER="12",
        GITHUB_RUN_ATTEMPT="2",
    )
    assert found == Event(
        name="pull_request",
        number=7,
        run_number=12,
        run_attempt=2,
        workflow="org/models/.github/workflows/ci.yml",
        job="gate",
        fork=fork,
    )
    assert event(tmp_path, "push", {}, GITHUB_RUN_NUMBER="-1", GITHUB_RUN_ATTEMPT="9" * 400).run_number == 0


def test_a_merge_group_has_no_pull_request(tmp_path: Path) -> None:
    group = {"base_ref": "refs/heads/release/1", "base_sha": BASE, "head_sha": HEAD, "head_ref": "refs/heads/gh-x"}
    found = event(tmp_path, "merge_group", {"merge_group": group})
    assert (found.base_ref, found.base_sha, found.head_sha) == ("release/1", BASE, HEAD)
    assert (found.number, found.before) == (None, "")


def test_a_push(tmp_path: Path) -> None:
    found = event(tmp_path, "push", {"before": BEFORE, "after": HEAD, "base_ref": None})
    assert (found.before, found.head_sha, found.base_sha, found.ref) == (BEFORE, HEAD, "", "")
    assert event(tmp_path, "push", {"ref": "refs/heads/main"}).ref == "refs/heads/main"
    assert event(tmp_path, "push", {"ref": ["refs/heads/main"]}).ref == ""
    assert event(tmp_path, "push", {"before": "0" * 40, "after": HEAD}).before == ""


def test_another_event_has_a_name(tmp_path: Path) -> None:
    assert event(tmp_path, "schedule", {"schedule": "0 0 * * *"}) == Event("schedule")


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe",
        b"[1]",
        b'"text"',
        b"[" * 200_000,
        b'{"pull_request": ' * 50_000,
        b'{"pull_request": ' + b"9" * 5000 + b"}",
        b'{"pull_request": {"number": true, "base": [], "head": {"sha": 5}}}',
        b'{"pull_request": {"number": -1, "base": {"ref": 1, "sha": "main"}, "head": null}}',
        b'{"pull_request": {"number": 1.5, "base": {"ref": null, "sha": "--upload-pack=x"}}}',
        b'{"pull_request": {"base": {"ref": "' + b"x" * 5000 + b'", "sha": "0123"}}}',
        b'{"pull_request": {"base": {"sha": "' + b"A" * 40 + b'"}}}',
    ],
)
def test_an_event_that_says_nothing_sensible_says_nothing(tmp_path: Path, payload: bytes) -> None:
    assert event(tmp_path, "pull_request", payload) == Event("pull_request")


def test_an_event_file_that_is_too_large_or_no_file_is_not_read(tmp_path: Path) -> None:
    large = b'{"pull_request": {"number": 7}}' + b" " * 34_000_000
    assert event(tmp_path, "pull_request", large).number is None
    for path in (tmp_path, tmp_path / "missing", Path("/dev/zero")):
        environment = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": str(path)}
        assert runner(environment).event == Event("push")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GITHUB_REPOSITORY", "org"),
        ("GITHUB_REPOSITORY", "org/a/../b"),
        ("GITHUB_API_URL", "file:///etc/passwd"),
        ("GITHUB_API_URL", "https://user@evil.example"),
        ("GITHUB_SERVER_URL", "https://x\n::error::"),
        ("GITHUB_RUN_ID", "1;x"),
    ],
)
def test_variables_of_another_form_are_left_out(tmp_path: Path, variable: str, value: str) -> None:
    assert event(tmp_path, "push", {}, **{variable: value}) == Event("push")


def test_no_event_without_a_name() -> None:
    assert runner({"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": "/e"}).event is None


def inputs(**given: str) -> Runner:
    """A runner with these inputs, `_` for `-`."""
    return runner({"GITHUB_ACTIONS": "true", **{f"INPUT_{name.upper()}": value for name, value in given.items()}})


def test_no_inputs_are_a_check_as_it_is() -> None:
    assert arguments(inputs()) == ["check"]
    assert arguments(inputs(manifest="", annotations="true", summary="true", allow_code="false", root="\n \n")) == [
        "check"
    ]


def test_every_input_and_no_value_is_an_option() -> None:
    host = inputs(
        manifest="--help",
        device="gpu",
        allow_code="true",
        requirements="-r.txt",
        root="../cache\n  /mnt/models \n",
        reports="out",
        junit_path="--no-reports",
        annotations="false",
        summary="false",
        timeout="60",
        require_sandbox="true",
        github_token="ghs_secret",
        pull_request_target="allow",
    )
    assert set(host.inputs) == set(INPUTS) - {"github-token"}
    assert arguments(host) == [
        "check",
        "--allow-code",
        "--require-sandbox",
        "--annotations=never",
        "--step-summary=never",
        "--pull-request-target=allow",
        "--device=gpu",
        "--requirements=-r.txt",
        "--reports=out",
        "--junit-path=--no-reports",
        "--timeout=60",
        "--root=../cache",
        "--root=/mnt/models",
        "--",
        "--help",
    ]


@pytest.mark.parametrize("name", ["allow-code", "require-sandbox", "annotations", "summary"])
@pytest.mark.parametrize("value", ["yes", "True", "1", "on", "TRUE\n::error::x"])
def test_a_boolean_is_true_or_false_and_nothing_else(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"`{name}` is") as caught:
        arguments(inputs(**{name.replace("-", "_"): value}))
    assert "`true`" in caught.value.hint
    assert "`false`" in caught.value.hint
    assert caught.value.exit_code == 2


def test_without_a_runner_there_are_no_inputs() -> None:
    with pytest.raises(UsageError, match="GitHub action"):
        arguments(runner({"INPUT_MANIFEST": "m.yml"}))


@pytest.mark.parametrize(("given", "said"), [({}, "is refused"), ({"pull_request_target": "refuse"}, "is refused")])
def test_pull_request_target_is_refused(given: dict[str, str], said: str) -> None:
    host = replace(inputs(**given), event=Event("pull_request_target"))
    with pytest.raises(UsageError, match=said) as caught:
        arguments(host)
    assert "pull-request-target: allow" in caught.value.hint


def test_pull_request_target_is_judged_when_asked_but_runs_no_code() -> None:
    allowed = inputs(pull_request_target="allow")
    assert arguments(replace(allowed, event=Event("pull_request_target"))) == [
        "check",
        "--pull-request-target=allow",
    ]
    code = inputs(pull_request_target="allow", allow_code="true")
    with pytest.raises(UsageError, match="`allow-code` is refused"):
        arguments(replace(code, event=Event("pull_request_target")))
    assert arguments(replace(code, event=Event("pull_request"))) == [
        "check",
        "--allow-code",
        "--pull-request-target=allow",
    ]
    with pytest.raises(UsageError, match="`pull-request-target` is 'true'"):
        arguments(inputs(pull_request_target="true"))

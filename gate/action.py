"""The only reader of the environment that GitHub's runner sets: variables, inputs of the action, the event."""

import json
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gate.errors import UsageError

INPUTS = (
    "manifest",
    "device",
    "allow-code",
    "requirements",
    "root",
    "reports",
    "junit-path",
    "annotations",
    "summary",
    "timeout",
    "require-sandbox",
    "pull-request-target",
    "github-token",
)
"""What action.yml lets one say, and nothing else is read."""
TOKEN = "github-token"  # noqa: S105 - the name of it
_PASSED_ON = ("device", "requirements", "reports", "junit-path", "timeout")
"""Inputs that are options of `check` as they are."""

_LARGEST_EVENT = 32 * 1024 * 1024
"""GitHub's own limit is 25 MB."""
_LONGEST_NAME = 1024
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REPOSITORY = re.compile(r"[\w.-]{1,100}/[\w.-]{1,100}", re.ASCII)
_URL = re.compile(r"https?://[\w.:/\[\]-]{1,500}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,20}")
_COUNT = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True)
class Event:
    """What the run is for. What the runner does not say, or says in another form than it should, is empty.

    Names of branches are the pull request author's words: raw and hostile.
    """

    name: str
    """`pull_request`, `push`, `merge_group`, …"""
    repository: str = ""
    """`owner/name`"""
    number: int | None = None
    """Of the pull request."""
    base_ref: str = ""
    """The branch that is merged into, without `refs/heads/`: of a pull request and of a merge group."""
    base_sha: str = ""
    """Its commit when the event was made."""
    head_sha: str = ""
    """The last commit of the pull request, merge group or push; what is checked out may be a merge of it."""
    before: str = ""
    """What the branch held before a push; empty where the push made the branch."""
    ref: str = ""
    """What was pushed: `refs/heads/…` or `refs/tags/…`."""
    api_url: str = "https://api.github.com"
    server_url: str = "https://github.com"
    run_id: str = ""
    run_number: int = 0
    """Counts the runs of one workflow."""
    run_attempt: int = 0
    """Counts how often this run was started."""
    workflow: str = ""
    """`owner/name/.github/workflows/ci.yml`"""
    job: str = ""
    """Its name in the workflow; jobs of one matrix share it."""
    fork: bool = False
    """Whether the pull request comes from another repository: its token only reads."""
    workspace: Path | None = None


@dataclass(frozen=True)
class Runner:
    """What the runner offers: whether there is one, the files through which it takes summary and outputs, the event.

    `inputs` are the action's, by their names in action.yml; one that is empty was not given, and is left out.
    """

    present: bool = False
    step_summary: Path | None = None
    outputs: Path | None = None
    event: Event | None = None
    token: str = field(default="", repr=False)
    inputs: Mapping[str, str] = field(default_factory=dict)


def runner(environment: MutableMapping[str, str]) -> Runner:
    """The runner that `environment` speaks of. The token is taken out of it: no process that we start shall have it."""
    if environment.get("GITHUB_ACTIONS") != "true":
        return Runner()
    given = {name: value for name in INPUTS if (value := _input(environment, name))}
    return Runner(
        True,
        _path(environment, "GITHUB_STEP_SUMMARY"),
        _path(environment, "GITHUB_OUTPUT"),
        _event(environment),
        given.pop(TOKEN, ""),
        given,
    )


def arguments(host: Runner) -> list[str]:
    """The command line of `weight-gate check` that the inputs mean.

    Raises `UsageError` for an input that means nothing, and for `pull_request_target` unless it is allowed.
    """
    if not host.present:
        raise UsageError("`weight-gate action` reads the inputs of a GitHub action", "say `weight-gate check` here")
    inputs = host.inputs
    flags = {
        "--allow-code": _is_true(inputs, "allow-code"),
        "--require-sandbox": _is_true(inputs, "require-sandbox"),
        "--annotations=never": not _is_true(inputs, "annotations", default="true"),
        "--step-summary=never": not _is_true(inputs, "summary", default="true"),
    }
    allowed = _one_of(inputs, "pull-request-target", ("refuse", "allow")) == "allow"
    refuse_pull_request_target(host, allowed=allowed, allow_code=flags["--allow-code"])
    flags["--pull-request-target=allow"] = allowed
    # With `=` and after `--`, no value is taken for an option.
    return [
        "check",
        *(flag for flag, given in flags.items() if given),
        *(f"--{name}={inputs[name]}" for name in _PASSED_ON if name in inputs),
        *(f"--root={line.strip()}" for line in inputs.get("root", "").splitlines() if line.strip()),
        *(["--", inputs["manifest"]] if "manifest" in inputs else []),
    ]


def _is_true(inputs: Mapping[str, str], name: str, default: str = "false") -> bool:
    return _one_of(inputs, name, (default, "true", "false")) == "true"


def _one_of(inputs: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    """The value of an input; the first of `choices` where it was not given."""
    value = inputs.get(name, choices[0])
    if value not in choices:
        known = " or ".join(f"`{each}`" for each in dict.fromkeys(choices))
        raise UsageError(f"the input `{name}` is {value!r}", f"write {known}")
    return value


def is_pull_request_target(host: Runner) -> bool:
    return host.event is not None and host.event.name == "pull_request_target"


def refuse_pull_request_target(host: Runner, *, allowed: bool, allow_code: bool) -> None:
    """Jobs of this event have the repository's secrets, and are made to work on what a stranger sent."""
    if not is_pull_request_target(host):
        return
    if not allowed:
        raise UsageError(
            "the event pull_request_target is refused: its job holds the repository's secrets, and the files to judge"
            " may be a stranger's",
            "use `on: pull_request`, where annotations and summary need no token; or, in a job that holds nothing worth"
            " stealing, `pull-request-target: allow` (`--pull-request-target allow`)",
        )
    if allow_code:
        raise UsageError(
            "`allow-code` is refused in the event pull_request_target: it would run a stranger's code in a job that"
            " holds the repository's secrets",
            "use `on: pull_request`, or leave `allow-code` out",
        )


def _input(environment: MutableMapping[str, str], name: str) -> str:
    """The runner makes INPUT_JUNIT-PATH of `junit-path`; shells know no such name, and have INPUT_JUNIT_PATH."""
    names = (f"INPUT_{name.upper()}", f"INPUT_{name.upper().replace('-', '_')}")
    found = [environment.get(each, "").strip() for each in names]
    if name == TOKEN:
        for each in names:
            environment.pop(each, None)
    return found[0] or found[1]


def _path(environment: Mapping[str, str], name: str) -> Path | None:
    value = environment.get(name)
    return Path(value) if value else None


def _event(environment: Mapping[str, str]) -> Event | None:
    if not (name := environment.get("GITHUB_EVENT_NAME", "")):
        return None
    payload = _payload(_path(environment, "GITHUB_EVENT_PATH"))
    return Event(
        name=name,
        repository=_matching(_REPOSITORY, environment.get("GITHUB_REPOSITORY")),
        api_url=_matching(_URL, environment.get("GITHUB_API_URL")) or Event.api_url,
        server_url=_matching(_URL, environment.get("GITHUB_SERVER_URL")) or Event.server_url,
        run_id=_matching(_NUMBER, environment.get("GITHUB_RUN_ID")),
        run_number=int(_matching(_COUNT, environment.get("GITHUB_RUN_NUMBER")) or 0),
        run_attempt=int(_matching(_COUNT, environment.get("GITHUB_RUN_ATTEMPT")) or 0),
        workflow=_text(environment.get("GITHUB_WORKFLOW_REF", "").partition("@refs/")[0]),
        job=_text(environment.get("GITHUB_JOB")),
        workspace=_path(environment, "GITHUB_WORKSPACE"),
        **_commits(name, payload),
    )


def _commits(name: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `Event` that the event's file knows.

    Its form: https://docs.github.com/en/webhooks/webhook-events-and-payloads.
    """
    if name == "push":
        return {
            "before": _sha(payload.get("before")),
            "head_sha": _sha(payload.get("after")),
            "ref": _text(payload.get("ref")),
        }
    if name == "merge_group":
        group = _object(payload, "merge_group")
        return {
            "base_ref": _text(group.get("base_ref")).removeprefix("refs/heads/"),
            "base_sha": _sha(group.get("base_sha")),
            "head_sha": _sha(group.get("head_sha")),
        }
    pull = _object(payload, "pull_request")
    number = pull.get("number")
    return {
        "number": number if isinstance(number, int) and not isinstance(number, bool) and number > 0 else None,
        "base_ref": _text(_object(pull, "base").get("ref")),
        "base_sha": _sha(_object(pull, "base").get("sha")),
        "head_sha": _sha(_object(pull, "head").get("sha")),
        "fork": _repository(pull, "head") != _repository(pull, "base"),
    }


def _repository(pull: Mapping[str, Any], side: str) -> str:
    return _text(_object(_object(pull, side), "repo").get("full_name"))


def _payload(path: Path | None) -> Mapping[str, Any]:
    """The event's file; empty where it is none, or no JSON object."""
    try:
        if path is None or not path.is_file():
            return {}
        with path.open("rb") as file:
            data = file.read(_LARGEST_EVENT + 1)
        found = json.loads(data) if len(data) <= _LARGEST_EVENT else None
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _object(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = parent.get(key)
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= _LONGEST_NAME else ""


def _sha(value: object) -> str:
    """A commit; none is all zeros, which git writes for one that does not exist."""
    found = _matching(_SHA, value)
    return found if found.strip("0") else ""


def _matching(form: re.Pattern[str], value: object) -> str:
    return value if isinstance(value, str) and form.fullmatch(value) else ""

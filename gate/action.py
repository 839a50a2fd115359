"""The only reader of the environment that GitHub's runner sets."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Runner:
    """What the runner offers: whether there is one, and the files through which it takes summary and outputs."""

    present: bool = False
    step_summary: Path | None = None
    outputs: Path | None = None


def runner(environment: Mapping[str, str]) -> Runner:
    """The runner that `environment` speaks of."""
    if environment.get("GITHUB_ACTIONS") != "true":
        return Runner()
    return Runner(True, _path(environment, "GITHUB_STEP_SUMMARY"), _path(environment, "GITHUB_OUTPUT"))


def _path(environment: Mapping[str, str], name: str) -> Path | None:
    value = environment.get(name)
    return Path(value) if value else None

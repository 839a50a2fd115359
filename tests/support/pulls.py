"""A repository with a pull request, and what the gate says of its manifest."""

import json
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from support.cli import run_gate
from support.files import WRITERS
from support.judging import sample
from support.repositories import Repo, pull

HEAD = "version: 1\n"
MODEL = "models:\n  - weights: new.npz\n    reference: gold.npz\n    load: false\n"
STRICT = "    tensors:\n      - {match: '**', expect: identical}\n"
LOOSE = STRICT + "      - {match: 'head/*', tolerance: {rtol: 1e-2, atol: 0}, expect: close}\n"


def policy(word: str) -> str:
    return f"policy: {{loosening: {word}}}\n"


class Pull:
    """A repository with a pull request from `change` to `main`."""

    def __init__(self, folder: Path, before: str, files: dict[str, bytes] | None = None) -> None:
        self.folder = folder
        self.repo = Repo.init(folder / "repo")
        for name in ("new", "gold"):
            WRITERS["npz"](self.repo.path / f"{name}.npz", sample())
        self.repo.write({".gitignore": b"weight-gate-reports/\n"})
        self.repo.commit({"weight-gate.yml": before.encode(), **(files or {})})
        self.repo.branch("change")

    def change(self, after: str, **files: bytes) -> "Pull":
        self.repo.commit({"weight-gate.yml": after.encode(), **files})
        return self

    def checked(self, *options: str, base: str = "main") -> CompletedProcess[str]:
        """On a laptop."""
        return run_gate("check", "--base", base, *options, cwd=self.repo.path)

    def report(self, folder: Path | None = None) -> Any:
        return json.loads(((folder or self.repo.path) / "weight-gate-reports" / "report.json").read_text())

    def runner(self, depth: int = 2) -> Repo:
        self.repo.checkout("main")
        pull(self.repo, 7, "main", "change")
        return self.repo.runner(self.folder / f"clone-{depth}", "refs/pull/7/merge", depth=depth)

    def env(self, name: str = "pull_request") -> dict[str, str]:
        event = self.folder / "event.json"
        tips = {side: self.repo.git("rev-parse", side) for side in ("main", "change")}
        said = {
            "pull_request": {
                "number": 7,
                "base": {"ref": "main", "sha": tips["main"], "repo": {"full_name": "o/r"}},
                "head": {"sha": tips["change"], "repo": {"full_name": "o/r"}},
            },
            "merge_group": {"base_ref": "refs/heads/main", "base_sha": tips["main"], "head_sha": tips["change"]},
        }
        event.write_text(json.dumps(said))
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": name,
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_STEP_SUMMARY": str(self.folder / "step.md"),
            "GITHUB_OUTPUT": str(self.folder / "outputs"),
        }


def kinds(report: Any) -> list[tuple[str, str | None]]:
    return [(each["kind"], each["tensor"]) for each in report["loosening"]["found"]]

"""The hooks for pre-commit, by pre-commit itself: in a repository of their users', at a commit and at a push."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from support.automation import BINARIES
from support.cli import ROOT
from support.files import WRITERS
from support.judging import sample

pytestmark = pytest.mark.linters

MANIFEST = "version: 1\nmodels:\n  - weights: new.npz\n    reference: old.npz\n    load: false\n"
# What the hooks are installed from: what a wheel is built of, and the hooks.
SOURCES = (".pre-commit-hooks.yaml", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "gate")


class Project:
    """A repository that uses the hooks, with a remote to push to."""

    def __init__(self, folder: Path, hooks: Path) -> None:
        self.folder = folder / "project"
        self.environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("GIT_", "GITHUB_", "PYTHONPATH"))
            },
            "PRE_COMMIT_HOME": str(hooks.parent / "environments"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "PATH": f"{BINARIES}:{os.environ['PATH']}",
            **{f"GIT_{role}_{what}": "a@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        }
        remote = folder / "remote"
        self.run("git", "init", "--quiet", "--bare", str(remote), cwd=folder)
        self.run("git", "init", "--quiet", "--initial-branch=main", str(self.folder), cwd=folder)
        self.run("git", "remote", "add", "origin", str(remote))
        revision = self.run("git", "rev-parse", "HEAD", cwd=hooks).stdout.strip()
        self.write(".pre-commit-config.yaml", CONFIGURATION.format(repo=hooks, revision=revision))
        self.write("weight-gate.yml", MANIFEST)
        for name in ("new.npz", "old.npz"):
            WRITERS["npz"](self.folder / name, sample())
        self.run("git", "add", ".")

    def run(self, *command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=cwd or self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")
        self.run("git", "add", name)


# As docs/recipes.md says it, but for TensorFlow: this manifest asks for no loading.
CONFIGURATION = """\
default_install_hook_types: [pre-commit, pre-push]
repos:
  - repo: {repo}
    rev: {revision}
    hooks:
      - id: weight-gate-validate
      - id: weight-gate-check
        additional_dependencies: []
"""


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree as a repository of hooks. Its environments are installed once."""
    folder = tmp_path_factory.mktemp("hooks") / "weight-gate"
    folder.mkdir()
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    for command in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "--message", "hooks")):
        subprocess.run(["git", "-C", str(folder), *who, *command], check=True)
    return folder


@pytest.fixture
def project(hooks: Path, tmp_path: Path) -> Project:
    return Project(tmp_path, hooks)


def test_a_manifest_is_checked_when_it_is_committed(project: Project) -> None:
    assert project.run("pre-commit", "install").returncode == 0
    done = project.run("git", "commit", "--message", "A good manifest")
    assert done.returncode == 0, done.stderr
    assert "weight-gate validate" in done.stderr
    assert "Passed" in done.stderr

    project.write("weight-gate.yml", MANIFEST.replace("reference", "refrence"))
    done = project.run("git", "commit", "--message", "A bad one")
    assert done.returncode == 1
    assert 'weight-gate.yml:4:5: models[0].refrence: unknown key, did you mean "reference"?' in done.stderr
    assert "exit code: 2" in done.stderr


def test_every_manifest_of_a_repository_is_checked(project: Project) -> None:
    (project.folder / "part").mkdir()
    project.write("part/weight-gate.yaml", "version: 2\n")
    project.write("weight-gate.yml", "version: one\n")
    project.write("other.yml", "version: 3\n")
    done = project.run("pre-commit", "run", "--all-files")
    assert done.returncode == 1
    assert "part/weight-gate.yaml:1:1: version" in done.stdout
    assert "\nweight-gate.yml:1:1: version" in done.stdout
    assert "other.yml" not in done.stdout


def test_weights_are_judged_when_they_are_pushed(project: Project) -> None:
    assert project.run("pre-commit", "install").returncode == 0
    assert project.run("git", "commit", "--message", "Good weights").returncode == 0
    done = project.run("git", "push", "origin", "main")
    assert done.returncode == 0, done.stdout + done.stderr

    WRITERS["npz"](project.folder / "new.npz", sample() | {"head/bias": sample()["head/bias"] + 1})
    project.run("git", "add", "new.npz")
    done = project.run("git", "commit", "--message", "Bad weights: no manifest changed, so nothing looks at them yet")
    assert done.returncode == 0, done.stderr
    pushed = project.run("git", "ls-remote", "origin", "main").stdout
    done = project.run("git", "push", "origin", "main")
    assert done.returncode == 1
    assert "head/bias" in done.stdout + done.stderr
    assert "exit code: 1" in done.stdout + done.stderr
    assert project.run("git", "ls-remote", "origin", "main").stdout == pushed
    assert not (project.folder / "weight-gate-reports").exists()


def test_what_is_loaded_on_push_has_tensorflow() -> None:
    """As an extra of the hooks' own repository, where pip installs it from: `.` and nothing that goes by a name."""
    (check,) = (
        hook
        for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
        if hook["id"] == "weight-gate-check"
    )
    assert check["additional_dependencies"] == [".[tensorflow]"]
    assert check["stages"] == ["pre-push"]

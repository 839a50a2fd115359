"""A glob with a reference from git: what it matched there is there still, or is said to be gone."""

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from gate.action import Event
from gate.errors import MissingFileError
from gate.git.commits import Commits
from gate.git.matching import matching
from gate.git.objects import Objects
from gate.git.repository import Repository
from gate.git.trees import Tree
from gate.manifest import load_manifest
from gate.plan import ModelPlan, plan
from gate.position import Position
from gate.references.git_gone import Gone, gone
from gate.results import Outcome
from gate.workspace import Workspace
from support.cli import run_gate
from support.files import WRITERS
from support.judging import findings_of, judge_manifest, sample
from support.repositories import Repo

MANIFEST = """\
version: 1
models:
  - weights: "m/*.npz"
    reference: {git: origin/main, missing: allowed%s}
    load: false
"""


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """main holds two models; `change` is checked out."""
    made = Repo.init(tmp_path / "repo")
    (made.path / "m").mkdir()
    for name, factor in (("a", 1), ("b", 2)):
        WRITERS["npz"](made.path / f"m/{name}.npz", {key: factor * value for key, value in sample().items()})
    made.commit({"weight-gate.yml": (MANIFEST % "").encode()})
    made.git("update-ref", "refs/remotes/origin/main", "HEAD")
    made.branch("change")
    made.commit({"README": b"x"})
    return made


def planned(repo: Repo, more: str = "", event: Event | None = None) -> list[ModelPlan]:
    """What is planned beside the files that are there."""
    path = repo.path / "weight-gate.yml"
    path.write_text(MANIFEST % more)
    plans = plan(load_manifest(path, "weight-gate.yml"), Workspace.of_manifest(path), date(2026, 11, 21), event=event)
    return [each for each in plans if each.problem is not None]


def test_nothing_is_gone(repo: Repo) -> None:
    assert planned(repo) == []
    WRITERS["npz"](repo.path / "m/c.npz", sample())
    assert planned(repo) == []


@pytest.mark.parametrize("to", ["m/c.npz", "m/A.npz", "elsewhere.npz", "m/deep/a.npz", ""])
@pytest.mark.parametrize("how", ["committed", "staged", "deleted"])
def test_renamed_and_changed_or_removed(repo: Repo, to: str, how: str) -> None:
    path = repo.path / "m/a.npz"
    if to:
        (repo.path / to).parent.mkdir(exist_ok=True)
        shutil.move(path, repo.path / to)
        WRITERS["npz"](repo.path / to, {key: 3 * value for key, value in sample().items()})
    else:
        path.unlink()
    if how != "deleted":
        repo.git("add", "--all")
    if how == "committed":
        repo.commit()
        repo.commit({"later": b"x"})
    (model,) = planned(repo)
    base = repo.git("rev-parse", "origin/main")[:12]
    assert isinstance(model.problem, MissingFileError)
    assert model.problem.reason == f"m/a.npz is gone: m/*.npz matches it in {base}, where HEAD left origin/main"
    assert "`removed: [m/a.npz]`" in model.problem.hint
    assert model.problem.position == Position("weight-gate.yml", 3, 5)
    assert (model.name, model.path) == ("a", path)
    result = judge_manifest(repo.path / "weight-gate.yml")
    assert result.exit_code == 4
    assert [each.name for each in result.models if each.outcome == Outcome.ERROR] == ["a"]

    assert planned(repo, ", removed: [m/a.npz]") == []
    assert planned(repo, ", removed: [./m/../m/a.npz, m/never.npz]") == []
    assert len(planned(repo, ", removed: [m/b.npz, a.npz, 'm/*.npz']")) == 1
    assert judge_manifest(repo.path / "weight-gate.yml").exit_code == 4


def test_a_model_that_is_gone_is_not_left_out(repo: Repo) -> None:
    repo.commit({"m/a.npz": None})
    done = run_gate("check", "--changed-since", "origin/main", cwd=repo.path)
    assert done.returncode == 4
    assert "m/a.npz is gone" in done.stdout


def test_on_main_it_is_what_was_before(repo: Repo) -> None:
    """Also where another file has been changed since."""
    before = repo.head
    repo.commit({"m/a.npz": None})
    repo.commit({"later": b"x"})
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    assert planned(repo) == []
    event = Event("push", before=before, head_sha=repo.head, ref="refs/heads/main")
    (model,) = planned(repo, event=event)
    assert model.problem is not None
    assert model.problem.reason.endswith("what the branch held before this push (HEAD is in origin/main)")
    assert "the event cannot be read" in str(planned(repo, event=Event("push"))[0].problem)
    assert planned(repo, event=replace(event, before="")) == []  # there was nothing; each model's own reference says so

    repo.git("reset", "--quiet", "--hard", "HEAD~1")
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    WRITERS["npz"](repo.path / "m/b.npz", sample())
    WRITERS["npz"](repo.path / "m/new.npz", sample())
    assert len(planned(repo)) == 1


def test_what_cannot_be_told_is_an_error(repo: Repo) -> None:
    repo.git("update-ref", "-d", "refs/remotes/origin/main")
    (model,) = planned(repo)
    assert model.problem is not None
    assert model.problem.exit_code == 4
    assert model.problem.reason.startswith("which files of m/*.npz are gone cannot be told: there is no branch")
    assert model.name == "m/*.npz"


def test_a_glob_that_matches_nothing_says_that_alone(repo: Repo) -> None:
    repo.commit({"m/a.npz": None, "m/b.npz": None})
    (model,) = planned(repo)
    assert model.problem is not None
    assert model.problem.reason == "no file matches m/*.npz"


def test_a_manifest_below_the_top(repo: Repo) -> None:
    (repo.path / "pkg").mkdir()
    base = repo.path / "pkg"
    repo.commit({"m/a.npz": None})
    for pattern, files in (("../m/*.npz", ["../m/b.npz"]), (f"{repo.path}/m/*", [f"{repo.path}/m/b.npz"])):
        assert gone(pattern, files, "origin/main", base, None).files == ("../m/a.npz",)
    assert gone("*.npz", [], "origin/main", base, None).files == ()
    assert gone("m/*", ["m/b.npz"], "HEAD", repo.path, None) != Gone()
    assert gone("m/*", ["m/b.npz"], "HEAD", repo.path, None).files == ()


FILES = [
    "a.npz", "A.npz", ".hidden.npz", "m/a.npz", "m/b.keras", "m/.h/c.npz", "m/x/y/z/d.npz", "m/[x].npz", "m/größe.npz",
    "ck/checkpoint", "ck/m-1.index", "ck/m-1.data-00000-of-00001", "ck/.index", "ck/.data-00000-of-00001", "checkpoint",
    "sm/one/saved_model.pb", "sm/one/variables/variables.index", "sm/two/other", "real/deep/e.npz",
]  # fmt: skip
PATTERNS = [
    "*.npz", "*", "?.npz", "[aA].npz", "[!a]*.npz", "m/*", "m/*.npz", "**", "**/*.npz", "m/**", "m/**/*.npz",
    "*/*", "*/*/*", "./m/*.npz", "m//*.npz", "m/../m/*.npz", "*/../a.npz", "ck/*", "ck/m-*", "**/*.index", "sm/*",
    "sm/**", "sm/*/", "m/**/d.npz", "**/**/*.npz", "m/[[]x].npz", "m/.*/*.npz", "link/*", "link/**/*.npz", "*/e.npz",
    "lost/*", "l*", "m/gr*", "*/a.npz", "*/./a.npz", "none/*", "a.npz/*", "**/loop/*/a.npz", "*.n[op]z", "a**z",
    "m/x/**/y/**/*.npz", "**/e.npz",
]  # fmt: skip


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    repo = Repo.init(tmp_path_factory.mktemp("many") / "repo")
    repo.write({name: name.encode() for name in FILES})
    for name, target in {
        "link": "real/deep",
        "lost": "nowhere",
        "lost.npz": "nowhere",
        "m/up": "..",
        "l.npz": "a.npz",
    }.items():
        (repo.path / name).symlink_to(target)
    repo.commit()
    return repo


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_commit_is_matched_as_the_working_tree_is(many: Repo, pattern: str) -> None:
    """What is checked out is the commit. A link that leads back up is entered once, and not forty times."""
    repository = Repository.around(many.path)
    workspace = Workspace(many.path, [many.path])
    listed = {repository.inside(many.path / name, many.path) for name in workspace.expand(pattern)}
    with Objects(repository) as objects:
        head = Commits(repository, objects, None).head
        found = matching(Tree(objects, head.tree, "HEAD"), b"", pattern)
    again = {path for path in listed if b"m/up/" in path}
    assert found >= listed - again - {b".", b".git"} - {path for path in listed if path.startswith(b".git/")}
    assert {path for path in found if b"m/up/" not in path} <= listed


def test_messages_name_what_the_findings_say(repo: Repo) -> None:
    repo.commit({"m/a.npz": None})
    model = judge_manifest(repo.path / "weight-gate.yml").models[-1]
    (finding,) = findings_of(model)
    assert (finding.kind, finding.position and finding.position.line) == ("unreadable", 3)

"""`--model` and `--changed-since`: what is left out is what git shows to be untouched, and it is said."""

import hashlib
import json
import os
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from gate.errors import GateError, UsageError
from gate.git.changes import changes
from gate.manifest import load_manifest
from gate.plan import plan
from gate.selection import named, touched
from gate.workspace import Workspace
from support.bundles import write_bundle
from support.cli import run_gate
from support.files import WRITERS
from support.judging import sample
from support.repositories import Repo

MANIFEST = """\
version: 1
models:
  - {weights: a.npz, reference: gold/a.npz, load: false}
  - {weights: b.npz, load: false}
  - {weights: ckpt/c, load: false}
  - weights: d.weights.h5
    reference: {git: origin/main}
    architecture: {code: "src/build.py:build"}
    predictions: [{inputs: data/in.npz, expected: data/out.npz}]
  - weights: e.npz
    reference: {git: origin/main, path: gold/e.npz}
    load: false
"""
ALL = ["a", "b", "c", "d", "e"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    repo = Repo.init(tmp_path_factory.mktemp("made") / "repo")
    for name in ("a", "b", "e", "gold/a", "gold/e", "data/in", "data/out"):
        (repo.path / name).parent.mkdir(exist_ok=True)
        WRITERS["npz"](repo.path / f"{name}.npz", sample())
    (repo.path / "ckpt").mkdir()
    write_bundle(repo.path / "ckpt" / "c", sample())
    repo.write(
        {
            "weight-gate.yml": MANIFEST.encode(),
            "d.weights.h5": b"not read here",
            "src/build.py": b"from src import parts\n",
            "src/parts.py": b"",
            "README.md": b"",
            ".gitignore": b"cache/\nweight-gate-reports/\n",
        }
    )
    repo.commit()
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    repo.branch("change")
    repo.commit()
    return repo


@pytest.fixture
def repo(made: Repo, tmp_path: Path) -> Repo:
    shutil.copytree(made.path, tmp_path / "repo", symlinks=True)
    return Repo(tmp_path / "repo")


def selected(repo: Repo, ref: str = "origin/main", manifest: str = "weight-gate.yml") -> list[str]:
    path = repo.path / manifest
    workspace = Workspace.of_manifest(path)
    plans = plan(load_manifest(path), workspace, date(2026, 11, 21))
    found = touched(plans, changes(workspace.base, ref, None), workspace, [path])
    assert sorted([*(each.name for each in found.plans), *(each.name for each in found.left_out)]) == sorted(
        each.name for each in plans
    )
    assert all(each.untouched and "has changed since" in each.reason for each in found.left_out)
    return [each.name for each in found.plans]


def test_nothing_changed(repo: Repo) -> None:
    """A copy of a repository: every file has other times than the index says, and the same content."""
    assert selected(repo) == []


@pytest.mark.parametrize(
    ("path", "models"),
    [
        ("a.npz", ["a"]),
        ("gold/a.npz", ["a"]),
        ("b.npz", ["b"]),
        ("gold/e.npz", ["e"]),
        ("e.npz", ["e"]),
        ("ckpt/c.index", ["c"]),
        ("ckpt/c.data-00000-of-00001", ["c"]),
        ("d.weights.h5", ["d"]),
        ("data/in.npz", ["d"]),
        ("data/out.npz", ["d"]),
        ("src/build.py", ["d"]),
        ("src/parts.py", ["d"]),
        ("src/new/deep.py", ["d"]),
        ("vocabulary.txt", ["d"]),
        ("README.md", ["d"]),
        ("weight-gate.yml", ALL),
        ("sub/.gitattributes", ALL),
    ],
)
@pytest.mark.parametrize("how", ["committed", "staged", "edited"])
def test_what_touches_what(repo: Repo, path: str, models: list[str], how: str) -> None:
    data = (repo.path / path).read_bytes() + b"\n" if (repo.path / path).exists() else b"x"
    repo.write({path: data})
    if how != "edited":
        repo.git("add", path)
    if how == "committed":
        repo.commit()
        repo.commit()
    assert selected(repo) == models


@pytest.mark.parametrize(
    ("path", "models"),
    [
        ("a.npz", ["a", "d"]),
        ("gold/a.npz", ["a", "d"]),
        ("ckpt/c.data-00000-of-00001", ["c"]),
        ("ckpt/c.index", ["c"]),
        ("src/parts.py", ["d"]),
    ],
)
def test_what_is_gone(repo: Repo, path: str, models: list[str]) -> None:
    """Also a model whose weights are gone: it is for the check to say so."""
    repo.commit({path: None})
    found = selected(repo)
    assert set(found) <= set(models)
    assert models[0] in found


def test_edited_back_is_unchanged(repo: Repo) -> None:
    data = (repo.path / "a.npz").read_bytes()
    repo.commit({"a.npz": b"x"})
    repo.commit({"a.npz": data})
    assert selected(repo) == []
    repo.write({"a.npz": b"y"})
    assert selected(repo) == ["a"]


def test_since_a_commit(repo: Repo) -> None:
    repo.commit({"a.npz": b"x"})
    first = repo.head
    repo.commit({"b.npz": b"x"})
    assert selected(repo) == ["a", "b"]
    assert selected(repo, first) == ["b", "d", "e"]
    assert selected(repo, "HEAD~1") == ["b", "d", "e"]
    assert selected(repo, "HEAD") == ["d", "e"]
    repo.write({"a.npz": b"y"})
    assert selected(repo, "HEAD") == ["a", "d", "e"]


def test_a_reference_of_another_commit_can_have_moved(repo: Repo) -> None:
    """Where it has the ref that the changes are since, it moves with them."""
    repo.git("tag", "blessed")
    manifest = MANIFEST.replace("{git: origin/main, path", "{git: blessed, path")
    repo.commit({"weight-gate.yml": manifest.encode()})
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    repo.commit()
    assert selected(repo) == ["e"]
    repo.git("tag", "--force", "blessed")
    assert selected(repo) == ["e"]
    assert selected(repo, "blessed") == ["d"]


def test_on_main_it_is_the_last_commit_with_what_is_not_committed(repo: Repo) -> None:
    repo.checkout("main")
    repo.commit({"a.npz": b"x"})
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    assert selected(repo) == ["a"]
    repo.write({"junk": b"x"})
    assert selected(repo) == ["a", "d"]


ONE = b"version: 1\nmodels: [{weights: a.npz, load: false}]\n"


def test_the_first_commit_changes_everything(tmp_path: Path) -> None:
    repo = Repo.init(tmp_path / "repo")
    repo.write({"weight-gate.yml": ONE})
    WRITERS["npz"](repo.path / "a.npz", sample())
    repo.commit()
    assert selected(repo, "main") == ["a"]
    done = run_gate("check", "--changed-since", "main", cwd=repo.path)
    assert done.returncode == 0
    assert "judged whatever has changed: HEAD is in main, and is the first commit" in " ".join(done.stdout.split())


def pushed(repo: Repo, tmp_path: Path, ref: str, before: str) -> dict[str, str]:
    """The runner's environment after a push of what is checked out."""
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"ref": ref, "before": before, "after": repo.head}))
    return {
        "GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": str(event), "GITHUB_REF": ref,
    }  # fmt: skip


@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/heads/other", "refs/tags/v1"])
def test_a_push_that_made_the_branch_changes_everything(small: Repo, tmp_path: Path, ref: str) -> None:
    """It may have brought any number of commits: the first parent of the last one tells nothing."""
    small.git("update-ref", "refs/remotes/origin/main", "HEAD")
    env = pushed(small, tmp_path, ref, "0" * 40)
    done = run_gate("check", "--changed-since", "origin/main", cwd=small.path, env=env)
    assert done.returncode in {0, 4}  # what `e` is compared with is not known either
    assert report(small)["left_out"] == []
    assert [model["name"] for model in report(small)["models"]] == ["a", "b", "c", "e"]  # type: ignore[attr-defined]
    assert "judged whatever has changed: HEAD is in origin/main" in " ".join(done.stdout.split())


def test_a_push_that_went_on_changes_what_it_changes(small: Repo, tmp_path: Path) -> None:
    before = small.head
    for path in ("a.npz", "b.npz"):
        WRITERS["npz"](small.path / path, {name: 2 * array for name, array in sample().items()})
        small.commit()
    small.git("update-ref", "refs/remotes/origin/main", "HEAD")
    env = pushed(small, tmp_path, "refs/heads/main", before)
    assert run_gate("check", "--changed-since", "origin/main", cwd=small.path, env=env).returncode == 1
    assert [model["name"] for model in report(small)["models"]] == ["a", "b"]  # type: ignore[attr-defined]
    env = pushed(small, tmp_path, "refs/heads/main", "1" * 40)  # what was forced over
    assert run_gate("check", "--changed-since", "origin/main", cwd=small.path, env=env).returncode == 4
    assert report(small)["conclusion"] == "error"


def hide(repo: Repo, how: str) -> None:
    """Has git believe its index, or not look."""
    settings = {"core.trustctime": "false", "core.checkStat": "minimal", "core.ignoreStat": "true"}
    if how == "settings":
        for key, value in settings.items():
            repo.git("config", key, value)
        repo.git("update-index", "--really-refresh")
    else:
        paths = repo.git("ls-files").splitlines()
        repo.git("update-index", f"--{how}", *(path for path in paths if not (repo.path / path).is_dir()))


@pytest.mark.parametrize("how", ["skip-worktree", "assume-unchanged", "settings"])
@pytest.mark.parametrize(
    ("path", "models"),
    [("a.npz", ["a"]), ("src/parts.py", ["d"]), ("ckpt/c.index", ["c"]), ("weight-gate.yml", ALL)],
)
def test_the_index_is_not_believed(repo: Repo, how: str, path: str, models: list[str]) -> None:
    """Neither its flags nor its times: the file keeps its size and its time."""
    file = repo.path / path
    repo.commit({path: file.read_bytes() + b"#"})
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    repo.commit()
    os.utime(file, (1_600_000_000, 1_600_000_000))
    hide(repo, how)
    assert selected(repo) == []
    file.write_bytes(file.read_bytes()[:-1] + b" ")
    os.utime(file, (1_600_000_000, 1_600_000_000))
    assert repo.git("diff", "--name-only") == ""
    assert selected(repo) == models
    file.unlink()
    if path != "weight-gate.yml":
        assert set(models) <= set(selected(repo))


def test_links_are_files_of_code(repo: Repo) -> None:
    (repo.path / "src/link.py").symlink_to("parts.py")
    repo.commit()
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    repo.commit()
    assert selected(repo) == []
    hide(repo, "assume-unchanged")
    (repo.path / "src/link.py").unlink()
    (repo.path / "src/link.py").symlink_to("build.py")
    assert selected(repo) == ["d"]
    (repo.path / "src/link.py").unlink()
    os.mkfifo(repo.path / "src/link.py")
    assert selected(repo) == ["d"]


def test_what_cannot_be_told_is_judged(repo: Repo, tmp_path: Path) -> None:
    """Ignored files, links, files elsewhere: git does not show that they are what they were."""
    (repo.path / "cache").mkdir()
    shutil.copy(repo.path / "a.npz", repo.path / "cache" / "ignored.npz")
    (repo.path / "link.npz").symlink_to("a.npz")
    (repo.path / "folder").symlink_to("gold")
    more = "".join(
        f"  - {{name: {name}, weights: {path}, load: false}}\n"
        for name, path in {
            "ignored": "cache/ignored.npz",
            "link": "link.npz",
            "through": "folder/a.npz",
            "gone": "nowhere.npz",
            "glob": "'nothing-*.npz'",
        }.items()
    ).replace("name: glob, ", "")
    repo.commit({"weight-gate.yml": (MANIFEST + more).encode()})
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    repo.commit()
    assert selected(repo) == ["ignored", "link", "through", "gone", "nothing-*.npz"]


def test_a_submodule_is_judged(repo: Repo, tmp_path: Path) -> None:
    other = Repo.init(tmp_path / "other")
    shutil.copy(repo.path / "a.npz", other.path / "s.npz")
    other.commit()
    repo.git("submodule", "--quiet", "add", f"file://{other.path}", "vendor")
    manifest = MANIFEST + "  - {weights: vendor/s.npz, load: false}\n"
    repo.commit({"weight-gate.yml": manifest.encode()})
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    repo.commit()
    assert selected(repo) == ["s"]


@pytest.mark.parametrize("ignored", ["nothing", "modules", "settings"])
@pytest.mark.parametrize("how", ["committed", "staged", "checked out", "flagged"])
def test_another_commit_of_a_submodule_is_a_change(repo: Repo, tmp_path: Path, ignored: str, how: str) -> None:
    """Whatever `ignore` says of it: code may be imported from there."""
    other = Repo.init(tmp_path / "other")
    other.commit({"library.py": b"x = 1\n"})
    repo.git("submodule", "--quiet", "add", f"file://{other.path}", "vendor")
    if ignored == "modules":
        repo.git("config", "--file", ".gitmodules", "submodule.vendor.ignore", "all")
    repo.commit()
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    repo.commit()
    if ignored == "settings":
        repo.git("config", "diff.ignoreSubmodules", "all")
        repo.git("config", "submodule.vendor.ignore", "all")
    assert selected(repo) == []
    vendor = Repo(repo.path / "vendor")
    vendor.commit({"library.py": b"x = 2\n"})
    if how in {"committed", "staged"}:
        repo.git("update-index", "--cacheinfo", f"160000,{vendor.head},vendor")
    if how == "committed":
        repo.git("commit", "--quiet", "--allow-empty", "-m", "c")  # where it is told not to look
    if how == "flagged":
        repo.git("update-index", "--assume-unchanged", "vendor")
    assert selected(repo) == ["d"]


GLOB = b"version: 1\nmodels:\n  - {weights: '%b', load: false}\n"


@pytest.mark.parametrize("how", ["committed", "staged", "removed"])
@pytest.mark.parametrize(
    ("glob", "gone", "models"),
    [
        (b"m/*.npz", "m/a.npz", ["b"]),
        (b"**/*.npz", "m/a.npz", ["b", "c"]),
        (b"m/**/*.npz", "m/deep/c.npz", ["a", "b"]),
        (b"m/**", "m/deep/c.npz", ["a", "b"]),
        (b"?/[ab].npz", "m/b.npz", ["a"]),
        (b"./m/../m/*.npz", "m/a.npz", ["b"]),
        (b"m/*", "m/saved/saved_model.pb", ["a", "b"]),
        (b"m/*", "m/saved/variables/variables.index", ["a", "b", "saved"]),
        (b"m/[ab].npz", "m/deep/c.npz", []),
        (b"*.npz", "m/a.npz", []),
        (b"m/*.npz", "README", []),
    ],
)
def test_a_file_of_a_glob_is_gone(tmp_path: Path, glob: bytes, gone: str, models: list[str], how: str) -> None:
    """Whatever its other files are: what is gone has no model of its own that could be judged."""
    repo = Repo.init(tmp_path / "repo")
    files = (
        "r.npz",
        "m/a.npz",
        "m/b.npz",
        "m/deep/c.npz",
        "m/saved/saved_model.pb",
        "m/saved/variables/variables.index",
    )
    repo.commit({"weight-gate.yml": GLOB % glob, "README": b"", **{path: path.encode() for path in files}})
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    repo.branch("change")
    repo.commit()
    assert selected(repo) == []
    repo.write({gone: None})
    if how != "removed":
        repo.git("add", "--all")
    if how == "committed":
        repo.commit()
    found = selected(repo)
    assert set(models) <= set(found)
    assert bool(found) == bool(models)


def test_a_glob_without_a_file_left(tmp_path: Path) -> None:
    repo = Repo.init(tmp_path / "repo")
    repo.commit({"weight-gate.yml": GLOB % b"m/*.npz", "m/a.npz": b"x"})
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    repo.branch("change")
    repo.commit({"m/a.npz": None})
    assert run_gate("check", "--changed-since", "origin/main", cwd=repo.path).returncode == 4


def test_an_edited_file_of_a_glob_leaves_the_others_alone(tmp_path: Path) -> None:
    repo = Repo.init(tmp_path / "repo")
    repo.commit({"weight-gate.yml": GLOB % b"m/*.npz", "m/a.npz": b"x", "m/b.npz": b"x"})
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    repo.branch("change")
    repo.commit({"m/a.npz": b"y", "m/c.npz": b"x"})
    assert selected(repo) == ["a", "c"]


def test_a_file_of_git_lfs_is_what_it_points_to(repo: Repo, tmp_path: Path) -> None:
    data = (repo.path / "b.npz").read_bytes()
    pointer = (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{hashlib.sha256(data).hexdigest()}\nsize {len(data)}\n"
    )
    repo.commit({"b.npz": pointer.encode()})
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    repo.commit()
    repo.write({"b.npz": data})  # as `git lfs` checks it out
    assert selected(repo) == []
    repo.write({"b.npz": data + b"x"})
    assert selected(repo) == ["b"]


@pytest.mark.parametrize("name", ["x", "a=b", "a.clean"])
def test_no_filter_runs(repo: Repo, tmp_path: Path, name: str) -> None:
    ran = tmp_path / "ran"
    repo.git("update-index", "--refresh")
    os.utime(repo.path / ".git/index", (1, 1))  # all files were written after it: git would look closer
    for key in ("clean", "smudge", "process"):
        repo.git("config", f"filter.{name}.{key}", f"touch {ran}; cat")
    repo.git("config", f"filter.{name}.required", "true")
    repo.git("config", "core.fsmonitor", f"touch {ran}")
    (repo.path / ".git/info").mkdir(exist_ok=True)
    (repo.path / ".git/info/attributes").write_text(f"* filter={name}\n")
    os.utime(repo.path / "a.npz")
    assert selected(repo) == []
    assert not ran.exists()


def test_nothing_is_written(repo: Repo) -> None:
    before = (repo.path / ".git/index").read_bytes()
    selected(repo)
    assert (repo.path / ".git/index").read_bytes() == before


def test_what_git_cannot_tell_is_an_error(repo: Repo, tmp_path: Path) -> None:
    for ref in ("origin/nowhere", "a..b", "--upload-pack=x", "@{u}"):
        with pytest.raises(GateError) as caught:
            selected(repo, ref)
        assert caught.value.exit_code == 4


# By name.


def names(repo: Repo, *asked: str) -> Sequence[str]:
    path = repo.path / "weight-gate.yml"
    found = named(plan(load_manifest(path), Workspace.of_manifest(path), date(2026, 11, 21)), asked, repo.path)
    assert len(found.plans) + len(found.left_out) == len(ALL)
    assert not any(each.untouched for each in found.left_out)
    return [each.name for each in found.plans]


def test_by_name(repo: Repo) -> None:
    assert names(repo) == ALL
    assert names(repo, "b") == ["b"]
    assert names(repo, "e", "a") == ["a", "e"]
    assert names(repo, "[ab]", "b") == ["a", "b"]
    assert names(repo, "*") == ALL


@pytest.mark.parametrize(
    ("asked", "hint"), [(["f"], "its models are a, b, c, d, e"), (["a", "x*"], "its models are"), ([""], "its models")]
)
def test_an_unknown_name(repo: Repo, asked: list[str], hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        names(repo, *asked)
    assert caught.value.hint.startswith(hint)


def test_an_unknown_name_with_a_near_one(repo: Repo) -> None:
    repo.write({"weight-gate.yml": MANIFEST.replace("{weights: a.npz", "{name: classifier, weights: a.npz").encode()})
    with pytest.raises(UsageError, match="did you mean classifier"):
        names(repo, "clasifier")


# As users call it.


@pytest.fixture
def small(repo: Repo) -> Repo:
    """Without the model that needs TensorFlow."""
    lines = MANIFEST.splitlines(keepends=True)
    repo.commit({"weight-gate.yml": "".join(lines[:5] + lines[9:]).encode()})
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    repo.commit()
    return repo


def report(repo: Repo) -> dict[str, object]:
    found: dict[str, object] = json.loads((repo.path / "weight-gate-reports/report.json").read_text())
    return found


def test_what_was_left_out_is_in_every_report(small: Repo, tmp_path: Path) -> None:
    WRITERS["npz"](small.path / "b.npz", {name: 2 * array for name, array in sample().items()})
    output = tmp_path / "output"
    runner = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(output)}
    done = run_gate("check", "--changed-since", "origin/main", cwd=small.path, env=runner)
    assert done.returncode == 0, done.stdout + done.stderr
    base = small.git("rev-parse", "origin/main")[:12]
    why = f"nothing that its verdict depends on has changed since {base}, where HEAD left origin/main"
    assert done.stdout.startswith("weight-gate")
    assert "PASSED: everything checked, everything held, 3 models left out" in done.stdout
    assert "--changed-since origin/main" in done.stdout
    assert "::notice title=weight-gate::left out: a, c, e" in done.stdout
    assert "::warning" not in done.stdout
    found = report(small)
    assert [model["name"] for model in found["models"]] == ["b"]  # type: ignore[attr-defined]
    assert [(left["name"], left["reason"], left["untouched"]) for left in found["left_out"]] == [  # type: ignore[attr-defined]
        (name, why, True) for name in ("a", "c", "e")
    ]
    suites = ET.parse(small.path / "weight-gate-reports/junit.xml").getroot()
    skipped = {suite.get("name"): suite.find("testcase/skipped") for suite in suites}
    assert {name: each is not None for name, each in skipped.items()} == {"b": False, "a": True, "c": True, "e": True}
    assert all(why in (each.get("message") or "") for each in skipped.values() if each is not None)
    summary = (small.path / "weight-gate-reports/summary.md").read_text()
    assert "3 models left out" in summary
    (line,) = [each for each in summary.splitlines() if why in each.replace("&#45;", "-")]
    assert all(f"`{name}`" in line for name in ("a", "c", "e"))


def test_nothing_to_check_is_green_and_says_so(small: Repo) -> None:
    done = run_gate("check", "--changed-since", "origin/main", cwd=small.path)
    assert done.returncode == 0
    told = "NOTHING TO CHECK: nothing that a verdict depends on has changed, 4 models left out"
    assert told in " ".join(done.stdout.split())
    assert (report(small)["conclusion"], report(small)["exit_code"]) == ("nothing to check", 0)
    root = ET.parse(small.path / "weight-gate-reports/junit.xml").getroot()
    assert (root.get("tests"), root.get("skipped"), root.get("errors"), root.get("failures")) == ("4", "4", "0", "0")


def test_both(small: Repo) -> None:
    WRITERS["npz"](small.path / "b.npz", {name: 2 * array for name, array in sample().items()})
    done = run_gate("check", "--changed-since", "origin/main", "--model", "a", cwd=small.path)
    assert done.returncode == 0
    assert report(small)["conclusion"] == "nothing to check"
    assert {left["name"]: left["untouched"] for left in report(small)["left_out"]} == {  # type: ignore[attr-defined]
        "a": True, "b": False, "c": False, "e": False,
    }  # fmt: skip


def test_a_red_model_stays_red(small: Repo) -> None:
    WRITERS["npz"](small.path / "a.npz", {name: 2 * array for name, array in sample().items()})
    done = run_gate("check", "--changed-since", "origin/main", cwd=small.path)
    assert done.returncode == 1
    assert "FAILED" in done.stdout
    (small.path / "a.npz").unlink()
    assert run_gate("check", "--changed-since", "origin/main", cwd=small.path).returncode == 4


@pytest.mark.parametrize("more", [["--model", "b"], ["--changed-since", "origin/nowhere"]])
def test_no_report_is_written_over_a_model_that_is_left_out(small: Repo, more: list[str]) -> None:
    before = (small.path / "a.npz").read_bytes()
    done = run_gate("check", *more, "--json-path", "a.npz", cwd=small.path)
    assert done.returncode == 2
    assert "which is read by this run" in done.stderr
    assert (small.path / "a.npz").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--model", "nobody"], 2, "--model nobody names no model of the manifest"),
        (["--changed-since", "origin/nowhere"], 4, "there is no branch, tag or commit origin/nowhere"),
        (["--changed-since=--upload-pack=touch x"], 4, "names no commit"),
    ],
)
def test_what_makes_no_sense_is_red_in_the_reports_too(small: Repo, arguments: list[str], code: int, said: str) -> None:
    assert run_gate("check", cwd=small.path).returncode == 0
    done = run_gate("check", *arguments, cwd=small.path)
    assert done.returncode == code
    assert said in done.stderr
    assert report(small)["conclusion"] == "error"
    assert not (small.path / "x").exists()

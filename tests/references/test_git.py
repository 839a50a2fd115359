"""References from git: the files of another commit, read as data, whatever the repository holds and is called."""

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gate.action import Event
from gate.errors import GateError, MissingFileError, UnreadableError
from gate.formats import open_weights
from gate.git.checkout import blob_name
from gate.references.git import GitReference
from gate.references.interface import Fetched, Missing, Sources
from gate.results import ModelResult, Outcome
from gate.workspace import Workspace
from support.bundles import write_bundle
from support.cli import ROOT
from support.files import WRITERS
from support.judging import check_of, findings_of, judge_manifest, outcomes_of, sample
from support.repositories import Repo

MANIFEST = """\
version: 1
models:
  - weights: m.npz
    reference: {git: origin/main%s}
    load: false
"""


def npz(path: Path, **changed: Any) -> bytes:
    """A small model's file."""
    WRITERS["npz"](path, {**sample(), **changed})
    data = path.read_bytes()
    path.unlink()
    return data


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """main holds a model; the branch `change`, which is checked out, has trained its head."""
    made = Repo.init(tmp_path / "repo")
    made.commit({"m.npz": npz(tmp_path / "x.npz"), "weight-gate.yml": (MANIFEST % "").encode()})
    made.git("update-ref", "refs/remotes/origin/main", "HEAD")
    made.branch("change")
    made.commit({"m.npz": npz(tmp_path / "x.npz", **{"head/bias": np.array([1, 2, 3], np.float32)})})
    return made


def fetch(
    repo: Repo, ref: str, path: str, scratch: Path, weights: str = "", missing: bool = False, event: Event | None = None
) -> Fetched | Missing:
    manifest = repo.path / "weight-gate.yml"
    workspace = Workspace.of_manifest(manifest)
    scratch.mkdir(exist_ok=True)
    reference = GitReference(ref, repo.path / path, path, repo.path / (weights or path), missing)
    return reference.fetch(Sources(workspace, scratch, event=event))


def fetched(repo: Repo, ref: str, path: str, scratch: Path, **more: Any) -> Fetched:
    found = fetch(repo, ref, path, scratch, **more)
    assert isinstance(found, Fetched)
    return found


def refusal(repo: Repo, ref: str, path: str, scratch: Path, **more: Any) -> GateError:
    with pytest.raises(GateError) as caught:
        fetch(repo, ref, path, scratch, **more)
    assert caught.value.exit_code == 4
    assert caught.value.hint
    return caught.value


def judge(repo: Repo, more: str = "", manifest: str = MANIFEST) -> ModelResult:
    path = repo.path / "weight-gate.yml"
    path.write_text(manifest % more if "%s" in manifest else manifest)
    return judge_manifest(path).models[0]


# In a run.


def test_a_change_is_seen_against_where_it_began(repo: Repo) -> None:
    model = judge(repo)
    base = repo.git("rev-parse", "origin/main")[:12]
    assert model.reference == f"{repo.path}/m.npz at {base}"
    assert f"reference: {repo.path}/m.npz at {base}, where HEAD left origin/main" in model.notes
    assert outcomes_of(model) == {"read": "passed", "structure": "passed", "finite": "passed", "values": "failed"}
    (finding,) = findings_of(model)
    assert finding.tensor == "head/bias"


def test_an_unchanged_file_says_so(repo: Repo) -> None:
    repo.git("checkout", "--quiet", "origin/main", "--", "m.npz")
    repo.commit()
    model = judge(repo)
    assert model.outcome == Outcome.PASSED
    assert f"{repo.path}/m.npz is byte for byte what it is there: nothing has changed it since" in model.notes


def test_on_main_a_file_is_not_compared_with_itself(repo: Repo) -> None:
    """The trap: after the merge HEAD is origin/main, and its own file is what the merge base holds."""
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    model = judge(repo)
    assert check_of(model, "values").outcome == Outcome.FAILED
    assert any("the first parent of HEAD (HEAD is in origin/main)" in note for note in model.notes)


def test_before_a_commit_it_is_compared_with_head(repo: Repo, tmp_path: Path) -> None:
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    repo.write({"m.npz": npz(tmp_path / "x.npz", **{"head/bias": np.array([7, 2, 3], np.float32)})})
    model = judge(repo)
    why = "which is HEAD itself: HEAD is in origin/main, and the files have changed since"
    assert any(why in note for note in model.notes)
    assert check_of(model, "values").outcome == Outcome.FAILED


def test_errors_stand_at_the_reference(repo: Repo) -> None:
    repo.git("update-ref", "-d", "refs/remotes/origin/main")
    model = judge(repo)
    read = check_of(model, "read")
    assert read.outcome == Outcome.ERROR
    (finding,) = read.findings
    assert "there is no branch, tag or commit origin/main in this clone" in finding.reason
    assert finding.position is not None
    assert (finding.position.line, finding.position.column) == (4, 5)


# A file that is not there.


def test_a_new_model_is_waived_where_that_is_allowed(repo: Repo) -> None:
    repo.git("rm", "--quiet", "--cached", "m.npz")
    manifest = MANIFEST.replace("m.npz", "new.npz")
    (repo.path / "m.npz").rename(repo.path / "new.npz")
    model = judge(repo, manifest=manifest % "")
    (finding,) = findings_of(model)
    base = repo.git("rev-parse", "origin/main")[:12]
    assert f"new.npz is not in {base}, where HEAD left origin/main" in finding.reason
    assert "of a new model, say `missing: allowed`" in finding.hint
    assert model.outcome == Outcome.ERROR

    model = judge(repo, manifest=manifest % ", missing: allowed")
    assert outcomes_of(model) == {"read": "passed", "finite": "passed", "reference": "waived"}
    assert "a new model, whose values are compared with nothing" in check_of(model, "reference").summary
    assert check_of(model, "reference").position is not None
    assert model.reference is None
    assert model.coverage.compared == 0
    assert any("values were compared with nothing" in note for note in model.notes)
    assert model.outcome == Outcome.PASSED


def test_what_compares_waits_for_the_next_commit(repo: Repo) -> None:
    """Rules that ask something of the file alone hold; the others are said to be left out."""
    (repo.path / "m.npz").rename(repo.path / "new.npz")
    manifest = """\
version: 1
models:
  - weights: new.npz
    reference: {git: origin/main, missing: allowed}
    load: false
    names: [{from: a, to: b}]
    statistics: {mean: 1, std: 1}
    tensors:
      - {match: "head/**", expect: changed}
      - {match: "gone/**", expect: removed}
      - {match: "fresh/**", expect: new}
      - {match: "head/bias", expect: identical, values: [1, 2, 3]}
      - {match: "bn/**", tolerance: {rtol: 0, atol: 0}}
"""
    model = judge(repo, manifest=manifest)
    assert check_of(model, "reference").summary.endswith("; left out with it: 4 rules, 1 rename, 2 statistics")
    assert outcomes_of(model) == {
        "read": "passed", "rules": "passed", "finite": "passed", "values": "passed", "reference": "waived",
    }  # fmt: skip
    assert (model.coverage.compared, model.outcome) == (1, Outcome.PASSED)
    wrong = judge(repo, manifest=manifest.replace("[1, 2, 3]", "[1, 2, 4]"))
    assert check_of(wrong, "values").outcome == Outcome.FAILED


def test_missing_hides_nothing_else(repo: Repo, tmp_path: Path) -> None:
    for ref in ("origin/nowhere", "HEAD~9", "a..b"):
        refusal(repo, ref, "m.npz", tmp_path / "scratch", missing=True)
    repo.commit({"m.npz": lfs_pointer(b"x")})
    repo.git("tag", "v1")
    repo.commit()
    assert "is a Git LFS pointer" in refusal(repo, "v1", "m.npz", tmp_path / "other", missing=True).reason


@pytest.mark.parametrize("linked", ["m", "m/a.npz", "m/c-1.index", "m/deep"])
def test_missing_hides_no_link(repo: Repo, tmp_path: Path, linked: str) -> None:
    """What lies behind a link of that commit git does not keep: the model is not new, however often it is missing."""
    repo.write({".gitignore": b"cache/\n", "cache/a.npz": b"x", "cache/c-1.index": b"x"})
    path = repo.path / linked
    path.parent.mkdir(exist_ok=True)
    target = {"m": "cache", "m/a.npz": "../cache/a.npz", "m/c-1.index": "../cache/c-1.index", "m/deep": "../cache"}
    path.symlink_to(target[linked])
    repo.commit()
    repo.commit({"x": b"x"})
    asked = {"m": "m/a.npz", "m/c-1.index": "m/c-1", "m/deep": "m/deep/er/a.npz"}.get(linked, linked)
    for allowed in (True, False):
        found = refusal(repo, "HEAD~1", asked, tmp_path / "scratch", missing=allowed)
        assert f": {linked} is a link there, to what git does not keep" in found.reason
        assert "let git keep the file itself" in found.hint


@pytest.mark.parametrize("pointer", ["m/a.npz.dvc", "m.dvc"])
def test_missing_hides_no_pointer(repo: Repo, tmp_path: Path, pointer: str) -> None:
    repo.commit({pointer: b"outs:\n- md5: abc\n  path: a.npz\n", "m/other": b"x"})
    repo.commit({"x": b"x"})
    found = refusal(repo, "HEAD~1", "m/a.npz", tmp_path / "scratch", missing=True)
    assert f": {pointer} is there: DVC keeps the file" in found.reason
    assert isinstance(fetch(repo, "HEAD~1", "n/a.npz", tmp_path / "other", missing=True), Missing)


def test_missing_hides_no_pointer_of_a_part(repo: Repo, tmp_path: Path) -> None:
    repo.commit({"c-1.index.dvc": b"x", "c-1.data-00000-of-00001.dvc": b"x"})
    repo.commit({"x": b"x"})
    found = refusal(repo, "HEAD~1", "c-1", tmp_path / "scratch", missing=True)
    assert "c-1.data-00000-of-00001.dvc is there" in found.reason


def test_missing_hides_nothing_that_git_ignores(repo: Repo, tmp_path: Path) -> None:
    """It would be a new model for ever."""
    repo.commit({".gitignore": b"*.npz\n!new.npz\n"})
    repo.commit({"x": b"x"})
    found = refusal(repo, "HEAD~1", "a.npz", tmp_path / "scratch", missing=True)
    assert found.reason.endswith(", and never will be in any: git ignores it")
    assert isinstance(fetch(repo, "HEAD~1", "new.npz", tmp_path / "other", missing=True), Missing)


def test_missing_hides_nothing_below_a_file(repo: Repo, tmp_path: Path) -> None:
    found = refusal(repo, "HEAD~1", "m.npz/a.npz", tmp_path / "scratch", missing=True)
    assert ": m.npz is something else there" in found.reason


def test_a_moved_file_is_found(repo: Repo, tmp_path: Path) -> None:
    (repo.path / "sub").mkdir()
    shutil.copy(repo.path / "m.npz", repo.path / "sub" / "other.npz")
    repo.git("checkout", "--quiet", "origin/main", "--", "m.npz")
    shutil.copy(repo.path / "m.npz", repo.path / "sub" / "moved.npz")
    for name in ("sub/moved.npz", "sub/m.npz"):
        missing = refusal(repo, "origin/main", name, tmp_path / "scratch")
        assert isinstance(missing, MissingFileError)
        assert missing.hint.startswith("m.npz is there: if the file was moved, say `path: m.npz`")
    assert "is there" not in refusal(repo, "origin/main", "sub/other.npz", tmp_path / "scratch").hint
    found = fetched(repo, "origin/main", "m.npz", tmp_path / "scratch", weights="sub/moved.npz")
    assert found.path.read_bytes() == (repo.path / "sub/moved.npz").read_bytes()


# What weights are.


def hashes(folder: Path) -> dict[str, str]:
    return {
        os.fsdecode(os.fsencode(path.relative_to(folder))): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_checkpoint_with_all_its_files(tmp_path: Path) -> None:
    repo = Repo.init(tmp_path / "repo")
    (repo.path / "ckpt").mkdir()
    write_bundle(repo.path / "ckpt" / "m-1", sample())
    repo.write({"ckpt/checkpoint": b'model_checkpoint_path: "m-1"\n', "ckpt/m-10.index": b"another", "ckpt/note": b"x"})
    repo.commit()
    before = hashes(repo.path / "ckpt")
    repo.write({"ckpt/m-1.index": None})
    found = fetched(repo, "HEAD", "ckpt/m-1", tmp_path / "scratch")
    there = {name: digest for name, digest in before.items() if name.startswith("m-1.") or name == "checkpoint"}
    assert len(there) == 3
    assert hashes(found.path.parent) == there
    with open_weights(found.path, shown=found.shown) as weights:
        assert weights.format == "checkpoint"
        assert len(weights) == len(sample())
    assert hashes(fetched(repo, "HEAD", "ckpt/m-1.index", tmp_path / "other").path.parent) == there
    folder = fetched(repo, "HEAD", "ckpt", tmp_path / "folder")
    assert hashes(folder.path) == before
    assert folder.path.name == "ckpt"


def test_a_folder_within_folders(tmp_path: Path) -> None:
    repo = Repo.init(tmp_path / "repo")
    repo.commit({"sm/saved_model.pb": b"p", "sm/variables/variables.index": b"i", "sm/assets/a b": b"", "other": b"o"})
    repo.write({"sm/saved_model.pb": b"q"})
    found = fetched(repo, "HEAD", "sm", tmp_path / "scratch")
    assert sorted(hashes(found.path)) == ["assets/a b", "saved_model.pb", "variables/variables.index"]
    assert (found.path / "saved_model.pb").read_bytes() == b"p"
    assert found.workspace.confine(found.path / "saved_model.pb")


def test_shards_by_their_index(tmp_path: Path) -> None:
    repo = Repo.init(tmp_path / "repo")
    index = (
        b'{"weight_map": {"/a": ["m_00000.weights.h5", "m_00001.weights.h5"], "/b": "x.weights.h5", "/c": ["../u"]}}'
    )
    names = ["m_00000.weights.h5", "m_00001.weights.h5", "x.weights.h5", "n_00000.weights.h5"]
    repo.commit({"m.weights.json": index, **{name: name.encode() for name in names}})
    repo.write({"m.weights.json": b"{}"})
    found = fetched(repo, "HEAD", "m.weights.json", tmp_path / "scratch")
    assert sorted(hashes(found.path.parent)) == ["m.weights.json", *sorted(names[:3])]


NAMES = [
    "a b.npz", "a\nb.npz", "größe.npz", os.fsdecode(b"\xff\xfe.npz"), "-rf.npz", "--.npz", ":(top)m.npz", "*.npz",
    "a\tb\\c.npz", '"q".npz', "a'b.npz", "\x1b[31m.npz", "x\r::error::y.npz", "HEAD:m.npz", "{file}.npz",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names(tmp_path: Path, name: str) -> None:
    repo = Repo.init(tmp_path / "repo")
    repo.commit({f"-d/{name}": b"one", "-d/other.npz": b"other"})
    repo.commit({f"-d/{name}": b"two"})
    found = fetched(repo, "HEAD~1", f"-d/{name}", tmp_path / "scratch")
    assert (found.path.name, found.path.read_bytes()) == (name, b"one")


def test_glob_and_placeholders(repo: Repo, tmp_path: Path) -> None:
    data = npz(tmp_path / "x.npz")
    repo.checkout("main")
    repo.commit({"a/one.npz": data, "a/two.npz": data, "gold/two.npz": data})
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    repo.branch("other")
    repo.commit({"a/one.npz": npz(tmp_path / "x.npz", **{"head/bias": np.array([1, 2, 3], np.float32)})})
    manifest = "version: 1\nmodels:\n  - {weights: 'a/*.npz', reference: {git: origin/main%s}, load: false}\n"
    path = repo.path / "weight-gate.yml"
    path.write_text(manifest % "")
    one, two = judge_manifest(path).models
    assert (one.outcome, two.outcome) == (Outcome.FAILED, Outcome.PASSED)
    path.write_text(manifest % ", path: 'gold/{file}'")
    one, two = judge_manifest(path).models
    assert (one.outcome, two.outcome) == (Outcome.ERROR, Outcome.PASSED)
    assert two.reference is not None
    assert "gold/two.npz at" in two.reference


# Where repositories are.


def test_a_manifest_below_the_top(repo: Repo, tmp_path: Path) -> None:
    repo.checkout("main")
    base = repo.commit({"pkg/sub/m.npz": npz(tmp_path / "x.npz"), "pkg/sub/weight-gate.yml": (MANIFEST % "").encode()})
    repo.git("update-ref", "refs/remotes/origin/main", base)
    repo.branch("other")
    repo.commit()
    path = repo.path / "pkg/sub/weight-gate.yml"
    assert judge_manifest(path).models[0].outcome == Outcome.PASSED
    (tmp_path / "link").symlink_to(repo.path / "pkg")  # the manifest by another way
    assert judge_manifest(tmp_path / "link/sub/weight-gate.yml").models[0].outcome == Outcome.PASSED


def test_a_worktree(repo: Repo, tmp_path: Path) -> None:
    repo.git("worktree", "add", "--quiet", str(tmp_path / "tree"), "HEAD")
    tree = Repo(tmp_path / "tree")
    assert (tree.path / ".git").is_file()
    assert check_of(judge(tree), "values").outcome == Outcome.FAILED


def test_outside_a_repository(tmp_path: Path) -> None:
    (tmp_path / "weight-gate.yml").write_text(MANIFEST % "")
    WRITERS["npz"](tmp_path / "m.npz", sample())
    model = judge_manifest(tmp_path / "weight-gate.yml").models[0]
    assert "lies in no git repository" in check_of(model, "read").summary
    assert model.outcome == Outcome.ERROR


def test_without_git(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = refusal(repo, "origin/main", "m.npz", tmp_path / "scratch")
    assert found.reason == "git is not installed"


def test_a_damaged_repository(repo: Repo, tmp_path: Path) -> None:
    (repo.path / ".git" / "HEAD").write_bytes(b"\x00junk")
    assert "git could not read the repository" in refusal(repo, "origin/main", "m.npz", tmp_path / "scratch").reason


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a repository to somebody else")
def test_a_repository_of_somebody_else(repo: Repo, tmp_path: Path) -> None:
    """The runner's workspace belongs to another user than the container's: git says "dubious ownership"."""
    for path in (repo.path, *repo.path.rglob("*")):
        os.chown(path, 12345, 12345, follow_symlinks=False)
    plain = subprocess.run(["git", "log"], cwd=repo.path, capture_output=True, text=True, check=False)
    assert "dubious ownership" in plain.stderr
    assert fetched(repo, "origin/main", "m.npz", tmp_path / "scratch").path.is_file()


def test_objects_of_sha256(tmp_path: Path) -> None:
    repo = Repo.init(tmp_path / "repo", "--object-format=sha256")
    repo.commit({"m.npz": b"one"})
    repo.commit({"m.npz": b"two"})
    assert len(repo.head) == 64
    assert fetched(repo, "HEAD~1", "m.npz", tmp_path / "scratch").path.read_bytes() == b"one"
    assert fetched(repo, "main", "m.npz", tmp_path / "other").path.read_bytes() == b"one"


# What a tree may hold.


def test_links_are_followed_within_the_commit(tmp_path: Path) -> None:
    repo = Repo.init(tmp_path / "repo")
    repo.commit({"real/deep/v1.npz": b"one", "other": b"x"})
    (repo.path / "latest.npz").symlink_to("real/current.npz")
    (repo.path / "real" / "current.npz").symlink_to("./deep/../deep/v1.npz")
    (repo.path / "models").symlink_to("real/deep")
    (repo.path / "sm").mkdir()
    (repo.path / "sm" / "saved_model.pb").symlink_to("../real/deep/v1.npz")
    (repo.path / "sm" / "gone").symlink_to("nowhere")
    repo.commit()
    repo.commit({"real/deep/v1.npz": b"two"})
    for name in ("latest.npz", "models/v1.npz"):
        assert fetched(repo, "HEAD~1", name, tmp_path / "scratch").path.read_bytes() == b"one"
        assert not (tmp_path / "scratch/reference" / Path(name).name).is_symlink()
    assert hashes(fetched(repo, "HEAD~1", "sm", tmp_path / "sm").path) == {
        "saved_model.pb": hashlib.sha256(b"one").hexdigest()
    }


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("/etc/passwd", "is a link out of the repository"),
        ("../../etc/passwd", "is a link out of the repository"),
        ("a/../../x", "is a link out of the repository"),
        ("m.npz", "is a link without an end"),
        ("x" * 5000, "is a link without an end"),
        ("nowhere", "is not in"),
        (".git/config", "is not in"),
    ],
)
def test_links_that_lead_elsewhere(tmp_path: Path, target: str, said: str) -> None:
    repo = Repo.init(tmp_path / "repo")
    repo.commit({"a/b": b"x"})
    blob = subprocess.run(
        ["git", "hash-object", "-w", "--stdin"], cwd=repo.path, input=target.encode(), capture_output=True, check=True
    )
    name = blob.stdout.decode().strip()
    repo.git("update-index", "--add", "--cacheinfo", f"120000,{name},m.npz")
    repo.git("commit", "--quiet", "-m", "c")
    repo.git("tag", "v1")
    repo.git("commit", "--quiet", "--allow-empty", "-m", "d")
    assert said in refusal(repo, "v1", "m.npz", tmp_path / "scratch").reason


def test_a_submodule_is_said(tmp_path: Path) -> None:
    repo = Repo.init(tmp_path / "repo")
    repo.commit({"a": b"x"})
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{repo.head},vendor")
    repo.git("commit", "--quiet", "-m", "c")
    repo.git("tag", "v1")
    found = refusal(repo, "v1", "vendor/m.npz", tmp_path / "scratch")
    assert "vendor/m.npz lies in the submodule vendor" in found.reason


@pytest.mark.parametrize("name", [b"..", b".", b".git", b"a/b"])
def test_trees_that_git_would_not_write(tmp_path: Path, name: bytes) -> None:
    repo = Repo.init(tmp_path / "repo")
    blob = repo.git("rev-parse", f"{repo.commit({'a': b'x'})}:a")
    evil = b"100644 " + name + b"\0" + bytes.fromhex(blob)
    inner = _object(repo, "tree", evil)
    outer = _object(repo, "tree", b"40000 sm\0" + bytes.fromhex(inner))
    commit = repo.git("commit-tree", outer, "-m", "c")
    assert "names a file as no file is called" in refusal(repo, commit, "sm", tmp_path / "scratch").reason
    assert sorted(path.name for path in tmp_path.iterdir()) == ["repo", "scratch"]


@pytest.mark.parametrize(("width", "depth"), [(10, 10), (1, 60)])
def test_a_bomb_of_folders(tmp_path: Path, width: int, depth: int) -> None:
    """Ten small trees, each ten times in the next: ten thousand million folders. A deep folder is nothing to fear."""
    repo = Repo.init(tmp_path / "repo")
    repo.commit({"a": b"x"})
    tree = _object(repo, "tree", b"")
    for _ in range(depth):
        tree = _object(repo, "tree", b"".join(b"40000 %d\0" % i + bytes.fromhex(tree) for i in range(width)))
    top = _object(repo, "tree", b"40000 sm\0" + bytes.fromhex(tree))
    commit = _object(repo, "commit", f"tree {top}\nauthor a <a> 1 +0000\ncommitter a <a> 1 +0000\n\nc\n".encode())
    if width > 1:
        assert "holds more than 20,000 files" in refusal(repo, commit, "sm", tmp_path / "scratch").reason
    assert "is not in" in refusal(repo, commit, "new.npz", tmp_path / "scratch").reason


@pytest.mark.parametrize(
    "data",
    [b"junk", b"100644 a\0short", b"100644 a", b"+100644 a\0" + b"x" * 20, b"\0" * 40, b"9 a\0" + b"x" * 20],
)
def test_malformed_trees(tmp_path: Path, data: bytes) -> None:
    repo = Repo.init(tmp_path / "repo")
    repo.commit({"a": b"x"})
    tree = _object(repo, "tree", data)
    commit = _object(repo, "commit", f"tree {tree}\n\n".encode())
    assert "is malformed" in refusal(repo, commit, "sm", tmp_path / "scratch").reason


@pytest.mark.parametrize("tree", ["HEAD^{tree}", "HEAD:a", "../../x", "\u1234", "A" * 40, ""])
def test_commits_of_no_tree(tmp_path: Path, tree: str) -> None:
    repo = Repo.init(tmp_path / "repo")
    repo.commit({"a": b"x"})
    commit = _object(repo, "commit", f"tree {tree}\nparent HEAD\n\nm".encode())
    assert refusal(repo, commit, "a", tmp_path / "scratch").reason


def _object(repo: Repo, kind: str, data: bytes) -> str:
    done = subprocess.run(
        ["git", "hash-object", "-w", "--literally", "-t", kind, "--stdin"],
        cwd=repo.path,
        input=data,
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().strip()


def test_a_damaged_object(repo: Repo, tmp_path: Path) -> None:
    blob = repo.git("rev-parse", "origin/main:m.npz")
    path = repo.path / ".git/objects" / blob[:2] / blob[2:]
    other = repo.git("rev-parse", "HEAD:m.npz")
    path.chmod(0o600)
    path.write_bytes((repo.path / ".git/objects" / other[:2] / other[2:]).read_bytes())
    found = refusal(repo, "origin/main", "m.npz", tmp_path / "scratch")
    assert isinstance(found, UnreadableError)
    assert "is damaged" in found.reason
    path.write_bytes(b"junk")
    assert refusal(repo, "origin/main", "m.npz", tmp_path / "other").hint
    path.unlink()
    found = refusal(repo, "origin/main", "m.npz", tmp_path / "third")
    assert f"the object {blob[:12]} is not in this clone" in found.reason


def test_a_partial_clone(repo: Repo, tmp_path: Path) -> None:
    """A missing blob would be fetched without a word, by whatever the clone's configuration says."""
    clone = repo.clone(tmp_path / "clone", "--filter=blob:none", "--branch=change")
    clone.git("update-ref", "refs/remotes/origin/main", repo.git("rev-parse", "origin/main"))
    found = refusal(clone, "origin/main", "m.npz", tmp_path / "scratch")
    assert "is not in this clone, which is a partial one" in found.reason
    assert "`filter`" in found.hint


# Nothing of the repository runs.


def test_nothing_of_the_repository_runs(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho $0 >> {run}\ncat\n")
    program.chmod(0o755)
    for key in (
        "core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "core.gitProxy", "core.askPass",
        "diff.external", "diff.x.textconv", "filter.x.clean", "filter.x.smudge", "filter.x.process",
        "credential.helper", "gpg.program", "alias.cat-file", "pager.cat-file", "uploadpack.packObjectsHook",
        "lfs.standalonetransferagent", "lfs.customtransfer.x.path", "core.alternateRefsCommand",
    ):  # fmt: skip
        repo.git("config", key, str(program))
    repo.git("config", "filter.x.required", "true")
    repo.write({".gitattributes": b"* filter=x diff=x\n"})
    hooks = repo.path / ".git" / "hooks"
    for name in ("post-checkout", "post-index-change", "reference-transaction", "fsmonitor-watchman", "pre-auto-gc"):
        shutil.copy(program, hooks / name)
    elsewhere = tmp_path / "home"
    elsewhere.mkdir()
    (elsewhere / ".gitconfig").write_text(f"[core]\n\tfsmonitor = {program}\n")
    for key, value in {
        "HOME": str(elsewhere), "GIT_EXTERNAL_DIFF": str(program), "GIT_SSH_COMMAND": str(program),
        "GIT_DIR": str(tmp_path / "nowhere"), "GIT_CONFIG_PARAMETERS": f"'core.fsmonitor={program}'",
        "GIT_TRACE": str(tmp_path / "trace"), "GIT_EXEC_PATH": str(tmp_path), "PAGER": str(program),
    }.items():  # fmt: skip
        monkeypatch.setenv(key, value)
    assert fetched(repo, "origin/main", "m.npz", tmp_path / "scratch").path.is_file()
    refusal(repo, "origin/nowhere", "m.npz", tmp_path / "scratch")
    assert not run.exists()
    assert not (tmp_path / "trace").exists()


def test_a_folder_that_looks_like_a_repository_is_none(repo: Repo, tmp_path: Path) -> None:
    """A pull request can add `models/HEAD`, `models/objects`, `models/config`: git takes that for a bare repository."""
    fake = Repo.init(tmp_path / "fake")
    fake.commit({"models/m.npz": b"the attacker's own", "m.npz": b"the attacker's own"})
    fake.git("update-ref", "refs/remotes/origin/main", "HEAD")
    shutil.copytree(fake.path / ".git", repo.path / "models")
    shutil.copy(repo.path / "m.npz", repo.path / "models/m.npz")
    (repo.path / "models/weight-gate.yml").write_text(MANIFEST % "")
    assert subprocess.run(
        ["git", "rev-parse", "--is-bare-repository"], cwd=repo.path / "models", capture_output=True, check=True
    ).stdout in (b"true\n", b"false\n")
    model = judge_manifest(repo.path / "models/weight-gate.yml").models[0]
    assert "m.npz is not in" in check_of(model, "read").findings[0].reason


def test_nothing_is_written_into_the_repository(repo: Repo, tmp_path: Path) -> None:
    before = hashes(repo.path)
    fetched(repo, "origin/main", "m.npz", tmp_path / "scratch")
    fetch(repo, "origin/main", "new.npz", tmp_path / "scratch", missing=True)
    assert hashes(repo.path) == before


# Size.


def test_no_room_for_it(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: real._replace(free=100))
    found = refusal(repo, "origin/main", "m.npz", tmp_path / "scratch")
    assert "bytes of scratch space" in found.reason
    assert "--scratch" in found.hint


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    repo = Repo.init(tmp_path / "repo")
    block = np.random.default_rng(0).bytes(1 << 20)
    with (repo.path / "m.npz").open("wb") as file:
        for i in range(200):
            file.write(block[i:] + block[:i])
    repo.commit()
    script = f"""
import resource
from pathlib import Path
from gate.references.git import GitReference
from gate.references.interface import Sources
from gate.workspace import Workspace
root = Path({str(repo.path)!r})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
reference = GitReference("HEAD", root / "m.npz", "m.npz", root / "other")
scratch = Path({str(tmp_path / "scratch")!r})
scratch.mkdir()
found = reference.fetch(Sources(Workspace(root, [root]), scratch))
print(found.path.stat().st_size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    size, grown = map(int, done.stdout.split())
    assert size == 200 << 20
    assert grown < 30_000


# Git LFS.


def lfs_pointer(data: bytes) -> bytes:
    digest = hashlib.sha256(data).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(data)}\n".encode()


def keep(repo: Repo, data: bytes, folder: str = ".git/lfs") -> Path:
    """What `git lfs` keeps in a clone."""
    digest = hashlib.sha256(data).hexdigest()
    path = repo.path / folder / "objects" / digest[:2] / digest[2:4] / digest
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.fixture
def with_lfs(repo: Repo, tmp_path: Path) -> tuple[Repo, bytes, bytes]:
    """The same repository with pointers in it; both versions of the file."""
    old, new = npz(tmp_path / "x.npz"), npz(tmp_path / "x.npz", **{"head/bias": np.array([1, 2, 3], np.float32)})
    repo.checkout("main")
    repo.commit({"m.npz": lfs_pointer(old)})
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    repo.branch("lfs")
    repo.commit({"m.npz": lfs_pointer(new)})
    return repo, old, new


def test_pointers_on_both_sides(with_lfs: tuple[Repo, bytes, bytes]) -> None:
    repo, old, new = with_lfs
    keep(repo, old)
    keep(repo, new)
    model = judge(repo)
    assert [finding.tensor for finding in findings_of(model)] == ["head/bias"]
    assert any("is taken from what Git LFS has in this clone" in note for note in model.notes)
    assert any(note.endswith(", where HEAD left origin/main; from Git LFS") for note in model.notes)


def test_a_pointer_in_the_history_and_the_file_checked_out(with_lfs: tuple[Repo, bytes, bytes]) -> None:
    repo, old, new = with_lfs
    keep(repo, old)
    repo.write({"m.npz": new})
    assert [finding.tensor for finding in findings_of(judge(repo))] == ["head/bias"]
    # On main, the smudged file is what HEAD has: it is not taken for a change.
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    model = judge(repo)
    assert any("the first parent of HEAD" in note for note in model.notes)


def test_a_pointer_whose_file_is_not_here(with_lfs: tuple[Repo, bytes, bytes]) -> None:
    repo, old, new = with_lfs
    keep(repo, new)
    (finding,) = findings_of(judge(repo))
    base = repo.git("rev-parse", "origin/main")
    assert "is a Git LFS pointer, and the file is not in this clone" in finding.reason
    assert f"`git lfs fetch origin {base}`" in finding.hint
    assert "`lfs: true`" in finding.hint
    keep(repo, new).unlink()
    keep(repo, old)
    (finding,) = findings_of(judge(repo))
    assert "m.npz is a Git LFS pointer, not the weights" in finding.reason
    assert "`git lfs pull`" in finding.hint


def test_a_pipe_is_no_file_of_lfs(with_lfs: tuple[Repo, bytes, bytes], tmp_path: Path) -> None:
    """To open it would be to wait for ever."""
    repo, old, new = with_lfs
    keep(repo, new)
    path = keep(repo, old)
    path.unlink()
    os.mkfifo(path)
    (finding,) = findings_of(judge(repo))
    assert "cannot be copied from Git LFS: it is no regular file" in finding.reason
    os.mkfifo(repo.path / "pipe")
    assert blob_name(repo.path / "pipe", 40) is None


def test_an_alias_is_not_git_lfs(
    with_lfs: tuple[Repo, bytes, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo, _, new = with_lfs
    keep(repo, new)
    bin_folder = _without_lfs(tmp_path)
    (bin_folder / "sh").symlink_to(shutil.which("sh") or "")
    repo.git("config", "alias.lfs", f"!echo > {tmp_path}/ran; true")
    monkeypatch.setenv("PATH", str(bin_folder))
    assert "(git-lfs is not installed)" in refusal(repo, "origin/main", "m.npz", tmp_path / "scratch").reason
    assert not (tmp_path / "ran").exists()


def test_a_file_of_lfs_that_is_another_one(with_lfs: tuple[Repo, bytes, bytes]) -> None:
    repo, old, new = with_lfs
    keep(repo, new)
    keep(repo, old).write_bytes(new)
    (finding,) = findings_of(judge(repo))
    assert "is damaged" in finding.reason
    assert "`git lfs fsck`" in finding.hint


def test_another_place_for_lfs(with_lfs: tuple[Repo, bytes, bytes]) -> None:
    repo, old, new = with_lfs
    repo.git("config", "lfs.storage", "elsewhere")
    for data in (old, new):
        keep(repo, data, ".git/elsewhere")
    assert [finding.tensor for finding in findings_of(judge(repo))] == ["head/bias"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 1\n", "is a damaged Git LFS pointer"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a damaged Git LFS pointer"),
        (
            b"version https://git-lfs.github.com/spec/v1\next-0-foo sha256:" + b"a" * 64 + b"\noid sha256:" + b"b" * 64
            + b"\nsize 1\n",
            "with extensions",
        ),
    ],
)  # fmt: skip
def test_pointers_that_nobody_can_follow(repo: Repo, tmp_path: Path, text: bytes, said: str) -> None:
    repo.commit({"m.npz": text})
    repo.git("tag", "v1")
    repo.commit()
    assert said in refusal(repo, "v1", "m.npz", tmp_path / "scratch").reason


def test_a_path_reference_behind_a_pointer(repo: Repo, tmp_path: Path) -> None:
    data = npz(tmp_path / "x.npz")
    repo.write({"gold.npz": lfs_pointer(data)})
    keep(repo, data)
    model = judge(repo, manifest="version: 1\nmodels:\n  - {weights: m.npz, reference: gold.npz, load: false}\n")
    assert [finding.tensor for finding in findings_of(model)] == ["head/bias"]
    assert any("gold.npz is a Git LFS pointer" in note for note in model.notes)


@pytest.fixture
def real_lfs(tmp_path: Path) -> tuple[Repo, Repo, bytes]:
    """By `git lfs` itself: a server's repository, a clone of it with the files of HEAD alone, the file before."""
    origin = Repo.init(tmp_path / "server")
    origin.git("lfs", "install", "--local")
    origin.git("lfs", "track", "*.npz")
    old, new = npz(tmp_path / "x.npz"), npz(tmp_path / "x.npz", **{"head/bias": np.array([1, 2, 3], np.float32)})
    origin.commit({"m.npz": old, "weight-gate.yml": (MANIFEST % "").encode()})
    origin.branch("change")
    origin.commit({"m.npz": new})
    clone = Repo.init(tmp_path / "clone")
    clone.git("lfs", "install", "--local")
    clone.git("remote", "add", "origin", f"file://{origin.path}")
    clone.git("fetch", "--quiet", "origin", "+refs/heads/*:refs/remotes/origin/*")
    clone.git("checkout", "--quiet", "-B", "change", "origin/change")
    assert (clone.path / "m.npz").read_bytes() == new
    return origin, clone, old


@pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")
def test_git_lfs_itself(real_lfs: tuple[Repo, Repo, bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    origin, clone, old = real_lfs
    before = hashes(clone.path)
    found = fetched(clone, "origin/main", "m.npz", tmp_path / "scratch")
    assert found.path.read_bytes() == old
    assert hashes(clone.path) == before  # it was fetched into the run's own folder
    assert [path.name for path in (tmp_path / "scratch").rglob("*") if path.is_file()] == ["m.npz"]
    assert [finding.tensor for finding in findings_of(judge(clone))] == ["head/bias"]

    shutil.rmtree(origin.path / ".git" / "lfs")
    found_error = refusal(clone, "origin/main", "m.npz", tmp_path / "other")
    assert "is a Git LFS pointer, and the file is not in this clone (`git lfs` says:" in found_error.reason

    monkeypatch.setenv("PATH", str(_without_lfs(tmp_path)))
    assert "(git-lfs is not installed)" in refusal(clone, "origin/main", "m.npz", tmp_path / "third").reason


@pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")
def test_git_lfs_runs_nothing_of_the_clone(real_lfs: tuple[Repo, Repo, bytes], tmp_path: Path) -> None:
    _, clone, old = real_lfs
    ran = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho $0 >> {ran}\n")
    program.chmod(0o755)
    for key in (
        "lfs.standalonetransferagent", "lfs.customtransfer.x.path", "credential.helper", "core.sshCommand",
        "core.askPass", "core.fsmonitor", "lfs.extension.x.smudge",
    ):  # fmt: skip
        clone.git("config", key, str(program))
    clone.git("config", "lfs.standalonetransferagent", "x")
    clone.git("config", "lfs.extension.x.priority", "0")
    clone.write({".lfsconfig": f"[lfs]\n\turl = file://{tmp_path}/nowhere\n".encode()})
    assert fetched(clone, "origin/main", "m.npz", tmp_path / "scratch").path.read_bytes() == old
    assert not ran.exists()


def _without_lfs(tmp_path: Path) -> Path:
    """A PATH with git and no git-lfs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    git = shutil.which("git")
    assert git is not None
    (folder / "git").symlink_to(git)
    return folder


def test_another_file_of_head(repo: Repo, tmp_path: Path) -> None:
    """HEAD's own file is no reference for itself; that of another name is."""
    assert "proves nothing" in refusal(repo, "HEAD", "m.npz", tmp_path / "scratch").reason
    assert fetched(repo, "HEAD", "m.npz", tmp_path / "other", weights="new.npz").path.is_file()


def test_events_reach_it(repo: Repo, tmp_path: Path) -> None:
    before = repo.git("rev-parse", "HEAD~1")
    repo.commit({"x": b"x"})
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    event = Event("push", before=before, head_sha=repo.head)
    found = fetched(repo, "origin/main", "m.npz", tmp_path / "scratch", event=event)
    assert found.shown == f"m.npz at {before[:12]}"
    assert found.notes[0].endswith(", what the branch held before this push (HEAD is in origin/main)")
    assert replace(found, notes=()).workspace.roots == ((tmp_path / "scratch").resolve(),)

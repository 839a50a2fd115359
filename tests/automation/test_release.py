"""The release's own script and the shell of its workflow, run for real: on a copy of the repository, with a remote."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import gate
from support.automation import release_step, snapshot
from support.cli import ROOT

SCRIPT = ".github/release/release.py"
CPU, GPU = (f"sha256:{digit * 64}" for digit in "ab")
IMAGE = "ghcr.io/org/weight-gate"
COPIED = ("action.yml", "gpu/action.yml", "gate/__init__.py", "CHANGELOG.md", SCRIPT)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what a release reads, as of the version 1.2.3, in a repository with a remote."""
    root = tmp_path / "tree"
    for name in COPIED:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    edit(root / "gate/__init__.py", f'"{gate.__version__}"', '"1.2.3"')
    edit(root / "CHANGELOG.md", f"## {gate.__version__} - unreleased", "## 1.2.3 - 2026-12-01")
    for name in ("action.yml", "gpu/action.yml"):
        edit(root / name, f":v{gate.__version__}", ":v1.2.3")
    git(tmp_path, "init", "--quiet", "--bare", "remote")
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message", "A commit of main")
    git(root, "remote", "add", "origin", str(tmp_path / "remote"))
    git(root, "push", "--quiet", "origin", "main")
    return root


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def git(folder: Path, *args: str) -> str:
    who = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    for role in ("AUTHOR", "COMMITTER"):
        who |= {f"GIT_{role}_NAME": "A", f"GIT_{role}_EMAIL": "a@example.org"}
    command = ["git", "-C", str(folder), *args]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | who).stdout.strip()


def run(tree: Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", SCRIPT, *args]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)


def refused(tree: Path, *args: str) -> str:
    """What it says; it must have changed nothing."""
    before = snapshot(tree)
    done = run(tree, *args)
    assert (done.returncode, done.stdout) == (1, "")
    assert snapshot(tree) == before
    assert done.stderr.startswith("release: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def pin(tree: Path, version: str = "1.2.3", cpu: str = CPU, gpu: str = GPU) -> tuple[str, ...]:
    return ("pin", version, "--cpu", cpu, "--gpu", gpu)


def named(path: Path) -> list[str]:
    return re.findall(rf"{re.escape(IMAGE)}\S*", path.read_text(encoding="utf-8"))


def test_a_tree_that_is_ready(tree: Path) -> None:
    done = run(tree, "verify", "1.2.3")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "version", ["1.2", "v1.2.3", "1.2.3rc1", "01.2.3", "1.2.3\n", "1.2.3 ", "", "1.2.3/../x", "1.2.٣", "1２.2.3"]
)
@pytest.mark.parametrize("command", ["verify", "notes", "pin"])
def test_what_is_no_version(tree: Path, command: str, version: str) -> None:
    assert "is no version" in refused(tree, *(pin(tree, version) if command == "pin" else (command, version)))


def test_the_package_must_say_the_version(tree: Path) -> None:
    assert "gate/__init__.py is of version 1.2.3, not 1.2.4" in refused(tree, "verify", "1.2.4")
    edit(tree / "gate/__init__.py", '__version__ = "1.2.3"', '__version__ = "1.2.3"\n__version__ = "1.2.4"')
    assert "gate/__init__.py is of version 1.2.3 and 1.2.4, not 1.2.3" in refused(tree, "verify", "1.2.3")


@pytest.mark.parametrize(
    ("heading", "said"),
    [
        ("## 1.2.3 - unreleased", "must say `## 1.2.3 - YYYY-MM-DD`"),
        ("## 1.2.3", "must say `## 1.2.3 - YYYY-MM-DD`"),
        ("## 1.2.3 - 2026-02-30", "must say `## 1.2.3 - YYYY-MM-DD`"),
        ("## 1.2.3 - 20261201", "must say `## 1.2.3 - YYYY-MM-DD`"),
        ("## 1.2.30 - 2026-12-01", "has 0 headings of 1.2.3"),
        ("## 1.2.3 - 2026-12-01\n\ntwice\n\n## 1.2.3 - 2026-12-02", "has 2 headings of 1.2.3"),
        ("## 1.2.3 - 2026-12-01\n\n## 1.2.2 - 2026-11-01", "says nothing of 1.2.3"),
    ],
)
def test_the_change_log_must_date_the_version(tree: Path, heading: str, said: str) -> None:
    edit(tree / "CHANGELOG.md", "## 1.2.3 - 2026-12-01", heading)
    assert said in refused(tree, "verify", "1.2.3")
    assert said in refused(tree, "notes", "1.2.3")


def test_nothing_may_be_left_unreleased(tree: Path) -> None:
    edit(tree / "CHANGELOG.md", "## [Unreleased]\n", "## [Unreleased]\n\n- One thing more.\n")
    assert "has lines under [Unreleased]" in refused(tree, "verify", "1.2.3")


def test_a_version_comes_after_all_that_were_released(tree: Path) -> None:
    """So the major tag never moves back. Tags that are no versions say nothing."""
    for tag in ("v1", "v1.2.2", "v0.10.0", "v9.9.9-broken", "version-9"):
        git(tree, "tag", tag)
    assert run(tree, "verify", "1.2.3").returncode == 0
    git(tree, "tag", "v1.2.3")
    assert "v1.2.3 is released: 1.2.3 does not come after it" in refused(tree, "verify", "1.2.3")
    git(tree, "tag", "v1.10.0")
    assert "v1.10.0 is released" in refused(tree, "verify", "1.2.3")


def test_notes_are_the_part_of_the_change_log(tree: Path) -> None:
    text = (tree / "CHANGELOG.md").read_text(encoding="utf-8")
    expected = text.split("## 1.2.3 - 2026-12-01\n", 1)[1].split("\n## ", 1)[0].strip()
    assert "### Added" in expected
    assert run(tree, "notes", "1.2.3").stdout == f"{expected}\n"


def test_pinning_changes_the_image_and_nothing_else(tree: Path) -> None:
    before = {name: (tree / name).read_text(encoding="utf-8") for name in COPIED}
    assert run(tree, *pin(tree)).returncode == 0
    images = {"action.yml": f"{IMAGE}:v1.2.3@{CPU}", "gpu/action.yml": f"{IMAGE}:v1.2.3-gpu@{GPU}"}
    for name in COPIED:
        after = (tree / name).read_text(encoding="utf-8")
        if name in images:
            assert named(tree / name) == [images[name]]
            assert after.replace(images[name], images[name].split("@")[0]) == before[name]
        else:
            assert after == before[name]
    assert yaml.safe_load((tree / "action.yml").read_text())["runs"]["image"] == f"docker://{images['action.yml']}"


def test_what_is_pinned_is_not_pinned_again(tree: Path) -> None:
    run(tree, *pin(tree))
    assert "action.yml must name" in refused(tree, *pin(tree))


def test_an_action_of_another_version(tree: Path) -> None:
    assert f"action.yml must name {IMAGE}:v1.2.4 once" in refused(tree, *pin(tree, "1.2.4"))


@pytest.mark.parametrize(
    "digest", ["", "latest", CPU[:-1], CPU + "0", CPU.upper(), CPU.replace("sha256", "sha512"), f"{CPU}\n"]
)
@pytest.mark.parametrize("flavour", ["cpu", "gpu"])
def test_what_is_no_digest(tree: Path, flavour: str, digest: str) -> None:
    assert "is no digest" in refused(tree, *pin(tree, **{flavour: digest}))


def test_one_image_under_two_names(tree: Path) -> None:
    assert "both images have one digest" in refused(tree, *pin(tree, gpu=CPU))


@pytest.mark.parametrize("name", ["action.yml", "gpu/action.yml"])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (IMAGE, "ghcr.io/somebody/weight-gate"),
        (IMAGE, f"{IMAGE}-else"),
        (":v1.2.3", ":latest"),
        (":v1.2.3", ":v1.2.30"),
        (":v1.2.3", f":v1.2.3@{CPU}"),
        (IMAGE, f"x{IMAGE}"),
        (IMAGE, f"docker.io/x {IMAGE}:v1.2.3 {IMAGE}"),
        ("name:", f"# {IMAGE} is the image\nname:"),
    ],
)
def test_an_action_that_is_not_as_expected(tree: Path, name: str, old: str, new: str) -> None:
    """Neither file is touched, whichever is the odd one."""
    edit(tree / name, old, new)
    for command in (("verify", "1.2.3"), pin(tree)):
        assert f"{name} must name {IMAGE}:v1.2.3" in refused(tree, *command)


def test_the_two_flavours_are_not_exchanged(tree: Path) -> None:
    one, two = (tree / name for name in ("action.yml", "gpu/action.yml"))
    text = one.read_text(encoding="utf-8")
    one.write_text(two.read_text(encoding="utf-8"), encoding="utf-8")
    two.write_text(text, encoding="utf-8")
    assert "action.yml must name" in refused(tree, *pin(tree))


def shell(tree: Path, job: str, step: str) -> subprocess.CompletedProcess[str]:
    """A step's own text, by the shell that the runner would take."""
    script = tree.parent / "step.sh"
    script.write_text(release_step(job, step)["run"], encoding="utf-8")
    environment = os.environ | {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "PATH": f"{tree.parent / 'bin'}:{os.environ['PATH']}",
        "RUNNER_TEMP": str(tree.parent),
        "VERSION": "1.2.3",
        "IMAGE": IMAGE,
        "CPU": CPU,
        "GPU": GPU,
    }
    command = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)]
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)


def tags(tree: Path) -> dict[str, str]:
    lines = (line.split() for line in git(tree, "ls-remote", "origin", "refs/tags/*").splitlines())
    return {name.removeprefix("refs/tags/"): commit for commit, name in lines}


def test_the_release_is_a_commit_of_its_own_that_only_the_tag_leads_to(tree: Path) -> None:
    main = git(tree, "rev-parse", "main")
    git(tree, "checkout", "--quiet", "--detach")
    run(tree, *pin(tree))
    done = shell(tree, "release", "Commit and tag")
    assert (done.returncode, done.stderr) == (0, "")
    commit = tags(tree)["v1.2.3"]
    assert git(tree, "rev-parse", f"{commit}~1") == main == git(tree, "ls-remote", "origin", "main").split()[0]
    assert git(tree, "diff", "--name-only", main, commit).split() == ["action.yml", "gpu/action.yml"]
    assert f"{IMAGE}:v1.2.3@{CPU}" in git(tree, "show", f"{commit}:action.yml")


def test_a_step_that_runs_again_makes_the_same_commit(tree: Path) -> None:
    git(tree, "checkout", "--quiet", "--detach")
    for _ in range(2):
        run(tree, *pin(tree))
        assert shell(tree, "release", "Commit and tag").returncode == 0
        first = tags(tree)
        git(tree, "checkout", "--quiet", "--detach", "main")
    assert tags(tree) == first


def test_a_version_that_is_tagged_stays_where_it_is(tree: Path) -> None:
    git(tree, "push", "--quiet", "origin", "HEAD:refs/tags/v1.2.3")
    before = tags(tree)
    run(tree, *pin(tree))
    assert shell(tree, "release", "Commit and tag").returncode != 0
    assert tags(tree) == before


def test_nothing_else_is_released_with_it(tree: Path) -> None:
    edit(tree / "gate/__init__.py", '"1.2.3"', '"6.6.6"')
    run(tree, *pin(tree))
    assert shell(tree, "release", "Commit and tag").returncode != 0
    assert tags(tree) == {}


def test_the_major_tag_moves(tree: Path) -> None:
    git(tree, "push", "--quiet", "origin", "HEAD:refs/tags/v1")
    run(tree, *pin(tree))
    assert shell(tree, "release", "Commit and tag").returncode == 0
    assert shell(tree, "major", "Move that of the action").returncode == 0
    assert tags(tree)["v1"] == tags(tree)["v1.2.3"]


def test_what_is_told_of_a_release(tree: Path) -> None:
    """With a `gh` that knows of no such release, and keeps the notes that it is given."""
    run(tree, *pin(tree))
    git(tree, "checkout", "--quiet", "--detach")
    assert shell(tree, "release", "Commit and tag").returncode == 0
    told = tree.parent / "told"
    gh = tree.parent / "bin" / "gh"
    gh.parent.mkdir()
    gh.write_text(f'#!/bin/sh\n[ "$2" = create ] || exit 1\necho "$@" >{told}\ncat "$8" >>{told}\n')
    gh.chmod(0o755)
    assert shell(tree, "release", "Release").returncode == 0
    first, *rest = told.read_text(encoding="utf-8").splitlines()
    assert first.startswith("release create v1.2.3 --verify-tag --title v1.2.3 --notes-file ")
    assert rest[-5:] == [
        "### Pinned",
        "",
        f"    org/weight-gate@{tags(tree)['v1.2.3']} # v1.2.3",
        f"    {IMAGE}:v1.2.3@{CPU}",
        f"    {IMAGE}:v1.2.3-gpu@{GPU}",
    ]

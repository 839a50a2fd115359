"""Ways around a strict manifest: under `policy: {loosening: fail}` on the base branch, none of them is green."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gate.errors import defect
from gate.file_digest import digest_of
from gate.loosening import compare
from gate.manifest.load import parse_manifest
from gate.results import Outcome
from reports.runner import commands
from support.cli import run_gate
from support.files import WRITERS
from support.judging import sample
from support.locks import write_lock
from support.pulls import HEAD, LOOSE, MODEL, STRICT, Pull, kinds, policy
from support.repositories import Repo

FAIL = HEAD + policy("fail")


def weights(folder: Path, **others: np.ndarray[Any, Any]) -> bytes:
    """A file of weights in which some are others."""
    path = folder / "made.npz"
    WRITERS["npz"](path, sample() | {name.replace("_", "/"): array for name, array in others.items()})
    return path.read_bytes()


def bad(folder: Path) -> bytes:
    return weights(folder, head_bias=np.full(3, 9, np.float32))


def judged(made: Pull, code: int = 1) -> set[str]:
    """The kinds that a run in the pull request tells."""
    clone = made.runner()
    found = run_gate("check", cwd=clone.path, env=made.env())
    assert found.returncode == code, found.stdout + found.stderr
    return {kind for kind, _ in kinds(made.report(clone.path))}


def referring(reference: str, text: str = MODEL) -> str:
    return text.replace("reference: gold.npz", f"reference: {reference}")


def lock_of(made: Pull) -> str:
    write_lock(made.repo.path / "new.npz", made.repo.path / "new.lock.yml")
    return "{lock: new.lock.yml}"


@pytest.mark.parametrize(
    "before", ["gold.npz", "lock", "{url: 'https://example.com/g.npz', sha256: '" + "0" * 64 + "'}"]
)
@pytest.mark.parametrize("after", ["own", "HEAD^2", "copy.npz", "feature"])
def test_a_reference_that_the_pull_request_makes_itself(tmp_path: Path, before: str, after: str) -> None:
    made = Pull(tmp_path, FAIL + MODEL)
    made.repo.checkout("main")
    before = lock_of(made) if before == "lock" else before
    made.repo.commit({"weight-gate.yml": (FAIL + referring(before)).encode()})
    made.repo.git("branch", "-f", "change", "main")
    made.repo.checkout("change")
    own = made.repo.commit({"new.npz": bad(tmp_path), "copy.npz": bad(tmp_path)})
    made.repo.git("branch", "feature")
    git = {"own": f"{{git: {own}}}", "HEAD^2": "{git: 'HEAD^2'}", "feature": "{git: feature}"}.get(after, after)
    made.change(FAIL + referring(git))
    found = made.checked()
    assert found.returncode in (1, 4), found.stdout
    assert ("reference-changed", None) in kinds(made.report())


@pytest.mark.parametrize("before", ["gold.npz", "lock"])
@pytest.mark.parametrize("after", ["{git: main}", "{git: origin/main}"])
def test_the_branch_that_is_merged_into_is_out_of_reach(tmp_path: Path, before: str, after: str) -> None:
    made = Pull(tmp_path, FAIL + MODEL)
    made.repo.checkout("main")
    before = lock_of(made) if before == "lock" else before
    made.repo.commit({"weight-gate.yml": (FAIL + referring(before)).encode()})
    made.repo.git("branch", "-f", "change", "main")
    made.repo.checkout("change")
    made.change(FAIL + referring(after))
    assert judged(made, 0) == set()


def test_one_branch_by_two_names(tmp_path: Path) -> None:
    made = Pull(tmp_path, FAIL + referring("{git: main}")).change(FAIL + referring("{git: origin/main}"))
    assert judged(made, 0) == set()
    made.repo.checkout("change")
    assert made.checked().returncode != 0  # there is no origin on this machine
    assert ("reference-changed", None) in kinds(made.report())


@pytest.mark.parametrize(
    ("after", "kind"),
    [
        (MODEL.replace("new.npz", "x/new.npz"), "model-removed"),
        (MODEL.replace("weights: new.npz", "name: new\n    weights: decoy.npz"), "model-removed"),
        (MODEL.replace("new.npz", "'x/*.npz'"), "model-removed"),
    ],
)
def test_a_decoy(tmp_path: Path, after: str, kind: str) -> None:
    made = Pull(tmp_path, FAIL + MODEL)
    good = (made.repo.path / "new.npz").read_bytes()
    made.change(FAIL + after, **{"new.npz": bad(tmp_path), "x/new.npz": good, "decoy.npz": good})
    assert judged(made) == {kind}


def test_a_move_under_a_reference_that_may_be_missing(tmp_path: Path) -> None:
    model = referring("{git: main, missing: allowed}")
    made = Pull(tmp_path, FAIL + model)
    made.repo.write({"new.npz": None})
    made.change(FAIL + model.replace("weights: new", "weights: x/new"), **{"x/new.npz": bad(tmp_path)})
    assert judged(made) == {"model-moved", "reference-changed"}


@pytest.mark.parametrize("narrowed", ["m/*.npz", "m/a*.npz"])
def test_a_file_that_leaves_a_glob(tmp_path: Path, narrowed: str) -> None:
    glob = MODEL.replace("weights: new.npz", "weights: 'm/*.npz'")
    good = weights(tmp_path)
    made = Pull(tmp_path, FAIL + glob, {"m/a.npz": good, "m/b.npz": good})
    made.repo.write({"m/b.npz": None})
    made.change(FAIL + glob.replace("m/*.npz", narrowed), **{"q/b.npz": bad(tmp_path)})
    assert judged(made) == {"model-removed"}
    assert "m/b.npz no longer judged" in made.report(tmp_path / "clone-2")["loosening"]["found"][0]["reason"]


def test_a_defect_is_no_verdict_whatever_the_manifest_says() -> None:
    loaded = parse_manifest(HEAD + policy("allow") + MODEL, "weight-gate.yml")
    try:
        raise ZeroDivisionError
    except ZeroDivisionError as error:
        found = compare.failed(defect(error), loaded)
    assert found.check is not None
    assert found.check.outcome is Outcome.ERROR


def crossed(made: Pull) -> None:
    """Several commits at which the change left main, as its author can make them."""
    repo = made.repo
    one = repo.commit({"b": b"1"})
    repo.checkout("main")
    two = repo.commit({"a": b"1"})
    repo.merge(one)
    repo.checkout("change")
    repo.merge(two)
    assert len(repo.git("merge-base", "--all", "main", "change").split()) == 2


def unrelated(made: Pull) -> None:
    """A history that has nothing in common with main's."""
    repo = made.repo
    repo.git("checkout", "--quiet", "--orphan", "fresh")
    repo.commit()
    repo.git("branch", "-f", "change", "fresh")
    repo.checkout("change")


def named_alike(made: Pull) -> None:
    """A tag that is called as the branch is, and a history of which the clone has too little to tell where it left."""
    crossed(made)
    made.repo.git("tag", "origin/main", "change")


@pytest.mark.parametrize("how", [crossed, unrelated, named_alike])
def test_a_history_that_its_author_made_is_no_way_out(tmp_path: Path, how: Callable[[Pull], None]) -> None:
    made = Pull(tmp_path, FAIL + MODEL + STRICT)
    how(made)
    made.change(HEAD + MODEL + LOOSE)
    made.repo.git("update-ref", "refs/remotes/origin/main", "main")
    for env in (made.env(), made.env("merge_group")):
        found = run_gate("check", cwd=made.repo.path, env=env)
        assert found.returncode == 1, found.stdout
        assert ("policy-weaker", None) in kinds(made.report())
        assert ("expect-weaker", "head/bias") in kinds(made.report())
        assert "the last commit of origin/main" in made.report()["loosening"]["base"]


@pytest.mark.parametrize("is_new", [True, False])
def test_a_branch_older_than_the_policy_keeps_to_it(tmp_path: Path, is_new: bool) -> None:
    made = Pull(tmp_path, HEAD + MODEL + STRICT)
    repo = made.repo
    repo.checkout("main")
    if is_new:
        repo.commit({"weight-gate.yml": None})
        repo.git("branch", "-f", "change", "main")
    repo.commit({"weight-gate.yml": (FAIL + MODEL + STRICT).encode()})
    repo.git("update-ref", "refs/remotes/origin/main", "main")
    repo.checkout("change")
    made.change(HEAD + MODEL + LOOSE)
    found = run_gate("check", cwd=repo.path, env=made.env())
    assert found.returncode == 1, found.stdout
    assert ("expect-weaker", "head/bias") in kinds(made.report())


def test_where_nothing_of_the_base_is_there_it_is_said_aloud(tmp_path: Path) -> None:
    made = Pull(tmp_path, FAIL + MODEL + STRICT).change(HEAD + MODEL + LOOSE)
    clone = made.runner(depth=1)
    found = run_gate("check", cwd=clone.path, env=made.env())
    assert found.returncode == 0
    (warning,) = [each for each in commands(found.stdout) if each.name == "warning"]
    assert "whether this loosens the gate cannot be told" in warning.data
    assert "`fetch-depth: 2` is enough" in warning.data


@pytest.mark.parametrize("options", [(), ("--changed-since", "main"), ("--model", "gold")])
def test_more_that_is_asked_is_green_beside_many_waivers(tmp_path: Path, options: tuple[str, ...]) -> None:
    rules = "    tensors:\n" + "".join(
        f"      - {{match: '{name}', nan: allowed, reason: r, until: 29{day:02d}-01-01}}\n"
        for day, name in enumerate([*sample()] * 4, 1)
    )
    model = MODEL + rules + "  - weights: gold.npz\n"
    made = Pull(tmp_path, FAIL + model)
    more = model.replace("    load", f"    digest: {digest_of([made.repo.path / 'new.npz'])}\n    load", 1)
    made.change(FAIL + more.replace("gold.npz\n    digest", "./gold.npz\n    digest", 1))
    found = made.checked(*options)
    assert found.returncode == 0, found.stdout
    assert json.dumps(kinds(made.report())) == "[]"


class PullBelow(Pull):
    """Whose manifest lies in the folder x."""

    def __init__(self, folder: Path, before: str) -> None:
        super().__init__(folder, HEAD + MODEL)
        files = {f"x/{name}.npz": (self.repo.path / f"{name}.npz").read_bytes() for name in ("new", "gold")}
        self.repo.checkout("main")
        self.repo.commit({"x/weight-gate.yml": before.encode(), "weight-gate.yml": None, **files})
        self.repo.git("branch", "-f", "change", "main")
        self.repo.checkout("change")


@pytest.mark.parametrize("at", ["", "x"])
def test_a_link_in_the_place_of_the_folder(tmp_path: Path, at: str) -> None:
    made = PullBelow(tmp_path, FAIL + MODEL + STRICT)
    made.repo.git("mv", "x", "y")
    (made.repo.path / "x").symlink_to("y")
    head_of = weights(tmp_path, head_bias=sample()["head/bias"] * np.float32(1.001))
    made.repo.commit({"y/weight-gate.yml": (HEAD + MODEL + LOOSE).encode(), "y/new.npz": head_of})
    manifest = "weight-gate.yml" if at else "x/weight-gate.yml"
    found = run_gate("check", manifest, "--base", "main", cwd=made.repo.path / at)
    assert found.returncode == 1, found.stdout + found.stderr
    report = made.report(made.repo.path / at)
    assert set(kinds(report)) >= {("policy-weaker", None), ("expect-weaker", "head/bias")}


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_repository_of_its_own_in_the_place_of_the_folder(tmp_path: Path, is_kept: bool) -> None:
    made = PullBelow(tmp_path, FAIL + MODEL + STRICT)
    inner = Repo.init(made.repo.path / "x")
    inner.commit({"weight-gate.yml": (HEAD + policy("allow") + MODEL + LOOSE).encode()})
    inner.branch("change")
    inner.commit()
    if is_kept:
        made.repo.git("rm", "-r", "--quiet", "--cached", "x")
        made.repo.commit()
        assert made.repo.git("ls-tree", "HEAD", "x").startswith("160000 commit")
    for options in ((), ("--base", "main")):
        env = {} if options else {**made.env(), "GITHUB_WORKSPACE": str(made.repo.path)}
        found = run_gate("check", "x/weight-gate.yml", *options, cwd=made.repo.path, env=env)
        assert found.returncode == 4, found.stdout + found.stderr
        assert "judged in its own repository" in " ".join(found.stdout.split())


def test_a_repository_that_another_one_ignores_is_its_own(tmp_path: Path) -> None:
    Repo.init(tmp_path).commit({".gitignore": b"*"})
    made = Pull(tmp_path / "of", FAIL + MODEL + STRICT).change(HEAD + MODEL + LOOSE)
    assert made.checked().returncode == 1
    assert ("policy-weaker", None) in kinds(made.report())


def test_where_the_manifest_made_no_sense_that_of_the_tip_counts(tmp_path: Path) -> None:
    made = Pull(tmp_path, "models: [")
    made.repo.checkout("main")
    made.repo.commit({"weight-gate.yml": (FAIL + MODEL + STRICT).encode()})
    made.repo.checkout("change")
    made.change(HEAD + MODEL + LOOSE)
    found = made.checked()
    assert found.returncode == 1, found.stdout
    assert set(kinds(made.report())) >= {("policy-weaker", None), ("expect-weaker", "head/bias")}
    assert "the last commit of main" in made.report()["loosening"]["base"]


@pytest.mark.parametrize("is_local", [True, False])
def test_a_blessed_file_that_git_keeps_no_more(tmp_path: Path, is_local: bool) -> None:
    model = MODEL.replace("gold.npz", "g/gold.npz")
    made = Pull(tmp_path, HEAD + model, {"g/gold.npz": weights(tmp_path)})
    made.repo.git("rm", "--quiet", "g/gold.npz")
    made.repo.write({".gitignore": b"weight-gate-reports/\n/away/\n", "away/gold.npz": bad(tmp_path)})
    (made.repo.path / "g").symlink_to("away")
    made.repo.commit()
    env = {} if is_local else made.env()
    made.repo.git("update-ref", "refs/remotes/origin/main", "main")
    run_gate("check", *(("--base", "main") if is_local else ()), cwd=made.repo.path, env=env)
    (approved,) = made.report()["loosening"]["approved"]
    assert "g/gold.npz" in approved["reason"]

"""`weight-gate update` as its users call it, on files that need no framework."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from approvals.scenes import ALL, approvals, changed, check, files, flat, golden, locked, manifest, on_terminal, update
from support.files import SUFFIXES, example, write
from support.repositories import Repo


def sha256(path: Path) -> str:
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


@pytest.mark.parametrize("make", [golden, locked])
@pytest.mark.parametrize("format", list(SUFFIXES))
def test_a_check_after_an_approval_is_green(tmp_path: Path, make: Any, format: str) -> None:
    folder = tmp_path / "repository"
    make(folder, format)
    assert check(folder) == 1
    done = update(folder, *ALL)
    assert done.returncode == 0, done.stdout + done.stderr
    assert check(folder) == 0
    again = update(folder, *ALL)
    assert (again.returncode, again.stdout) == (0, "model: nothing to approve, everything held\n")
    assert not [name for name in files(folder) if ".weight-gate-" in name]


def test_what_is_shown_is_what_made_the_gate_red_and_what_would_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    golden(folder)
    before = files(folder)
    done = update(folder, "--dry-run")
    assert done.returncode == 0
    said = flat(done.stdout)
    assert "FAILED values 8 of 8 tensors" in said
    assert "- head/kernel 24 of 24 elements differ from the reference" in said
    assert "would write: reference golden/model.npz sha256:" in said
    assert "2 tensors changed: head/kernel, head/bias" in said
    assert "head/bias: 3 of 3 elements, by at most 0.5" in said
    assert files(folder) == before


def test_the_record_says_who_when_why_and_what(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    weights = golden(folder)
    old = sha256(folder / "golden" / "model.npz")
    assert update(folder, *ALL).returncode == 0
    (entry,) = approvals(folder)
    assert entry["by"] == "Ada <ada@example.com>"
    assert entry["reason"] == "retrained on the spring data"
    assert entry["model"] == "model"
    assert entry["weights"] == {"file": "model.npz", "digest": sha256(weights)}
    assert entry["written"] == [
        {"what": "reference", "file": "golden/model.npz", "old": old, "new": sha256(weights)},
    ]
    assert entry["tensors"] == {"changed": 2, "new": 0, "removed": 0}
    assert entry["names"] == ["head/kernel", "head/bias"]
    assert entry["largest"][0].startswith("head/kernel: 24 of 24 elements, by at most 1.0")
    write("npz", folder, changed(head__kernel=2, head__bias=0.5))
    first = (folder / "weight-gate-approvals.yml").read_text()
    assert update(folder, *ALL).returncode == 0
    assert (folder / "weight-gate-approvals.yml").read_text().startswith(first)
    assert [each["tensors"]["changed"] for each in approvals(folder)] == [2, 1]


def test_the_lock_says_who_and_why_too(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    locked(folder)
    assert update(folder, *ALL).returncode == 0
    made = yaml.safe_load((folder / "model.lock.yml").read_text())["made"]
    assert (made["by"], made["reason"]) == ("Ada <ada@example.com>", "retrained on the spring data")
    assert made["when"] == approvals(folder)[-1]["when"]
    assert approvals(folder)[-1]["written"][0]["new"] == sha256(folder / "model.lock.yml")


def test_a_part_of_a_lock(tmp_path: Path) -> None:
    """What is not named keeps its entry, and stays red; the digest of the whole file is not vouched for."""
    folder = tmp_path / "repository"
    arrays = changed(head__kernel=1, head__bias=0.5, conv__kernel=2)
    arrays["extra/kernel"] = np.ones(3, np.float32)
    del arrays["bn/gamma"]
    locked(folder, arrays=arrays)
    before = yaml.safe_load((folder / "model.lock.yml").read_text())
    done = update(folder, "--yes", "--only", "head/**", "--only", "extra/*", "--reason", "the head is new")
    assert done.returncode == 1, done.stdout
    assert "and leaves red: structure" in flat(done.stdout)
    after = yaml.safe_load((folder / "model.lock.yml").read_text())
    assert after["digest"] == before["digest"]
    was, now = ({each["name"]: each for each in lock["tensors"]} for lock in (before, after))
    assert set(now) == {*was, "extra/kernel"}
    assert {name for name in was if was[name] != now[name]} == {"head/kernel", "head/bias"}
    assert check(folder) == 1
    assert "bn/gamma" in update(folder, "--dry-run").stdout
    rest = update(folder, "--yes", "--only", "conv/**", "--only", "bn/**", "--reason", "and the rest")
    assert rest.returncode == 0, rest.stdout
    assert check(folder) == 0
    assert [each["tensors"] for each in approvals(folder)[1:]] == [
        {"changed": 2, "new": 1, "removed": 0},
        {"changed": 1, "new": 0, "removed": 1},
    ]


def test_a_file_is_not_approved_in_part(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    golden(folder, arrays=changed(head__kernel=1, conv__bias=1e-9))  # within tolerance, and other bits all the same
    before = files(folder)
    done = update(folder, "--yes", "--only", "head/**", "--reason", "x")
    assert done.returncode == 1
    assert "golden/model.npz cannot be approved in part" in done.stdout
    assert "conv/bias" in done.stdout
    assert files(folder) == before
    assert update(folder, "--yes", "--only", "head/**", "--only", "conv/bias", "--reason", "x").returncode == 0
    assert check(folder) == 0


@pytest.mark.parametrize("kind", ["lock", "file"])
def test_a_reference_that_is_missing_is_made(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "repository"
    folder.mkdir()
    weights = write("keras", folder, example(0))
    target = "locks/m.lock.yml" if kind == "lock" else "blessed/first/m.keras"
    manifest(folder, weights=weights.name, reference={kind: target})
    assert check(folder) == 4
    assert "is not there yet" in update(folder, "--dry-run").stdout
    assert not (folder / target).exists()
    done = update(folder, "--yes", "--only", "**")
    assert done.returncode == 0, done.stdout + done.stderr
    assert check(folder) == 0
    assert approvals(folder)[0]["reason"] == "the first reference"


def test_a_pin_is_renewed_in_the_manifests_own_words(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    folder.mkdir()
    weights = write("npz", folder, example(0))
    text = (
        "version: 1  # the first\nmodels:\n- weights: model.npz   # the model\n  load: false\n"
        f"  digest: '{sha256(weights)}'  # pinned\n  tensors:\n  - {{match: \"head/**\", nan: allowed}}\n"
    )
    (folder / "weight-gate.yml").write_text(text)
    assert check(folder) == 0
    old = sha256(weights)
    write("npz", folder, changed(head__kernel=1))
    assert update(folder, "--yes", "--only", "head/**", "--reason", "x").returncode == 1  # a pin is of the whole file
    assert (folder / "weight-gate.yml").read_text() == text
    assert update(folder, *ALL).returncode == 0
    assert (folder / "weight-gate.yml").read_text() == text.replace(f"'{old}'", f'"{sha256(weights)}"')
    assert check(folder) == 0
    assert approvals(folder)[0]["written"] == [
        {"what": "digest", "file": "weight-gate.yml", "old": old, "new": sha256(weights)}
    ]


def test_two_pins_in_one_manifest(tmp_path: Path) -> None:
    weights = [write("npz", tmp_path, example(seed), stem=f"m{seed}") for seed in (1, 2)]
    lines = [f"- {{weights: {each.name}, load: false, digest: '{sha256(each)}'}}\n" for each in weights]
    (tmp_path / "weight-gate.yml").write_text("version: 1\nmodels:\n" + "".join(lines))
    for seed in (1, 2):
        write("npz", tmp_path, example(seed + 5), stem=f"m{seed}")
    assert update(tmp_path, *ALL).returncode == 0
    assert check(tmp_path) == 0
    assert len(approvals(tmp_path)) == 2


# What is never approved.


def test_nan_is_never_approved(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    arrays = changed(head__kernel=1)
    arrays["conv/bias"][3] = np.nan
    golden(folder, arrays=arrays)
    before = files(folder)
    done = update(folder, *ALL)
    assert done.returncode == 1
    assert "nothing of it can be approved as long as this is red: finite" in flat(done.stdout)
    assert files(folder) == before


@pytest.mark.parametrize(
    ("rule", "check_name"),
    [
        ({"match": "head/bias", "values": [0.0, 0.0, 0.0]}, "values"),
        ({"match": "head/kernel", "mean": {"at_most": 0.5}}, "statistics"),
        ({"match": "head/bias", "shape": [4]}, "structure"),
        ({"match": "nothing/**", "nan": "allowed"}, "rules"),
        ({"match": "head/**", "expect": "changed"}, "values"),
        ({"match": "conv/**", "expect": "new"}, "structure"),
    ],
)
@pytest.mark.parametrize("make", [golden, locked])
def test_what_a_rule_says_of_the_file_itself_stays_red(
    tmp_path: Path, make: Any, rule: dict[str, Any], check_name: str
) -> None:
    """So does what would be broken by the approval: a tensor that has to differ from the reference."""
    folder = tmp_path / "repository"
    weights = make(folder)
    reference = {"lock": "model.lock.yml"} if make is locked else f"golden/{weights.name}"
    write("npz", folder, changed(head__kernel=1, head__bias=1, conv__kernel=1))
    manifest(folder, weights=weights.name, reference=reference, tensors=[rule])
    before = files(folder)
    done = update(folder, *ALL)
    assert done.returncode in {1, 4}, done.stdout
    said = flat(done.stdout).partition("nothing of it can be approved as long as this is red: ")[2]
    assert said.startswith(check_name)
    assert "weight-gate.yml:" in said
    assert files(folder) == before


@pytest.mark.parametrize("damage", ["weights", "lock", "golden"])
def test_what_cannot_be_read_is_neither_approved_nor_written_over(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "repository"
    if damage == "golden":
        golden(folder)
        broken = folder / "golden" / "model.npz"
    else:
        locked(folder)
        broken = folder / ("model.npz" if damage == "weights" else "model.lock.yml")
    broken.write_bytes(broken.read_bytes()[:-200])
    before = files(folder)
    done = update(folder, *ALL)
    assert done.returncode == 4
    assert files(folder) == before


def test_names_that_mean_another_format(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    golden(folder, "keras")
    weights = write("weights.h5", folder, changed(head__kernel=1))
    manifest(folder, weights=weights.name, reference="golden/model.keras")
    done = update(folder, *ALL)
    assert done.returncode == 1
    assert "the weights are of format weights.h5, and golden/model.keras is called as keras is" in flat(done.stdout)
    assert "ends in .weights.h5" in flat(done.stdout)
    manifest(folder, weights=weights.name, reference="golden/model.weights.h5")
    shutil.copy(folder / "golden" / "model.keras", folder / "golden" / "model.weights.h5")  # the name fits, so it stays
    assert update(folder, *ALL).returncode == 0
    assert check(folder) == 0


# Where it may write.


@pytest.mark.parametrize("where", ["../outside/g.npz", "link/g.npz", ".git/g.npz", "inner/g.npz"])
def test_nothing_is_written_outside_nor_into_git(tmp_path: Path, where: str) -> None:
    folder = tmp_path / "repository"
    (folder / ".git" / "hooks").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (folder / "link").symlink_to("../outside")
    (folder / "inner").symlink_to(".git")
    weights = write("npz", folder, changed(head__kernel=1))
    manifest(folder, weights=weights.name, reference=where)
    write("npz", (folder / where).parent, example(0), stem="g")
    before = files(tmp_path)
    done = update(folder, *ALL, "--root", str(tmp_path / "outside"))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "is not written" in flat(done.stdout)
    assert files(tmp_path) == before


def test_a_link_is_replaced_and_never_written_through(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    golden(folder)
    cache = folder / "cache" / "one.npz"
    cache.parent.mkdir()
    (folder / "golden" / "model.npz").rename(cache)
    (folder / "golden" / "model.npz").symlink_to("../cache/one.npz")
    old = cache.read_bytes()
    assert update(folder, *ALL).returncode == 0
    assert cache.read_bytes() == old
    assert not (folder / "golden" / "model.npz").is_symlink()
    assert check(folder) == 0


def test_the_weights_of_another_model_are_no_place_for_a_reference(tmp_path: Path) -> None:
    a, b = (write("npz", tmp_path, example(seed), stem=f"m{seed}") for seed in (1, 2))
    lines = f"- {{weights: {a.name}, reference: {b.name}, load: false}}\n- {{weights: {b.name}, load: false}}\n"
    (tmp_path / "weight-gate.yml").write_text(f"version: 1\nmodels:\n{lines}")
    before = files(tmp_path)
    done = update(tmp_path, *ALL)
    assert done.returncode == 1
    assert "m2.npz is not written: it is read for the model m2" in flat(done.stdout)
    assert files(tmp_path) == before


@pytest.mark.parametrize("kind", ["file", "lock"])
def test_what_another_model_is_judged_against_is_not_written(tmp_path: Path, kind: str) -> None:
    write("npz", tmp_path, example(0), stem="gold")
    reference = {"file": "gold.npz", "lock": "{lock: gold.lock.yml}"}[kind]
    for seed in (1, 2):
        write("npz", tmp_path, changed(conv__kernel=kind == "file"), stem=f"m{seed}")
    one, two = (f"- {{weights: m{seed}.npz, reference: {reference}, load: false}}\n" for seed in (1, 2))
    (tmp_path / "weight-gate.yml").write_text(f"version: 1\nmodels:\n{one}")
    assert update(tmp_path, *ALL).returncode == 0
    (tmp_path / "weight-gate.yml").write_text(f"version: 1\nmodels:\n{one}{two}")
    write("npz", tmp_path, example(1), stem="m1")
    before = files(tmp_path)
    done = update(tmp_path, *ALL)
    assert done.returncode == 1
    assert "is not written: the model m2 is judged against it too" in flat(done.stdout)
    assert files(tmp_path) == before
    assert update(tmp_path, "--model", "m1", *ALL).returncode == 1
    assert files(tmp_path) == before


def test_a_shard_of_another_models_reference_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "gold").mkdir()
    write("weights.json", tmp_path / "gold", example(0), stem="two")
    shard = next(each for each in (tmp_path / "gold").iterdir() if each.suffix == ".h5").name
    write("weights.h5", tmp_path, changed(head__kernel=1), stem="one")
    write("weights.json", tmp_path, example(0), stem="two")
    one = f"- {{weights: one.weights.h5, reference: gold/{shard}, load: false}}\n"
    two = "- {weights: two.weights.json, reference: gold/two.weights.json, load: false}\n"
    (tmp_path / "weight-gate.yml").write_text(f"version: 1\nmodels:\n{one}{two}")
    before = files(tmp_path)
    done = update(tmp_path, *ALL)
    assert done.returncode == 1, done.stdout
    assert "the model two is judged against it too" in flat(done.stdout)
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    "place",
    ["weight-gate-approvals.yml", "WEIGHT-GATE-approvals.yml", ".weight-gate-update/journal.json", "in/../x/../m.npz"],
)
def test_a_lock_is_not_written_where_something_else_is(tmp_path: Path, place: str) -> None:
    write("npz", tmp_path, example(0), stem="m")
    manifest(tmp_path, weights="m.npz", reference={"lock": place})
    before = files(tmp_path)
    done = update(tmp_path, *ALL)
    assert done.returncode in {1, 4}, done.stdout + done.stderr
    assert files(tmp_path) == before


# What was cut off.


def cut_off(folder: Path) -> None:
    """A reference that is renamed only halfway: its new file is staged, and in the journal."""
    golden(folder)
    new, old = (folder / "model.npz").read_bytes(), (folder / "golden" / "model.npz").read_bytes()
    stage = folder / ".weight-gate-update"
    stage.mkdir()
    (stage / "0.new").write_bytes(new)
    digests = {"old": hashlib.sha256(old).hexdigest(), "sha256": hashlib.sha256(new).hexdigest()}
    move = {"to": "golden/model.npz", "from": "0.new", **digests}
    (stage / "journal.json").write_text(json.dumps({"version": 2, "moves": [move]}))


def test_what_was_cut_off_is_finished_by_a_yes_alone(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    cut_off(folder)
    before = files(folder)
    assert update(folder).returncode == 2
    assert update(folder, "--dry-run").returncode == 4
    code, screen = on_terminal(folder, [("finish it? [y/N]", "n\n")])
    assert code == 1
    assert "golden/model.npz: begun by an update that was cut off" in flat(screen)
    assert files(folder) == before
    done = update(folder, *ALL)
    assert done.returncode == 0, done.stderr
    assert "golden/model.npz: finished, as it was begun before" in done.stdout
    assert check(folder) == 0
    assert not (folder / ".weight-gate-update").exists()


def test_no_commit_takes_a_file_away(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    repo = Repo.init(folder)
    golden(folder)
    (folder / "untracked.txt").write_text("mine")
    (folder / ".weight-gate-update").mkdir()
    move = {"to": "untracked.txt", "old": hashlib.sha256(b"mine").hexdigest()}
    (folder / ".weight-gate-update" / "journal.json").write_text(json.dumps({"version": 2, "moves": [move]}))
    repo.git("add", "-f", ".weight-gate-update")
    done = update(folder, *ALL)
    assert done.returncode == 4
    assert "it came with a commit" in flat(done.stderr)
    assert (folder / "untracked.txt").read_text() == "mine"


# References that are not in the working tree.


def test_git(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    repo = Repo.init(folder)
    weights = write("npz", folder, example(0))
    manifest(folder, weights=weights.name, reference={"git": "main"})
    repo.commit()
    repo.branch("topic")
    write("npz", folder, changed(head__kernel=1))
    before = files(folder)
    done = update(folder, *ALL)
    assert done.returncode == 1
    said = flat(done.stdout)
    assert "the reference is main itself, and is not written" in said
    assert "+ reference: {lock: model.lock.yml}" in said
    assert "expect: any" in said
    assert files(folder) == before


# What is asked wrongly: exit 2, and nothing written.


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "there is no terminal to ask on"),
        (("--yes",), "--yes approves only what is named"),
        (("--yes", "--reason", "x"), "--yes approves only what is named"),
        (("--yes", "--only", "**"), "an approval needs a reason"),
        (("--yes", "--only", "**", "--reason", "  "), "the reason is empty"),
        (("--yes", "--only", "**", "--reason", "x" * 501), "longer than 500"),
        (("--yes", "--only", "heads/**", "--reason", "x"), "--only 'heads/**' matches no tensor"),
        (("--yes", "--only", "", "--reason", "x"), "is no glob"),
        (("--yes", "--only", "head/[", "--reason", "x"), "--only 'head/[' matches no tensor"),
        (("--yes", "--only", "head/{", "--reason", "x"), "is no glob"),
        (("--model", "other"), "names no model"),
    ],
)
def test_refused(tmp_path: Path, args: tuple[str, ...], said: str) -> None:
    folder = tmp_path / "repository"
    golden(folder)
    before = files(folder)
    done = update(folder, *args)
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in flat(done.stderr)
    assert files(folder) == before


def test_a_workflow_has_to_say_yes(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    golden(folder)
    runner = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "workflow_dispatch"}
    assert update(folder, **runner).returncode == 2
    assert update(folder, *ALL, **{**runner, "GITHUB_EVENT_NAME": "pull_request_target"}).returncode == 2
    assert check(folder) == 1
    assert update(folder, *ALL, **runner).returncode == 0
    assert check(folder) == 0


def test_names_that_are_hostile(tmp_path: Path) -> None:
    """They are told and recorded as what they are, and act on nothing."""
    folder = tmp_path / "repository"
    evil = ["a\n::error::x", "b\x1b[31m", "c\u202ed", 'e": [{f', "- g: h"]
    (folder / "golden").mkdir(parents=True)
    arrays = {name: np.arange(3, dtype=np.float32) + at for at, name in enumerate(evil)}
    write("npz", folder / "golden", arrays)
    write("npz", folder, {name: array + 1 for name, array in arrays.items()})
    manifest(folder, weights="model.npz", reference="golden/model.npz")
    done = update(folder, *ALL)
    assert done.returncode == 0, done.stdout + done.stderr
    for stream in (done.stdout, done.stderr):
        assert "\x1b" not in stream
        assert "\u202e" not in stream
        assert not any(line.startswith("::") for line in stream.splitlines())
    (entry,) = approvals(folder)
    assert sorted(entry["names"]) == sorted(["a\\n::error::x", "b\\x1b[31m", "c\\u202ed", 'e": [{f', "- g: h"])
    text = (folder / "weight-gate-approvals.yml").read_text()
    assert text.isascii()
    assert "\x1b" not in text
    assert check(folder) == 0


# What `check` says of it.


@pytest.mark.parametrize("make", [golden, locked])
def test_a_check_has_the_command(tmp_path: Path, make: Any) -> None:
    from support.cli import run_gate

    folder = tmp_path / "repository"
    make(folder)
    done = run_gate("check", cwd=folder)
    assert "what an approval would change" in done.stdout
    command = "weight-gate update --model model --only 'head/**' --reason '…'"
    assert command in done.stdout
    summary = (folder / "weight-gate-reports" / "summary.md").read_text()
    assert "what an approval would change" in summary
    assert command in summary
    assert "2 of 8 tensors changed: head/kernel, head/bias" in flat(done.stdout)
    assert update(folder, "--model", "model", "--only", "head/**", "--reason", "x", "--yes").returncode == 0


def test_a_check_says_what_cannot_be_approved(tmp_path: Path) -> None:
    from support.cli import run_gate

    folder = tmp_path / "repository"
    arrays = changed(head__kernel=1)
    arrays["conv/bias"][3] = np.inf
    golden(folder, arrays=arrays)
    done = run_gate("check", "--no-reports", cwd=folder)
    assert "cannot be approved, so that nothing is as long as it is red: finite" in flat(done.stdout)
    assert "weight-gate update --model" not in done.stdout


def test_a_branch_has_no_approval(tmp_path: Path) -> None:
    from support.cli import run_gate

    folder = tmp_path / "repository"
    repo = Repo.init(folder)
    weights = write("npz", folder, example(0))
    manifest(folder, weights=weights.name, reference={"git": "main"})
    repo.commit()
    repo.branch("topic")
    write("npz", folder, changed(head__kernel=1))
    assert "what an approval would change" not in run_gate("check", "--no-reports", cwd=folder).stdout

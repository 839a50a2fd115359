"""`weight-gate check` in a pull request: what it says of the manifest, where, and when that is red."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from gate.approvals.record import Approval, Written, added
from gate.locks.text import lock_text, read_lock
from gate.tensors.weightset import Group
from reports.runner import commands
from support.cli import ROOT, run_gate
from support.files import WRITERS
from support.judging import sample
from support.locks import write_lock
from support.pulls import HEAD, LOOSE, MODEL, STRICT, Pull, kinds, policy


def test_a_warning_that_every_report_has(tmp_path: Path) -> None:
    made = Pull(tmp_path, HEAD + MODEL + STRICT).change(HEAD + MODEL + LOOSE)
    clone = made.runner()
    found = run_gate("check", cwd=clone.path, env=made.env())
    assert found.returncode == 0, found.stdout + found.stderr
    warning = next(each for each in commands(found.stdout) if each.name == "warning")
    assert warning.properties == {
        "file": "weight-gate.yml", "line": "8", "col": "9", "title": "This pull request loosens the gate",
    }  # fmt: skip
    assert "`expect` was identical and is close" in warning.data
    assert "head/kernel, head/bias (2 tensors)" in warning.data
    assert not [each for each in commands(found.stdout) if each.name == "error"]
    assert "This pull request loosens the gate\n" in found.stdout
    summary = (tmp_path / "step.md").read_text()
    table, section = summary.index("| Model |"), summary.index("### ⚠️ This pull request loosens the gate")
    assert table < section < summary.index("### Coverage and notes")
    report = made.report(clone.path)
    jsonschema.validate(report, json.loads((ROOT / "docs" / "report.schema.json").read_text()))
    assert set(kinds(report)) == {("expect-weaker", "head/kernel"), ("expect-weaker", "head/bias")}
    main = made.repo.git("rev-parse", "main")
    assert report["loosening"]["base"] == (
        f"weight-gate.yml at {main[:12]}, the commit of main that the pull request is merged into"
    )
    suite = ET.parse(clone.path / "weight-gate-reports" / "junit.xml").getroot()
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")
    assert "`expect` was identical and is close" in (suite.findtext("testsuite/system-out") or "")
    assert suite.find(".//property[@name='weight-gate.loosened']").get("value") == "2"  # type: ignore[union-attr]


def test_a_merge_queue_is_compared_with_what_the_group_is_built_on(tmp_path: Path) -> None:
    made = Pull(tmp_path, HEAD + MODEL + STRICT).change(HEAD + MODEL + LOOSE)
    found = run_gate("check", cwd=made.repo.path, env=made.env("merge_group"))
    assert found.returncode == 0
    assert "that the merge group is built on" in made.report()["loosening"]["base"]
    assert len(kinds(made.report())) == 2


def test_a_push_and_a_run_without_base_are_compared_with_nothing(tmp_path: Path) -> None:
    made = Pull(tmp_path, HEAD + MODEL + STRICT).change(HEAD + MODEL + LOOSE)
    for env in ({}, made.env("push")):
        found = run_gate("check", cwd=made.repo.path, env=env)
        assert found.returncode == 0
        said = made.report()["loosening"]
        assert (said["base"], said["found"], said["notes"], said["endless"]) == (None, [], [], [])
        assert "loosens" not in found.stdout


@pytest.mark.parametrize(
    ("before", "after", "code", "is_said"),
    [
        ("", policy("fail"), 1, True),
        (policy("fail"), "", 1, True),
        (policy("fail"), policy("allow"), 1, True),
        (policy("warn"), policy("allow"), 0, True),
        (policy("allow"), "", 0, True),
        (policy("allow"), policy("allow"), 0, False),
    ],
)
def test_the_stricter_word_holds(tmp_path: Path, before: str, after: str, code: int, is_said: bool) -> None:
    made = Pull(tmp_path, HEAD + before + MODEL + STRICT).change(HEAD + after + MODEL + LOOSE)
    found = made.checked()
    assert found.returncode == code, found.stdout
    report = made.report()
    assert (("expect-weaker", "head/bias") in kinds(report)) == is_said
    assert (("policy-weaker", None) in kinds(report)) == (before == policy("fail") and after != before) or (
        before == policy("warn")
    )
    assert report["loosening"]["fails"] == (code == 1)


def test_red_in_every_report(tmp_path: Path) -> None:
    made = Pull(tmp_path, HEAD + policy("fail") + MODEL + STRICT).change(HEAD + policy("fail") + MODEL + LOOSE)
    clone = made.runner()
    found = run_gate("check", cwd=clone.path, env=made.env())
    assert found.returncode == 1
    errors = [each for each in commands(found.stdout) if each.name == "error"]
    assert [(each.properties["line"], each.properties["title"]) for each in errors] == [
        ("9", "weight-gate.yml: loosening: failed")
    ]
    assert "FAILED   loosening" in found.stdout
    assert found.stdout.count("head/kernel, head/bias (2 tensors)\n") == 1
    report = made.report(clone.path)
    (check,) = report["models"][-1]["checks"]
    assert (report["models"][-1]["name"], check["check"], check["outcome"]) == (
        "weight-gate.yml",
        "loosening",
        "failed",
    )
    assert "❌ `weight-gate.yml` loosening: failed" in (tmp_path / "step.md").read_text()
    root = ET.parse(clone.path / "weight-gate-reports" / "junit.xml").getroot()
    assert root.get("failures") == "1"
    assert "conclusion<<" in (tmp_path / "outputs").read_text()


def test_a_stricter_gate_is_green_by_every_policy(tmp_path: Path) -> None:
    made = Pull(tmp_path, HEAD + MODEL + LOOSE).change(HEAD + policy("fail") + MODEL + STRICT)
    assert made.checked().returncode == 0
    assert kinds(made.report()) == []


@pytest.mark.parametrize("word", ["allow", "warn", "fail"])
def test_a_base_that_is_not_there_is_a_note_or_cannot_be_checked(tmp_path: Path, word: str) -> None:
    made = Pull(tmp_path, HEAD + MODEL + STRICT).change(HEAD + policy(word) + MODEL + LOOSE)
    clone = made.runner(depth=1)
    found = run_gate("check", cwd=clone.path, env=made.env())
    assert found.returncode == (4 if word == "fail" else 0)
    assert "whether this loosens the gate cannot be told" in found.stdout
    assert "fetch-depth: 0" in found.stdout
    assert "for this alone, `fetch-depth: 2` is enough" in found.stdout
    level = "error" if word == "fail" else "warning"
    assert any("cannot be told" in each.data for each in commands(found.stdout) if each.name == level)


def test_an_event_that_cannot_be_read(tmp_path: Path) -> None:
    made = Pull(tmp_path, HEAD + policy("fail") + MODEL + STRICT).change(HEAD + policy("fail") + MODEL + STRICT)
    env = {**made.env(), "GITHUB_EVENT_PATH": str(tmp_path / "none.json")}
    found = run_gate("check", cwd=made.repo.path, env=env)
    assert found.returncode == 4
    assert "does not say which branch is merged into" in found.stdout


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (None, "is not in"),
        (b"version: 1\nmodels: []\n", "cannot be used, and asks for nothing"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"version: 1\nmodels:\n  - {weights: a, tensors: [{match: '[z-a]', expect: any}]}\n", "cannot be used"),
    ],
)
def test_a_base_without_a_manifest_that_means_something(tmp_path: Path, before: bytes | None, said: str) -> None:
    made = Pull(tmp_path, "", {"weight-gate.yml": before} if before else None)
    if before is None:
        made.repo.checkout("main")
        made.repo.commit({"weight-gate.yml": None})
        made.repo.git("branch", "-f", "change", "main")
        made.repo.checkout("change")
    made.change(HEAD + MODEL + LOOSE)
    found = made.checked()
    assert found.returncode == 0, found.stdout
    (note,) = made.report()["loosening"]["notes"]
    assert said in note


def test_models_that_are_left_out_are_compared_as_text(tmp_path: Path) -> None:
    two = MODEL + STRICT + "  - weights: other.npz\n    reference: gold.npz\n    load: false\n"
    other = (tmp_path / "other.npz", sample())
    WRITERS["npz"](*other)
    made = Pull(tmp_path, HEAD + two + STRICT, {"other.npz": other[0].read_bytes()}).change(HEAD + two + LOOSE)
    found = made.checked("--model", "new")
    assert found.returncode == 0
    (said,) = made.report()["loosening"]["found"]
    assert (said["kind"], said["tensor"]) == ("expect-weaker", None)
    assert said["reason"].startswith("other: tensors like `head/x`: ")


def test_waivers_without_an_end_are_told_without_a_base(tmp_path: Path) -> None:
    rules = "    tensors:\n      - {match: 'head/*', expect: ignored, reason: later}\n"
    ending = rules.replace("later", "later, until: 2999-01-01").replace("head", "bn") + rules.split("\n", 1)[1]
    made = Pull(tmp_path, HEAD + MODEL + ending)
    found = run_gate("check", "--annotations=always", cwd=made.repo.path)
    assert found.returncode == 0
    (said,) = made.report()["loosening"]["endless"]
    assert said["reason"] == "new: `head/*` is `expect: ignored`, and no `until` ends that (later)"
    assert said["position"]["line"] == 8
    assert [each.properties["line"] for each in commands(found.stdout) if "no `until`" in each.data] == ["8"]
    assert "Waivers without an end" in (made.repo.path / "weight-gate-reports" / "summary.md").read_text()
    made.change(HEAD + policy("allow") + MODEL + ending)
    run_gate("check", cwd=made.repo.path)
    assert made.report()["loosening"]["endless"] == []


def test_what_no_verdict_goes_by_may_leave_a_lock(tmp_path: Path) -> None:
    made = Pull(tmp_path, HEAD + MODEL)
    lock = write_lock(made.repo.path / "new.npz", made.repo.path / "new.lock.yml")
    now = read_lock(lock, "new.lock.yml")
    slot = replace(now.tensors[0], name="optimizer/momentum", group=Group.OPTIMIZER, layer=None, variable="")
    before = lock_text(replace(now, tensors=(*now.tensors, slot)))
    manifest = HEAD + MODEL.replace("reference: gold.npz", "reference: {lock: new.lock.yml}")
    made.repo.checkout("main")
    made.repo.commit({"weight-gate.yml": manifest.encode(), "new.lock.yml": before.encode()})
    made.repo.branch("again")
    made.repo.commit({"new.lock.yml": lock_text(now).encode()})
    found = made.checked()
    assert found.returncode == 0, found.stdout
    assert kinds(made.report()) == []
    (said,) = made.report()["loosening"]["approved"]
    assert "1 tensor removed" in said["reason"]


def test_what_the_pull_request_approves(tmp_path: Path) -> None:
    made = Pull(tmp_path, HEAD + MODEL)
    lock = MODEL.replace("reference: gold.npz", "reference: {lock: new.lock.yml}")
    before = write_lock(made.repo.path / "new.npz", made.repo.path / "new.lock.yml").read_bytes()
    made.repo.checkout("main")
    made.repo.commit({"weight-gate.yml": (HEAD + lock + "  - weights: gold.npz\n").encode(), "new.lock.yml": before})
    made.repo.branch("again")
    arrays = {name: array for name, array in sample().items() if name != "head/bias"}
    arrays["head/kernel"] = arrays["head/kernel"] + 1
    WRITERS["npz"](made.repo.path / "new.npz", arrays)
    write_lock(made.repo.path / "new.npz", made.repo.path / "new.lock.yml")
    made.repo.commit()
    found = made.checked()
    said = made.report()["loosening"]
    assert found.returncode == 0, found.stdout
    assert [each["reason"] for each in said["approved"]] == [
        "new.lock.yml: 1 tensor changed, 1 tensor removed; by Ada, 2026-11-21T08:09:10Z: first training"
    ]
    assert kinds(made.report()) == [("lock-shorter", "head/bias")]
    assert "#### Approved in this pull request" in (made.repo.path / "weight-gate-reports" / "summary.md").read_text(
        "utf-8"
    )


@pytest.mark.parametrize("is_committed", [True, False])
def test_a_blessed_file_that_is_another(tmp_path: Path, is_committed: bool) -> None:
    made = Pull(tmp_path, HEAD + MODEL)
    arrays = sample() | {"head/bias": np.zeros(3, np.float32)}
    for name in ("new", "gold"):
        WRITERS["npz"](made.repo.path / f"{name}.npz", arrays)
    if is_committed:
        made.repo.commit()
    assert made.checked().returncode == 0
    said = made.report()["loosening"]
    assert [each["reason"] for each in said["approved"]] == ["gold.npz, the reference of new"]
    assert said["found"] == []


def test_hostile_names_are_shown_and_do_nothing(tmp_path: Path) -> None:
    hostile = "x%0A::error::y <b>`|"
    entry = json.dumps({"weights": "new.npz", "name": hostile, "reference": "gold.npz", "load": False})
    rule = json.dumps({"match": "**", "expect": "ignored", "reason": "::warning::z @everyone"})
    both = "models: [{0}]\n"
    made = Pull(tmp_path, HEAD + both.format(entry)).change(
        HEAD + both.format(entry[:-1] + f', "tensors": [{rule}, {{"match": "head/*", "expect": "close"}}]}}')
    )
    clone = made.runner()
    found = run_gate("check", cwd=clone.path, env=made.env())
    assert {each.name for each in commands(found.stdout)} <= {"warning", "notice"}
    assert commands(found.stderr) == []
    assert len([each for each in commands(found.stdout) if "was close and is ignored" in each.data]) == 1
    assert "<b>" not in (tmp_path / "step.md").read_text().replace("`x%0A::error::y <b>`", "")
    assert "@everyone" not in (tmp_path / "step.md").read_text().replace("`@everyone`", "").replace("`@everyone)`", "")


def test_validate_compares_without_weights(tmp_path: Path) -> None:
    made = Pull(tmp_path, HEAD + MODEL + STRICT).change(HEAD + MODEL + LOOSE)
    (made.repo.path / "new.npz").unlink()
    found = run_gate("validate", "--base", "main", cwd=made.repo.path)
    assert found.returncode == 0, found.stderr
    assert "weight-gate.yml: valid, 1 model\n" in found.stdout
    assert "tensors like `head/x`: `expect` was identical and is close" in found.stdout
    made.change(HEAD + policy("fail") + MODEL + LOOSE)
    assert run_gate("validate", "--base", "main", cwd=made.repo.path).returncode == 1
    assert run_gate("validate", "--base", "nowhere", cwd=made.repo.path).returncode == 4


def test_a_manifest_in_a_folder_and_a_run_from_elsewhere(tmp_path: Path) -> None:
    made = Pull(tmp_path, HEAD + MODEL)
    strict, loose = (each.replace("new.npz", "../new.npz").replace("gold.npz", "../gold.npz") for each in (
        HEAD + MODEL + STRICT, HEAD + MODEL + LOOSE
    ))  # fmt: skip
    made.repo.checkout("main")
    made.repo.commit({"sub/weight-gate.yml": strict.encode()})
    made.repo.branch("again")
    made.repo.commit({"sub/weight-gate.yml": loose.encode()})
    found = run_gate("check", "repo/sub/weight-gate.yml", "--base", "main", cwd=tmp_path)
    assert found.returncode == 0, found.stdout
    report = made.report(tmp_path)
    assert set(kinds(report)) == {("expect-weaker", "head/kernel"), ("expect-weaker", "head/bias")}
    assert report["loosening"]["base"].startswith("repo/sub/weight-gate.yml at ")
    assert report["loosening"]["found"][0]["position"]["file"] == "repo/sub/weight-gate.yml"


def test_references_outside_the_repository_hinder_nothing(tmp_path: Path) -> None:
    WRITERS["npz"](tmp_path / "gold.npz", sample())
    outside = MODEL.replace("gold.npz", "../gold.npz")
    made = Pull(tmp_path, HEAD + outside + STRICT).change(HEAD + policy("fail") + outside + STRICT)
    found = made.checked("--root", str(tmp_path))
    assert found.returncode == 0, found.stdout
    assert made.report()["loosening"]["notes"] == []


def test_a_waiver_that_ended_is_red_though_nothing_has_changed(tmp_path: Path) -> None:
    rule = "    tensors:\n      - {match: 'head/*', nan: allowed, reason: r, until: 2020-01-01}\n"
    made = Pull(tmp_path, HEAD + MODEL + rule)
    made.repo.commit()
    found = made.checked("--changed-since", "main")
    assert found.returncode == 1
    assert "the rule for head/* ended after 2020-01-01 and no longer holds" in found.stdout


def test_what_was_approved_in_words(tmp_path: Path) -> None:
    made = Pull(tmp_path, HEAD + MODEL)
    digest = "sha256:" + "0" * 64
    said = Approval(
        "2027-03-01T12:00:00Z", "Ada", "spring data", "new", "new.npz", digest,
        (Written("reference", "gold.npz", digest),), {"changed": 1}, ("head/{bias,kernel}",),
    )  # fmt: skip
    record = made.repo.path / "weight-gate-approvals.yml"
    record.write_text(added(record, record.name, said))
    made.change(HEAD + MODEL)
    assert made.checked().returncode == 0
    (found,) = made.report()["loosening"]["approved"]
    assert found["reason"] == "new: gold.npz approved by Ada, 2027-03-01T12:00:00Z: spring data"
    assert found["details"] == ["tensors: head/{bias,kernel}"]

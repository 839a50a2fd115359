"""What newcomers stumbled over: each message says what is so, and what to write."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gate.git.commits import Commits
from gate.git.objects import Objects
from gate.git.repository import Repository
from gate.reports.console import write_console
from gate.results import CheckResult, Coverage, ModelResult, Outcome, RunResult
from support.cli import ROOT, run_gate
from support.files import WRITERS
from support.https import https_server
from support.judging import judge, sample
from support.repositories import Repo

HEX = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def manifest(folder: Path, *lines: str) -> None:
    (folder / "weight-gate.yml").write_text("version: 1\nmodels:\n" + "".join(f"{line}\n" for line in lines))


# A digest beside a reference that nothing is compared with.


def digest_and_any(folder: Path, **entry: Any) -> ModelResult:
    WRITERS["npz"](folder / "x.npz", sample())
    digest = hashlib.sha256((folder / "x.npz").read_bytes()).hexdigest()
    rules = [{"match": "**", "expect": "any"}]
    reference = {name: array + 1 for name, array in sample().items()}
    return judge(folder, sample(), reference, tensors=rules, digest=f"sha256:{digest}", load=False, **entry)


def test_a_reference_that_nothing_is_held_against_is_not_green_and_said_as_it_is(tmp_path: Path) -> None:
    judge_folder = tmp_path / "a"
    judge_folder.mkdir()
    model = digest_and_any(judge_folder)
    assert {each.check for each in model.checks if each.outcome == Outcome.PASSED} >= {"digest", "structure"}
    found = run_gate("check", cwd=judge_folder)
    assert found.returncode == 3
    text = " ".join(found.stdout.split())
    assert "nothing was compared: no value and no statistic of this model was held against its reference" in text
    assert "leave `reference` out: the digest is its own proof" in text
    assert "nothing was checked" not in text


def test_the_two_ways_out_of_it_are_green(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    digest_and_any(folder)
    text = (folder / "weight-gate.yml").read_text()
    (folder / "weight-gate.yml").write_text(
        re.sub(r"  reference: .*\n", "", text.split("  tensors:")[0]) + "  load: false\n"
    )
    assert run_gate("check", cwd=folder).returncode == 0
    (folder / "weight-gate.yml").write_text(text.replace("expect: any", "expect: changed"))
    assert run_gate("check", cwd=folder).returncode == 0


def test_a_model_of_which_nothing_was_checked_still_says_so(tmp_path: Path) -> None:
    checks = (CheckResult("values", Outcome.PASSED, "nothing there"),)
    run = RunResult((ModelResult("m", "m.npz", "r.npz", checks, Coverage()),), "c", "2026-01-01T00:00:00", "0")
    with (tmp_path / "out").open("w+", encoding="utf-8") as stream:
        write_console(run, stream)
        stream.seek(0)
        assert "nothing was checked: no check of this model compared any tensor or file" in " ".join(
            stream.read().split()
        )


# A branch that is misspelt.


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("origin/mian", "origin/main"),
        ("mian", "main"),
        ("relase/1.0", "release/1.0"),
        ("v1.0.O", "v1.0.0"),
        ("featrue", "origin/team/feature"),
        ("zzz", None),
    ],
)
def test_a_ref_that_is_misspelt_is_asked_after(tmp_path: Path, asked: str, meant: str | None) -> None:
    repo = Repo.init(tmp_path / "repo")
    repo.commit({"a": b"a"})
    repo.git("branch", "-M", "main")
    for name in ("origin/main", "origin/team/feature"):
        repo.git("update-ref", f"refs/remotes/{name}", "HEAD")
    repo.git("branch", "release/1.0")
    repo.git("tag", "v1.0.0")
    WRITERS["npz"](repo.path / "m.npz", sample())
    manifest(repo.path, f"  - {{weights: m.npz, reference: {{git: {asked}}}, load: false}}")
    found = run_gate("check", "--no-reports", cwd=repo.path)
    assert found.returncode == 4
    text = " ".join(found.stdout.split())
    assert f"there is no branch, tag or commit {asked} in this clone" in text
    assert ("did you mean" in text) == (meant is not None)
    if meant:
        assert f"did you mean {meant}? Else fetch it" in text


def test_many_refs_are_not_looked_through_for_ever(tmp_path: Path) -> None:
    repo = Repo.init(tmp_path / "repo")
    head = repo.commit({"a": b"a"})
    (repo.path / ".git" / "packed-refs").write_text(
        "# pack-refs with: peeled fully-peeled sorted \n"
        + "".join(f"{head} refs/heads/branch-{i:06}\n" for i in range(20_000))
    )
    repository = Repository(repo.path)
    with Objects(repository) as objects:
        assert Commits(repository, objects, None)._near("brunch-000007") != ""


# Inputs of the action that cannot be used.


def test_unusable_inputs_are_called_what_they_are(tmp_path: Path) -> None:
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "step.md"),
        "GITHUB_OUTPUT": str(tmp_path / "outputs"),
        "INPUT_DEVICE": "tpu",
    }
    found = run_gate("action", cwd=tmp_path, env=env)
    assert found.returncode == 2
    summary = (tmp_path / "step.md").read_text()
    assert "the inputs of the action cannot be used" in summary
    assert "the manifest cannot be used" not in summary
    assert "weight-gate action" in summary
    assert "weight-gate check" not in summary
    manifest(tmp_path, "  - wieghts: a.npz")
    (tmp_path / "step.md").unlink()
    assert run_gate("check", cwd=tmp_path, env={**env, "INPUT_DEVICE": ""}).returncode == 2
    assert "the manifest cannot be used" in (tmp_path / "step.md").read_text()


# Digests in the other one's form.


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (f"digest: {HEX}", f"write sha256:{HEX}"),
        (f"digest: {HEX.upper()}", f"write sha256:{HEX.upper()}"),
        (f"reference: {{url: 'https://a/b.npz', sha256: 'sha256:{HEX}'}}", f"write the digits alone, {HEX}"),
    ],
)
def test_the_form_of_a_digest_is_told(tmp_path: Path, line: str, says: str) -> None:
    manifest(tmp_path, "  - weights: a.npz", f"    {line}")
    found = run_gate("validate", cwd=tmp_path)
    assert found.returncode == 2
    assert found.stderr.rstrip("\n").endswith(says)


@pytest.mark.parametrize("wrong", [HEX[:-1], f"{HEX}0", f"sha1:{HEX[:40]}", "sha256:"])
def test_what_is_no_digest_gets_no_such_advice(tmp_path: Path, wrong: str) -> None:
    manifest(tmp_path, "  - weights: a.npz", f"    digest: '{wrong}'")
    assert "write sha256:" not in run_gate("validate", cwd=tmp_path).stderr


# Names of files in messages.


def test_an_address_is_told_once(tmp_path: Path) -> None:
    with https_server(tmp_path) as server:
        url = server.serve("/m.npz", lambda handler: handler.send_error(404))
        WRITERS["npz"](tmp_path / "m.npz", sample())
        manifest(tmp_path, f"  - {{weights: m.npz, reference: {{url: '{url}', sha256: {HEX}}}, load: false}}")
        env = {"SSL_CERT_FILE": str(server.authority), "XDG_CACHE_HOME": str(tmp_path / "home"), "no_proxy": "*"}
        found = run_gate("check", cwd=tmp_path, env=env)
    report = json.loads((tmp_path / "weight-gate-reports" / "report.json").read_text())
    (finding,) = report["models"][0]["checks"][0]["findings"]
    assert found.returncode == 4
    assert finding["reason"].count(url) == 1
    assert finding["reason"].startswith("reference: ")


def test_a_missing_reference_is_named_once(tmp_path: Path) -> None:
    WRITERS["npz"](tmp_path / "m.npz", sample())
    manifest(tmp_path, "  - {weights: m.npz, reference: gold.npz, load: false}")
    found = run_gate("check", "--json-path", "report.json", cwd=tmp_path)
    (finding,) = json.loads((tmp_path / "report.json").read_text())["models"][0]["checks"][0]["findings"]
    assert found.returncode == 4
    assert finding["reason"].startswith("reference: gold.npz")
    assert finding["reason"].count("gold.npz") == 1


# Two names that change places.


def swapped_example() -> str:
    page = (ROOT / "docs" / "manifest.md").read_text("utf-8")
    (example,) = re.findall(r"^```yaml\n((?:(?!```).)*elsewhere.*?)^```", page, re.DOTALL | re.MULTILINE)
    return str(example)


def test_the_worked_example_of_two_names_that_change_places(tmp_path: Path) -> None:
    left, right = (np.arange(6, dtype=np.float32).reshape(2, 3) + i for i in (1, 2))
    WRITERS["npz"](tmp_path / "old.npz", {"left/kernel": left, "right/kernel": right})
    WRITERS["npz"](tmp_path / "new.npz", {"left/kernel": right, "right/kernel": left})
    text = swapped_example()
    (tmp_path / "weight-gate.yml").write_text(text)
    assert run_gate("check", cwd=tmp_path).returncode == 0
    lines = [line for line in text.splitlines() if "{from" not in line and "names:" not in line]
    (tmp_path / "weight-gate.yml").write_text("\n".join(lines) + "\n")
    assert run_gate("check", cwd=tmp_path).returncode == 1
    two = text.replace("to: elsewhere/", "to: right/").replace("      - {from: ^elsewhere/, to: right/}\n", "")
    (tmp_path / "weight-gate.yml").write_text(two)
    found = run_gate("check", cwd=tmp_path)
    assert found.returncode in (1, 4)

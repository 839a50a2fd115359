"""`weight-gate explain`, as its users run it: which line says what, and what cannot be told."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gate.checks import CHECKS
from gate.explaining.checks import known
from gate.explaining.loading import WAYS
from gate.formats import open_weights
from gate.locks.lock import Made
from gate.locks.make import lock_of
from gate.locks.text import lock_text
from gate.run import MUTATIONS
from gate.runtime.loaders import LOADERS
from support.cli import ROOT, run_gate
from support.files import WRITERS

MANIFEST = """\
version: 1
defaults:
  tolerance: {rtol: 1e-4, atol: 1e-5}
policy:
  mutation_score: 0.9
models:
  - name: net
    weights: new.npz
    reference: old.npz
    names: [{from: "^stem/", to: "body/"}]
    groups: {optimizer: list}
    tensors:
      - {match: "**", expect: identical, nan: allowed}
      - match: "head/**"
        expect: changed
        tolerance: {rtol: 1e-3, atol: 0}
      - {match: "head/bias", shape: [3], values: [1, 2, 3], mean: {value: 2, atol: 0.5}, max: {at_most: 9}}
      - {match: "extra", expect: new}
      - {match: "gone", expect: removed}
      - {match: "clock", expect: ignored, reason: it ticks, until: 2999-12-31}
      - {match: "clock", nan: allowed, reason: old, until: 2001-01-01}
    statistics: {std: {rtol: 0.1}}
"""


def arrays() -> dict[str, Any]:
    zeros = np.zeros([4], np.float32)
    blocks = {f"body/block_{i}/kernel": zeros for i in range(12)}
    return {
        **blocks,
        "head/kernel": np.ones([4, 3], np.float32),
        "head/bias": np.array([1, 2, 3], np.float32),
        "steps": np.array([7], np.int64),
        "clock": zeros,
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ours = arrays()
    theirs = {name.replace("body/", "stem/"): array for name, array in ours.items()}
    WRITERS["npz"](tmp_path / "new.npz", {**ours, "extra": np.ones([2], np.float16)})
    WRITERS["npz"](tmp_path / "old.npz", {**theirs, "gone": np.ones([2], np.float32)})
    (tmp_path / "weight-gate.yml").write_text(MANIFEST)
    return tmp_path


def explained(folder: Path, *words: str, code: int = 0) -> dict[str, Any]:
    found = run_gate("explain", *words, "--json", cwd=folder)
    assert found.returncode == code, found.stdout + found.stderr
    document: dict[str, Any] = json.loads(found.stdout)
    return document


def tensor(folder: Path, name: str) -> dict[str, Any]:
    (model,) = explained(folder, "net", name)["models"]
    (only,) = model["tensors"]
    assert only["name"] == name
    return dict(only)


def line_of(text: str, number: int = 1) -> dict[str, Any]:
    """Where in the manifest a text stands, the number'th time."""
    at = -1
    for _ in range(number):
        at = MANIFEST.index(text, at + 1)
    before = MANIFEST[:at]
    return {
        "file": "weight-gate.yml",
        "line": before.count("\n") + 1,
        "column": at - (before.rfind("\n") + 1) + 1,
    }


def keys(found: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {said["key"]: (said["value"], said["at"]) for said in found["keys"]}


def test_every_key_has_the_value_that_holds_and_the_line_that_says_so(folder: Path) -> None:
    found = tensor(folder, "head/bias")
    reference = line_of("reference: old.npz")
    assert keys(found) == {
        "expect": ("changed", line_of("expect: changed")),
        "tolerance": ({"rtol": 1e-3, "atol": 0}, line_of("tolerance: {rtol: 1e-3")),
        "nan": ("allowed", line_of("nan: allowed")),
        "inf": ("forbidden", None),
        "shape": ([3], line_of("shape: [3]")),
        "dtype": ("float32", reference),
        "values": ([1, 2, 3], line_of("values: [1")),
        "mean": ({"value": 2, "atol": 0.5}, line_of("mean: {")),
        "max": ({"at_most": 9}, line_of("max: {")),
        "std": ({"rtol": 0.1, "atol": 0}, line_of("std: {")),
    }
    assert (found["dtype"], found["shape"], found["bytes"], found["group"]) == ("float32", [3], 12, "weights")


def test_rules_that_match_are_told_in_order_with_what_overrules_them(folder: Path) -> None:
    rules = tensor(folder, "head/bias")["rules"]
    assert [rule["match"] for rule in rules] == ["**", "head/**", "head/bias"]
    told = [{each["key"]: each["overruled_by"] for each in rule["keys"]} for rule in rules]
    assert told == [
        {"expect": line_of("expect: changed"), "nan": None},
        {"expect": None, "tolerance": None},
        {"shape": None, "values": None, "mean": None, "max": None},
    ]
    assert [rule["at"]["line"] for rule in rules] == [13, 14, 17]


def test_defaults_are_the_manifests_or_the_published_ones_by_dtype(folder: Path) -> None:
    text = MANIFEST.replace("expect: identical", "expect: close")
    (folder / "weight-gate.yml").write_text(text)
    found = keys(tensor(folder, "body/block_3/kernel"))["tolerance"]
    assert found == ({"rtol": 1e-4, "atol": 1e-5}, {"file": "weight-gate.yml", "line": 3, "column": 3})
    (folder / "weight-gate.yml").write_text(text.replace("  tolerance: {rtol: 1e-4, atol: 1e-5}", "  device: auto"))
    assert keys(tensor(folder, "body/block_3/kernel"))["tolerance"] == ({"rtol": 1e-6, "atol": 1e-8}, None)
    assert keys(tensor(folder, "extra"))["tolerance"] == ({"rtol": 2e-3, "atol": 1e-6}, None)
    steps = next(said for said in tensor(folder, "steps")["keys"] if said["key"] == "tolerance")
    assert (steps["value"], steps["text"]) == (None, "none: int64 is exact")


def test_identical_has_no_tolerance(folder: Path) -> None:
    assert keys(tensor(folder, "body/block_0/kernel"))["tolerance"] == (None, line_of("expect: identical"))


def test_what_it_is_compared_with(folder: Path) -> None:
    renamed = tensor(folder, "body/block_0/kernel")["compared_with"]
    assert renamed["value"] == {"reference": "stem/block_0/kernel", "paired_by": "names"}
    assert renamed["at"] == {**line_of("{from:")}
    by_name = tensor(folder, "head/bias")["compared_with"]
    assert by_name["value"] == {"reference": "head/bias", "paired_by": "name"}
    assert "old.npz" in by_name["text"]
    assert tensor(folder, "extra")["compared_with"]["text"] == "nothing: the reference has no such tensor"
    gone = tensor(folder, "gone")
    assert keys(gone).keys() == {"expect"}
    assert gone["compared_with"]["text"].startswith("nothing in the file")


def test_ignored_and_ended(folder: Path) -> None:
    found = tensor(folder, "clock")
    (expect,) = found["keys"]
    assert expect["key"] == "expect"
    assert "it ticks" in expect["text"]
    assert [rule["ended"] for rule in found["rules"]] == [None, None, "2001-01-01"]
    (model,) = explained(folder, "net")["models"]
    waivers = {each["at"]["line"]: each["text"] for each in model["waivers"]}
    assert waivers == {
        13: "**: nan: allowed (no end)",
        20: "clock: expect: ignored: it ticks (until 2999-12-31)",
        21: "clock: nan: allowed: old (an error: ended after 2001-01-01)",
    }


def test_paired_by_position_is_told(tmp_path: Path) -> None:
    """Two files of Keras that number their layers differently: default names meet."""
    for name, first in (("new", 0), ("old", 5)):
        layers = {f"dense_{first + i}/kernel": np.ones([i + 2, 3], np.float32) for i in range(2)}
        WRITERS["weights.h5"](tmp_path / f"{name}.weights.h5", layers)
    text = "version: 1\nmodels:\n  - {weights: new.weights.h5, name: net, reference: old.weights.h5}\n"
    (tmp_path / "weight-gate.yml").write_text(text)
    listed = json.loads(
        run_gate("list", "new.weights.h5", "--against", "old.weights.h5", "--json", cwd=tmp_path).stdout
    )
    for each in listed["against"]["pairs"]:
        found = tensor(tmp_path, each["name"])["compared_with"]["value"]
        assert found == {"reference": each["reference"], "paired_by": each["paired_by"]}
        assert found["reference"] != each["name"]


def test_overview_says_which_rule_governs_how_many(folder: Path) -> None:
    (model,) = explained(folder, "net")["models"]
    told = [
        (rule["match"], len(rule["holds_for"]), len(rule["overruled_for"]), rule["ended"]) for rule in model["rules"]
    ]
    assert told == [
        ("**", 18, 0, None),  # 17 of the file, and `gone`; `nan` holds for those whose `expect` others set
        ("head/**", 2, 0, None),
        ("head/bias", 1, 0, None),
        ("extra", 1, 0, None),
        ("gone", 1, 0, None),
        ("clock", 1, 0, None),
        ("clock", 0, 1, "2001-01-01"),
    ]
    assert model["unruled"] == []
    text = run_gate("explain", "net", cwd=folder).stdout
    assert "body/block_{0..11}/kernel" in text


def test_rules_that_match_nothing(folder: Path) -> None:
    text = MANIFEST.replace(
        '      - {match: "gone"', '      - {match: "hade/**", expect: close}\n      - {match: "gone"'
    )
    (folder / "weight-gate.yml").write_text(text)
    found = run_gate("explain", "net", cwd=folder)
    assert "hade/**: expect: close (weight-gate.yml:19:9)\n    matches no tensor: an error of `rules`\n" in found.stdout


def test_the_plan_has_every_check_once_and_is_what_check_makes(folder: Path) -> None:
    (model,) = explained(folder, "net")["models"]
    made = [each["key"] for each in model["made"]]
    rest = [each["key"] for each in model["not_made"]]
    assert made[0] == "read"
    assert sorted(made[1:] + rest) == sorted([*CHECKS, MUTATIONS])
    run_gate("check", cwd=folder)
    report = json.loads((folder / "weight-gate-reports" / "report.json").read_text())
    checks = [check["check"] for check in report["models"][0]["checks"]]
    assert [check for check in checks if ":" not in check] == made
    at = {each["key"]: each["at"] for each in model["made"]}
    assert at["rules"] == line_of("tensors:")
    assert at["values"] == at["structure"] == line_of("reference:")
    assert at["statistics"] == line_of("statistics:")
    assert model["not_made"][-1]["text"].startswith("the file is not loaded: nothing loads a file of arrays")
    assert {each["key"]: each["value"] for each in model["policy"]} == {"loosening": "warn", "mutation_score": 0.9}


def test_there_are_words_for_every_check_and_every_way_to_load() -> None:
    assert known() == [*CHECKS, MUTATIONS]
    assert WAYS.keys() == LOADERS.keys()


def test_a_model_is_called_by_name_glob_path_or_pattern(folder: Path) -> None:
    for word in ("net", "n*", "new.npz", "./new.npz", str(folder / "new.npz"), "*.npz"):
        assert [each["name"] for each in explained(folder, word)["models"]] == ["net"], word
    (folder / "sub").mkdir()
    found = run_gate("explain", "new.npz", "--manifest", "../weight-gate.yml", cwd=folder / "sub")
    assert (found.returncode, found.stdout[:4]) == (0, "net:")


def test_several_models(folder: Path) -> None:
    WRITERS["npz"](folder / "other.npz", {"x": np.ones([2], np.float32)})
    (folder / "weight-gate.yml").write_text(MANIFEST + "  - {weights: other.npz}\n")
    assert [each["name"] for each in explained(folder, "*")["models"]] == ["net", "other"]
    assert [each["name"] for each in explained(folder, "*", "x")["models"]] == ["other"]
    found = run_gate("explain", "*", "nowhere", cwd=folder)
    assert (found.returncode, "has no tensor nowhere" in found.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nte"], "weight-gate.yml has no model nte: did you mean net?"),
        (["zzz"], "its models are net, new.npz"),
        ([""], "its models are net, new.npz"),
        (["\x01"], "has no model"),
        (["net", "head/bais"], "new.npz has no tensor head/bais: did you mean head/bias"),
        (["net", "bias"], "did you mean head/bias?"),
        (["net", "head"], "new.npz has no tensor head: it is the beginning of names: `head/**` means all of them"),
        (["net", "body/block_3/"], "`body/block_3/**` means all of them"),
        (["net", "nothing/*/of/this"], "its tensors are"),
        (["net", "[z-a]"], "the glob [z-a] makes no sense"),
        (["[z-a]"], "the glob [z-a] makes no sense"),
        (["net", "\x1b[31m::error::x" * 500], "has no tensor"),
        ([], "MODEL"),
        (["net", "--manifest", "gone.yml"], "gone.yml"),
    ],
)
def test_words_that_mean_nothing(folder: Path, words: list[str], says: str) -> None:
    found = run_gate("explain", *words, cwd=folder)
    assert found.returncode == 2
    assert says in found.stderr
    assert found.stdout == ""
    assert "\x1b" not in found.stderr
    assert "Traceback" not in found.stderr


def test_a_missing_file_is_said_and_the_plan_explained(folder: Path) -> None:
    (folder / "new.npz").unlink()
    found = run_gate("explain", "net", cwd=folder)
    assert found.returncode == 4
    assert "check could not judge it as it is\n" in found.stdout
    assert "new.npz" in found.stdout.split("as it is\n")[1]
    assert "head/**: expect: changed" in found.stdout
    assert "checks that are made" in found.stdout
    (model,) = explained(folder, "net", "head/bias", code=4)["models"]
    assert keys(model["tensors"][0])["expect"] == ("changed", line_of("expect: changed"))
    assert model["tensors"][0]["compared_with"]["value"] is None
    assert [each["holds_for"] for each in model["rules"]] == [None] * 7


def test_a_missing_reference_is_said(folder: Path) -> None:
    (folder / "old.npz").unlink()
    (model,) = explained(folder, "net", "head/bias", code=4)["models"]
    assert "old.npz" in model["troubles"][0]["reason"]
    assert model["troubles"][0]["at"] == line_of("reference: old.npz")
    found = run_gate("explain", "net", cwd=folder).stdout
    assert "matches no tensor of the file; the reference's are not known" in found
    assert "an error of `rules`" not in found


def test_a_glob_that_matches_no_file(folder: Path) -> None:
    (folder / "weight-gate.yml").write_text('version: 1\nmodels:\n  - weights: "none/*.npz"\n')
    (model,) = explained(folder, "none/*.npz", code=4)["models"]
    assert "no file matches" in model["troubles"][0]["reason"]


def test_a_rename_that_matches_nothing_is_a_trouble(folder: Path) -> None:
    (folder / "weight-gate.yml").write_text(MANIFEST.replace("^stem/", "^steam/"))
    (model,) = explained(folder, "net", code=4)["models"]
    assert "matches no tensor of the reference" in model["troubles"][0]["reason"]


def test_what_cannot_be_loaded_and_is_asked_for_is_a_trouble(folder: Path) -> None:
    (folder / "weight-gate.yml").write_text(MANIFEST + "    roundtrip: [keras]\n")
    (model,) = explained(folder, "net", code=4)["models"]
    assert "cannot be loaded on its own, and `roundtrip` asks for it" in model["troubles"][0]["reason"]


def test_loading_says_which_code_runs(folder: Path) -> None:
    WRITERS["weights.h5"](folder / "w.weights.h5", {"d/kernel": np.ones([2, 2], np.float32)})
    (folder / "src").mkdir()
    (folder / "src" / "models.py").write_text("def build():\n    return None\n")
    text = (
        "version: 1\ndefaults: {device: cpu}\nmodels:\n  - weights: w.weights.h5\n"
        '    architecture: {code: "src/models.py:build"}\n    roundtrip: false\n'
        '    restore: {waive: [{match: "d/*", reason: later, until: 2999-01-01}]}\n'
    )
    (folder / "weight-gate.yml").write_text(text)
    (model,) = explained(folder, "w")["models"]
    told = {each["key"]: (each["value"], each["at"] and each["at"]["line"]) for each in model["loading"]}
    assert told["how"] == ("weights", 5)
    assert told["device"] == ("cpu", 2)
    assert told["code"] == (["src/models.py:build"], 5)
    assert [each["text"] for each in model["waivers"]] == ["d/*: need not be restored: later (until 2999-01-01)"]
    assert {each["key"]: each["text"] for each in model["not_made"]}["roundtrip"].startswith("`roundtrip: false`")
    (folder / "weight-gate.yml").write_text("version: 1\nmodels:\n  - {weights: w.weights.h5, load: false}\n")
    (model,) = explained(folder, "w")["models"]
    assert model["loading"][0]["text"] == "not loaded: `load: false`"


def test_groups_that_are_not_compared(tmp_path: Path) -> None:
    folder = ROOT / "examples" / "tf1_checkpoint"
    (model,) = explained(folder, "digits", "optimizer/global_step")["models"]
    (found,) = model["tensors"]
    assert (found["group"], found["keys"]) == ("optimizer", [])
    assert "`groups: {optimizer: compare}` has it compared" in found["compared_with"]["text"]


def test_an_address_is_explained_and_not_fetched(folder: Path) -> None:
    url = "https://localhost.invalid/old.npz?signature=secret"
    text = MANIFEST.replace("old.npz", f'{{url: "{url}", sha256: {"a" * 64}}}')
    (folder / "weight-gate.yml").write_text(text)
    found = run_gate("explain", "net", "--cache", "cache", cwd=folder)
    assert found.returncode == 0, found.stdout + found.stderr
    shown = " ".join(found.stdout.split())
    assert "the file at https://localhost.invalid/old.npz with the SHA-256" in shown
    assert "not in the cache: it would be fetched from there" in shown
    assert "secret" not in found.stdout
    assert not (folder / "cache").exists()


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_a_commit_is_told(folder: Path) -> None:
    text = "version: 1\nmodels:\n  - {weights: new.npz, reference: {git: base}}\n"
    (folder / "weight-gate.yml").write_text(text)
    git(folder, "init", "-q", "-b", "base")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "one")
    commit = git(folder, "rev-parse", "HEAD")
    git(folder, "checkout", "-qb", "work")
    WRITERS["npz"](folder / "new.npz", arrays())
    git(folder, "commit", "-qam", "two")
    (model,) = explained(folder, "new", "extra")["models"]
    reference = next(each for each in model["files"] if each["key"] == "reference")
    assert commit[:12] in reference["text"]
    assert "where HEAD left base" in reference["text"]
    assert model["tensors"][0]["compared_with"]["text"].startswith("nothing in the file; the reference has it")
    (folder / "weight-gate.yml").write_text(text.replace("base", "bsae"))
    (model,) = explained(folder, "new", code=4)["models"]
    assert "there is no branch, tag or commit bsae" in model["troubles"][0]["reason"]


def test_a_bound_of_a_rule_and_a_threshold_of_the_reference_are_both_told(folder: Path) -> None:
    (folder / "weight-gate.yml").write_text(MANIFEST.replace("std: {rtol: 0.1}", "mean: 0.25"))
    told = [said["value"] for said in tensor(folder, "head/bias")["keys"] if said["key"] == "mean"]
    assert told == [{"value": 2, "atol": 0.5}, {"rtol": 0.0, "atol": 0.25}]


def test_a_pointer_of_git_lfs_is_no_file(folder: Path) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 12345\n"
    (folder / "new.npz").write_text(pointer)
    (model,) = explained(folder, "net", code=4)["models"]
    assert "Git LFS pointer" in model["troubles"][0]["reason"]


def test_what_git_lfs_would_have_to_fetch_is_not_fetched(folder: Path) -> None:
    rules = "tensors: [{match: head/*, nan: allowed}]"
    text = f"version: 1\nmodels:\n  - {{weights: new.npz, reference: {{git: base}}, {rules}}}\n"
    (folder / "weight-gate.yml").write_text(text)
    here = (folder / "new.npz").read_bytes()
    (folder / "new.npz").write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 12345\n")
    git(folder, "init", "-q", "-b", "base")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "one")
    git(folder, "remote", "add", "origin", "https://localhost.invalid/x.git")
    git(folder, "checkout", "-qb", "work")
    (folder / "new.npz").write_bytes(here)
    git(folder, "commit", "-qam", "two")
    (model,) = explained(folder, "new", "head/bias")["models"]
    reference = next(each for each in model["files"] if each["key"] == "reference")
    assert "is a Git LFS pointer: the file would be fetched" in reference["text"]
    assert "not known" in model["tensors"][0]["compared_with"]["text"]
    assert model["tensors"][0]["dtype"] == "float32"
    assert [len(each["holds_for"]) for each in model["rules"]] == [2]


def test_a_lock_is_what_values_are_held_against(folder: Path) -> None:
    with open_weights(folder / "old.npz", shown="old.npz") as weights:
        made = Made("2027-03-01T12:00:00Z", "Ada", "first", "1a2b3c", {})
        (folder / "old.lock.yml").write_text(lock_text(lock_of(weights, made, 1)))
    (folder / "weight-gate.yml").write_text(MANIFEST.replace("old.npz", "{lock: old.lock.yml}"))
    (model,) = explained(folder, "net", "head/bias")["models"]
    reference = next(each for each in model["files"] if each["key"] == "reference")
    assert "a lock of old.npz" in reference["text"]
    assert "made 2027-03-01T12:00:00Z by Ada" in reference["text"]
    (found,) = model["tensors"]
    assert found["compared_with"]["value"] == {"reference": "head/bias", "paired_by": "name"}
    (values,) = (said for said in found["keys"] if said["key"] == "values")
    assert values["value"] == [1, 2, 3]
    said = {each["key"]: each["text"] for each in tensor(folder, "head/kernel")["keys"]}
    assert said["values"] == "the reference's, by the digest in the lock"
    assert said["expect"].startswith("changed: of another digest than the lock's")
    (frozen,) = explained(folder, "net", "steps")["models"][0]["tensors"]
    said = {each["key"]: each["text"] for each in frozen["keys"]}
    assert said["expect"] == "identical: of the digest in the lock, so bit for bit the tensor that was approved"
    assert said["tolerance"] == "none: bit for bit"
    plain = MANIFEST.replace("old.npz", "{lock: old.lock.yml}").replace("expect: identical, ", "")
    (folder / "weight-gate.yml").write_text(plain)
    (close,) = explained(folder, "net", "body/block_1/kernel")["models"][0]["tensors"]
    said = {each["key"]: each["text"] for each in close["keys"]}
    assert "bit for bit" in said["expect"]
    assert "rtol" not in said["tolerance"]
    (folder / "old.lock.yml").unlink()
    (model,) = explained(folder, "net", code=4)["models"]
    assert "old.lock.yml" in model["troubles"][0]["reason"]


def test_hostile_names_are_harmless(tmp_path: Path) -> None:
    evil = "\x1b[31m::error::owned\u202e"
    WRITERS["npz"](tmp_path / "new.npz", {f"{evil}/kernel": np.ones([2], np.float32)})
    (tmp_path / "weight-gate.yml").write_text(
        "version: 1\nmodels:\n  - {weights: new.npz, tensors: [{match: '**', nan: allowed}]}\n"
    )
    for words in (("new",), ("new", "**"), ("new", "--json")):
        found = run_gate("explain", *words, cwd=tmp_path)
        assert found.returncode == 0
        assert "\x1b" not in found.stdout
        assert "::" not in found.stdout
        assert "\u202e" not in found.stdout


def test_nothing_is_written_and_no_values_are_read(folder: Path) -> None:
    """A file whose data is cut away behind its header still has names; `check` is who finds it out."""
    before = sorted(path.name for path in folder.iterdir())
    run_gate("explain", "net", cwd=folder)
    assert sorted(path.name for path in folder.iterdir()) == before
    WRITERS["npz"](folder / "new.npz", {**arrays(), "extra": np.full([2], np.nan, np.float16)})
    assert run_gate("explain", "net", "extra", cwd=folder).returncode == 0


def test_width_is_the_terminals(folder: Path) -> None:
    found = run_gate("explain", "net", cwd=folder, env={"COLUMNS": "60"})
    longest = max(len(line) for line in found.stdout.splitlines())
    assert longest <= 60

"""What is counted, what slips, what would catch it, and that the same seed does the same."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from gate.mutations import DAMAGES
from gate.mutations.verdict import Fate, Score, Verdict
from mutations.mutating import damaged, judged, score_of, small, written
from support.cli import run_gate
from support.files import WRITERS, example
from support.judging import check_of, judge_manifest
from support.repositories import Repo

RULES: list[dict[str, Any]] = [
    {"match": "conv/**", "expect": "identical"},
    {"match": "bn/moving_*", "tolerance": {"rtol": 1e-2, "atol": 0.0}},
    {"match": "head/bias", "expect": "ignored", "reason": "recalibrated"},
    {"match": "head/kernel", "expect": "any"},
]


def slipped(score: Score) -> dict[str, list[Verdict]]:
    found: dict[str, list[Verdict]] = {}
    for verdict in score.of(Fate.SLIPPED):
        found.setdefault(verdict.tensors[0], []).append(verdict)
    return found


def line_of(folder: Path, text: str) -> int:
    """Where the manifest has it."""
    lines = (folder / "weight-gate.yml").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_what_slips_says_why_and_what_would_catch_it(tmp_path: Path) -> None:
    score = score_of(written(tmp_path, small(), small(), RULES), 0, 300)
    found = slipped(score)
    assert found.keys() <= {"bn/moving_mean", "bn/moving_variance", "head/bias", "head/kernel"}
    ignored = found["head/bias"][0]
    assert ignored.why == f"ignored by {tmp_path}/weight-gate.yml:{line_of(tmp_path, 'match: head/bias')}"
    assert str(ignored.position).startswith(ignored.why.removeprefix("ignored by "))
    assert all("looks at no value" in verdict.why for verdict in found["head/kernel"])
    wide = [verdict for name in ("bn/moving_mean", "bn/moving_variance") for verdict in found.get(name, [])]
    assert wide
    assert all("(rtol=0.01, atol=0) allows it" in verdict.why for verdict in wide), wide
    assert score.unhit == ()
    assert score.counted == score.caught + len(score.of(Fate.SLIPPED))


def test_the_tolerance_that_is_proposed_catches_it_and_passes_the_file(tmp_path: Path) -> None:
    rule: dict[str, Any] = {"match": "head/kernel", "tolerance": {"rtol": 1e-2, "atol": 0.0}}
    old = small()
    old["head/kernel"] = (old["head/kernel"] * (1 + 1e-5)).astype(np.float32)
    manifest = written(tmp_path, small(), old, [rule])
    verdict, _, arrays = damaged(manifest, "element-0.99x", "head/kernel")
    assert verdict.fate is Fate.SLIPPED
    proposed = yaml.safe_load(f"{{{verdict.cure.split('`')[1]}}}")
    assert verdict.cure.endswith("` there would: the tensor passes by it")
    assert 1e-5 <= proposed["tolerance"]["rtol"] < 1e-2
    narrower = written(tmp_path, small(), old, [{**rule, **proposed}])
    assert judge_manifest(narrower).exit_code == 0
    new = {**small(), **arrays}
    assert judge_manifest(written(tmp_path, new, old, [rule])).exit_code == 0
    assert judge_manifest(written(tmp_path, new, old, [{**rule, **proposed}])).exit_code == 1


def _followed(entries: list[dict[str, Any]], verdict: Verdict, folder: Path) -> list[dict[str, Any]]:
    """The rules with what a hint says: another value where it stands, or rules of their own at the end."""
    made = [dict(each) for each in entries]
    for said in verdict.cure.split("`")[1::2]:
        if said.startswith("- "):
            made += yaml.safe_load(said)
        elif said.startswith("tolerance"):
            at = next(
                number
                for number, each in enumerate(entries)
                if f":{line_of(folder, 'match: ' + json.dumps(each['match']).strip(chr(34)))}" in verdict.why
                or f":{line_of(folder, each['match'])}" in verdict.why
            )
            made[at] |= yaml.safe_load(f"{{{said}}}")
    return made


@pytest.mark.parametrize("off", [0.0, 3e-3])
def test_hints_that_are_followed_to_the_letter_keep_the_model_green_and_raise_the_score(
    tmp_path: Path, off: float
) -> None:
    rules: list[dict[str, Any]] = [
        {"match": "bn/*", "tolerance": {"rtol": 0.1, "atol": 4.0}},
        {"match": "conv/kernel", "expect": "any"},
        {"match": "head/*", "tolerance": {"rtol": 0.5, "atol": 0.5}},
    ]
    old = small()
    old["bn/moving_mean"] = (old["bn/moving_mean"] + off).astype(np.float32)
    old["conv/kernel"] = old["conv/kernel"] + 1
    score = score_of(written(tmp_path, small(), old, rules))
    slipped = score.of(Fate.SLIPPED)
    assert score.value is not None
    assert {verdict.tensors[0].split("/")[0] for verdict in slipped} >= {"bn", "conv", "head"}
    for cure in sorted({verdict.cure for verdict in slipped}):
        verdict = next(each for each in slipped if each.cure == cure)
        written(tmp_path, small(), old, rules)
        followed = _followed(rules, verdict, tmp_path)
        if followed == rules:
            assert cure.startswith("only a "), cure
            continue
        after = score_of(written(tmp_path, small(), old, followed))
        assert after.value is not None
        assert after.value > score.value, cure
    widths = {verdict.cure for verdict in slipped if "(rtol=0.5" in verdict.why}
    assert widths == {"`tolerance: {rtol: 1e-6, atol: 1e-8}` there would: all 2 tensors of it pass"}


def test_all_shows_all(tmp_path: Path) -> None:
    written(tmp_path, small(), small(), [{"match": "**", "tolerance": {"rtol": 1.0, "atol": 100.0}}])
    assert "more: --all shows them" in run_gate("mutate", cwd=tmp_path).stdout
    shown = run_gate("mutate", "--all", cwd=tmp_path).stdout
    assert "--all" not in shown
    assert "  for all " in shown


def test_damage_of_nothing_is_done_only_where_there_is_no_other(tmp_path: Path) -> None:
    arrays = {f"l{at}/bias": np.zeros(4, np.float32) for at in range(9)}
    arrays["head/kernel"] = np.array([[0.1, 0.2], [0.3, 0.4]], np.float32)
    score = score_of(written(tmp_path, arrays, arrays), 0, 40, "zeroed", "float16", "int8", "constant")
    by_kind = {kind: [each.tensors[0] for each in score.verdicts if each.kind == kind] for kind in ("zeroed", "int8")}
    assert by_kind == {"zeroed": ["head/kernel"], "int8": ["head/kernel"]}
    assert not score.of(Fate.EQUIVALENT)
    nothing = {"l/bias": np.zeros(4, np.float32), "m/bias": np.zeros(4, np.float32)}
    (tmp_path / "zeros").mkdir()
    only = score_of(written(tmp_path / "zeros", nothing, nothing), 0, 10, "zeroed")
    assert [each.fate for each in only.verdicts] == [Fate.EQUIVALENT]


def test_a_score_of_names_alone_says_so(tmp_path: Path) -> None:
    words = {"words": np.array(["a", "b"], dtype="S1"), "more": np.array(["c"], dtype="S1")}
    written(tmp_path, words, words)
    shown = run_gate("mutate", "--only", "dropped", "--only", "added", cwd=tmp_path).stdout
    assert "none of them of a value" in shown


def test_the_statistic_that_is_proposed_catches_it_and_passes_the_file(tmp_path: Path) -> None:
    arrays = example()
    verdict, _, changed = damaged(written(tmp_path, arrays), "zeroed", "conv/kernel")
    assert verdict.fate is Fate.SLIPPED
    assert verdict.why == "no reference"
    assert verdict.cure.startswith("`reference: …` would, or `- {match: conv/kernel, std: {")
    (rule,) = yaml.safe_load(verdict.cure.split("`")[3])
    assert judge_manifest(written(tmp_path, arrays, tensors=[rule])).exit_code == 0
    assert judge_manifest(written(tmp_path, {**arrays, **changed}, tensors=[rule])).exit_code == 1


def test_without_a_reference_only_what_is_not_finite_is_caught(tmp_path: Path) -> None:
    score = score_of(written(tmp_path, small()), 0, 200)
    caught = {verdict.kind for verdict in score.of(Fate.CAUGHT)}
    assert {"nan", "inf"} <= caught <= {"nan", "inf", "bit-exponent"}
    assert {catch.check for verdict in score.of(Fate.CAUGHT) for catch in verdict.by} == {"finite"}
    assert {verdict.why for verdict in score.of(Fate.SLIPPED)} == {"no reference"}


def test_a_rule_that_loses_its_tensor_catches_what_is_dropped(tmp_path: Path) -> None:
    manifest = written(tmp_path, small(), tensors=[{"match": "head/bias", "shape": [3]}])
    verdict, _, _ = damaged(manifest, "dropped", "head/bias")
    assert [catch.check for catch in verdict.by] == ["rules"]
    assert verdict.by[0].position is not None


def test_bounds_of_statistics_are_asked(tmp_path: Path) -> None:
    manifest = written(tmp_path, small(), tensors=[{"match": "head/kernel", "max": {"at_most": 10}}])
    verdict, _, _ = damaged(manifest, "constant", "head/kernel")
    assert verdict.fate is Fate.SLIPPED
    manifest = written(tmp_path, small(), small(), [{"match": "**", "expect": "any"}], statistics={"std": 1e-3})
    verdict, _, _ = damaged(manifest, "zeroed", "head/kernel")
    assert [catch.check for catch in verdict.by] == ["statistics"]


def test_equivalents_are_not_counted(tmp_path: Path) -> None:
    arrays = {"a/kernel": np.ones((2, 2), np.float32), "b/kernel": np.ones((2, 2), np.float32), "c/bias": np.zeros(3)}
    manifest = written(tmp_path, arrays, arrays)
    for kind, site in (
        ("swapped", ("a/kernel", "b/kernel")),
        ("zeroed", ("c/bias",)),
        ("constant", ("a/kernel",)),
        ("transposed", ("a/kernel",)),
        ("channel", ("a/kernel",)),
        ("float16", ("a/kernel",)),
        ("int8", ("c/bias",)),
        ("stale-reference", ()),
    ):
        verdict, _, _ = damaged(manifest, kind, *site)
        assert verdict.fate is Fate.EQUIVALENT, kind
    score = score_of(manifest)
    assert score.value == 1.0
    assert score.counted < len(score.verdicts)


def test_a_rule_wider_than_the_published_tolerance_is_counted_at_what_it_lets_through(tmp_path: Path) -> None:
    wide: dict[str, Any] = {"match": "**", "tolerance": {"rtol": 1e-3, "atol": 0.0}}
    narrow: dict[str, Any] = {"match": "**", "tolerance": {"rtol": 1e-7, "atol": 0.0}}
    for rules, fate in (([wide], Fate.SLIPPED), ([narrow], Fate.WITHIN), ([], Fate.WITHIN)):
        arrays = {name: values.astype(np.float64) for name, values in small().items()}
        arrays = small() if rules == [] or rules == [wide] else arrays
        verdict, _, _ = damaged(written(tmp_path, arrays, arrays, rules), "element-0.99x", "head/kernel")
        expected = Fate.SLIPPED if rules == [narrow] else fate  # of float64, 1e-7 is wide
        assert verdict.fate is expected, rules


def test_the_same_seed_does_the_same_and_another_does_not(tmp_path: Path) -> None:
    manifest = written(tmp_path, example(), example(), RULES)
    assert score_of(manifest, 7) == score_of(manifest, 7)
    assert score_of(manifest, 7).verdicts != score_of(manifest, 8).verdicts
    one, two = (damaged(manifest, "stale-noise", seed=3)[2] for _ in range(2))
    assert all(one[name].tobytes() == two[name].tobytes() for name in one)


def test_every_rule_is_hit_or_said(tmp_path: Path) -> None:
    names = [f"layer_{number}/kernel" for number in range(40)]
    arrays = {name: np.full((2, 2), number + 1, np.float32) for number, name in enumerate(names)}
    rules = [{"match": name, "expect": "identical"} for name in names]
    manifest = written(tmp_path, arrays, arrays, rules)
    assert score_of(manifest, 0, 100).unhit == ()
    assert len(score_of(manifest, 0, 5, "bit-sign").unhit) == 35


@pytest.mark.parametrize("format", ["npz", "keras", "weights.h5", "safetensors"])
def test_no_file_is_written_to(tmp_path: Path, format: str) -> None:
    manifest = written(tmp_path, example(), example(), RULES, format)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert score_of(manifest, 0, 200).counted
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    _, found = judged(manifest, lambda subject, _: [each.read().flags.writeable for each in subject.candidate])
    assert not any(found[0])


def test_every_format_gives_the_same_score(tmp_path: Path) -> None:
    scores = {}
    for key in ("npz", "keras", "weights.h5", "h5", "safetensors"):
        (tmp_path / key).mkdir()
        manifest = written(tmp_path / key, example(), example(), RULES, key)
        scores[key] = [(v.kind, v.tensors, v.told, v.fate) for v in score_of(manifest).verdicts]
    assert all(each == scores["npz"] for each in scores.values())


def test_no_damage_is_an_error_not_a_score(tmp_path: Path) -> None:
    empty = {"a": np.empty((0,), np.float32), "b": np.zeros(2, np.float32)}
    manifest = written(tmp_path, empty, empty)
    said = run_gate("mutate", str(manifest), "--only", "channel")
    assert said.returncode == 4, said.stdout
    assert "no score, nothing could be counted" in said.stdout


def test_the_command(tmp_path: Path) -> None:
    manifest = written(tmp_path, small(), small(), RULES)
    said = run_gate("mutate", manifest.name, cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    assert f"SLIPPED: ignored by weight-gate.yml:{line_of(tmp_path, 'match: head/bias')}" in said.stdout
    assert "seed 0; nothing was loaded" in said.stdout
    assert run_gate("mutate", manifest.name, "--at-least", "1", cwd=tmp_path).returncode == 1
    assert run_gate("mutate", manifest.name, "--at-least", "0.1", cwd=tmp_path).returncode == 0
    every = run_gate("mutate", manifest.name, "--all", "--only", "bit-*", cwd=tmp_path)
    assert every.stdout.count("bit-sign ") > 1
    assert "zeroed" not in every.stdout
    wrong = run_gate("mutate", manifest.name, "--only", "zero", cwd=tmp_path)
    assert wrong.returncode == 2
    assert all(kind in wrong.stderr for kind in DAMAGES)
    broken = run_gate("mutate", manifest.name, "--only", "{a", cwd=tmp_path)
    assert broken.returncode == 2
    assert "makes no sense as a glob" in broken.stderr


def test_json(tmp_path: Path) -> None:
    manifest = written(tmp_path, small(), small(), RULES)
    said = json.loads(run_gate("mutate", manifest.name, "--json", "--seed", "3", "--count", "50", cwd=tmp_path).stdout)
    (model,) = said["models"]
    assert (said["seed"], said["count"], len(model["mutations"])) == (3, 50, 50)
    fates = [each["fate"] for each in model["mutations"]]
    assert model["score"] == fates.count("caught") / (fates.count("caught") + fates.count("slipped"))


def test_what_is_red_undamaged_is_not_damaged(tmp_path: Path) -> None:
    other = {**small(), "head/bias": np.ones(3, np.float32)}
    manifest = written(tmp_path, other, small())
    said = run_gate("mutate", manifest.name, cwd=tmp_path)
    assert said.returncode == 1
    assert "not damaged, because it is not green as it is" in said.stdout
    (tmp_path / "old/model.npz").unlink()
    assert run_gate("mutate", manifest.name, cwd=tmp_path).returncode == 4


def test_a_reference_from_git(tmp_path: Path) -> None:
    repo = Repo.init(tmp_path / "repo")
    WRITERS["npz"](tmp_path / "model.npz", small())
    manifest = b"version: 1\nmodels: [{weights: model.npz, load: false, reference: {git: HEAD~1}}]\n"
    repo.commit({"model.npz": (tmp_path / "model.npz").read_bytes(), "weight-gate.yml": manifest})
    repo.commit({"README.md": b"the same weights, one commit later"})
    said = run_gate("mutate", "--at-least", "1", cwd=repo.path)
    assert said.returncode == 0, said.stdout + said.stderr
    assert "score 1.0" in said.stdout


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    arrays = {"x\r::error::y/kernel": np.ones((2, 2), np.float32), "\x1b[31m/b": np.arange(3, dtype=np.float32)}
    WRITERS["safetensors"](tmp_path / "model.safetensors", arrays)
    (tmp_path / "weight-gate.yml").write_text("version: 1\nmodels: [{weights: model.safetensors, load: false}]\n")
    for more in ((), ("--all",), ("--json",)):
        said = run_gate("mutate", *more, cwd=tmp_path)
        assert said.returncode == 0, said.stderr
        assert "::" not in said.stdout
        assert "\x1b" not in said.stdout


@pytest.mark.parametrize(("asked", "outcome"), [(0.2, "passed"), (0.99, "failed")])
def test_check_demands_the_score_of_the_policy(tmp_path: Path, asked: float, outcome: str) -> None:
    manifest = written(tmp_path, small(), small(), RULES, top={"policy": {"mutation_score": asked}})
    result = judge_manifest(manifest)
    found = check_of(result.models[0], "mutations")
    assert found.outcome == outcome
    assert f"{asked} is asked for" in found.summary
    assert result.exit_code == (outcome == "failed")
    if found.findings:
        line = line_of(tmp_path, "match: head/bias")
        ignored = [each for each in found.findings if "ignored by" in each.reason]
        assert ignored
        assert all(each.position is not None and each.position.line == line for each in ignored)
    said = run_gate("mutate", manifest.name, cwd=tmp_path)
    assert said.returncode == result.exit_code


def test_check_makes_no_score_of_what_is_red(tmp_path: Path) -> None:
    other = {**small(), "conv/bias": np.ones(2, np.float32)}
    result = judge_manifest(written(tmp_path, other, small(), top={"policy": {"mutation_score": 0.5}}))
    found = check_of(result.models[0], "mutations")
    assert (found.outcome, found.summary) == ("failed", "not made: the weights are not green as they are")
    assert result.exit_code == 1


def test_a_model_without_a_score_is_an_error_of_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gate.mutations.check.SECONDS", -1.0)
    result = judge_manifest(written(tmp_path, small(), small(), top={"policy": {"mutation_score": 0.0}}))
    found = check_of(result.models[0], "mutations")
    assert (found.outcome, found.findings[0].kind) == ("error", "no-score")
    assert found.findings[0].reason == "no mutation score: 0 of 60 damaged copies took -1 s"
    assert result.exit_code == 4


def test_a_model_of_no_tensors_has_no_score(tmp_path: Path) -> None:
    manifest = written(tmp_path, {}, {}, top={"policy": {"mutation_score": 0.0}})
    assert judge_manifest(manifest).exit_code in {3, 4}


def test_by_a_lock_every_change_is_caught(tmp_path: Path) -> None:
    from gate.formats import open_weights
    from gate.locks.lock import Made
    from gate.locks.make import lock_of
    from gate.locks.text import lock_text

    manifest = written(tmp_path, example())
    with open_weights(tmp_path / "new/model.npz") as weights:
        made = Made("2026-11-21T10:00:00Z", "somebody", "first", "", {})
        (tmp_path / "model.lock.yml").write_text(lock_text(lock_of(weights, made, 2)))
    manifest = written(tmp_path, example(), lock="model.lock.yml")
    score = score_of(manifest, 0, 200)
    assert score.of(Fate.SLIPPED) == score.of(Fate.WITHIN) == ()
    assert score.value == 1.0

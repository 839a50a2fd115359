"""What reviewers found by trying to get a green verdict out of the gate that it must not give, and false alarms."""

import os
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import yaml

from gate.results import Outcome, RunResult
from support.files import WRITERS
from support.graphs import ATTRIBUTE, Object, variable, write_checkpoint
from support.judging import check_of, findings_of, judge, judge_manifest, outcomes_of, sample


def f32(*values: float) -> Any:
    return np.array(values, np.float32)


def kinds(model: Any) -> set[tuple[str | None, str]]:
    return {(finding.tensor, finding.kind) for finding in findings_of(model)}


def run_of(model: Any) -> RunResult:
    return RunResult((model,), "", "", "")


def test_an_infinite_statistic_allows_nothing(tmp_path: Path) -> None:
    rules = [{"match": "**", "expect": "any"}]
    thresholds = {"mean": {"rtol": 1e-3}, "max": {"rtol": 1e-3}}
    model = judge(tmp_path, {"w": f32(9, 9, 9, 9)}, {"w": f32(1, 2, 3, np.inf)}, tensors=rules, statistics=thresholds)
    assert len(findings_of(model)) == 2


@pytest.mark.parametrize(("allowed", "value"), [("inf", -np.inf), ("nan", np.nan)])
def test_equal_special_values_have_equal_statistics_where_they_are_allowed(
    allowed: str, value: float, tmp_path: Path
) -> None:
    masked = {"mask": f32(0, value, 1)}
    rules = [{"match": "mask", allowed: "allowed"}]
    model = judge(tmp_path, masked, masked, tensors=rules, statistics={"min": 1e-3, "mean": 1e-3})
    assert findings_of(model) == []


def test_groups_that_nobody_has_are_an_error(tmp_path: Path) -> None:
    model = judge(tmp_path, sample(), sample(), groups={"optimizer": "compare"})
    assert outcomes_of(model)["rules"] == "error"
    assert kinds(model) == {(None, "idle-group")}


def test_statistics_of_nothing_are_an_error(tmp_path: Path) -> None:
    complex_only = {"w": np.array([1 + 2j, 3j])}
    model = judge(tmp_path, complex_only, complex_only, statistics={"mean": 1e-5})
    assert outcomes_of(model)["statistics"] == "error"


def test_statistics_need_no_equal_shapes(tmp_path: Path) -> None:
    rules = [{"match": "w", "expect": "changed", "shape": [3]}]
    model = judge(tmp_path, {"w": f32(1, 2, 9)}, {"w": f32(1, 2)}, tensors=rules, statistics={"mean": 1e-5})
    assert ("w", "statistic-mismatch") in kinds(model)


@pytest.mark.parametrize("later", [{"expect": "ignored", "reason": "r"}])
def test_a_statement_that_a_later_rule_overrules_everywhere_is_an_error(later: dict[str, str], tmp_path: Path) -> None:
    rules: list[dict[str, Any]] = [{"match": "head/bias", "values": [9, 9, 9]}, {"match": "head/*", **later}]
    model = judge(tmp_path, sample(), sample(), tensors=rules)
    assert kinds(model) == {(None, "overruled-rule")}
    assert model.outcome == Outcome.ERROR


def test_no_element_is_nothing_checked(tmp_path: Path) -> None:
    empty = {"w": np.zeros((0, 3), np.float32)}
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert run_of(judge(tmp_path / "a", empty, empty)).exit_code == 3
    assert run_of(judge(tmp_path / "b", empty)).exit_code == 3


def test_empty_tensors_among_others_are_no_alarm(tmp_path: Path) -> None:
    some = {"w": np.zeros((0, 3), np.float32), "k": f32(1, 2)}
    model = judge(tmp_path, some, some)
    assert run_of(model).exit_code == 0
    assert (model.coverage.compared, model.coverage.tensors) == (2, 2)


def manifest(folder: Path, **entry: Any) -> Path:
    path = folder / "weight-gate.yml"
    path.write_text(yaml.safe_dump({"version": 1, "models": [entry]}))
    return path


def test_a_hard_link_is_no_reference(tmp_path: Path) -> None:
    WRITERS["npz"](tmp_path / "new.npz", sample())
    os.link(tmp_path / "new.npz", tmp_path / "old.npz")
    run = judge_manifest(manifest(tmp_path, weights="new.npz", reference="old.npz"))
    assert run.exit_code == 4
    assert "the same file" in findings_of(run.models[0])[0].reason


def test_shards_do_not_lead_out_of_the_workspace_or_to_the_reference(tmp_path: Path) -> None:
    (tmp_path / "repo" / "new").mkdir(parents=True)
    (tmp_path / "repo" / "gold").mkdir()
    (tmp_path / "elsewhere").mkdir()
    for folder in ("repo/gold", "elsewhere"):
        WRITERS["weights.json"](tmp_path / folder / "m.weights.json", sample())
    for target, says in (("elsewhere", "outside the workspace"), ("repo/gold", "the same file")):
        for file in (tmp_path / "repo" / "new").iterdir():
            file.unlink()
        for file in (tmp_path / target).iterdir():
            link = tmp_path / "repo" / "new" / file.name
            if file.suffix == ".json":
                link.write_bytes(file.read_bytes())
            else:
                link.symlink_to(file)
        entry = {"weights": "new/m.weights.json", "reference": "gold/m.weights.json"}
        run = judge_manifest(manifest(tmp_path / "repo", **entry))
        assert run.exit_code == 4
        assert says in findings_of(run.models[0])[0].reason


def test_two_stars_match_every_name(tmp_path: Path) -> None:
    rules = [{"match": "**", "expect": "identical"}]
    for name in ("", "a//kernel"):
        folder = tmp_path / (name.replace("/", "_") or "empty")
        folder.mkdir()
        old, new = {name: f32(0.0, 1), "k": f32(1, 2)}, {name: f32(-0.0, 1), "k": f32(1, 2)}
        try:
            model = judge(folder, new, old, tensors=rules)
        except ValueError:
            continue  # no zip has such a member
        assert model.outcome != Outcome.PASSED


def test_a_new_head_under_default_names(tmp_path: Path) -> None:
    old = {"dense/kernel": f32(1, 2), "dense_1/kernel": f32(3, 4)}
    new = {"dense/kernel": f32(1, 2), "dense_2/kernel": f32(5, 6)}
    rules = [{"match": "dense_1/**", "expect": "removed"}, {"match": "dense_2/**", "expect": "new"}]
    assert findings_of(judge(tmp_path, new, old, tensors=rules)) == []


def test_a_new_head_that_is_the_only_one_of_its_class(tmp_path: Path) -> None:
    old = {"conv/kernel": f32(1, 2), "dense_1/kernel": f32(3, 4)}
    new = {"conv/kernel": f32(1, 2), "dense_2/kernel": f32(5, 6)}
    rules = [{"match": "dense_1/**", "expect": "removed"}, {"match": "dense_2/**", "expect": "new"}]
    assert findings_of(judge(tmp_path, new, old, tensors=rules)) == []


def test_what_names_says_beats_default_names(tmp_path: Path) -> None:
    old = {"old/kernel": f32(3, 4), "dense_1/kernel": f32(1, 2)}
    new = {"dense_1/kernel": f32(1, 2), "dense/kernel": f32(3, 4)}
    model = judge(tmp_path, new, old, names=[{"from": "^old/", "to": "dense/"}])
    assert findings_of(model) == []


def test_texts_of_another_width_are_the_same_dtype(tmp_path: Path) -> None:
    model = judge(tmp_path, {"v": np.array(["a", "b"], "U5")}, {"v": np.array(["a", "b"], "U3")})
    assert findings_of(model) == []
    (tmp_path / "b").mkdir()
    model = judge(tmp_path / "b", {"v": np.array([b"a", b"b"])}, {"v": np.array(["a", "b"])})
    assert findings_of(model) == []


def test_identical_never_holds_across_dtypes(tmp_path: Path) -> None:
    rules = [{"match": "w", "expect": "identical", "dtype": "float16"}]
    model = judge(tmp_path, {"w": np.array([1.0, 2.0], np.float16)}, {"w": f32(1, 2)}, tensors=rules)
    assert ("w", "not-comparable") in kinds(model)


def test_the_worst_element_is_one_that_does_not_hold(tmp_path: Path) -> None:
    old = np.arange(1, 11, dtype=np.float32)
    old[7] = 0
    new = old.copy()
    new[7] = -0.0
    model = judge(tmp_path, {"w": new}, {"w": old}, tensors=[{"match": "w", "expect": "identical"}])
    (finding,) = findings_of(model)
    assert finding.details == ("worst at [7]: -0, expected 0; difference 0",)
    (tmp_path / "b").mkdir()
    big = np.arange(5) + 2**60
    other = big.copy()
    other[3] += 1
    (finding,) = findings_of(judge(tmp_path / "b", {"w": other}, {"w": big}))
    assert finding.details[0].startswith("worst at [3]: 1152921504606846980, expected 1152921504606846979")


def test_nothing_is_called_swapped_under_a_wide_tolerance(tmp_path: Path) -> None:
    rules = [{"match": "**", "tolerance": {"rtol": 0, "atol": 1}}]
    old = {"a": f32(0, 0, 1), "b": f32(4.5, 0.4, 0.9)}
    new = {"a": f32(5, 0, 1), "b": f32(0, 0.5, 1)}
    assert {finding.kind for finding in findings_of(judge(tmp_path, new, old, tensors=rules))} == {"value-mismatch"}


def test_denormal_differences_are_told_and_not_a_defect(tmp_path: Path) -> None:
    rules = [{"match": "**", "tolerance": {"rtol": 0, "atol": 0}}]
    model = judge(tmp_path, {"w": np.array([5e-324, 1])}, {"w": np.array([0.0, 1])}, tensors=rules)
    assert model.outcome == Outcome.FAILED
    assert "atol=4.94e-324" in findings_of(model)[0].details[-1] or "5e-324" in findings_of(model)[0].details[-1]


def test_a_hidden_name_is_told_with_its_group(tmp_path: Path) -> None:
    old = {"old/kernel": f32(1, 2)}
    model = judge(
        tmp_path,
        {"new/kernel": f32(1, 2)},
        old,
        names=[{"from": "^old", "to": "new"}],
        tensors=[{"match": "old/*", "expect": "identical"}],
    )
    assert "weight-gate list" in check_of(model, "rules").findings[0].hint


def test_many_renamed_and_many_sparse_tensors_take_seconds(tmp_path: Path) -> None:
    """Quadratic work is bounded: each of these took over a minute once."""
    rng = np.random.default_rng(0)
    arrays = {f"old_{i}/kernel": rng.standard_normal(64).astype(np.float32) for i in range(1500)}
    renamed = {name.replace("old", "new"): array for name, array in arrays.items()}
    (tmp_path / "renamed").mkdir()
    assert len(findings_of(judge(tmp_path / "renamed", renamed, arrays))) == 3001
    sparse = {}
    for i in range(500):
        array = np.zeros(10_000, np.float32)
        array[1 + i] = i + 1
        sparse[f"t_{i}"] = array
    (tmp_path / "sparse").mkdir()
    other = {name: array * 2 for name, array in sparse.items()}
    assert len(findings_of(judge(tmp_path / "sparse", other, sparse))) == 500


def test_compressed_tensors_are_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gate.formats import numpy_archive, spool

    decoded: list[int] = []
    real = spool.spooled

    def counting(pieces: Any, length: int, limits: Any) -> Any:
        decoded.append(length)
        return real(pieces, length, limits)

    for module in (spool, numpy_archive):
        if hasattr(module, "spooled"):
            monkeypatch.setattr(module, "spooled", counting)
    array = np.random.default_rng(0).standard_normal(5_000_000).astype(np.float32)
    for name in ("new", "old"):
        np.savez_compressed(tmp_path / f"{name}.npz", w=array)
    run = judge_manifest(manifest(tmp_path, weights="new.npz", reference="old.npz"))
    assert run.exit_code == 0
    assert len(decoded) <= 2


def test_assets_are_said_not_to_be_looked_at(tmp_path: Path) -> None:
    import zipfile

    for name in ("new", "old"):
        WRITERS["keras"](tmp_path / f"{name}.keras", sample())
        with zipfile.ZipFile(tmp_path / f"{name}.keras", "a") as archive:
            archive.writestr("assets/vectorization/vocabulary.txt", name)
    run = judge_manifest(manifest(tmp_path, weights="new.keras", reference="old.keras"))
    assert run.exit_code == 0
    assert any("1 asset files" in note and "not looked at" in note for note in run.models[0].notes)


def test_long_doubles_are_refused(tmp_path: Path) -> None:
    model = judge(tmp_path, {"w": np.array([1, 2], np.longdouble)})
    assert model.outcome == Outcome.ERROR


def test_nothing_comparable_is_never_a_green_check(tmp_path: Path) -> None:
    model = judge(tmp_path, {"d/kernel": np.ones((2, 3), "f4")}, {"d/kernel": np.ones((3, 2), "f4")})
    assert outcomes_of(model)["values"] == "failed"


# What two files tell can leave it open which tensor is which; none of that may pass.


def layered(folder: Path, layers: dict[str, tuple[str, Any]]) -> Path:
    """A TF2 checkpoint: a list of layers, each with a kernel, by the full name that the checkpoint tells of it."""
    count = len(layers)
    objects = [Object([("layers", 1), ("extra", 2 + 2 * count)]), Object([(str(i), 2 + i) for i in range(count)])]
    objects += [Object([("kernel", 2 + count + i)]) for i in range(count)]
    objects += [variable(f"layers/{key}/kernel", full_name) for key, (full_name, _) in layers.items()]
    objects += [Object([("scale", 3 + 2 * count)]), variable("extra/scale", "extra/scale")]
    values = {f"layers/{key}/kernel{ATTRIBUTE}": value for key, (_, value) in layers.items()}
    folder.mkdir()
    return write_checkpoint(folder / "m", objects, {**values, f"extra/scale{ATTRIBUTE}": f32(9, 9)})


ONE, TWO = f32(1, 2), f32(3, 4)


def judged(folder: Path, **entry: Any) -> RunResult:
    return judge_manifest(manifest(folder, weights="new/m.index", reference="old/m.index", **entry))


def test_layers_that_a_checkpoint_does_not_name_are_no_pairs_by_accident(tmp_path: Path) -> None:
    """Both files call one kernel `kernel`, and mean another: the values fit, and it is a swap."""
    layered(tmp_path / "new", {"0": ("kernel", ONE), "1": ("right/kernel", TWO)})
    layered(tmp_path / "old", {"0": ("left/kernel", TWO), "1": ("kernel", ONE)})
    assert judged(tmp_path).exit_code == 4


def test_what_is_uncertain_is_red_under_every_rule_but_ignored(tmp_path: Path) -> None:
    layered(tmp_path / "new", {"0": ("kernel", ONE), "1": ("right/kernel", TWO)})
    layered(tmp_path / "old", {"0": ("left/kernel", ONE), "1": ("kernel", TWO)})
    for expect in ("any", "close", "identical", "changed", "new", "removed"):
        assert judged(tmp_path, tensors=[{"match": "**", "expect": expect}]).exit_code in {1, 4}


def test_a_names_rule_settles_what_is_uncertain_also_by_the_same_name(tmp_path: Path) -> None:
    layered(tmp_path / "new", {"0": ("kernel", ONE), "1": ("right/kernel", TWO)})
    layered(tmp_path / "old", {"0": ("kernel", ONE), "1": ("left/kernel", TWO)})
    names = [{"from": "^kernel$", "to": "kernel"}, {"from": "^left/", "to": "right/"}]
    assert judged(tmp_path, names=names).exit_code == 0


@pytest.mark.parametrize("seed", range(40))
def test_nothing_that_was_done_to_a_file_passes(seed: int, tmp_path: Path) -> None:
    """One tensor lost, added, swapped, or changed, under default names or given ones, by the same builder or not."""
    random = Random(seed)
    stem = random.choice(("dense", "block", "conv2d"))
    shift = random.choice((0, 50))
    count = random.randint(2, 6)
    old = {f"{stem}_{i}/{name}": f32(i, k) for i in range(1, count + 1) for k, name in enumerate(("kernel", "bias"))}
    new = {f"{stem}_{int(n.split('_')[1].split('/')[0]) + shift}/{n.split('/')[1]}": v for n, v in old.items()}
    one, other = random.sample([name for name in new if name.endswith("kernel")], 2)
    what = random.choice(("lost", "added", "swapped", "changed", "renamed"))
    if what == "lost":
        del new[one]
    elif what == "added":
        new[f"{stem}_99/kernel"] = f32(5, 5)
    elif what == "swapped":
        new[one], new[other] = new[other], new[one]
    elif what == "changed":
        new[one] = new[one] + 1
    else:
        new["other/kernel"] = new.pop(one)
    assert run_of(judge(tmp_path, new, old)).exit_code in {1, 4}

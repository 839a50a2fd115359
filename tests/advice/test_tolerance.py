"""What is said of values that are beyond their tolerance: the smallest one that passes, and what it lets through."""

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gate.globs import glob_pattern
from gate.manifest import load_manifest
from gate.results import ModelResult, Outcome, Suggestion
from support.judging import judge, judge_manifest

RANDOM = np.random.default_rng(6)
FLOAT32 = (1e-6, 1e-8)


def values(*shape: int, scale: float = 1.0) -> np.ndarray[Any, Any]:
    return RANDOM.normal(0, scale, shape).astype(np.float32)


def suggestions(model: ModelResult) -> list[Suggestion]:
    assert not any(note.startswith("no suggestions") for note in model.notes), model.notes
    return [each for each in model.suggestions if each.kind == "tolerance"]


def suggested(model: ModelResult) -> Suggestion:
    (only,) = suggestions(model)
    return only


def patched(folder: Path, suggestion: Suggestion) -> ModelResult:
    """The verdict once the patch is applied."""
    assert suggestion.language == "diff"
    # Its name is from the current folder, and these manifests lie elsewhere: then it is the file's own.
    done = subprocess.run(
        ["patch", "-p1"], cwd=folder, input=suggestion.code.encode(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout
    return judge_manifest(folder / "weight-gate.yml").models[0]


def test_one_rule_covers_what_failed_and_nothing_else(tmp_path: Path) -> None:
    old = {f"{layer}/{name}": values(8, 8) for layer in ("body", "head") for name in ("kernel", "bias")}
    new = {name: array + np.float32(3e-5) if name.startswith("head") else array for name, array in old.items()}
    only = suggested(model := judge(tmp_path, new, old))
    assert model.outcome is Outcome.FAILED
    added = [line for line in only.code.splitlines() if line.startswith("+") and "match" in line]
    assert len(added) == 1
    assert "head/**" in added[0]
    assert patched(tmp_path, only).outcome is Outcome.PASSED


def test_a_rule_of_its_own_is_changed_where_it_stands(tmp_path: Path) -> None:
    old = {"head/a": values(8), "head/b": values(8), "body/a": values(8)}
    new = {**old, "head/a": old["head/a"] + np.float32(1e-4), "head/b": old["head/b"] + np.float32(1e-4)}
    rule = {"match": "head/**", "tolerance": {"rtol": 1e-7, "atol": 1e-5}}
    only = suggested(judge(tmp_path, new, old, tensors=[rule]))
    assert sum(line.startswith("+ ") for line in only.code.splitlines()) == 1  # its atol
    assert "of the rule `head/**`" in only.details[0]
    assert patched(tmp_path, only).outcome is Outcome.PASSED


def test_a_rule_that_others_need_too_is_left_alone(tmp_path: Path) -> None:
    old = {f"block_{index}/kernel": values(8) for index in range(4)}
    new = {**old, "block_2/kernel": old["block_2/kernel"] + np.float32(1e-4)}
    rule = {"match": "**", "tolerance": {"rtol": 1e-7, "atol": 1e-5}}
    only = suggested(judge(tmp_path, new, old, tensors=[rule]))
    assert "block_2/kernel" in "".join(line for line in only.code.splitlines() if line.startswith("+"))
    assert not any(line.startswith("- ") for line in only.code.splitlines())
    assert patched(tmp_path, only).outcome is Outcome.PASSED


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32 - 1), st.sampled_from(["float32", "float64", "float16"]), st.floats(-9, -3))
def test_the_smallest_of_two_digits(folders: pytest.TempPathFactory, seed: int, dtype: str, power: float) -> None:
    random = np.random.default_rng(seed)
    old = random.normal(0, 1, 40).astype(dtype)
    new = (old + random.normal(0, 10**power, 40)).astype(dtype)
    folder = folders.mktemp("smallest")
    model = judge(folder, {"w": new}, {"w": old})
    if model.outcome is Outcome.PASSED or "value-mismatch" not in {f.kind for c in model.checks for f in c.findings}:
        return
    only = suggested(model)
    if not only.code:
        return
    assert patched(folder, only).outcome is Outcome.PASSED
    said = dict(part.split("=") for part in only.details[0].split(": ")[1].split(" instead")[0].split(", "))
    rtol, atol = float(said["rtol"]), float(said["atol"])
    a, e = new.astype(np.float64), old.astype(np.float64)
    assert (np.abs(a - e) <= atol + rtol * np.abs(e)).all()
    given_rtol, given_atol = {"float32": FLOAT32, "float64": (1e-9, 1e-12), "float16": (2e-3, 1e-6)}[dtype]
    if atol != given_atol:  # one step less is not enough
        assert not (np.abs(a - e) <= _less(atol) + rtol * np.abs(e)).all()
    else:
        assert rtol != given_rtol
        assert not (np.abs(a - e) <= atol + _less(rtol) * np.abs(e)).all()


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32 - 1), st.data())
def test_whatever_moved_the_patch_lets_pass(folders: pytest.TempPathFactory, seed: int, data: st.DataObject) -> None:
    random = np.random.default_rng(seed)
    names = [f"{layer}/{part}" for layer in ("block_0", "block_1", "block_2", "head") for part in ("kernel", "bias")]
    old = {name: random.normal(0, 1, 30).astype(np.float32) for name in names}
    moved = data.draw(st.sets(st.sampled_from(names), min_size=1))
    new = dict(old)
    for name in moved:
        new[name] = old[name] + np.float32(10 ** random.uniform(-5, -2)) * random.uniform(-1, 1, 30).astype(np.float32)
    folder = folders.mktemp("moved")
    assert patched(folder, suggested(judge(folder, new, old))).outcome is Outcome.PASSED
    added = load_manifest(folder / "weight-gate.yml").manifest.models[0].tensors
    for name in set(names) - moved:  # still held to what it was held to
        assert not any(glob_pattern(rule.match).fullmatch(name) for rule in added)


def _less(value: float) -> float:
    digits, power = f"{value:.1e}".split("e")
    return (float(digits) - 0.1) * 10.0 ** int(power)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> pytest.TempPathFactory:
    return tmp_path_factory


def test_what_is_let_through_has_numbers(tmp_path: Path) -> None:
    old = np.linspace(-1, 1, 201, dtype=np.float32)  # 0.01 apart: 2 * 5 + 1 of 201 are within 0.05 of zero
    noise = np.zeros(201, np.float32)
    noise[[0, 100]] = 0.05  # at -1, and at 0, where no rtol helps
    only = suggested(judge(tmp_path, {"w": old + noise}, {"w": old}))
    told = only.details[1]
    assert only.details[0].startswith("w: rtol=1e-06, atol=0.051 instead of rtol=1e-06, atol=1e-08")
    zeros = int(np.count_nonzero(np.abs(old.astype(np.float64)) <= 0.051 + 1e-6 * np.abs(old.astype(np.float64))))
    assert f"{100 * zeros // 201 + int(1000 * zeros / 201) % 10 / 10:g} % of the elements as zeros" in told
    assert "never loaded (all zeros): no" in told
    assert "rounding to float16: yes" in told
    assert "rounding to bfloat16: yes" in told
    assert "another tensor of the same shape: none" in told


def test_another_tensor_that_would_pass_is_named(tmp_path: Path) -> None:
    old = {"a": values(16), "c": values(16)}
    old["b"] = old["a"] + np.float32(1e-3)
    new = {**old, "a": old["a"] - np.float32(2e-3)}
    only = suggested(judge(tmp_path, new, old))
    assert "another tensor of the same shape in place of a (b)" in only.details[1]


def test_the_largest_noise_and_the_smallest_difference(tmp_path: Path) -> None:
    old = np.tile(np.array([-1, 1], np.float32), 32)  # with a standard deviation of 1
    noise, difference = ({"w": old + np.float32(by)} for by in (0.09, 0.11))
    for name in ("noise", "difference"):
        (tmp_path / name).mkdir()
    assert suggested(judge(tmp_path / "noise", noise, {"w": old})).code
    assert not suggested(judge(tmp_path / "difference", difference, {"w": old})).code


def test_no_tolerance_is_offered_for_another_training(tmp_path: Path) -> None:
    old = {"w": values(64, scale=0.05), "x": values(64)}
    new = {"w": values(64, scale=0.05), "x": old["x"]}
    only = suggested(judge(tmp_path, new, old))
    assert not only.code
    assert "No tolerance is offered" in only.title
    assert "a tenth of what the values differ among themselves: a difference, not noise" in only.details[-1]
    assert "weight-gate update" in only.details[-1]


def test_zeros_that_are_none_any_more_are_no_noise(tmp_path: Path) -> None:
    only = suggested(judge(tmp_path, {"bias": np.full(4, 1e-3, np.float32) * [1, 2, 3, 4]}, {"bias": np.zeros(4)}))
    assert not only.code
    assert "every expected value is zero" in only.details[0]


def test_small_tensors_are_not_swamped_by_large_ones(tmp_path: Path) -> None:
    old = {"large": values(64, scale=100.0), "small": values(64, scale=1e-3)}
    for array in old.values():
        array[0] = 0  # so that no rtol helps
    new = {"large": old["large"] + np.float32(0.01), "small": old["small"] + np.float32(1e-6)}
    only = suggested(judge(tmp_path, new, old))
    assert sum("match" in line for line in only.code.splitlines()) == 2
    assert patched(tmp_path, only).outcome is Outcome.PASSED


SWAPPED = {"a": values(8), "b": values(8)}


@pytest.mark.parametrize(
    ("new", "old", "rules"),
    [
        ({"w": np.arange(4)}, {"w": np.arange(4) + 1}, []),
        ({"w": np.array([1, np.nan], np.float32)}, {"w": np.array([1, 2], np.float32)}, []),
        (
            {"w": np.array([1, 2.5], np.float32)},
            {"w": np.array([1, 2], np.float32)},
            [{"match": "w", "expect": "identical"}],
        ),
        ({"a": SWAPPED["b"], "b": SWAPPED["a"]}, SWAPPED, []),
        ({"a": SWAPPED["a"].astype(np.float16).astype(np.float32)}, {"a": SWAPPED["a"]}, []),
        ({"a": SWAPPED["a"]}, {"a": SWAPPED["a"]}, [{"match": "a", "expect": "changed"}]),
        ({"a": values(4)}, {"a": values(5)}, []),
    ],
    ids=["integers", "nan", "identical", "swapped", "rounded", "changed", "shape"],
)
def test_causes_are_mended_not_allowed(tmp_path: Path, new: Any, old: Any, rules: list[dict[str, Any]]) -> None:
    model = judge(tmp_path, new, old, tensors=rules)
    assert model.outcome is Outcome.FAILED
    assert suggestions(model) == []


def test_other_causes_are_named(tmp_path: Path) -> None:
    old = {**SWAPPED, "w": values(16)}
    new = {"a": SWAPPED["b"], "b": SWAPPED["a"], "w": old["w"] + np.float32(1e-4)}
    only = suggested(judge(tmp_path, new, old))
    assert "this alone does not make the model green: swapped-tensor" in only.details


def test_values_of_the_manifest_are_met_too(tmp_path: Path) -> None:
    rule = {"match": "w", "values": [1.0, 2.0, 3.0]}
    only = suggested(judge(tmp_path, {"w": np.array([1.0, 2.0, 3.001], np.float32)}, tensors=[rule]))
    assert "atol=" in only.details[0]
    assert patched(tmp_path, only).outcome is Outcome.PASSED


def test_a_text_that_cannot_be_edited_gives_a_snippet(tmp_path: Path) -> None:
    old = {"w": values(16)}
    judge(tmp_path, {"w": old["w"] + np.float32(1e-4)}, old)
    text = "version: 1\nmodels:\n- weights: new/model.npz\n  reference: old/model.npz\n  tensors: &all\n"
    text += (
        "  - {match: w, expect: close}\n- {weights: old/model.npz, reference: new/model.npz, tensors: *all, name: x}\n"
    )
    (tmp_path / "weight-gate.yml").write_text(text)
    first = judge_manifest(tmp_path / "weight-gate.yml").models[0]
    assert suggested(first).language == "yaml"
    assert suggested(first).code.startswith("# at the end of models[0].tensors\n")

"""Values: what a naive comparison passes and the gate must not."""

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from gate.results import Outcome
from support.judging import check_of, findings_of, judge, sample


def only_finding(model: Any) -> Any:
    (finding,) = findings_of(model)
    return finding


def test_nan_equal_to_nan_is_red_where_assert_allclose_is_green(tmp_path: Path) -> None:
    broken = sample() | {"head/bias": np.full(3, np.nan, np.float32)}
    np.testing.assert_allclose(broken["head/bias"], broken["head/bias"])  # passes
    model = judge(tmp_path, broken, broken)
    assert {finding.kind for finding in findings_of(model)} == {"nan-found", "value-mismatch"}


def test_broadcast_shapes_are_red_where_allclose_is_green(tmp_path: Path) -> None:
    reference = sample() | {"head/bias": np.ones((4, 3), np.float32)}
    candidate = sample() | {"head/bias": np.ones(3, np.float32)}
    assert np.allclose(candidate["head/bias"], reference["head/bias"])
    assert only_finding(judge(tmp_path, candidate, reference)).kind == "shape-mismatch"


def test_empty_against_scalar_is_red_where_assert_allclose_is_green(tmp_path: Path) -> None:
    reference = sample() | {"head/bias": np.zeros((), np.float32)}
    candidate = sample() | {"head/bias": np.zeros(0, np.float32)}
    np.testing.assert_allclose(candidate["head/bias"], reference["head/bias"])  # passes
    assert only_finding(judge(tmp_path, candidate, reference)).kind == "shape-mismatch"


def test_a_loop_over_one_sides_keys_misses_what_the_other_has(tmp_path: Path) -> None:
    candidate = {name: array for name, array in sample().items() if name != "bn/moving_mean"}
    reference = sample()
    assert all(np.array_equal(candidate[name], reference[name]) for name in candidate)
    assert only_finding(judge(tmp_path, candidate, reference)).kind == "missing-tensor"


def test_a_cast_in_between_is_named(tmp_path: Path) -> None:
    rounded = {name: array.astype(np.float16).astype(np.float32) for name, array in sample().items()}
    model = judge(tmp_path, rounded, sample())
    assert all("rounded to float16" in finding.reason for finding in findings_of(model))


def test_a_tensor_that_was_never_loaded_is_called_an_initial_value(tmp_path: Path) -> None:
    reset = sample() | {"bn/moving_mean": np.zeros(4, np.float32)}
    finding = only_finding(judge(tmp_path, reset, sample()))
    assert finding.tensor == "bn/moving_mean"
    assert "it looks like an initial value" in finding.reason
    assert finding.details[0].startswith("4 of 4 elements differ from the reference")
    assert finding.details[1].startswith("worst at ")
    assert not [line for line in finding.details if line.startswith("first at")]


def test_a_renamed_tensor_is_found_again(tmp_path: Path) -> None:
    renamed = {name.replace("head/", "top/"): array for name, array in sample().items()}
    model = judge(tmp_path, renamed, sample())
    stories = {finding.tensor: finding.details for finding in findings_of(model) if finding.kind == "missing-tensor"}
    assert stories == {
        "head/kernel": ("its values are found under top/kernel: renamed?",),
        "head/bias": ("its values are found under top/bias: renamed?",),
    }


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.uint8])
def test_tolerances_do_not_soften_exact_dtypes(dtype: type, tmp_path: Path) -> None:
    counts: Any = np.array([0, 1, 1, 0], dtype)
    other = counts.copy()
    other[2] = 0
    rules = [{"match": "**", "tolerance": {"rtol": 1e6, "atol": 1e6}}]
    model = judge(tmp_path, {"count": other}, {"count": counts}, tensors=rules)
    assert only_finding(model).reason == "1 of 4 elements differs from the reference"


def test_a_stated_dtype_still_compares_the_values(tmp_path: Path) -> None:
    half = {"k": np.array([0.1, 0.2], np.float16)}
    rule = [{"match": "k", "dtype": "float16"}]
    assert judge(tmp_path, half, {"k": np.array([0.1, 0.2], np.float32)}, tensors=rule).outcome == Outcome.PASSED
    (tmp_path / "b").mkdir()
    model = judge(tmp_path / "b", half, {"k": np.array([0.1, 0.3], np.float32)}, tensors=rule)
    assert only_finding(model).tensor == "k"


def test_changed_within_tolerance_is_not_changed(tmp_path: Path) -> None:
    nearly = sample() | {"head/bias": sample()["head/bias"] * np.float32(1 + 3e-7)}
    model = judge(tmp_path, nearly, sample(), tensors=[{"match": "head/bias", "expect": "changed"}])
    assert only_finding(model).reason == "equal to the reference within tolerance, but must have changed"


def test_identical_means_bits_changed_means_beyond_tolerance(tmp_path: Path) -> None:
    zeros = {"b": np.zeros(3, np.float32), "k": sample()["head/kernel"]}
    signed = zeros | {"b": np.array([0.0, -0.0, 0.0], np.float32)}
    model = judge(tmp_path, signed, zeros, tensors=[{"match": "b", "expect": "identical"}])
    assert only_finding(model).kind == "not-identical"


def test_the_message_has_everything_a_reviewer_asks_for(tmp_path: Path) -> None:
    expected = sample()
    expected["head/kernel"] = np.arange(1, 13, dtype=np.float32).reshape(4, 3)
    actual = dict(expected)
    actual["head/kernel"] = expected["head/kernel"].copy()
    actual["head/kernel"][2, 1] = 8.5  # expected 8
    actual["head/kernel"][0, 0] = 1.25  # expected 1
    finding = only_finding(judge(tmp_path, actual, expected))
    assert finding.reason == "2 of 12 elements differ from the reference by more than rtol=1e-06, atol=1e-08"
    assert finding.details == (
        "worst at [2, 1]: 8.5, expected 8; difference 0.5, allowed 8.01e-06",
        "first at [0, 0]: 1.25, expected 1",
        "the smallest tolerance that passes: atol=0.5 at this rtol, or rtol=0.25 at this atol",
    )
    assert finding.severity == pytest.approx(0.5 / 8.01e-6)


@pytest.mark.parametrize(
    ("values", "tensor", "reason"),
    [
        ([1.5, 2], np.array([1, 2], np.int32), "do not fit the tensor's dtype"),
        ([1.0, 2.0, 3.0], np.ones(2, np.float32), "shape [2], the values in the manifest have [3]"),
        ([True, False], np.ones(2, np.float32), "the tensor holds numbers, the values in the manifest are bools"),
        (["a", "b"], np.ones(2, np.float32), "the tensor holds numbers, the values in the manifest are texts"),
        ([300, 1], np.array([44, 1], np.uint8), "do not fit the tensor's dtype"),
        (1e40, np.array(1, np.float32), "do not fit the tensor's dtype"),
        ([70000, 1], np.array([np.inf, 1], np.float16), "do not fit the tensor's dtype, float16"),
        ([2**63 - 1, 2**63], np.array([2**63, 2**63], np.uint64), "1 of 2 elements differs"),
        ([2**53 + 1, 1.0], np.array([2**53, 1], np.int64), "1 of 2 elements differs"),
        (["category", "dogma"], np.array(["cat", "dog"]), "2 of 2 elements differ"),
        (["é", "dog"], np.array([b"cat", b"dog"]), "1 of 2 elements differs"),
    ],
)
def test_inline_values_that_do_not_fit(values: Any, tensor: Any, reason: str, tmp_path: Path) -> None:
    model = judge(tmp_path, {"t": tensor}, tensors=[{"match": "t", "values": values}])
    assert reason in " ".join(finding.reason for finding in findings_of(model))


@pytest.mark.parametrize(
    ("values", "tensor"),
    [
        ([0.1, -0.2], np.array([0.1, -0.2], np.float32)),
        ([0.1, -0.2], np.array([0.1, -0.2]).astype(np.float16)),
        ([1, 2], np.array([1, 2], np.int64)),
        ([1, 2], np.array([1, 2], np.float32)),
        ([True, False], np.array([True, False])),
        (["a", "bc"], np.array(["a", "bc"])),
        (3.5, np.array(3.5)),
        ([[1.0], [2.0]], np.array([[1.0], [2.0]])),
    ],
)
def test_inline_values_that_hold(values: Any, tensor: Any, tmp_path: Path) -> None:
    model = judge(tmp_path, {"t": tensor}, tensors=[{"match": "t", "values": values}])
    assert findings_of(model) == []
    assert model.coverage.compared == 1


def test_bfloat16_is_first_class(tmp_path: Path) -> None:
    values = np.array([0.5, 1.0, -2.0]).astype(ml_dtypes.bfloat16)
    off = values.copy()
    off.view(np.uint16)[1] += 16
    model = judge(tmp_path, {"k/kernel": off}, {"k/kernel": values}, "keras")
    finding = only_finding(model)
    assert finding.details[0] == "worst at [1]: 1.125, expected 1; difference 0.125, allowed 0.016001"


def test_coverage_counts_what_was_compared(tmp_path: Path) -> None:
    model = judge(
        tmp_path,
        sample(),
        sample(),
        tensors=[
            {"match": "conv_a/*", "expect": "ignored", "reason": "r"},
            {"match": "bn/*", "expect": "any"},
        ],
    )
    assert model.outcome == Outcome.PASSED
    assert (model.coverage.tensors, model.coverage.compared, model.coverage.identical) == (10, 4, 4)
    assert "4 of 10 tensors" in check_of(model, "values").summary

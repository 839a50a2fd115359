"""Statistics as a check: thresholds against the reference, bounds in the manifest."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gate.results import Outcome
from support.judging import check_of, findings_of, judge, sample


def shuffled() -> dict[str, Any]:
    """Other values, the same statistics."""
    return {name: array.reshape(-1)[::-1].reshape(array.shape).copy() for name, array in sample().items()}


def test_statistics_agree_where_values_do_not(tmp_path: Path) -> None:
    thresholds = dict.fromkeys(("mean", "std", "min", "max", "norm", "sparsity", "skewness", "kurtosis"), 1e-05)
    model = judge(tmp_path, shuffled(), sample(), tensors=[{"match": "**", "expect": "any"}], statistics=thresholds)
    assert findings_of(model) == []
    assert (model.coverage.compared, model.coverage.statistics) == (0, 10)


def test_a_shift_is_found_and_measured(tmp_path: Path) -> None:
    moved = sample() | {"head/bias": sample()["head/bias"] + np.float32(0.5)}
    model = judge(
        tmp_path,
        moved,
        sample(),
        tensors=[{"match": "**", "expect": "any"}],
        statistics={"mean": 0.1, "std": {"rtol": 1e-3}},
    )
    (finding,) = findings_of(model)
    assert finding.tensor == "head/bias"
    assert finding.reason.startswith("mean is ")
    assert finding.reason.endswith("0.5 apart, allowed 0.1") or "0.49999" in finding.reason
    assert check_of(model, "statistics").outcome == Outcome.FAILED


def test_constant_tensors_agree_with_each_other_and_with_nothing_else(tmp_path: Path) -> None:
    zeros = {"b": np.zeros(5, np.float32), "k": np.arange(5, dtype=np.float32)}
    (tmp_path / "same").mkdir()
    model = judge(tmp_path / "same", zeros, zeros, statistics={"skewness": 1e-3})
    assert findings_of(model) == []
    (tmp_path / "other").mkdir()
    model = judge(
        tmp_path / "other",
        zeros,
        zeros | {"b": np.arange(5, dtype=np.float32)},
        tensors=[{"match": "b", "expect": "any"}],
        statistics={"skewness": 10},
    )
    (finding,) = findings_of(model)
    assert finding.reason.startswith("skewness is undefined, the reference has ")


@pytest.mark.parametrize(
    ("bound", "holds"),
    [
        ({"mean": 2.5}, True),
        ({"mean": {"value": 2.4, "atol": 0.11}}, True),
        ({"mean": {"value": 2.4, "atol": 0.09}}, False),
        ({"std": {"at_least": 1.1, "at_most": 1.2}}, True),  # sqrt(1.25) = 1.118
        ({"std": {"at_least": 1.12}}, False),
        ({"max": {"at_most": 3.9}}, False),
        ({"min": {"at_least": 1}}, True),
        ({"sparsity": 0}, True),
        ({"norm": {"value": 5.477, "atol": 1e-3}}, True),  # sqrt(30)
        ({"kurtosis": {"value": -1.36, "atol": 1e-9}}, True),
        ({"skewness": {"value": 0, "atol": 1e-9}}, True),
    ],
)
def test_bounds(bound: dict[str, Any], holds: bool, tmp_path: Path) -> None:
    model = judge(tmp_path, {"t": np.array([1.0, 2.0, 3.0, 4.0])}, tensors=[{"match": "t", **bound}])
    assert (findings_of(model) == []) == holds


def test_a_bound_on_what_has_no_statistics_is_red(tmp_path: Path) -> None:
    model = judge(tmp_path, {"t": np.array(["a"])}, tensors=[{"match": "t", "mean": 1}])
    assert model.outcome == Outcome.ERROR
    (tmp_path / "b").mkdir()
    empty = judge(tmp_path / "b", {"t": np.zeros((0, 3))}, tensors=[{"match": "t", "mean": 1}])
    assert empty.outcome == Outcome.FAILED


def test_texts_take_no_part_in_thresholds_and_are_not_counted_for_them(tmp_path: Path) -> None:
    words = {"vocabulary": np.array(["a", "b"]), "k": np.arange(4.0)}
    model = judge(tmp_path, words, words, tensors=[{"match": "vocabulary", "expect": "any"}], statistics={"mean": 1})
    assert model.outcome == Outcome.PASSED
    assert (model.coverage.compared, model.coverage.tensors) == (1, 2)


def test_nan_is_out_of_every_bound(tmp_path: Path) -> None:
    model = judge(
        tmp_path,
        {"t": np.array([1.0, np.nan])},
        tensors=[{"match": "t", "nan": "allowed", "mean": {"at_least": -1e300, "at_most": 1e300}}],
    )
    assert model.outcome == Outcome.FAILED

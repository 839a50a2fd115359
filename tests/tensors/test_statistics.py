"""Statistics against scipy's and numpy's, which know nothing of blocks."""

from typing import Any

import ml_dtypes
import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gate.tensors import statistics as module
from gate.tensors.statistics import STATISTICS, statistics


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DETAIL_ELEMENTS", 32)


def independent(array: Any) -> dict[str, float]:
    x = np.asarray(array, np.float64).ravel()
    return {
        "mean": np.mean(x),
        "std": np.std(x),
        "min": np.min(x),
        "max": np.max(x),
        "norm": np.linalg.norm(x),
        "sparsity": np.mean(x == 0),
        "skewness": scipy.stats.skew(x),
        "kurtosis": scipy.stats.kurtosis(x),
    }


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ml_dtypes.bfloat16, np.int32, np.uint8])
@pytest.mark.parametrize("size", [2, 31, 32, 33, 5000])
def test_agrees_with_scipy(dtype: type, size: int) -> None:
    array: Any = np.random.default_rng(size).gamma(2.0, 20.0, size).astype(dtype)
    expected = independent(array)
    found = statistics(array)
    for name in STATISTICS:
        assert found[name] == pytest.approx(expected[name], rel=1e-9, abs=1e-9), name


def test_a_large_mean_does_not_drown_the_moments() -> None:
    array = 1e6 + np.random.default_rng(0).standard_normal(10_000)
    expected = independent(array)
    found = statistics(array)
    assert found.std == pytest.approx(expected["std"], rel=1e-9)
    assert found.skewness == pytest.approx(expected["skewness"], abs=1e-6)
    assert found.kurtosis == pytest.approx(expected["kurtosis"], abs=1e-6)


@given(hnp.arrays(np.float64, st.integers(1, 60), elements=st.floats(-1e3, 1e3)))
def test_mean_std_and_bounds_of_anything(array: Any) -> None:
    expected = independent(array) if np.ptp(array) > 1e-6 else None
    found = statistics(array)
    assert found.min == array.min()
    assert found.max == array.max()
    assert found.mean == pytest.approx(array.mean(), rel=1e-9, abs=1e-9)
    if expected:
        assert found.std == pytest.approx(expected["std"], rel=1e-6, abs=1e-9)


def test_constant_and_empty_tensors_have_no_higher_moments() -> None:
    constant = statistics(np.full(100, 0.1, np.float32))
    assert constant.std == 0
    assert constant.skewness is None
    assert constant.kurtosis is None
    empty = statistics(np.empty(0, np.float32))
    assert (empty.mean, empty.min, empty.norm) == (None, None, 0.0)


def test_nan_reaches_every_statistic_that_uses_values() -> None:
    array = np.ones(100)
    array[70] = np.nan
    found = statistics(array)
    assert all(np.isnan(found[name] or 0.0) for name in ("mean", "std", "min", "max", "norm"))


@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_norm_neither_overflows_nor_vanishes(scale: float) -> None:
    assert statistics(np.full(64, scale)).norm == pytest.approx(8 * scale)


def test_huge_values_make_no_error() -> None:
    assert statistics(np.array([1e300, -1e300] * 50)).std == np.inf


def test_texts_and_complex_numbers_have_none() -> None:
    with pytest.raises(TypeError, match="real numbers"):
        statistics(np.array([b"a"]))
    with pytest.raises(TypeError, match="real numbers"):
        statistics(np.array([1j]))

"""What statistics prove: never that an element is beyond its tolerance where none is."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.locks.make import statistics_of
from gate.tensors.compare import Criterion, compare
from gate.tensors.digest import digest_of
from gate.tensors.locked import Locked
from gate.tensors.moments import Moved, moved
from gate.tensors.tolerance import Tolerance
from gate.tensors.weightset import Tensor

ALLOWED = {"nan": True, "inf": True}


def tensor(array: Any) -> Tensor:
    return Tensor("a", array.dtype, array.shape, lambda: array)


def seen(actual: Any, expected: Any, tolerance: Tolerance) -> Moved:
    locked = Locked(digest_of(expected), statistics_of(expected))
    unread = Tensor("a", expected.dtype, expected.shape, pytest.fail, locked=locked)
    return moved(tensor(actual), unread, tolerance)


@settings(max_examples=400, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    dtypes=st.tuples(*[st.sampled_from(["float64", "float32", "float16", "int32", "int64"])] * 2),
    size=st.sampled_from([1, 2, 3, 7, 100, 8192, 20000]),
    exponent=st.integers(-300, 300),
    offset=st.sampled_from([0.0, 1.0, 1e3, 1e8]),
    rtol=st.sampled_from([0.0, 1e-12, 1e-6, 1e-2, 0.7, 2.0]),
    atol=st.sampled_from([0.0, 1e-300, 1e-8, 1e-2, 10.0]),
    used=st.sampled_from([0.0, 0.3, 1.0, 1.0, 1.001, 3.0]),
    special=st.booleans(),
)
def test_a_proof_is_true(
    seed: int, dtypes: tuple[str, str], size: int, exponent: int, offset: float, rtol: float, atol: float, used: float,
    special: bool,
) -> None:  # fmt: skip
    """`used` is how much of the tolerance each element uses up, all to one side or to both."""
    numbers = np.random.default_rng(seed)
    with np.errstate(all="ignore"):
        wide = (numbers.standard_normal(size) + offset) * 10.0**exponent
        wide = np.clip(wide, -1e18, 1e18) if "int64" in dtypes or "int32" in dtypes else wide
        expected = wide.astype(dtypes[0])
        if special and expected.dtype.kind == "f":
            expected[0] = numbers.choice([np.nan, np.inf, -np.inf])
        base = expected.astype(np.float64)
        side = numbers.choice([-1.0, 1.0], size) if seed % 2 else 1.0
        actual = (base + side * used * (atol + rtol * np.abs(base))).astype(dtypes[1])
    tolerance = Tolerance(rtol, atol)
    by_values = compare(actual, expected, Criterion(tolerance, **ALLOWED))
    if seen(actual, expected, tolerance).is_proved and digest_of(actual) != digest_of(expected):
        assert by_values.violating


@pytest.mark.parametrize(
    ("actual", "statistic"),
    [([0, 1, 2, 3.2], "max"), ([-0.2, 1, 2, 3], "min"), ([0, 1.5, 2.5, 3], "mean"), ([0, 0.9, 2.1, 3.2], "max")],
)
def test_what_is_far_is_proved(actual: list[float], statistic: str) -> None:
    found = seen(np.array(actual), np.arange(4.0), Tolerance(0, 0.1))
    assert found.is_proved
    assert max(found.apart, key=lambda each: each.ratio).statistic == statistic


def test_the_bounds_are_those_of_the_formulas() -> None:
    expected, tolerance = np.array([3.0, -4.0]), Tolerance(0.1, 0.5)
    found = {each.statistic: each for each in seen(expected * 1.01, expected, tolerance).apart}
    typical = math.sqrt((9 + 16) / 2)
    for name, bound in {
        "max": 0.5 + 0.1 * 4, "min": 0.5 + 0.1 * 4, "mean": 0.5 + 0.1 * typical, "std": 0.5 + 0.1 * typical,
        "norm": 0.5 * math.sqrt(2) + 0.1 * 5,
    }.items():  # fmt: skip
        assert found[name].possible == pytest.approx(bound, rel=1e-9)
        assert found[name].possible > bound  # rounding can only make it wider
    assert found["norm"].difference == pytest.approx(0.05)


def test_a_permutation_is_not_proved() -> None:
    """It has the same statistics, and so may be within any tolerance, for all that they say."""
    assert not seen(np.array([3.0, 1, 2]), np.array([1.0, 2, 3]), Tolerance(0, 0)).is_proved


def test_signs_of_zero_and_bits_of_nan_are_not_proved() -> None:
    assert not seen(np.array([0.0, 1]), np.array([-0.0, 1]), Tolerance(0, 0)).is_proved
    assert not seen(np.array([np.nan, 1]), np.array([-np.nan, 1]), Tolerance(0, 0)).is_proved


def test_nan_on_one_side_is_proved() -> None:
    assert seen(np.array([1.0, np.nan]), np.array([1.0, 2]), Tolerance(9, 9)).is_proved
    assert seen(np.array([1.0, 2]), np.array([1.0, np.inf]), Tolerance(9, 9)).is_proved
    assert not seen(np.array([1.0, np.nan]), np.array([1.0, np.inf]), Tolerance(9, 9)).is_proved


@pytest.mark.parametrize("dtype", ["int8", "bool", "object"])
def test_of_exact_kinds_the_digest_is_proof_enough(dtype: str) -> None:
    expected, actual = (np.array(each).astype(dtype) for each in ([1, 0], [0, 1]))
    if dtype == "object":
        expected, actual = np.array([b"a", b"b"], object), np.array([b"b", b"a"], object)
    assert seen(actual, expected, Tolerance(9, 9)).is_proved


def test_of_another_dtype_it_is_not() -> None:
    assert not seen(np.array([1, 2], np.int64), np.array([1, 2], np.int32), Tolerance(0, 0)).is_proved
    assert not seen(np.zeros((0, 3), np.int64), np.zeros((0, 3), np.int32), Tolerance(0, 0)).is_proved


def test_complex_numbers_have_no_statistics() -> None:
    found = seen(np.array([1j]), np.array([9.0 + 0j]), Tolerance(0, 0))
    assert (found.apart, found.is_proved) == ((), False)

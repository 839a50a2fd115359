"""Inline values are tensors: rectangular, of one kind, and fit for their dtype."""

import math
from typing import Any

import pytest

from gate.manifest.values import checked_values, shape_of, unfit


@pytest.mark.parametrize(
    ("data", "shape"),
    [(1, ()), ([], (0,)), ([[], []], (2, 0)), ([1, 2.5, math.nan], (3,)), ([[True], [False]], (2, 1)), (["a"], (1,))],
)
def test_shapes(data: Any, shape: tuple[int, ...]) -> None:
    assert shape_of(checked_values(data)) == shape


def test_lists_become_tuples() -> None:
    assert checked_values([[1, 2], [3, 4]]) == ((1, 2), (3, 4))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([[1, 2], [3]], r"values\[1\] has the shape \[1\] and values\[0\] has \[2\]"),
        ([1, [2]], r"values\[1\] has the shape \[1\] and values\[0\] has \[\]"),
        ([[1], 2], "shape"),
        ([1, "a"], "one kind only, not numbers and texts"),
        ([1, True], "one kind only, not bools and numbers"),
        ([1, None], "found nothing"),
        ({"a": 1}, "found a mapping"),
    ],
)
def test_no_tensor(data: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        checked_values(data)


@pytest.mark.parametrize(
    ("data", "dtype", "said"),
    [
        ([1, 2], "float32", ""),
        ([1.5], "complex64", ""),
        ([255], "uint8", ""),
        ([256], "uint8", "0 to 255"),
        ([-1], "uint64", "0 to 18446744073709551615"),
        ([-9], "int4", "-8 to 7"),
        ([1.0], "int32", "whole numbers"),
        ([True], "int8", "numbers, not true"),
        ([1], "bool", "bools"),
        (["a"], "string", ""),
        ([1], "string", "texts"),
        (["a"], "float16", "numbers"),
    ],
)
def test_fit(data: Any, dtype: str, said: str) -> None:
    why = unfit(data, dtype)
    assert said in why
    assert bool(said) == bool(why)

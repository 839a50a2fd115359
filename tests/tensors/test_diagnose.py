"""What the data says about why a tensor is wrong: only what is certain."""

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from gate.tensors.compare import Criterion
from gate.tensors.diagnose import Diagnosis, Library, explain_missing, explain_shape, explain_value
from gate.tensors.tolerance import Tolerance
from support.tensors import tensor, tensors

RNG = np.random.default_rng(3)
A, B, C = (RNG.standard_normal((6, 6)).astype(np.float32) for _ in range(3))
TIGHT = Criterion(Tolerance(1e-6, 1e-8))


def explain(name: str, candidate: dict[str, Any], reference: dict[str, Any], criterion: Criterion = TIGHT) -> str:
    actual, expected = tensors(candidate), tensors(reference)
    found = explain_value(name, actual[name], expected[name], criterion, Library(actual), Library(expected))
    return found.text if found else ""


def test_a_swap_is_named_both_ways() -> None:
    reference = {"a/k": A, "b/k": B}
    swapped = {"a/k": B, "b/k": A}
    assert explain("a/k", swapped, reference) == (
        "swapped: it holds what the reference has as b/k, and b/k holds what belongs here"
    )
    assert "swapped: it holds what the reference has as a/k" in explain("b/k", swapped, reference)


def test_a_swap_is_found_within_tolerance() -> None:
    nearly = {"a/k": B * np.float32(1 + 5e-7), "b/k": A}
    assert explain("a/k", nearly, {"a/k": A, "b/k": B}).startswith("swapped")


def test_a_cycle_of_three_says_where_each_comes_from() -> None:
    reference = {"a": A, "b": B, "c": C}
    turned = {"a": B, "b": C, "c": A}
    assert explain("a", turned, reference) == "it holds what the reference has as b"
    assert explain("c", turned, reference) == "it holds what the reference has as a"


def test_a_copy_is_no_swap() -> None:
    assert explain("a", {"a": B, "b": B}, {"a": A, "b": B}) == "it holds what the reference has as b"


def test_transposed() -> None:
    assert explain("a", {"a": A.T}, {"a": A}) == "equal to the reference transposed"


def test_convolution_axes() -> None:
    kernel = RNG.standard_normal((3, 3, 3, 3)).astype(np.float32)
    found = explain("a", {"a": kernel.transpose(3, 2, 0, 1)}, {"a": kernel})
    assert found == "equal to the reference with its axes permuted to (3, 2, 0, 1)"


def test_reordered_along_an_axis() -> None:
    order = [2, 0, 1, 5, 4, 3]
    found = explain("a", {"a": A[:, order]}, {"a": A})
    assert found == f"equal to the reference with axis 1 in another order: {order}"


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_rounded_to_a_narrower_dtype(dtype: Any) -> None:
    found = explain("a", {"a": A.astype(dtype)}, {"a": A})
    assert found == f"equal to the reference rounded to {np.dtype(dtype).name}: cast on the way?"


def test_an_initial_value_is_no_swap_with_another_initial_value() -> None:
    zeros = np.zeros(6)
    found = explain("a", {"a": zeros, "b": zeros}, {"a": A[0], "b": zeros})
    assert found == "every element is 0.0: it looks like an initial value, never trained or never loaded"


def test_nothing_is_said_where_nothing_is_certain() -> None:
    assert explain("a", {"a": C, "b": B}, {"a": A, "b": B}) == ""
    almost = B.copy()
    almost[3, 3] += 1
    assert explain("a", {"a": almost, "b": A}, {"a": A, "b": B}) == ""


def test_shapes() -> None:
    wide = RNG.standard_normal((4, 6)).astype(np.float32)
    assert explain_shape(tensor("a", wide.T), tensor("a", wide), TIGHT) == Diagnosis(
        "transposed-tensor", "equal to the reference transposed"
    )
    assert explain_shape(tensor("a", wide.reshape(6, 4)), tensor("a", wide), TIGHT) == Diagnosis(
        "reshaped-tensor", "the same values in the same order: only the shape differs"
    )
    assert explain_shape(tensor("a", wide[:2]), tensor("a", wide), TIGHT) is None


def test_a_missing_tensor_is_found_under_its_new_name() -> None:
    found = explain_missing("old", tensor("old", A), TIGHT, Library(tensors({"new": A, "other": B})))
    assert found == Diagnosis("renamed-tensor", "its values are found under new: renamed?", ("new",))
    assert explain_missing("old", tensor("old", np.zeros(3)), TIGHT, Library(tensors({"new": np.zeros(3)}))) is None

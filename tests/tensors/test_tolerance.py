"""The published tolerances, and what is refused."""

import ml_dtypes
import numpy as np
import pytest

from gate.tensors.tolerance import EXACT, Tolerance, published_tolerance


@pytest.mark.parametrize(
    ("dtypes", "expected"),
    [
        (["float64"], Tolerance(1e-9, 1e-12)),
        (["float32"], Tolerance(1e-6, 1e-8)),
        (["float16"], Tolerance(2e-3, 1e-6)),
        ([ml_dtypes.bfloat16], Tolerance(1.6e-2, 1e-6)),
        (["complex64"], Tolerance(1e-6, 1e-8)),
        (["float32", "float16"], Tolerance(2e-3, 1e-6)),
        ([ml_dtypes.float8_e4m3fn], EXACT),
        (["int64"], EXACT),
        (["bool"], EXACT),
    ],
)
def test_published(dtypes: list[str], expected: Tolerance) -> None:
    assert published_tolerance(*(np.dtype(dtype) for dtype in dtypes)) == expected


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ml_dtypes.bfloat16])
def test_published_rtol_is_a_few_units_in_the_last_place(dtype: str) -> None:
    eps = float(ml_dtypes.finfo(dtype).eps)  # type: ignore[no-untyped-call]
    assert eps <= published_tolerance(np.dtype(dtype)).rtol
    assert published_tolerance(np.dtype("float16")).rtol < 3 * float(np.finfo("float16").eps)


@pytest.mark.parametrize(("rtol", "atol"), [(-1, 0), (0, -1e-9), (float("nan"), 0), (0, float("inf"))])
def test_refuses_what_would_let_everything_pass(rtol: float, atol: float) -> None:
    with pytest.raises(ValueError, match="finite and not negative"):
        Tolerance(rtol, atol)

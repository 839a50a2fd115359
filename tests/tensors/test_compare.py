"""The kernel against the formula of docs/tolerances.md, in exact arithmetic, element by element."""

import math
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gate.tensors import compare as kernel
from gate.tensors.compare import Criterion, compare, scan
from gate.tensors.tolerance import EXACT, Tolerance

TIGHT = Criterion(Tolerance(1e-6, 1e-8))
FLOATS = [np.float16, np.float32, np.float64, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several blocks even for small arrays, so that merging is tested too."""
    monkeypatch.setattr(kernel, "BLOCK_BYTES", 64)
    monkeypatch.setattr(kernel, "DETAIL_ELEMENTS", 4)


def f32(*values: float) -> np.ndarray[Any, Any]:
    return np.array(values, np.float32)


finite32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
tolerances = st.builds(Tolerance, st.floats(0, 10), st.floats(0, 1e3))


@given(st.lists(st.tuples(finite32, finite32), min_size=1, max_size=70), tolerances)
def test_violations_are_those_of_the_formula(pairs: list[tuple[float, float]], tolerance: Tolerance) -> None:
    rtol, atol = Fraction(tolerance.rtol), Fraction(tolerance.atol)
    violating = 0
    for actual, expected in pairs:
        difference = abs(Fraction(actual) - Fraction(expected))
        allowed = atol + rtol * abs(Fraction(expected))
        # float64 arithmetic cannot tell what is closer together than its own rounding
        assume(difference == allowed == 0 or abs(difference - allowed) > allowed * Fraction(1, 2**45))
        violating += difference > allowed
    found = compare(f32(*(a for a, _ in pairs)), f32(*(e for _, e in pairs)), Criterion(tolerance))
    assert found.elements == len(pairs)
    assert found.violating == violating
    assert found.unequal == sum(np.float32(a).tobytes() != np.float32(e).tobytes() for a, e in pairs)


@given(st.lists(st.tuples(finite32, finite32), min_size=1, max_size=40), tolerances)
def test_the_needed_tolerances_let_everything_pass(pairs: list[tuple[float, float]], tolerance: Tolerance) -> None:
    actual, expected = f32(*(a for a, _ in pairs)), f32(*(e for _, e in pairs))
    found = compare(actual, expected, Criterion(tolerance))
    assume(found.violating)
    more = Tolerance(tolerance.rtol, found.needed_atol)
    assert compare(actual, expected, Criterion(more)).violating == 0
    if math.isfinite(found.needed_rtol):
        assert compare(actual, expected, Criterion(Tolerance(found.needed_rtol, tolerance.atol))).violating == 0
    less = Tolerance(tolerance.rtol, max(tolerance.atol, found.needed_atol * 0.999 - 1e-12))
    if less.atol < found.needed_atol and less.atol > tolerance.atol and tolerance.rtol == 0:
        assert compare(actual, expected, Criterion(less)).violating > 0


@pytest.mark.parametrize("dtype", FLOATS)
def test_one_unit_in_the_last_place(dtype: type) -> None:
    """Found and located whatever the dtype; inside the published tolerance only from 16 bits on."""
    expected: Any = np.linspace(0.5, 1.5, 100).astype(dtype)
    actual = expected.copy()
    actual.view(f"u{actual.itemsize}")[37] += 1
    found = compare(actual, expected, Criterion(bitwise=True))
    assert (found.unequal, found.violating) == (1, 1)
    assert found.worst is not None
    assert found.worst.index == 37
    assert compare(actual, expected, Criterion(EXACT)).violating == 1


@pytest.mark.parametrize("dtype", [*FLOATS, np.complex64])
def test_nan_fails_even_against_itself(dtype: type) -> None:
    array: Any = np.ones(50, dtype)
    array[41] = np.nan
    found = compare(array, array.copy(), Criterion(Tolerance(1e3, 1e3)))
    assert (found.violating, found.nan, found.nan_at) == (1, 1, 41)
    assert compare(array, array.copy(), Criterion(nan=True)).violating == 0
    assert compare(array, np.ones(50, dtype), Criterion(Tolerance(1e3, 1e3), nan=True)).violating == 1
    assert compare(np.ones(50, dtype), array, Criterion(Tolerance(1e3, 1e3), nan=True)).violating == 1


def test_infinity_never_widens_what_is_allowed() -> None:
    wide = Criterion(Tolerance(1.0, 1.0))
    assert compare(f32(5), f32(math.inf), wide).violating == 1
    assert compare(f32(math.inf), f32(5), wide).violating == 1
    assert compare(f32(math.inf), f32(math.inf), wide).violating == 1
    allowed = Criterion(Tolerance(1.0, 1.0), inf=True)
    assert compare(f32(math.inf), f32(math.inf), allowed).violating == 0
    assert compare(f32(math.inf), f32(-math.inf), allowed).violating == 1
    assert compare(f32(5), f32(math.inf), allowed).violating == 1
    assert compare(f32(math.nan), f32(math.inf), Criterion(nan=True, inf=True)).violating == 1


def test_bitwise_tells_zeros_and_nan_payloads_apart() -> None:
    bits = Criterion(bitwise=True, nan=True)
    assert compare(f32(0.0), f32(-0.0), TIGHT).violating == 0
    assert compare(f32(0.0), f32(-0.0), bits).violating == 1
    payload = np.array([0x7FC00001], np.uint32).view(np.float32)
    assert compare(payload, f32(math.nan), bits).violating == 1
    assert compare(payload, payload.copy(), bits).violating == 0


def test_the_worst_is_the_one_that_exceeds_most() -> None:
    expected = np.zeros(200, np.float32)
    actual = expected.copy()
    actual[[3, 90, 150]] = [1, 5, 2]
    found = compare(actual, expected, TIGHT)
    assert found.worst is not None
    assert (found.worst.index, found.worst.actual, found.worst.expected) == (90, 5.0, 0.0)
    assert found.worst.difference == 5
    assert found.worst.allowed == 1e-8
    assert [mismatch.index for mismatch in found.first] == [3, 90, 150]
    assert found.max_difference == 5
    assert found.needed_rtol == math.inf  # no multiple of zero reaches 5
    assert found.needed_atol == pytest.approx(5)


@given(hnp.arrays(np.int64, 30), hnp.arrays(np.int64, 30))
def test_integers_compare_exactly_whatever_the_tolerance(a: Any, b: Any) -> None:
    assert compare(a, b, Criterion(Tolerance(10, 10))).violating == int((a != b).sum())


def test_neighbouring_large_integers_differ() -> None:
    a = np.array([2**53, 2**63 - 1])
    assert compare(a, a - 1, Criterion(Tolerance(1, 1))).violating == 2
    assert compare(a, (a - 1).astype(np.uint64), Criterion()).violating == 2


def test_bools_and_texts() -> None:
    assert compare(np.array([True, False]), np.array([True, True]), TIGHT).violating == 1
    words = np.array([b"one", b"two"])
    found = compare(words, np.array([b"one", b"six"]), TIGHT)
    assert found.violating == 1
    assert found.worst is not None
    assert (found.worst.index, found.worst.actual, found.worst.expected) == (1, b"two", b"six")
    assert compare(words, words.copy(), TIGHT).identical


def test_other_dtypes_meet_in_float64() -> None:
    half = np.array([0.1], np.float16)
    single = half.astype(np.float32)
    assert compare(half, single, Criterion()).violating == 0
    assert compare(half, np.array([0.1], np.float32), Criterion()).violating == 1


def test_shapes_never_broadcast() -> None:
    with pytest.raises(ValueError, match="shapes differ"):
        compare(np.ones(3, np.float32), np.ones((4, 3), np.float32), TIGHT)
    with pytest.raises(ValueError, match="shapes differ"):
        compare(np.ones((), np.float32), np.ones(0, np.float32), TIGHT)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 0, 2), (257,)])
def test_shapes_of_every_kind(shape: tuple[int, ...]) -> None:
    array = np.ones(shape, np.float32)
    found = compare(array, array.copy(), TIGHT)
    assert (found.elements, found.violating, found.identical) == (array.size, 0, True)


@given(st.lists(st.sampled_from([0.0, 1.0, math.nan, math.inf, -math.inf]), max_size=60), st.integers(0, 60))
def test_parts_add_up_to_the_whole(values: list[float], cut: int) -> None:
    array = f32(*values)
    cut = min(cut, array.size)
    other = np.zeros_like(array)
    whole = compare(array, other, TIGHT)
    parts = compare(array, other, TIGHT, 0, cut) + compare(array, other, TIGHT, cut)
    assert repr(parts) == repr(whole)  # NaN is not equal to itself
    counted = scan(array)
    assert (counted.nan, counted.inf) == (sum(map(math.isnan, values)), sum(map(math.isinf, values)))
    assert (counted.nan_at, counted.inf_at) == (whole.nan_at, whole.inf_at)


def test_denormals_are_numbers() -> None:
    tiny = np.array([1e-45], np.float32)
    assert compare(tiny, np.zeros(1, np.float32), Criterion(EXACT)).violating == 1
    assert scan(tiny).nan == 0


def texts(*values: bytes) -> np.ndarray[Any, Any]:
    array = np.empty(len(values), object)
    array[:] = values
    return array


@given(st.lists(st.tuples(st.binary(max_size=4), st.binary(max_size=4)), min_size=1, max_size=30))
def test_texts_of_any_length_are_equal_when_all_their_bytes_are(pairs: list[tuple[bytes, bytes]]) -> None:
    found = compare(texts(*(a for a, _ in pairs)), texts(*(e for _, e in pairs)), TIGHT)
    assert found.violating == found.unequal == sum(a != e for a, e in pairs)
    if found.violating:
        index = next(i for i, (a, e) in enumerate(pairs) if a != e)
        assert found.first[0].index == index
        assert (found.first[0].actual, found.first[0].expected) == pairs[index]


def test_a_zero_at_the_end_of_a_text_is_seen() -> None:
    assert compare(texts(b"a\0"), texts(b"a"), TIGHT).violating == 1
    assert compare(texts(b"a", b"b\0"), np.array([b"a", b"b"]), TIGHT).violating == 1


@pytest.mark.parametrize("other", [np.array(["a", "ü", "c"]), np.array([b"a", "ü".encode(), b"c"])])
def test_texts_of_any_length_against_fixed_width_ones(other: np.ndarray[Any, Any]) -> None:
    assert compare(texts(b"a", "ü".encode(), b"c"), other, TIGHT).violating == 0
    found = compare(texts(b"a", b"\xff", b"c"), other, TIGHT)
    assert [mismatch.index for mismatch in found.first] == [1]
    assert compare(other, texts(b"a", "ü".encode(), b"cc"), TIGHT).violating == 1

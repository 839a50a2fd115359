"""Agreement, cosine and differences against scikit-learn, SciPy, exact arithmetic and the rules as they are written."""

import itertools
import math
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import cosine as cosine_distance
from sklearn.metrics import accuracy_score, top_k_accuracy_score

from gate.errors import GateError
from gate.tensors import agreement as module
from gate.tensors.agreement import Metric, agreement, compare_outputs, cosine, differences
from gate.tensors.tolerance import Tolerance

METRICS: tuple[Metric, ...] = ("argmax", "topk", "sign", "threshold")
NAN = math.nan
INF = math.inf


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several blocks even for small arrays, so that what happens between them is tested too."""
    monkeypatch.setattr(module, "BLOCK_ELEMENTS", 4)


def f32(*rows: Any) -> np.ndarray[Any, Any]:
    return np.array(rows, np.float32)


few = st.sampled_from([-INF, -1.5, -1.0, -0.0, 0.0, 0.5, 1.0, 2.0, INF])
shapes = st.tuples(st.integers(1, 7), st.integers(2, 6))
pairs = shapes.flatmap(
    lambda shape: st.tuples(hnp.arrays(np.float32, shape, elements=few), hnp.arrays(np.float32, shape, elements=few))
)
dtypes = pytest.mark.parametrize(
    "dtype", [np.float16, np.float32, np.float64, ml_dtypes.bfloat16, ml_dtypes.float8_e5m2, np.int8, np.int64]
)


def choices(row: list[float], k: int) -> set[frozenset[int]]:
    """Every set of k indices of which none outside is larger: by trying them all."""
    return {
        frozenset(chosen)
        for chosen in itertools.combinations(range(len(row)), k)
        if all(row[i] <= row[j] for i in set(range(len(row))) - set(chosen) for j in chosen)
    }


# Decisions


@given(pairs, st.integers(1, 5))
def test_topk_agrees_where_both_sides_leave_the_same_choices(pair: Any, k: int) -> None:
    actual, expected = pair
    k = min(k, actual.shape[1] - 1)
    same = [choices(a, k) == choices(e, k) for a, e in zip(actual.tolist(), expected.tolist(), strict=True)]
    found = agreement(actual, expected, "topk", k=k)
    assert (found.agreeing, found.of) == (sum(same), len(same))
    assert found.share == sum(same) / len(same)
    assert [one.index for one in found.first] == [(i,) for i, it in enumerate(same) if not it][:5]


@given(pairs)
def test_argmax_agrees_where_the_same_indices_are_largest(pair: Any) -> None:
    actual, expected = pair
    same = 0
    for a, e in zip(actual.tolist(), expected.tolist(), strict=True):
        same += {i for i, x in enumerate(a) if x == max(a)} == {i for i, x in enumerate(e) if x == max(e)}
    assert agreement(actual, expected, "argmax").agreeing == same
    assert agreement(actual, expected, "topk", k=1).agreeing == same


@dtypes
def test_argmax_without_ties_is_accuracy(dtype: Any) -> None:
    dice = np.random.default_rng(1)
    actual, expected = (dice.permuted(np.tile(np.arange(6) * 3 - 7, (50, 1)), axis=1).astype(dtype) for _ in "ae")
    wide = [array.astype(np.float64) for array in (actual, expected)]
    share = accuracy_score(wide[1].argmax(axis=1), wide[0].argmax(axis=1))
    assert agreement(actual, expected, "argmax").share == share
    assert 0 < share < 1


def test_topk_of_one_hot_targets_bounds_top_k_accuracy() -> None:
    """scikit-learn asks for one label among the k largest; with two classes more than k = 1 that is the complement."""
    dice = np.random.default_rng(2)
    scores = dice.standard_normal((60, 3))
    labels = dice.integers(0, 3, 60)
    # The two largest of the expected ones are all but the label: agreement is where the label is the smallest.
    expected = 1.0 - np.eye(3)[labels] + np.arange(3) / 10
    two_of_three = top_k_accuracy_score(labels, scores, k=2)
    assert agreement(scores, expected, "topk", k=2).share == pytest.approx(1 - two_of_three)


@given(pairs)
def test_signs(pair: Any) -> None:
    actual, expected = pair
    same = [
        [(a > 0) - (a < 0) for a in actual.ravel().tolist()],
        [(e > 0) - (e < 0) for e in expected.ravel().tolist()],
    ]
    found = agreement(actual, expected, "sign")
    assert found.of == actual.size
    assert found.agreeing == accuracy_score(*same, normalize=False)


@given(pairs, st.sampled_from([-1.5, 0.0, 0.25, 0.5, 3.0]))
def test_thresholds(pair: Any, threshold: float) -> None:
    actual, expected = pair
    found = agreement(actual, expected, "threshold", threshold=threshold)
    decided = [[x >= threshold for x in array.ravel().tolist()] for array in pair]
    assert found.agreeing == accuracy_score(*decided, normalize=False)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("a", "e"), [(NAN, NAN), (NAN, 3.0), (3.0, NAN)])
def test_nan_never_agrees(metric: Metric, a: float, e: float) -> None:
    actual, expected = f32([1.0, a, 0.0], [1, 2, 3]), f32([1.0, e, 0.0], [1, 2, 3])
    found = agreement(actual, expected, metric, k=1)
    assert found.of - found.agreeing == 1
    assert found.first[0].index[0] == 0
    assert "NaN" in (found.first[0].actual + found.first[0].expected).replace("nan", "NaN")


@pytest.mark.parametrize("metric", METRICS)
@dtypes
def test_equal_outputs_agree(metric: Metric, dtype: Any) -> None:
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    assert agreement(array, array.copy(), metric, k=2).share == 1


def test_a_model_that_gives_one_number_for_everything_agrees_with_nobody_that_decides() -> None:
    assert agreement(f32([0, 0, 0], [0, 0, 0]), f32([3, 1, 2], [1, 3, 2]), "argmax").share == 0


def test_every_position_is_a_decision() -> None:
    actual = np.zeros((2, 3, 4), np.float32)
    actual[:, :, 1] = 1
    expected = actual.copy()
    expected[1, 2] = [0, 0, 5, 0]
    found = agreement(actual, expected, "argmax")
    assert (found.agreeing, found.of) == (5, 6)
    assert [(one.index, one.actual, one.expected) for one in found.first] == [((1, 2), "1", "2")]


def test_what_was_decided_is_told() -> None:
    top = agreement(f32([5, 7, 6, 0]), f32([5, 1, 9, 5]), "topk", k=2).first[0]
    assert (top.actual, top.expected) == ("1, 2", "2, 0, 3 (tied)")
    over = agreement(f32([0.1, 0.7]), f32([0.5, 0.7]), "threshold").first[0]
    assert (over.index, over.actual, over.expected) == ((0, 0), "0.1 (below 0.5)", "0.5 (at least 0.5)")
    sign = agreement(f32([-0.25]), f32([0.0]), "sign").first[0]
    assert (sign.actual, sign.expected) == ("-0.25", "0.0")
    long = agreement(np.ones((1, 500)), np.eye(1, 500), "argmax").first[0].actual
    assert long == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9… (tied)"


def test_only_the_first_disagreements_are_told() -> None:
    found = agreement(-np.ones(100), np.ones(100), "sign")
    assert [one.index for one in found.first] == [(0,), (1,), (2,), (3,), (4,)]
    assert found.agreeing == 0


def test_long_integers_are_not_rounded() -> None:
    big = 2**53
    actual, expected = np.array([[big, big + 1, 0]]), np.array([[big + 1, big, 0]])
    assert agreement(actual, expected, "argmax").share == 0
    assert agreement(np.array([big]), np.array([big + 1]), "threshold", threshold=float(big) + 2).share == 1
    assert agreement(np.array([big + 3]), np.array([big + 4]), "threshold", threshold=float(big) + 4).share == 0
    unsigned = np.array([[2**64 - 1, 2**64 - 2]], np.uint64)
    assert agreement(unsigned, unsigned[:, ::-1], "argmax").share == 0


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64, np.uint64])
def test_a_threshold_beyond_the_dtype_is_reached_by_none_or_all(dtype: Any) -> None:
    for threshold in (-1e30, 1e30):
        found = agreement(np.array([0, 100], dtype), np.array([0.0, 2 * threshold]), "threshold", threshold=threshold)
        assert [one.index for one in found.first] == [(1,)]


def test_bools_decide_too() -> None:
    actual, expected = np.array([[True, False], [True, True]]), np.array([[True, False], [True, False]])
    assert agreement(actual, expected, "argmax").agreeing == 1
    assert agreement(actual, expected, "sign").agreeing == 3
    assert agreement(actual, expected, "threshold").agreeing == 3


@pytest.mark.parametrize("metric", ["argmax", "topk"])
@pytest.mark.parametrize("shape", [(8,), (8, 1), (8, 5, 1), ()])
def test_one_class_decides_nothing(metric: Metric, shape: tuple[int, ...]) -> None:
    with pytest.raises(GateError, match="one answer") as caught:
        agreement(np.ones(shape), np.ones(shape), metric, k=1)
    assert "`sign` or `threshold`" in caught.value.hint


@pytest.mark.parametrize("k", [-1, 0, 3, 4])
def test_k_has_to_leave_something_out(k: int) -> None:
    with pytest.raises(GateError, match=f"the {k} largest of 3") as caught:
        agreement(np.ones((2, 3)), np.ones((2, 3)), "topk", k=k)
    assert "between 1 and 2" in caught.value.hint


@pytest.mark.parametrize("threshold", [NAN, INF, -INF])
def test_a_threshold_is_a_number(threshold: float) -> None:
    with pytest.raises(GateError, match="decides nothing"):
        agreement(np.ones(3), np.ones(3), "threshold", threshold=threshold)


# What all have in common


def everything(actual: Any, expected: Any) -> list[Any]:
    return [
        *(lambda m=metric: agreement(actual, expected, m, k=1) for metric in METRICS),
        lambda: cosine(actual, expected),
        lambda: differences(actual, expected, 0.5),
        lambda: compare_outputs(actual, expected, Tolerance(1, 1)),
    ]


@pytest.mark.parametrize("shape", [(0,), (0, 10), (3, 0), (0, 0)])
def test_no_samples_pass_nothing(shape: tuple[int, ...]) -> None:
    for judge in everything(np.ones(shape), np.ones(shape)):
        with pytest.raises(GateError, match="nothing was predicted"):
            judge()


@pytest.mark.parametrize(("a", "e"), [((3, 2), (3,)), ((3, 2), (1, 2)), ((3, 2), (2, 3)), ((1,), ()), ((3, 2), (0, 2))])
def test_nothing_is_broadcast(a: tuple[int, ...], e: tuple[int, ...]) -> None:
    for judge in everything(np.ones(a), np.ones(e)):
        with pytest.raises(GateError, match=r"the outputs have the shape .* and should have"):
            judge()


@pytest.mark.parametrize("wrong", [np.array([["a", "b"]]), np.array([["a", "b"]], np.object_), np.array([[1j, 2]])])
def test_only_real_numbers_are_put_in_order(wrong: Any) -> None:
    numbers = np.ones((1, 2))
    for actual, expected in ((wrong, wrong), (wrong, numbers), (numbers, wrong)):
        for judge in everything(actual, expected)[:5]:
            with pytest.raises(GateError, match=r"needs real numbers, and the outputs are .*(string|complex128)"):
                judge()


def test_memory_order_and_strides_do_not_matter() -> None:
    dice = np.random.default_rng(3)
    actual, expected = dice.standard_normal((2, 5, 6, 7))
    for other in (np.asfortranarray(expected), expected[::-1][::-1]):
        assert agreement(actual, other, "argmax") == agreement(actual, expected, "argmax")
        assert cosine(actual, other) == cosine(actual, expected)
        assert differences(actual, other, 0.3) == differences(actual, expected, 0.3)
        tolerance = Tolerance(0.1, 0.1)
        assert compare_outputs(actual, other, tolerance) == compare_outputs(actual, expected, tolerance)


# Cosine

numbers = st.floats(-1e3, 1e3, allow_subnormal=False).map(lambda x: x if abs(x) > 1e-3 else 0.0)
vectors = shapes.flatmap(lambda shape: st.tuples(*[hnp.arrays(np.float64, shape, elements=numbers)] * 2))


@given(vectors)
def test_cosine_is_that_of_scipy(pair: Any) -> None:
    actual, expected = pair
    wanted = []
    for a, e in zip(actual, expected, strict=True):
        if a.any() and e.any():
            wanted.append(1 - cosine_distance(a, e))
        else:
            wanted.append(float(a.any() == e.any()))
    found = cosine(actual, expected)
    assert found.smallest == pytest.approx(min(wanted), abs=1e-12)
    assert wanted[found.sample] == pytest.approx(min(wanted), abs=1e-12)


@given(hnp.arrays(np.float64, shapes, elements=st.floats(allow_nan=False, allow_infinity=False)))
def test_equal_samples_have_cosine_one(array: Any) -> None:
    assert cosine(array, array.copy()).smallest == 1


@given(hnp.arrays(np.float32, shapes, elements=st.floats(0.5, 1e3, width=32)), st.integers(-900, 900))
def test_a_power_of_two_turns_nothing(array: Any, exponent: int) -> None:
    wide = array.astype(np.float64)
    assert cosine(np.ldexp(wide, exponent), wide).smallest == 1
    assert cosine(-np.ldexp(wide, exponent), wide).smallest == -1


def test_zero_vectors() -> None:
    assert cosine(f32([0, -0.0]), f32([0, 0])).smallest == 1
    assert cosine(f32([0, 0], [1, 1]), f32([1, 1], [1, 1])).smallest == 0
    assert cosine(f32([1, 1], [1, 1]), f32([1, 1], [0, 0])).sample == 1


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
@pytest.mark.parametrize("other", [0.0, 1.0, NAN, INF])
def test_no_cosine_of_what_is_no_number(bad: float, other: float) -> None:
    rows = [[1.0, 2, 3, 4, 5, 6]] * 4
    actual, expected = f32(*rows), f32(*rows)
    actual[2, 5], expected[2] = bad, other
    for found in (cosine(actual, expected), cosine(expected, actual)):
        assert math.isnan(found.smallest)
        assert found.sample == 2
        assert not found.smallest >= -1


def test_cosine_is_of_samples_not_of_all() -> None:
    actual, expected = np.ones((100, 2, 2)), np.ones((100, 2, 2))
    actual[42] = [[1, 1], [1, -1]]
    found = cosine(actual, expected)
    assert found.smallest == pytest.approx(0.5)
    assert found.sample == 42


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 1, 1), ()])
def test_no_cosine_of_one_number(shape: tuple[int, ...]) -> None:
    with pytest.raises(GateError, match="one number for each sample") as caught:
        cosine(np.ones(shape), np.ones(shape))
    assert "sign" in caught.value.hint


@dtypes
def test_cosine_in_every_dtype(dtype: Any) -> None:
    assert cosine(np.array([[3, 4]]).astype(dtype), np.array([[4, 3]]).astype(dtype)).smallest == pytest.approx(24 / 25)


# Differences

halves = st.integers(-(2**20), 2**20).map(lambda i: i / 2)


@given(st.lists(st.tuples(halves, halves), min_size=1, max_size=40), st.sampled_from([0.0, 0.07, 0.5, 0.9, 0.99, 1.0]))
def test_differences_by_their_definition(pairs: list[tuple[float, float]], q: float) -> None:
    exact = sorted(abs(Fraction(a) - Fraction(e)) for a, e in pairs)
    found = differences(np.array([a for a, _ in pairs]), np.array([e for _, e in pairs]), q)
    assert found.max == exact[-1]
    assert found.mean == pytest.approx(float(sum(exact) / len(exact)))
    share = Fraction(str(q))
    assert found.quantile == min(d for d in exact if sum(x <= d for x in exact) >= share * len(exact))


@given(hnp.arrays(np.float64, st.integers(1, 60), elements=st.floats(0, 1e300)), st.floats(0, 1))
def test_the_quantile_is_the_one_of_a_sorted_list(values: Any, q: float) -> None:
    rank = max(0, math.ceil(Fraction(str(q)) * values.size) - 1)
    assert differences(values, np.zeros_like(values), q).quantile == sorted(values.tolist())[rank]


def test_the_quantile_of_many_is_numpys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK_ELEMENTS", 1000)
    dice = np.random.default_rng(4)
    actual, expected = dice.standard_normal((2, 100, 64)).astype(np.float32)
    wide = np.abs(actual.astype(np.float64) - expected.astype(np.float64))
    found = differences(actual, expected, 0.99)
    assert found.quantile == np.quantile(wide, 0.99, method="inverted_cdf")
    assert found.max == wide.max()
    assert found.mean == pytest.approx(wide.mean())
    assert differences(actual, expected).quantile is None


def test_a_share_means_what_is_written() -> None:
    """0.07 * 100 is more than 7 in float64."""
    assert differences(np.arange(1.0, 101.0), np.zeros(100), 0.07).quantile == 7


@pytest.mark.parametrize(
    ("a", "e", "wanted"),
    [(NAN, 1, NAN), (1, NAN, NAN), (NAN, NAN, NAN), (INF, INF, NAN), (-INF, -INF, NAN), (INF, -INF, INF), (INF, 1, INF),
     (1, -INF, INF)],
)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.float16, np.float64, ml_dtypes.bfloat16])
def test_no_difference_hides_what_is_no_number(a: float, e: float, wanted: float, dtype: Any) -> None:
    actual, expected = np.zeros(50, dtype), np.zeros(50, dtype)
    actual[20], expected[20] = a, e
    found = differences(actual, expected, 0.5)
    for number in (found.max, found.mean, found.quantile):
        assert number == pytest.approx(wanted, nan_ok=True)
        assert number is not None
        assert not (number <= 1e300)


def test_nan_beats_infinity() -> None:
    found = differences(np.array([1.0, INF, 2, 3, 4, NAN]), np.zeros(6), 0.0)
    assert all(math.isnan(number) for number in (found.max, found.mean, found.quantile or 0.0))


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1)), min_size=1, max_size=9))
def test_long_integers_are_subtracted_exactly(pairs: list[tuple[int, int]]) -> None:
    found = differences(np.array([a for a, _ in pairs], np.int64), np.array([e for _, e in pairs], np.int64))
    assert found.max == pytest.approx(max(abs(a - e) for a, e in pairs), rel=1e-15)


def test_neighbours_among_long_integers() -> None:
    assert differences(np.array([2**53 + 1]), np.array([2**53])).max == 1
    assert differences(np.array([2**64 - 1], np.uint64), np.array([2**64 - 2], np.uint64)).max == 1
    assert differences(np.array([2**64 - 1], np.uint64), np.array([-(2**63)])).max == 2.0**64 + 2.0**63
    assert differences(np.array([True]), np.array([False])).max == 1


@pytest.mark.parametrize("q", [-0.1, 1.1, NAN])
def test_a_quantile_is_a_share(q: float) -> None:
    with pytest.raises(GateError, match="is none"):
        differences(np.ones(2), np.ones(2), q)


def test_texts_have_no_difference() -> None:
    with pytest.raises(GateError, match="needs real numbers"):
        differences(np.array(["a"]), np.array(["a"]))


def test_complex_numbers_have_one() -> None:
    assert differences(np.array([3 + 4j]), np.array([0j])).max == 5


# Element by element


def test_elements_by_the_formula() -> None:
    actual, expected = f32([1.0, 2.0], [3.0, 4.5]), f32([1.0, 2.0], [3.0, 4.0])
    found = compare_outputs(actual, expected, Tolerance(0.1, 0.0))
    assert (found.elements, found.violating) == (4, 1)
    assert found.worst is not None
    assert found.worst.index == 3
    assert compare_outputs(actual, expected, Tolerance(0.125, 0.0)).violating == 0


def test_golden_outputs_may_be_wider() -> None:
    assert compare_outputs(f32([0.1]), np.array([[0.1]]), Tolerance(1e-6, 0)).violating == 0
    assert compare_outputs(f32([0.1]), np.array([[0.1]]), Tolerance(0, 0)).violating == 1


@pytest.mark.parametrize("bad", [NAN, INF])
def test_no_element_holds_that_is_no_number(bad: float) -> None:
    for actual, expected in ((bad, bad), (bad, 1.0), (1.0, bad)):
        assert compare_outputs(f32(actual), f32(expected), Tolerance(1e300, 1e300)).violating == 1


UTF8 = "ü".encode()
TEXTS = [np.array(["a", "ü"]), np.array(["a", "ü"], np.object_), np.array([b"a", UTF8], np.object_),
         np.array([b"a", UTF8])]  # fmt: skip


@pytest.mark.parametrize("actual", TEXTS)
@pytest.mark.parametrize("expected", TEXTS)
def test_texts_are_equal_or_not_whatever_holds_them(actual: Any, expected: Any) -> None:
    assert compare_outputs(actual, expected, Tolerance(1, 1)).violating == 0
    other = expected.copy()
    other[0] = "b" if isinstance(other[0], str) else b"b"
    found = compare_outputs(actual, other, Tolerance(1, 1))
    assert (found.violating, found.first[0].actual, found.first[0].expected) == (1, b"a", b"b")


def test_texts_and_numbers_are_not_compared() -> None:
    with pytest.raises(GateError, match="the outputs are string and should be float64"):
        compare_outputs(np.array(["1"]), np.array([1.0]), Tolerance(1, 1))
    with pytest.raises(GateError, match="not texts"):
        compare_outputs(np.array([None], np.object_), np.array([None], np.object_), Tolerance(1, 1))

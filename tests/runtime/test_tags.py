"""Tags tell tensors apart, through casts, and nothing else is taken for one."""

from itertools import product

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.runtime.tags import Codebook, Seen, mixture, seen

NARROW = (
    "float8_e4m3fn", "float8_e4m3fnuz", "float8_e4m3b11fnuz", "float8_e4m3", "float8_e5m2", "float8_e5m2fnuz",
    "float8_e3m4", "float8_e8m0fnu", "float6_e2m3fn", "float6_e3m2fn", "float4_e2m1fn", "int4", "uint4", "int2",
    "uint2",
)  # fmt: skip
NUMBERS = [
    np.dtype(name)
    for name in ("bool", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16", "longdouble")
] + [np.dtype(getattr(ml_dtypes, name)) for name in (*NARROW, "bfloat16")]
OTHERS = [np.dtype("O"), np.dtype("S5"), np.dtype("U2"), np.dtype("V")]
BF16 = np.dtype(ml_dtypes.bfloat16)

dtypes = st.lists(st.sampled_from(NUMBERS + OTHERS), max_size=5000)
many = st.tuples(st.sampled_from(NUMBERS), st.integers(1, 5000)).map(lambda pair: [pair[0]] * pair[1])


def words(book: Codebook, count: int) -> list[list[Seen] | None]:
    """What a variable that takes everything sees of each tensor."""
    return [
        [Seen(book.value(index, turn)) for turn in range(book.rounds)] if book.taggable(index) else None
        for index in range(count)
    ]


@settings(max_examples=60, deadline=None)
@given(dtypes | many)
def test_every_tensor_has_a_word_of_its_own(kinds: list[np.dtype]) -> None:
    book = Codebook(kinds)
    assert book.rounds >= 2
    found = words(book, len(kinds))
    assert [word is None for word in found] == [kind in OTHERS for kind in kinds]
    assert [book.decode(word) for word in found if word] == [at for at, word in enumerate(found) if word]
    assert len({tuple(word) for word in found if word}) == sum(word is not None for word in found)


@pytest.mark.parametrize("kind", NUMBERS, ids=str)
def test_values_are_exact_in_their_dtype(kind: np.dtype) -> None:
    """All values that the dtype's tensors can have, through the dtype and back."""
    book = Codebook([kind] * 5000)
    values = {book.value(index, turn) for index in range(5000) for turn in range(book.rounds)}
    assert len(values) >= 2
    for value in values:
        array = np.full(3, value, kind)
        assert complex(array[0]) == value
        assert seen(array) == Seen(value)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([np.dtype("f2"), np.dtype("f4"), BF16]), min_size=1, max_size=300), st.randoms())
def test_casts_to_wider_floats_keep_the_word(kinds: list[np.dtype], random: object) -> None:
    book = Codebook(kinds)
    for index, kind in enumerate(kinds):
        held = [np.full((2, 2), book.value(index, turn), kind).astype(np.float32) for turn in range(book.rounds)]
        assert book.decode([seen(each) for each in held]) == index


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([np.dtype("f4"), np.dtype("f8"), np.dtype("i4")]), min_size=1, max_size=300))
def test_with_narrower_variables_in_sight_casts_to_them_keep_the_word(kinds: list[np.dtype]) -> None:
    book = Codebook(kinds, through=[np.dtype("f4"), BF16, np.dtype("f2"), np.dtype("bool"), np.dtype("i4")])
    for index, kind in enumerate(kinds):
        for narrow in (BF16, np.dtype("f2")):
            held = [np.full(3, book.value(index, turn), kind).astype(narrow) for turn in range(book.rounds)]
            assert book.decode([seen(each) for each in held]) == index


@settings(max_examples=60, deadline=None)
@given(dtypes | many, st.one_of(st.integers(-300, 1 << 21), st.floats(), st.booleans()))
def test_a_constant_is_no_word(kinds: list[np.dtype], value: float) -> None:
    book = Codebook(kinds)
    assert book.decode([seen(np.full(2, value))] * book.rounds) is None


def test_no_constant_at_all_is_a_word() -> None:
    for kind in NUMBERS:
        book = Codebook([kind] * 5000)
        for value in range(1 << 11):
            assert book.decode([Seen(value)] * book.rounds) is None


def test_what_is_no_word() -> None:
    book = Codebook([np.dtype("f4")] * 3 + [np.dtype("f2")] * 3)
    assert book.rounds == 2
    one, two = (Seen(book.value(0, turn)) for turn in range(2))
    assert book.decode([one, two]) == 0
    half = Seen(book.value(3, 1))
    base = 1 << 19
    for wrong in (
        [two, one],
        [one, half],
        [one, Seen(None)],
        [Seen(None, mixed=True), two],
        [Seen(one.value, mixed=True), two],
        [Seen(float("nan")), Seen(float("nan"))],
        [Seen(float("inf")), Seen(float("inf"))],
        [Seen((one.value or 0) + 0.5), two],
        [Seen(-(one.value or 0)), two],
        [Seen(base + 3), Seen(2 * base - 1 - 3)],  # the word of a fourth tensor, which is not there
        [Seen(1), Seen(0)],
    ):
        assert book.decode(wrong) is None
    with pytest.raises(ValueError, match="rounds"):
        book.decode([one])


@pytest.mark.parametrize(("kind", "count", "rounds"), [
    ("f4", 0, 2), ("f4", 5000, 2), ("f2", 1024, 2), ("f2", 1025, 3), ("i1", 64, 2), ("i1", 65, 3), ("i1", 4097, 4),
    ("?", 2, 2), ("?", 3, 3), ("?", 1024, 11),
])  # fmt: skip
def test_no_more_rounds_than_needed(kind: str, count: int, rounds: int) -> None:
    assert Codebook([np.dtype(kind)] * count).rounds == rounds


def test_what_is_seen() -> None:
    nan = np.nan
    big = np.zeros((700, 700), "f4")
    assert seen(big) == Seen(0)
    big[699, 699] = 1
    assert seen(big) == Seen(None, mixed=True)
    assert seen(big[:, :3]) == Seen(0)
    assert seen(np.array(7, "i8")) == Seen(7)
    assert seen(np.array([nan, nan])) == Seen(None)
    assert seen(np.array([nan, 1])) == Seen(None, mixed=True)
    assert seen(np.array([1, nan])) == Seen(None, mixed=True)
    assert seen(np.array([nan, nan, 3], ml_dtypes.bfloat16)) == Seen(None, mixed=True)
    assert seen(np.array([np.inf])) == Seen(None)
    assert seen(np.zeros((0, 3))) == Seen(None)
    assert seen(np.array([b"a"], object)) == Seen(None)
    assert seen(np.array(["a"])) == Seen(None)
    assert seen(np.array([2 + 0j])) == Seen(2)
    assert seen(np.array([2 + 1j])) == Seen(None)
    assert seen(np.array([True, True])) == Seen(1)


def test_the_values_of_a_mixture() -> None:
    assert mixture(np.array([[3, 3], [1, 2]], "f4")) == (3, 1, 2)
    assert mixture(np.arange(1_000_000)) == (0, 1, 2, 3)
    assert mixture(np.array([np.nan, 5, np.inf, 6])) == (5, 6)
    assert mixture(np.zeros((0,))) == ()
    assert mixture(np.array(["a"])) == ()
    late = np.zeros(600_000, ml_dtypes.bfloat16)
    late[-1] = 33
    assert mixture(late) == (0, 33)


@pytest.mark.parametrize(("kind", "count"), [("f4", 10), ("i1", 5000), ("?", 60)])
def test_parts_of_several_tensors(kind: str, count: int) -> None:
    book = Codebook([np.dtype(kind)] * count)
    for one, two in product((0, 3, count - 1), (1, count // 2)):
        held = [
            np.concatenate([np.full(5, book.value(each, turn), kind) for each in (one, two)])
            for turn in range(book.rounds)
        ]
        found = book.parts([mixture(each) for each in held])
        assert {one, two} <= set(found)
        if kind != "?":
            assert len(found) <= 8
    assert book.parts([(99.5, -1)] * book.rounds) == ()

import math
import re
import time
from collections import Counter
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.position import Position
from gate.reports.entry import Entry
from gate.reports.fold import fold
from gate.reports.wording import label, title
from gate.results import Finding
from reports.strategies import findings, steady


def _found(*names: str) -> list[Finding]:
    return [Finding("value-mismatch", "differs", tensor=name) for name in names]


def _names(*names: str) -> list[str | None]:
    return [each.name for each in fold(_found(*names))]


@pytest.mark.parametrize(
    ("names", "folded"),
    [
        ([f"block_{i}/kernel" for i in range(12)], ["block_{0..11}/kernel"]),
        ([f"block_{i}/kernel" for i in (0, 2, 5)], ["block_{0,2,5}/kernel"]),
        ([f"b_{i}" for i in (0, 1, 2, 3, 7, 9, 10)], ["b_{0..3,7,9,10}"]),
        (["b_0", "b_1"], ["b_{0,1}"]),
        ([f"layer_{i:02}/w" for i in range(12)], ["layer_{00..11}/w"]),
        ([f"l{i:03}" for i in range(98, 102)], ["l{098..101}"]),
        (["a_1", "a_01", "a_2"], ["a_{1,01,2}"]),
        ([f"b_{i}/c_{j}" for i in range(3) for j in range(2)], ["b_{0..2}/c_{0,1}"]),
        (
            [f"b_{i}/c_{j}" for i in range(4) for j in range(2) if (i, j) != (3, 1)],
            ["b_{0..3}/c_0", "b_{0..2}/c_1"],
        ),
        (["a/1/kernel", "b/1/kernel"], ["a/1/kernel", "b/1/kernel"]),
        (["kernel"], ["kernel"]),
        ([""], [""]),
        (["x" + "9" * 30, "x" + "9" * 29 + "8"], ["x" + "9" * 30, "x" + "9" * 29 + "8"]),
    ],
)
def test_names_fold(names: list[str], folded: list[str]) -> None:
    assert sorted(filter(None, _names(*names))) == sorted(filter(None, folded))
    assert len(_names(*names)) == len(folded)


def test_kinds_and_lines_of_the_manifest_are_kept_apart() -> None:
    found = [
        Finding("a", "r", "b_0"),
        Finding("b", "r", "b_1"),
        Finding("a", "r", "b_2", position=Position("f", 9)),
        Finding("a", "r", None),
        Finding("a", "r", None),
    ]
    assert [each.count for each in fold(found)] == [1] * 5


def test_the_worst_comes_first_and_nan_is_the_worst() -> None:
    found = [
        Finding("v", "r", "a_0", severity=1.0),
        Finding("v", "r", "a_1", severity=5.0),
        Finding("v", "r", "b", severity=math.inf),
        Finding("v", "r", "c", severity=math.nan),
        Finding("u", "r", "d", severity=99.0),
    ]
    folds = fold(found)
    assert [each.worst.tensor for each in folds] == ["b", "c", "a_1", "d"]


def test_two_findings_of_one_tensor_are_two() -> None:
    (each,) = fold(_found("a_0", "a_0", "a_1"))
    assert each.count == 3
    assert sorted(each.names()) == ["a_0", "a_1"]
    assert title(Entry((each,))) == "a_{0,1} (3 findings)"


def test_five_hundred_tensors_take_one_short_line() -> None:
    (each,) = fold(_found(*(f"block_{2 * i}/kernel" for i in range(500))))
    assert each.count == 500
    assert label(each, 100) == "block_{0,2,4,6,... 496 more}/kernel"


def test_hostile_names_cost_little_and_lose_nothing() -> None:
    start = time.perf_counter()
    for names in (
        ["/".join(str((i >> bit) & 1) for bit in range(12)) for i in range(0, 4096, 3)],
        ["a1" * 5000 + str(i) for i in range(20)],
        ["1a" * 5000, "2a" * 5000, "9" * 100_000, "9" * 99_999],
    ):
        held = [name for each in fold(_found(*names)) for name in each.names()]
        assert sorted(held) == sorted(names)
    assert time.perf_counter() - start < 20


numbered = st.from_regex(r"(a_)?[0-2]{1,2}/b_[0-3](/c[0-1])?", fullmatch=True)


@steady
@given(st.lists(findings | numbered.map(lambda name: Finding("v", "r", name)), max_size=40))
def test_nothing_is_lost_and_nothing_is_added(found: list[Finding]) -> None:
    folds = fold(found)
    assert sum(each.count for each in folds) == len(found)
    assert Counter(id(one) for each in folds for one in each.findings) == Counter(map(id, found))
    for each in folds:
        held = {one.tensor for one in each.findings}
        if each.parts:
            names = list(each.names())
            assert set(names) == held
            assert len(names) == len(set(names))
        else:
            assert held == {None}


def _expanded(pattern: str) -> set[str]:
    """The names a pattern stands for, read the way a person does."""
    choices: list[list[str]] = []
    for index, part in enumerate(re.split(r"\{(.*?)\}", pattern)):
        if index % 2 == 0:
            choices.append([part])
            continue
        values: list[str] = []
        for piece in part.split(","):
            first, _, last = piece.partition("..")
            width = len(first) if first.startswith("0") else 0
            values += [str(i).zfill(width) for i in range(int(first), int(last) + 1)] if last else [piece]
        choices.append(values)
    return set(map("".join, product(*choices)))


@steady
@given(st.lists(numbered, max_size=40))
def test_the_line_says_what_the_fold_holds(names: list[str]) -> None:
    for each in fold(_found(*names)):
        assert each.name is not None
        assert _expanded(each.name) == set(each.names())

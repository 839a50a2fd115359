import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.position import Position
from gate.reports.entry import Entry, advised, entries, pick, ranks
from gate.reports.fold import severity
from gate.reports.wording import labels, story, title, unsaid
from gate.results import Finding
from reports.samples import letters
from reports.strategies import findings, steady

AT = Position("weight-gate.yml", 4, 5)
MANY = 100


def _lost(name: str) -> Finding:
    return Finding("not-loaded", "the load put it into no variable", name, hint="see the loader", position=AT)


def _titles(*found: Finding) -> list[str]:
    return [title(each) for each in entries(found, MANY)]


def test_what_is_said_of_several_names_is_told_once() -> None:
    found = [_lost(f"{layer}/{part}") for layer in ("conv_body", "head") for part in ("kernel", "bias")]
    (each,) = entries(found, MANY)
    assert title(each) == "conv_body/kernel, conv_body/bias, head/kernel, head/bias (4 tensors)"
    assert story(each) == ["the load put it into no variable"]


def test_numbers_still_fold_and_one_of_another_name_joins_them() -> None:
    found = [_lost(f"block_{i}/kernel") for i in range(12)]
    assert _titles(*found, _lost("head/bias")) == ["block_{0..11}/kernel, head/bias (13 tensors)"]


@pytest.mark.parametrize(
    "other",
    [
        Finding("not-restored", "the load put it into no variable", "b", hint="see the loader", position=AT),
        Finding("not-loaded", "another reason", "b", hint="see the loader", position=AT),
        Finding("not-loaded", "the load put it into no variable", "b", ("more",), hint="see the loader", position=AT),
        Finding("not-loaded", "the load put it into no variable", "b", hint="another hint", position=AT),
        Finding("not-loaded", "the load put it into no variable", "b", hint="see the loader"),
        Finding("not-loaded", "the load put it into no variable", None, hint="see the loader", position=AT),
    ],
)
def test_what_differs_in_anything_but_its_name_stands_alone(other: Finding) -> None:
    assert len(entries([_lost("a"), other], MANY)) == 2


def test_a_fold_whose_findings_differ_says_which_one_speaks() -> None:
    found = [Finding("altered", f"{i} of 9 elements", f"b_{i}", severity=1.0) for i in range(3)]
    (each,) = entries(found, MANY)
    assert story(each) == ["first: b_0: 0 of 9 elements"]
    (each,) = entries([*found, Finding("altered", "9 of 9 elements", "b_3", severity=2.0)], MANY)
    assert story(each) == ["worst: b_3: 9 of 9 elements"]


def test_a_finding_may_speak_of_its_own_name() -> None:
    found = [
        Finding("not-loaded", "lost", f"{layer}/{part}", (f"{layer}/{part} holds nothing",), severity=1.0)
        for layer in ("dense", "head_1", "head_2")
        for part in ("kernel", "bias")
    ]
    (each,) = entries(found, MANY)
    assert title(each) == "dense/kernel, dense/bias, head_{1,2}/kernel, head_{1,2}/bias (6 tensors)"
    assert story(each) == ["first: dense/kernel: lost", "dense/kernel holds nothing"]


def test_what_differs_in_numbers_joins_only_where_there_is_a_crowd() -> None:
    shapes = ["[3]", "[0, 2]", "[]", "[7]"]
    found = [
        Finding(
            "altered", f"{i + 1:,} of {i + 2:,} elements", name, (f"at {shapes[i]}: -{i}.5e-07",), severity=float(i)
        )
        for i, name in enumerate(("a", "b", "c", "d"))
    ]
    found.append(Finding("altered", "5 of 6 elements", "e", ("at []: nan", "and more"), severity=9.0))
    found.append(Finding("other", "1 of 2 elements", "f"))
    assert [each.count for each in entries(found, 5)] == [1] * 6
    told = entries(found, 4)
    assert [title(each) for each in told] == ["e", "d, c, b, a (4 tensors)", "f"]
    assert story(told[1]) == ["worst: d: 4 of 5 elements", "at [7]: -3.5e-07"]


def test_many_names_are_cut_and_counted() -> None:
    (each,) = entries([_lost(f"{chr(97 + i)}_layer/kernel") for i in range(26)], MANY)
    shown, left = labels(each, 100)
    assert len(", ".join(shown)) <= 100
    assert len(shown) + left == 26
    assert title(each, 100).endswith(f"{shown[-1]}, and {left} more (26 tensors)")


def test_the_worst_of_every_kind_is_picked_before_the_second_of_any() -> None:
    found = [Finding("altered", f"reason {letters(i).upper()}", letters(i), severity=float(26 - i)) for i in range(20)]
    found += [Finding("load-warning", f"warning {i}") for i in range(3)]
    shown, left = pick(entries(found, MANY), 10)
    reasons = [each.worst.reason for each in shown]
    assert reasons == [*(f"reason {letter}" for letter in "ABCDEFG"), "warning 0", "warning 1", "warning 2"]
    assert unsaid(left) == "13 more findings"
    shown, left = pick(entries(found, MANY), 2)
    assert [each.worst.reason for each in shown] == ["reason A", "warning 0"]
    assert unsaid(left) == "21 more findings (19 altered, 2 load-warning)"


def test_nothing_left_is_nothing_said() -> None:
    assert unsaid([]) == ""
    assert unsaid(entries([_lost("a")], MANY)) == "1 more finding"


def test_advice_is_given_once_for_what_stands_together() -> None:
    found = [Finding("altered", f"reason {i}", chr(97 + i), hint="the same") for i in range(3)]
    found.append(Finding("altered", "reason", "d", hint="another"))
    told = list(advised(entries(found, MANY), AT))
    assert [(len(each.entries), each.hint, each.position) for each in told] == [(3, "the same", AT), (1, "another", AT)]


def test_hostile_texts_cost_little() -> None:
    start = time.perf_counter()
    for text in ("1" * 100_000, "[" * 100_000, "1e" * 50_000, "-1." * 30_000, "[1, " * 30_000):
        entries([Finding("v", text, f"{chr(97 + i)}", (text,)) for i in range(20)], 1)
    entries([Finding("v", "a" * 100_000, "a"), Finding("v", "b" * 100_000, "b")], 1)
    assert time.perf_counter() - start < 20


alike = st.builds(
    Finding,
    kind=st.sampled_from(["a", "b"]),
    reason=st.sampled_from(["r", "s"]),
    tensor=st.none() | st.from_regex(r"[xy]_[0-3]", fullmatch=True),
    hint=st.sampled_from(["", "h"]),
    severity=st.sampled_from([0.0, 1.0]),
    position=st.sampled_from([None, AT]),
)


@steady
@given(st.lists(findings | alike, max_size=40), st.integers(0, 5))
def test_nothing_is_lost_and_nothing_is_added(found: list[Finding], most: int) -> None:
    told = entries(found, most)
    held = [finding for entry in told for each in entry.folds for finding in each.findings]
    assert Counter(map(id, held)) == Counter(map(id, found))
    assert sum(entry.count for entry in told) == len(found)
    kinds = [entry.worst.kind for entry in told]
    assert kinds == sorted(kinds, key=list(dict.fromkeys(finding.kind for finding in found)).index)


@steady
@given(st.lists(findings | alike, max_size=40), st.integers(0, 5))
def test_an_entry_speaks_the_truth_of_all_it_holds(found: list[Finding], most: int) -> None:
    for entry in entries(found, most):
        held = [finding for each in entry.folds for finding in each.findings]
        assert len({(each.kind, each.position) for each in held}) == 1
        assert severity(entry.worst) == max(map(severity, held))
        if entry.says_one_thing:
            assert {(each.reason, each.details, each.hint) for each in held} == {
                (entry.worst.reason, entry.worst.details, entry.worst.hint)
            }
        if entry.names:
            shown = {name for each in entry.names for name in each.names()}
            assert shown == {each.tensor for each in held}


@steady
@given(st.lists(findings | alike, max_size=40), st.integers(0, 12))
def test_picking_keeps_the_order_and_forgets_no_kind(found: list[Finding], most: int) -> None:
    told = entries(found, MANY)
    shown, left = pick(told, most)

    def place(entry: Entry) -> int:
        return next(i for i, each in enumerate(told) if each is entry)

    assert sorted([*map(place, shown), *map(place, left)]) == list(range(len(told)))
    assert [*map(place, shown)] == sorted(map(place, shown))
    assert len(shown) == min(most, len(told))
    kinds = {each.worst.kind for each in told}
    assert len({each.worst.kind for each in shown}) == min(most, len(kinds))
    assert [rank for rank in ranks(told) if rank == 0] == [0] * len(kinds)


@steady
@given(st.lists(findings | alike, max_size=40))
def test_advice_stands_with_what_it_is_for(found: list[Finding]) -> None:
    told = entries(found, MANY)
    groups = list(advised(told, AT))
    assert tuple(entry for each in groups for entry in each.entries) == told
    for each in groups:
        for entry in each.entries:
            assert (entry.worst.hint, entry.worst.position or AT) == (each.hint, each.position)

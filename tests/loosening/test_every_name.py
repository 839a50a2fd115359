"""A few names stand for all there are: every set of globs that some name matches, and just those."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.glob_machine import Automaton
from gate.globs import glob_pattern, glob_to_regex
from gate.loosening.every_name import every_name

PIECES = ["**/", "a", "b", "/", "*", "?", "[ab]", "[!a]", "{a,bb}", "{8..11}", "{08..11}", "1", "x_", "[*]", "."]
globs = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join)


def matched(name: str, of: list[str]) -> frozenset[int]:
    return frozenset(number for number, glob in enumerate(of) if glob_pattern(glob).fullmatch(name))


@settings(deadline=None, max_examples=150)
@given(st.lists(globs, max_size=4), st.lists(st.text("ab1/_x89.0", min_size=1, max_size=7), max_size=5))
def test_each_is_a_name_of_its_set_and_no_set_is_missing(of: list[str], others: list[str]) -> None:
    names = every_name(of)
    assert names.all_of_them
    for found, name in names.found.items():
        assert matched(name, of) == found
    for other in others:
        if all(other.split("/")):
            assert matched(other, of) in names.found


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        ([], {(): "x"}),
        (["**"], {(0,): "x"}),
        (["a*", "*b"], {(): "x", (0,): "a", (1,): "b", (0, 1): "ab"}),
        (["head/**", "**/kernel"], {(): "x", (0,): "head/x", (1,): "kernel", (0, 1): "head/kernel"}),
        (["block_{0..11}/k", "block_?/*"], {(): "x", (1,): "block_x/x", (0,): "block_10/k", (0, 1): "block_0/k"}),
    ],
)
def test_by_hand(of: list[str], expected: dict[tuple[int, ...], str]) -> None:
    assert every_name(of).found == {frozenset(found): name for found, name in expected.items()}


@pytest.mark.parametrize(
    "beyond", ["a[! -~]", "a[!\x00-\x7f]", "a[\u4e00-\u9fff]", "a[!\ue000-\uffff]", "a[\x02-\x03]"]
)
def test_characters_that_no_keyboard_has(beyond: str) -> None:
    found = every_name(["a*", beyond]).found
    assert set(found) == {frozenset(), frozenset([0]), frozenset([0, 1])}
    assert all(matched(name, ["a*", beyond]) == of for of, name in found.items())


def test_between_ranges_that_nearly_meet() -> None:
    found = every_name(["[!\u0100-\u0200]", "[!\u0202-\U0010ffff]", "[\x00-\u0200]"]).found
    assert found[frozenset([0, 1])] == "\u0201"


SETS = st.text("[]!-a/&|~^\\\\b\u00e9", max_size=12)


@settings(deadline=None, max_examples=400)
@given(SETS, st.text("[]!-a&|~^\\\\b\u00e9", min_size=1, max_size=3))
def test_what_is_a_glob_has_names(glob: str, name: str) -> None:
    try:
        pattern = glob_pattern(glob)
    except re.error:
        return
    found = every_name([glob]).found
    assert all(bool(pattern.fullmatch(each)) is bool(of) for of, each in found.items())
    plain = Automaton(glob_to_regex(glob))
    assert bool(plain.fullmatch(name)) is bool(pattern.fullmatch(name))
    assert matched(name, [glob]) in found

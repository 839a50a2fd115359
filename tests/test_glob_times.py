"""Globs take no longer than their lengths and the name's say, and match what their plain regular expression matches."""

import re
from time import perf_counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gate.glob_machine import Automaton
from gate.globs import glob_pattern, glob_to_regex
from gate.loosening.every_name import every_name

A = "a" * 60 + "y"
SLOW = [
    ("{a,aa}" * 40 + "z", A),
    ("{a,a}" * 40 + "z", A),
    ("*{a,aa}" * 12 + "z", A),
    ("*{a,b}" * 12 + "z", A),
    ("**/" * 30 + "x", "a/" * 30 + "y"),
    ("*a" * 25 + "*", "a" * 24 + "b" * 100),
    ("*a" * 25 + "z", "a" * 500),
    ("**/*a*a*a*a*a*a*a/**/*b", "/".join(["a" * 40] * 20)),
    ("**/*a*/**/*a*/**/*a*/**/z", "/".join(["aa"] * 200)),
    ("{a,aa}*{a,aa}/**/" * 3 + "z", "/".join([A] * 20)),
    ("**/{a/b,a}/" * 8 + "z", "a/b/" * 40 + "y"),
    ("{" + ",".join("a" * n for n in range(1, 60)) + "}*/x/{b,bb}y", A + "/x/by/"),
    ("**" * 20 + "z", "a" * 300),
    ("?*" * 20 + "z", "a" * 300),
]


@pytest.mark.parametrize(("glob", "name"), SLOW)
def test_no_glob_takes_long(glob: str, name: str) -> None:
    start = perf_counter()
    pattern = glob_pattern(glob)
    for end in ("", "y", "/y", "yy"):
        assert not pattern.fullmatch(name + end)
    assert perf_counter() - start < 1  # 0.02 s where nothing else runs
    every_name([glob])
    every_name([glob, "**/*a*", "{a,aa}*z"])
    assert perf_counter() - start < 6


def test_ordinary_globs_are_quick() -> None:
    names = [f"backbone/stage_{n % 7}/block_{n}/attention/query/kernel" for n in range(20_000)]
    globs = [f"**/block_{{{n}..{n + 30}}}/**/*{end}" for n in range(25) for end in ("kernel", "bias", "norm*", "q*/*")]
    patterns = [glob_pattern(glob) for glob in globs]
    assert not any(isinstance(pattern, Automaton) for pattern in patterns)
    start = perf_counter()
    found = sum(1 for pattern in patterns for name in names if pattern.fullmatch(name))
    assert found
    assert perf_counter() - start < 6  # some 1.5 s where nothing else runs


GLOBS = st.lists(
    st.sampled_from(
        ["**/", "**", "*", "?", "/", "a", "b", "ab", "{a,aa}", "{a,b}", "{ab,b,a}", "{a/b,a}", "{,a}", "[ab]", "[!a]",
         "{0..11}", "{0..9}", "{1,11}", "1", "{a,a}", "/**/", "/**", "\n"]
    ),
    max_size=9,
).map("".join)  # fmt: skip
NAMES = st.text("aab/1\n", max_size=12)


@settings(max_examples=1500, deadline=None)
@given(GLOBS, st.lists(NAMES, min_size=8, max_size=8))
@example("*{abc,b}*c", ["abcxc", "abc", "bc", "abcc", "xabc", "xbxc", "", "c"])
@example("**/a*/**/b*/b", ["a/b/b", "a/b/b/b", "a/a/b", "b/b", "ab/b/bb/b", "a/x/b/x/b", "a/b", "x"])
def test_all_ways_agree(glob: str, names: list[str]) -> None:
    plain, quick = re.compile(glob_to_regex(glob), re.DOTALL), glob_pattern(glob)
    slow = Automaton(glob_to_regex(glob))
    for name in names:
        expected = plain.fullmatch(name) is not None
        assert (quick.fullmatch(name) is not None) == expected
        assert (slow.fullmatch(name) is not None) == expected

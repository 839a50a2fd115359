"""What `match:` means."""

import re
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.globs import glob_pattern, glob_to_regex, literal
from gate.reports.fold import fold
from gate.results import Finding

MATCHES = [
    ("head/bias", "head/bias"),
    ("head/*", "head/bias"),
    ("head/**", "head/bias"),
    ("head/**", "head/inner/bias"),
    ("**/moving_*", "moving_mean"),
    ("**/moving_*", "a/moving_mean"),
    ("**/moving_*", "a/b/c/moving_mean"),
    ("a/**/z", "a/z"),
    ("a/**/z", "a/b/c/z"),
    ("**", "anything/at/all"),
    ("*", "kernel"),
    ("conv?/kernel", "conv1/kernel"),
    ("conv[12]/kernel", "conv2/kernel"),
    ("conv[!12]/kernel", "conv3/kernel"),
    ("conv[0-9]/kernel", "conv7/kernel"),
    ("a[*]/b", "a*/b"),
    ("a.b/c", "a.b/c"),
    ("x[y", "x[y"),
    ("new\nline/*", "new\nline/k"),
    ("block_{0..11}/**", "block_0/kernel"),
    ("block_{0..11}/**", "block_11/attention/kernel"),
    ("block_{08..110}/k", "block_08/k"),
    ("block_{08..110}/k", "block_99/k"),
    ("block_{08..110}/k", "block_110/k"),
    ("block_{0..4,7,9}/k", "block_7/k"),
    ("dense{,_1,_2}/kernel", "dense/kernel"),
    ("dense{,_1,_2}/kernel", "dense_2/kernel"),
    ("{backbone,neck}/**", "neck/conv/kernel"),
    ("{a.b,c}/x", "a.b/x"),
    ("a{1..20}5", "a125"),
    ("[{]x[}]", "{x}"),
    ("[!][!a]", "x"),
    ("[]]", "]"),
    ("[]", "[]"),
    ("[!]", "[!]"),
    ("[--a]", "A"),
    ("[a-]", "-"),
    ("[a&&b]", "&"),
    ("[a||b]", "|"),
    ("[a~~b]", "~"),
    ("[[a]", "["),
]
DIFFERS = [
    ("head/*", "head/inner/bias"),
    ("head/**", "head"),
    ("head/**", "ahead/bias"),
    ("**/moving_*", "a/removing_mean"),
    ("*", "a/b"),
    ("conv?/kernel", "conv12/kernel"),
    ("conv[!/]x", "conv/x"),
    ("a.b/c", "axb/c"),
    ("head/bias", "head/bias2"),
    ("kernel", "head/kernel"),
    ("block_{0..11}/**", "block_12/kernel"),
    ("block_{0..11}/**", "block_01/kernel"),
    ("block_{0..11}/**", "block_/kernel"),
    ("block_{08..110}/k", "block_8/k"),
    ("block_{08..110}/k", "block_099/k"),
    ("block_{08..110}/k", "block_111/k"),
    ("block_{0..4,7,9}/k", "block_5/k"),
    ("block_{0..9}/k", "block_\u0663/k"),
    ("dense{,_1,_2}/kernel", "dense_3/kernel"),
    ("{a.b,c}/x", "axb/x"),
    ("{a,b}", "{a,b}"),
    ("[!][!a]", "]"),
    ("[!][!a]", "!"),
    ("[!][!a]", "xx"),
    ("[!]", "a"),
    ("[a-]", "b"),
    ("[--a]", "b"),
]


@pytest.mark.parametrize(("glob", "name"), MATCHES)
def test_matches(glob: str, name: str) -> None:
    assert glob_pattern(glob).fullmatch(name)


@pytest.mark.parametrize(("glob", "name"), DIFFERS)
def test_does_not_match(glob: str, name: str) -> None:
    assert not glob_pattern(glob).fullmatch(name)


@given(st.text(alphabet=st.characters(exclude_characters="*?[{}")))
def test_a_name_without_wildcards_matches_itself_alone(name: str) -> None:
    assert glob_pattern(name).fullmatch(name)
    assert not glob_pattern(name).fullmatch(f"{name}x")


def test_a_set_that_makes_no_sense_is_an_error() -> None:
    with pytest.raises(re.error):
        glob_pattern("conv[z-a]")


@given(st.text(alphabet="a{}*?[]!,./0\n"), st.text(alphabet="a{}*?[]!,./0\n"))
def test_a_literal_matches_its_name_alone(name: str, other: str) -> None:
    assert glob_pattern(literal(name)).fullmatch(name)
    assert bool(glob_pattern(literal(name)).fullmatch(other)) is (name == other)


@pytest.mark.parametrize(
    ("glob", "why"),
    [
        ("block_{0..11/k", "a { without its }; a brace itself is written [{] or [}]"),
        ("block_0}/k", "a } without its {"),
        ("{}", "neither a range"),
        ("{a}", "neither a range like {0..11} nor alternatives like {a,b}; a brace itself is written [{]"),
        ("{11..0}", "the smaller number comes first"),
        ("{0..}", "is neither a range"),
        ("{a..c,d}", "a..c is no range"),
        ("{-1..3,5}", "-1..3 is no range"),
        ("{8..011}", "both ends are written alike"),
        ("{008..11}", "both ends are written alike"),
        ("{0..1000000000000000000}", "more than 18 digits"),
        ("{a,{b,c}}", "holds a {"),
        ("{conv*,dense}", "in braces are plain texts and ranges, so write several rules"),
        ("{0..4,... 12 more}", "is cut short"),
    ],
)
def test_braces_that_make_no_sense_are_an_error_that_says_why(glob: str, why: str) -> None:
    with pytest.raises(re.error) as caught:
        glob_pattern(glob)
    assert why in str(caught.value)


BOUND = st.integers(0, 2500)


@given(BOUND, BOUND, st.integers(1, 5))
def test_a_range_is_the_numbers_it_counts(one: int, other: int, width: int) -> None:
    low, high = sorted((one, other))
    first = str(low).zfill(width)
    step = len(first) if first.startswith("0") else 1
    counted = {str(number).zfill(step) for number in range(low, high + 1)}
    pattern = glob_pattern(f"{{{first}..{str(high).zfill(step)}}}")
    spelled = {str(number).zfill(zeros) for number in range(low - 2, high + 3) for zeros in range(1, 6) if number >= 0}
    assert {text for text in spelled if pattern.fullmatch(text)} == counted


def test_a_range_of_any_size_costs_nothing() -> None:
    start = perf_counter()
    pattern = glob_to_regex("block_{1..999999999999999998}/{000000..999999}")
    assert len(pattern) < 2000
    assert re.fullmatch(pattern, "block_123456789012345678/000042")
    assert not re.fullmatch(pattern, "block_999999999999999999/000042")
    assert perf_counter() - start < 1


NAME = st.lists(st.sampled_from(["block_", "/", "kernel", ".", "0", "1", "2", "3", "9", "10", "08", "09", "007", "99"]))


@given(st.lists(NAME.map("".join).filter(bool), min_size=1, max_size=40, unique=True))
def test_what_a_fold_prints_matches_exactly_its_names(names: list[str]) -> None:
    for folded in fold(Finding("value-mismatch", "differs", tensor=name) for name in names):
        inside = set(folded.names())
        pattern = glob_pattern(folded.label())
        assert {name for name in names if pattern.fullmatch(name)} == inside
        assert all(pattern.fullmatch(name) for name in inside)


@given(st.sets(st.integers(0, 300), min_size=1, max_size=80), st.integers(1, 4))
def test_counted_names_and_their_neighbours(numbers: set[int], width: int) -> None:
    names = {f"block_{number:0{width}}/kernel" for number in numbers}
    others = {f"block_{number:0{zeros}}/kernel" for number in range(303) for zeros in range(1, 5)} - names
    folds = fold(Finding("value-mismatch", "differs", tensor=name) for name in names)
    patterns = [glob_pattern(each.label()) for each in folds]
    assert all(any(pattern.fullmatch(name) for pattern in patterns) for name in names)
    assert not [name for name in others if any(pattern.fullmatch(name) for pattern in patterns)]

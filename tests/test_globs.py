"""What `match:` means."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.globs import glob_pattern

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
]


@pytest.mark.parametrize(("glob", "name"), MATCHES)
def test_matches(glob: str, name: str) -> None:
    assert glob_pattern(glob).fullmatch(name)


@pytest.mark.parametrize(("glob", "name"), DIFFERS)
def test_does_not_match(glob: str, name: str) -> None:
    assert not glob_pattern(glob).fullmatch(name)


@given(st.text(alphabet=st.characters(exclude_characters="*?[")))
def test_a_name_without_wildcards_matches_itself_alone(name: str) -> None:
    assert glob_pattern(name).fullmatch(name)
    assert not glob_pattern(name).fullmatch(f"{name}x")


def test_a_set_that_makes_no_sense_is_an_error() -> None:
    with pytest.raises(re.error):
        glob_pattern("conv[z-a]")

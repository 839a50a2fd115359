"""A few globs that match certain names and no other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.covering import covering
from gate.globs import glob_pattern

_PARTS = st.one_of(
    st.sampled_from(["kernel", "bias", "head", "a*b", "{x}", "[0]", "block_1", "block_10", "l007", "l7_3", ""]),
    st.text("abé01_*?[]{}, \n", max_size=6),
    st.builds("block_{}".format, st.integers(0, 14)),
)
_NAMES = st.lists(_PARTS, min_size=1, max_size=4).map("/".join)


@given(st.sets(_NAMES, max_size=30), st.sets(_NAMES, max_size=30))
def test_they_match_all_that_is_wanted_and_nothing_else(wanted: set[str], others: set[str]) -> None:
    globs = [glob_pattern(glob) for glob in covering(sorted(wanted), sorted(others))]
    assert len(globs) <= len(wanted)
    for name in wanted:
        assert any(glob.fullmatch(name) for glob in globs)
    for name in others - wanted:
        assert not any(glob.fullmatch(name) for glob in globs)


BLOCKS = [f"block_{number}/{part}" for number in range(12) for part in ("kernel", "bias")]


@pytest.mark.parametrize(
    ("wanted", "others", "globs"),
    [
        (["a/x", "b"], [], ("**",)),
        (["head/kernel", "head/bias"], ["body/kernel"], ("head/**",)),
        (BLOCKS, ["head/kernel"], ("block_{0..11}/**",)),
        ([name for name in BLOCKS if "kernel" in name], BLOCKS[1::2], ("block_{0..11}/kernel",)),
        (["a/kernel", "b/c/kernel"], ["a/bias", "b/c/bias"], ("**/kernel",)),
        (["l7", "l8", "l10"], ["l9"], ("l{7,8,10}",)),
        (["l007", "l008", "l009"], ["x"], ("l{007..009}",)),
        (["one"], ["other"], ("one",)),
        (["a[0]"], ["a0"], ("a[[]0]",)),
        ([], ["x"], ()),
    ],
)
def test_what_they_look_like(wanted: list[str], others: list[str], globs: tuple[str, ...]) -> None:
    assert covering(wanted, others) == globs


def test_many_names_are_no_trouble() -> None:
    wanted = [f"encoder/layer_{number}/part_{part}/w" for number in range(100) for part in range(50)]
    others = [f"decoder/layer_{number}/part_{part}/w" for number in range(100) for part in range(50)]
    assert covering(wanted, others) == ("encoder/layer_{0..99}/part_{0..49}/w",)

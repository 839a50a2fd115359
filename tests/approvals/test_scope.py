"""What `--only` means."""

from gate.approvals.scope import Scope

NAMES = ("head/kernel", "head/bias", "block_0/kernel", "block_1/kernel")


def test_without_a_glob_everything_is_meant() -> None:
    assert all(map(Scope().takes, NAMES))
    assert Scope().takes_all(NAMES)
    assert Scope().idle(NAMES) == ()


def test_globs_are_those_of_match() -> None:
    scope = Scope(("head/**", "block_{0..0}/*"))
    assert [name for name in NAMES if scope.takes(name)] == ["head/kernel", "head/bias", "block_0/kernel"]
    assert not scope.takes_all(NAMES)
    assert Scope(("head/**", "block_{0..1}/*")).takes_all(NAMES)


def test_a_glob_that_means_nothing_is_told() -> None:
    assert Scope(("head/**", "heads/**", "**")).idle(NAMES) == ("heads/**",)

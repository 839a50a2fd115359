"""What an explanation says of rules is what `gate.tensors.rules` makes of them, for any rules and names."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from gate.explaining.rules import shares
from gate.explaining.words import says
from gate.tensors.rules import Expect, Rule, Rules, StatisticBound
from gate.tensors.tolerance import Tolerance

TODAY = date(2026, 11, 26)
NAMES = st.lists(st.sampled_from(["a/kernel", "a/bias", "b/kernel", "b/bias", "c", "d/e/f"]), unique=True)
RULES = st.builds(
    Rule,
    match=st.sampled_from(["**", "a/*", "*/kernel", "c", "nothing", "d/**"]),
    expect=st.sampled_from([None, *Expect]),
    tolerance=st.sampled_from([None, Tolerance(1e-3, 0)]),
    nan=st.sampled_from([None, True, False]),
    shape=st.sampled_from([None, (), (2, 3)]),
    statistics=st.sampled_from([{}, {"mean": StatisticBound(value=0.0)}]),
    until=st.sampled_from([None, date(2026, 11, 25), TODAY]),
)


@given(st.lists(RULES, max_size=6), NAMES)
def test_shares_are_those_of_the_expectations(given_rules: list[Rule], names: list[str]) -> None:
    rules = Rules(given_rules, TODAY)
    told, unruled = shares(rules, names, complete=True)
    assert len(told) == len(given_rules)
    for rule, share in zip(given_rules, told, strict=True):
        holding = {name for name in names if any(each is rule for each in rules.expectation(name).sources.values())}
        assert set(share.ruled or ()) == holding
        assert set(share.overruled) == {name for name in names if rule.matches(name)} - holding
        assert bool(share.ended) == (rule in rules.expired)
    assert set(unruled) == {name for name in names if not any(name in (share.ruled or ()) for share in told)}


@given(RULES)
def test_a_rule_is_told_whole(rule: Rule) -> None:
    told = {key: value for key, _, value in says(rule)}
    assert told.get("expect") == (None if rule.expect is None else str(rule.expect))
    assert ("tolerance" in told) == (rule.tolerance is not None)
    assert ("nan" in told) == (rule.nan is not None)
    assert told.get("shape") == (None if rule.shape is None else list(rule.shape))
    assert ("mean" in told) == bool(rule.statistics)

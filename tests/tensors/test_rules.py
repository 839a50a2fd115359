"""Rules fold key by key, the last one wins; expired ones no longer hold."""

from datetime import date

from gate.tensors.rules import Expect, Rule, Rules, StatisticBound
from gate.tensors.tolerance import Tolerance

TODAY = date(2026, 11, 21)


def test_the_last_rule_to_set_a_key_wins_and_leaves_the_others() -> None:
    first = Rule("head/**", expect=Expect.CHANGED, nan=True)
    second = Rule("**/bias", expect=Expect.IDENTICAL, shape=(3,))
    rules = Rules([first, second], TODAY)
    found = rules.expectation("head/bias")
    assert (found.expect, found.nan, found.shape) == (Expect.IDENTICAL, True, (3,))
    assert found.sources == {"expect": second, "nan": first, "shape": second}
    assert rules.expectation("head/kernel").expect == Expect.CHANGED
    assert rules.expectation("other/kernel").expect == Expect.CLOSE


def test_an_explicit_no_takes_an_earlier_yes_back() -> None:
    rules = Rules([Rule("**", nan=True), Rule("a/*", nan=False)], TODAY)
    assert rules.expectation("b/k").nan
    assert not rules.expectation("a/k").nan


def test_defaults_hold_where_no_rule_has_a_tolerance() -> None:
    rules = Rules([Rule("a", tolerance=Tolerance(1, 1))], TODAY, Tolerance(0.5, 0.5))
    assert rules.expectation("a").tolerance == Tolerance(1, 1)
    assert rules.expectation("b").tolerance == Tolerance(0.5, 0.5)
    assert Rules([], TODAY).expectation("b").tolerance is None


def test_statistics_fold_one_by_one() -> None:
    rules = Rules(
        [
            Rule("**", statistics={"mean": StatisticBound(0.0), "std": StatisticBound(1.0)}),
            Rule("a", statistics={"mean": StatisticBound(5.0)}),
        ],
        TODAY,
    )
    assert rules.expectation("a").statistics == {"mean": StatisticBound(5.0), "std": StatisticBound(1.0)}


def test_a_waiver_holds_through_its_last_day() -> None:
    def waiver(until: date) -> Rules:
        return Rules([Rule("t", expect=Expect.IGNORED, reason="nightly", until=until)], TODAY)

    assert waiver(TODAY).expectation("t").expect == Expect.IGNORED
    late = waiver(date(2026, 11, 20))
    assert late.expectation("t").expect == Expect.CLOSE
    assert late.expired == late.all


def test_idle_rules_are_those_that_match_nothing_expired_or_not() -> None:
    idle = Rule("hed/**", expect=Expect.CHANGED)
    gone = Rule("gone", expect=Expect.IGNORED, reason="r", until=date(2020, 1, 1))
    used = Rule("head/**", expect=Expect.CHANGED)
    assert Rules([idle, gone, used], TODAY).idle(["head/kernel"]) == (idle, gone)

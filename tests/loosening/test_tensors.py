"""Rules are folded over the names that are there: what they ask counts, not how they say it."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.loosening.tensors import Kind
from gate.results import Finding
from support.loosening import KERNEL, NAMES, SEEN, TODAY, compared, one, told

HERE = Path("/nowhere")
WIDE = {"rtol": 1e-2, "atol": 1e-4}
NARROW = {"rtol": 1e-7, "atol": 1e-9}
MEAN = {"match": "head/*", "mean": {"value": 1.0, "atol": 0.1}}


def found(before: Any, after: Any, seen: Any = SEEN, today: date = TODAY) -> tuple[Finding, ...]:
    return compared(before, after, HERE, seen, today)


HEAD = {"head/kernel", "head/bias"}
EVERY = set(NAMES)

LOOSER: dict[str, tuple[Any, Any, str, set[str]]] = {
    "tolerance": (one(), one({"match": "head/*", "tolerance": WIDE}), "tolerance-wider", HEAD),
    "rtol alone": (
        one({"match": "head/*", "tolerance": NARROW}),
        one({"match": "head/*", "tolerance": {"rtol": 1e-6, "atol": 0}}),
        "tolerance-wider",
        HEAD,
    ),
    "defaults": (one(), one(top={"defaults": {"tolerance": WIDE}}), "tolerance-wider", EVERY),
    "default dropped": (one(top={"defaults": {"tolerance": NARROW}}), one(), "tolerance-wider", EVERY),
    "identical to close": (one({"match": "head/*", "expect": "identical"}), one(), "expect-weaker", HEAD),
    "overridden later": (
        one({"match": "**", "expect": "identical"}),
        one({"match": "**", "expect": "identical"}, {"match": "head/*", "expect": "any"}),
        "expect-weaker",
        HEAD,
    ),
    "order": (
        one({"match": "head/*", "tolerance": WIDE}, {"match": "**", "tolerance": NARROW}),
        one({"match": "**", "tolerance": NARROW}, {"match": "head/*", "tolerance": WIDE}),
        "tolerance-wider",
        HEAD,
    ),
    "changed dropped": (one({"match": "head/*", "expect": "changed"}), one(), "expect-weaker", HEAD),
    "changed now": (one(), one({"match": "head/*", "expect": "changed"}), "expect-weaker", HEAD),
    "a smaller change": (
        one({"match": "head/*", "expect": "changed", "tolerance": WIDE}),
        one({"match": "head/*", "expect": "changed"}),
        "tolerance-wider",
        HEAD,
    ),
    "ignored": (one(), one({"match": "head/*", "expect": "ignored", "reason": "r"}), "expect-weaker", HEAD),
    "new": (one(), one({"match": "head/*", "expect": "new"}), "expect-weaker", HEAD),
    "removed": (one(), one({"match": "head/*", "expect": "removed"}), "expect-weaker", HEAD),
    "new, and then any": (
        one({"match": "head/*", "expect": "new"}),
        one({"match": "head/*", "expect": "any"}),
        "expect-weaker",
        HEAD,
    ),
    "new, and then changed": (
        one({"match": "head/*", "expect": "new"}),
        one({"match": "head/*", "expect": "changed"}),
        "expect-weaker",
        HEAD,
    ),
    "new, and then ignored": (
        one({"match": "head/*", "expect": "new"}),
        one({"match": "head/*", "expect": "ignored", "reason": "r"}),
        "expect-weaker",
        HEAD,
    ),
    "removed, and then any": (
        one({"match": "head/*", "expect": "removed"}),
        one({"match": "head/*", "expect": "any"}),
        "expect-weaker",
        HEAD,
    ),
    "removed, and then changed": (
        one({"match": "head/*", "expect": "removed"}),
        one({"match": "head/*", "expect": "changed"}),
        "expect-weaker",
        HEAD,
    ),
    "removed, and there again": (one({"match": "head/*", "expect": "removed"}), one(), "expect-weaker", HEAD),
    "removed, and there again as it was": (
        one({"match": "head/*", "expect": "removed"}),
        one({"match": "head/*", "expect": "identical"}),
        "expect-weaker",
        HEAD,
    ),
    "removed, and a reference": (
        one(reference=None),
        one({"match": "head/*", "expect": "removed"}),
        "expect-weaker",
        HEAD,
    ),
    "nan": (one(), one({"match": "head/*", "nan": "allowed"}), "not-finite-allowed", HEAD),
    "inf": (one(), one({"match": "head/*", "inf": "allowed"}), "not-finite-allowed", HEAD),
    "values": (one({"match": "head/bias", "values": [1, 2, 3]}), one(), "values-dropped", {"head/bias"}),
    "other values": (
        one({"match": "head/bias", "values": [1, 2, 3]}),
        one({"match": "head/bias", "values": [1, 2, 4]}),
        "values-dropped",
        {"head/bias"},
    ),
    "values within more": (
        one({"match": "head/bias", "values": [1, 2, 3], "expect": "any"}),
        one({"match": "head/bias", "values": [1, 2, 3], "expect": "any", "tolerance": WIDE}),
        "tolerance-wider",
        {"head/bias"},
    ),
    "another dtype": (one(), one({"match": "head/*", "dtype": "float16"}), "kind-dropped", HEAD),
    "another shape": (
        one({"match": "head/*", "expect": "changed"}),
        one({"match": "head/*", "expect": "changed", "shape": [4, 5]}),
        "kind-dropped",
        HEAD,
    ),
    "mean dropped": (one(MEAN), one({"match": "head/*", "std": 1}), "statistics-wider", HEAD),
    "mean wider": (one(MEAN), one({"match": "head/*", "mean": {"value": 1, "atol": 0.2}}), "statistics-wider", HEAD),
    "at_most": (
        one({"match": "head/*", "max": {"at_most": 1}}),
        one({"match": "head/*", "max": {"at_most": 2}}),
        "statistics-wider",
        HEAD,
    ),
    "no end": (
        one({"match": "head/*", "expect": "any", "reason": "r", "until": "2027-01-01"}),
        one({"match": "head/*", "expect": "any", "reason": "r"}),
        "waiver-longer",
        HEAD,
    ),
    "a later end": (
        one({"match": "head/*", "tolerance": WIDE, "reason": "r", "until": "2027-01-01"}),
        one({"match": "head/*", "tolerance": WIDE, "reason": "r", "until": "2027-02-01"}),
        "waiver-longer",
        HEAD,
    ),
    "ended, and renewed": (
        one({"match": "head/*", "expect": "any", "reason": "r", "until": "2026-11-20"}),
        one({"match": "head/*", "expect": "any", "reason": "r", "until": "2026-12-01"}),
        "expect-weaker",
        HEAD,
    ),
}

HARMLESS: dict[str, tuple[Any, Any]] = {
    "tighter": (one(), one({"match": "head/*", "tolerance": NARROW})),
    "tighter by default": (one(), one(top={"defaults": {"tolerance": NARROW}})),
    "identical": (one(), one({"match": "**", "expect": "identical"})),
    "reordered": (
        one({"match": "head/*", "tolerance": WIDE}, {"match": "body/**", "expect": "identical"}),
        one({"match": "body/**", "expect": "identical"}, {"match": "head/*", "tolerance": WIDE}),
    ),
    "split": (
        one({"match": "head/*", "expect": "identical"}),
        one({"match": "head/kernel", "expect": "identical"}, {"match": "head/bias", "expect": "identical"}),
    ),
    "braces": (
        one({"match": "body/a/*", "expect": "identical"}, {"match": "body/b/*", "expect": "identical"}),
        one({"match": "body/{a,b}/*", "expect": "identical"}),
    ),
    "overruled by a later one": (
        one({"match": "**", "expect": "identical"}),
        one({"match": "head/*", "expect": "any"}, {"match": "**", "expect": "identical"}),
    ),
    "of no tensor that is there": (one(), one({"match": "tail/*", "expect": "any"})),
    "a waiver less": (one({"match": "head/*", "expect": "any"}), one()),
    "an end": (
        one({"match": "head/*", "expect": "any", "reason": "r"}),
        one({"match": "head/*", "expect": "any", "reason": "r", "until": "2027-01-01"}),
    ),
    "an earlier end": (
        one({"match": "head/*", "expect": "any", "reason": "r", "until": "2027-02-01"}),
        one({"match": "head/*", "expect": "any", "reason": "r", "until": "2027-01-01"}),
    ),
    "a larger change": (
        one({"match": "head/*", "expect": "changed"}),
        one({"match": "head/*", "expect": "changed", "tolerance": WIDE}),
    ),
    "new no more": (one({"match": "head/*", "expect": "new"}), one()),
    "its own dtype": (one(), one({"match": "head/*", "dtype": "float32", "shape": [4, 3]})),
    "more statistics": (one(MEAN), one({**MEAN, "std": 1})),
    "bounds instead of a value": (one(MEAN), one({"match": "head/*", "mean": {"at_least": 0.95, "at_most": 1.05}})),
    "values beside": (one(), one({"match": "head/bias", "values": [1, 2, 3]})),
    "other words": (
        one({"match": "head/*", "expect": "ignored", "reason": "a", "until": "2027-01-01"}),
        one({"match": "head/**", "expect": "ignored", "reason": "b", "until": "2027-01-01"}),
    ),
}


# For other names, or with another reference, these would let more through.
OF_WHAT_IS_READ = {"split", "of no tensor that is there", "other words", "its own dtype"}

# Another thing is asked for: each lets through what the other does not.
BOTH_WAYS = {"changed now", "changed dropped", "other values", "rtol alone", "mean dropped"}
BOTH_WAYS |= {"another dtype", "another shape", "new, and then any", "new, and then changed"}
BOTH_WAYS |= {"removed", "removed, and there again", "removed, and there again as it was"}
BOTH_WAYS |= {"removed, and then any", "removed, and then changed", "removed, and a reference"}


@pytest.mark.parametrize("name", LOOSER)
def test_what_lets_more_through(name: str) -> None:
    before, after, kind, tensors = LOOSER[name]
    assert told(found(before, after)) == {(kind, tensor) for tensor in tensors}
    if name not in BOTH_WAYS:
        assert found(after, before) == ()


@pytest.mark.parametrize("name", HARMLESS)
def test_what_lets_no_more_through(name: str) -> None:
    before, after = HARMLESS[name]
    assert found(before, after) == ()


@pytest.mark.parametrize("name", LOOSER)
def test_where_nothing_was_read_the_rules_are_compared_for_every_name(name: str) -> None:
    before, after, kind, _ = LOOSER[name]
    said = found(before, after, None)
    assert {each.kind for each in said} == {kind}
    assert all(each.tensor is None and "tensors like `" in each.reason for each in said)


@pytest.mark.parametrize("name", sorted(set(HARMLESS) - OF_WHAT_IS_READ))
def test_and_what_is_the_same_for_every_name_is_no_loosening(name: str) -> None:
    before, after = HARMLESS[name]
    assert found(before, after, None) == ()


def test_positions_are_of_the_line_that_says_it_now_and_the_details_of_then() -> None:
    before = one({"match": "**", "expect": "identical"})
    (one_of, *_) = found(before, one({"match": "**", "expect": "identical"}, {"match": "head/*", "expect": "any"}))
    assert (one_of.position.file, one_of.position.line) == ("weight-gate.yml", 8)  # type: ignore[union-attr]
    assert one_of.details == ("as it was: base.yml:6:5",)
    assert one_of.reason == "m: `expect` was identical and is any"


def test_integers_are_exact_whatever_a_tolerance_says() -> None:
    i64 = np.dtype(np.int64)
    seen = {"m.npz": {"steps": frozenset({Kind((i64, i64), ("int64", ()))})}}
    assert found(one(), one({"match": "**", "tolerance": WIDE}), seen) == ()


def test_the_published_tolerance_is_that_of_the_dtype() -> None:
    said = one({"match": "**", "tolerance": {"rtol": 1e-3, "atol": 1e-7}})
    f16 = np.dtype(np.float16)
    half = {"m.npz": {"w": frozenset({Kind((f16, f16), ("float16", (2,)))})}}
    assert found(one(), said, half) == ()  # 2e-3 and 1e-6 is what is published
    assert told(found(said, one(), half)) == {("tolerance-wider", "w")}
    assert told(found(one(), said, {"m.npz": {"w": frozenset({KERNEL})}})) == {("tolerance-wider", "w")}


def test_too_many_patterns_are_said_to_be_too_many() -> None:
    rules = [{"match": f"**/*{a}*{b}*/**/*{c}*/x", "expect": "any"} for a in "abcd" for b in "efgh" for c in "ijkl"]
    said = found(one({"match": "a", "expect": "identical"}), one(*rules), None)
    assert "untold" in {each.kind for each in said}


@pytest.mark.parametrize("kind", [Kind(KERNEL.dtypes[:1]), Kind(KERNEL.dtypes[:1], KERNEL.of_reference)])
def test_what_had_to_be_removed_and_is_not_in_both_is_red_without_a_rule(kind: Kind) -> None:
    seen = {"m.npz": {"head/bias": frozenset({kind})}}
    assert found(one({"match": "head/*", "expect": "removed"}), one(), seen) == ()


# Bounds

numbers = st.floats(0, 1, allow_nan=False)
tolerances = st.builds(lambda rtol, atol: {"rtol": rtol, "atol": atol}, numbers, numbers)
more = st.floats(1e-6, 1, allow_nan=False)


@settings(deadline=None, max_examples=60)
@given(tolerances, st.sampled_from(["rtol", "atol"]), more, st.booleans())
def test_wider_is_always_said_and_tighter_never(said: Any, key: str, by: float, is_read: bool) -> None:
    tight, wide = ({"match": "head/*", "tolerance": each} for each in (said, {**said, key: said[key] + by}))
    seen = SEEN if is_read else None
    assert {each.kind for each in found(one(tight), one(wide), seen)} == {"tolerance-wider"}
    assert found(one(wide), one(tight), seen) == ()
    assert found(one(wide), one(wide), seen) == ()


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(["mean", "min", "max", "skewness", "kurtosis"]),
    st.floats(-10, 10),
    st.floats(0, 5),
    st.floats(0.001, 5),
    st.sampled_from(["value", "at_least", "at_most"]),
)
def test_wider_bounds_of_statistics_are_always_said(key: str, at: float, by: float, plus: float, how: str) -> None:
    def bound(slack: float) -> Any:
        if how == "value":
            return {"value": at, "atol": slack}
        return {how: at - slack if how == "at_least" else at + slack}

    tight, wide = ({"match": "head/*", key: bound(slack)} for slack in (by, by + plus))
    assert {each.kind for each in found(one(tight), one(wide))} == {"statistics-wider"}
    assert found(one(wide), one(tight)) == ()


ORDER = ["identical", "close", "any", "ignored"]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 3), st.integers(0, 3), st.booleans())
def test_a_weaker_word_is_always_said_and_a_stronger_one_never(before: int, after: int, is_read: bool) -> None:
    was, now = (one({"match": "head/*", "expect": ORDER[each], "reason": "r"}) for each in (before, after))
    assert bool(found(was, now, SEEN if is_read else None)) == (after > before)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(["**", "head/*", "body/**", "**/kernel", "body/?/bias"]), min_size=1, max_size=5))
def test_the_same_rules_in_pieces_are_the_same(globs: list[str]) -> None:
    """Each rule taken apart into one for each name that is there."""
    rules = [
        {"match": glob, "tolerance": {"rtol": 1e-3 * (number + 1), "atol": 0}} for number, glob in enumerate(globs)
    ]
    pieces = []
    for rule in rules:
        from gate.globs import glob_pattern

        pieces += [{**rule, "match": name} for name in NAMES if glob_pattern(str(rule["match"])).fullmatch(name)]
    whole, apart = one(*rules), one(*pieces or [{"match": "x", "nan": "forbidden"}])
    assert found(whole, apart) == () == found(apart, whole)

"""Scalars are read as YAML 1.2's core schema has it, and in no other way."""

import math
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gate.manifest.yaml_scalars import boolean_advice, number_advice, plain, tagged

# YAML 1.2.2, section 10.3.2, as printed there.
_SPEC: list[tuple[str, str]] = [
    (r"null | Null | NULL | ~", "null"),
    (r"", "null"),
    (r"true | True | TRUE | false | False | FALSE", "bool"),
    (r"[-+]? [0-9]+", "int"),
    (r"0o [0-7]+", "int"),
    (r"0x [0-9a-fA-F]+", "int"),
    (r"[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?", "float"),
    (r"[-+]? ( \.inf | \.Inf | \.INF )", "float"),
    (r"\.nan | \.NaN | \.NAN", "float"),
]


def kind_in_spec(text: str) -> str:
    for pattern, kind in _SPEC:
        if re.fullmatch(f"(?:{pattern})", text, re.VERBOSE | re.ASCII):
            return kind
    return "str"


def kind_of(value: Any) -> str:
    return "null" if value is None else type(value).__name__


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-6", 1e-6),
        ("1E5", 1e5),
        ("1.e5", 1e5),
        (".5", 0.5),
        ("-.5e+2", -50.0),
        ("5.", 5.0),
        ("0o17", 15),
        ("0x1f", 31),
        ("+1", 1),
        ("-0", 0),
        ("017", 17),
        ("18446744073709551615", 2**64 - 1),
        ("-9223372036854775808", -(2**63)),
        (".inf", math.inf),
        ("+.Inf", math.inf),
        ("-.INF", -math.inf),
        ("~", None),
        ("", None),
        ("null", None),
        ("true", True),
        ("TRUE", True),
        ("False", False),
        # What YAML 1.1 reads otherwise, or Python's float() would.
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("tRue", "tRue"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("2027-03-01", "2027-03-01"),
        ("0b1", "0b1"),
        ("0o8", "0o8"),
        ("-0x1f", "-0x1f"),
        ("0X1f", "0X1f"),
        ("inf", "inf"),
        ("nan", "nan"),
        ("+.nan", "+.nan"),
        ("Infinity", "Infinity"),
        ("1e", "1e"),
        ("e5", "e5"),
        (".", "."),
        ("1.2.3", "1.2.3"),
        ("١٢", "١٢"),  # digits, but not YAML's
        ("1\n", "1\n"),
        ("=", "="),
        ("<<", "<<"),
        ("nULL", "nULL"),
    ],
)
def test_plain_scalars(text: str, value: Any) -> None:
    got = plain(text)
    assert (got, type(got)) == (value, type(value))


def test_nan() -> None:
    assert all(math.isnan(plain(text)) for text in (".nan", ".NaN", ".NAN"))


_NUMBERISH = st.text("0123456789+-.eExXoObnNaAiIfF_:~ tTrRuUlL", max_size=12)


@given(st.one_of(_NUMBERISH, st.text(max_size=8), st.floats().map(repr), st.integers().map(str)))
@example("1e-6")
@example("0o17")
def test_the_kind_is_the_specifications(text: str) -> None:
    try:
        value = plain(text)
    except ValueError:
        assert kind_in_spec(text) in ("int", "float")
        return
    assert kind_of(value) == kind_in_spec(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_survive(number: float) -> None:
    assert plain(repr(number)) == number
    assert plain(f"{number:.17e}") == number


@pytest.mark.parametrize(
    "text", ["1e999", "-1e400", "1" * 10_000, "1." + "0" * 10_000, "18446744073709551616", "0x" + "f" * 500]
)
def test_numbers_that_nothing_holds(text: str) -> None:
    with pytest.raises(ValueError, match="number"):
        plain(text)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("no", "str", "no"),
        ("5", "str", "5"),
        ("5", "int", 5),
        ("5", "float", 5.0),
        ("true", "bool", True),
        ("", "null", None),
    ],
)
def test_tagged_scalars(text: str, kind: str, value: Any) -> None:
    got = tagged(text, kind)
    assert (got, type(got)) == (value, type(value))


@pytest.mark.parametrize(("text", "kind"), [("no", "bool"), ("5.5", "int"), ("a", "float"), ("x", "null")])
def test_tags_that_do_not_fit(text: str, kind: str) -> None:
    with pytest.raises(ValueError, match=f"no !!{kind}"):
        tagged(text, kind)


@pytest.mark.parametrize(
    ("text", "quotes", "said"),
    [
        ("1e-6", True, "remove the quotes"),
        ("1_000", False, "write 1000"),
        ("0b11", False, "write 3"),
        ("-0x1f", False, "write -31"),
        ("0,5", False, "write 0.5"),
        ("inf", False, "write .inf"),
        ("-Infinity", False, "write -.inf"),
        ("NaN", False, "write .nan"),
        ("5%", False, "0.05"),
        ("abc", True, ""),
        ("0b12", False, ""),
    ],
)
def test_advice_on_numbers(text: str, quotes: bool, said: str) -> None:
    advice = number_advice(text, quotes)
    assert said in advice
    assert bool(said) == bool(advice)


@given(st.text(max_size=20), st.booleans())
def test_advice_on_anything(text: str, quotes: bool) -> None:
    assert isinstance(number_advice(text, quotes) + boolean_advice(text, quotes), str)

"""What messages show of a manifest is short, on one line and harmless."""

from hypothesis import given
from hypothesis import strategies as st

from gate.manifest.text import did_you_mean, dotted, found, listed, quoted


@given(st.text(st.characters(exclude_categories=())))
def test_quoted_text_is_harmless(text: str) -> None:
    shown = quoted(text)
    assert shown.isprintable()
    shown.encode()
    assert len(shown) <= 2 + 60 * 10


def test_quoted_text() -> None:
    assert quoted('a"\\\r\x1b\u202e\ud800') == r'"a\"\\\u000d\u001b\u202e\ud800"'
    assert quoted("x" * 100) == '"' + "x" * 59 + '…"'
    assert quoted("\U000e0001") == r'"\U000e0001"'


def test_paths() -> None:
    assert dotted(("models", 0, "tensors", 2, "match")) == "models[0].tensors[2].match"
    assert dotted(("a b", "\n")) == r'["a b"]["\u000a"]'


def test_values_in_words() -> None:
    said = [found(value) for value in (None, True, 5, 1e-6, float("-inf"), "no", [1], {"a": 1})]
    assert said == [
        "nothing",
        "true",
        "the number 5",
        "the number 1e-06",
        "the number -.inf",
        'the text "no"',
        "a list",
        "a mapping",
    ]


def test_lists_in_words() -> None:
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a or b", "a, b or c"]


def test_near_words() -> None:
    assert did_you_mean("Expct", ("expect", "match")) == ', did you mean "expect"?'
    assert did_you_mean("zzz", ("expect", "match")) == ""

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from gate.reports.summary import LIMIT, summary
from gate.results import CheckResult, Finding, ModelResult, Outcome, RunResult
from reports.samples import HOSTILE, error, hostile_run, mixed, model, passed, run, values, waived
from reports.strategies import runs, steady

GFM = MarkdownIt("commonmark").enable(["table", "strikethrough"])

# All the HTML there may be, and it is ours.
OUR_HTML = re.compile(r"<details><summary>([\d,]+ checks? passed|Environment)</summary>\n?|</details>\n?")
OUR_TYPES = {
    *("heading_open", "heading_close", "paragraph_open", "paragraph_close", "inline", "fence", "html_block"),
    *("bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close"),
    *(f"{tag}_{end}" for tag in ("table", "thead", "tbody", "tr", "th", "td") for end in ("open", "close")),
}
OUR_INLINE = {"text", "code_inline", "hardbreak", "strong_open", "strong_close"}


def _assert_ours(text: str) -> list[Token]:
    """Only markup of ours: no links, images, rules, quotes or HTML from elsewhere, nothing GitHub would link."""
    tokens = GFM.parse(text)
    for token in tokens:
        assert token.type in OUR_TYPES, token
        if token.type == "html_block":
            assert OUR_HTML.fullmatch(token.content), token
        for child in token.children or []:
            assert child.type in OUR_INLINE, child
            if child.type == "text":
                assert not re.search(r"://|www\.|@|#\d|GH-\d|:[\w+-]+:", child.content, re.IGNORECASE), child
    opened = sum(token.content.startswith("<details>") for token in tokens if token.type == "html_block")
    closed = sum(token.content.startswith("</details>") for token in tokens if token.type == "html_block")
    assert opened == closed
    return tokens


def _cells(tokens: list[Token]) -> list[list[str]]:
    cells = [tokens[index + 1].content for index, token in enumerate(tokens) if token.type == "td_open"]
    return [cells[index : index + 5] for index in range(0, len(cells), 5)]


def test_what_the_reader_of_a_red_pull_request_sees() -> None:
    text = summary(mixed())
    tokens = _assert_ours(text)
    headings = [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]
    assert headings[0].startswith("⛔ weight-gate: ERROR: 1 could not be checked, 1 did not hold")
    assert headings[1:] == [
        "⛔ `ranker` roundtrip: error",
        "❌ `classifier` values: failed",
        "⏭️ `classifier` restore: waived",
        "Coverage and notes",
        "Reproduce locally",
    ]
    assert [(row[0], row[2]) for row in _cells(tokens)] == [
        ("`ranker`", "⛔ error"),
        ("`classifier`", "❌ failed"),
        ("`embedder`", "✅ passed"),
    ]
    assert "`backbone/block_{0..11}/kernel` (12 tensors)" in text
    assert "asked for at `weight-gate.yml:14:9`" in text
    assert "**What to do:**" in text
    assert [token.content for token in tokens if token.type == "fence"] == ["weight-gate check --root models\n"]


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_form_no_markup(text: str, outcome: Outcome) -> None:
    _assert_ours(summary(hostile_run(text, outcome)))


@steady
@given(runs)
def test_no_run_forms_markup(any_run: RunResult) -> None:
    _assert_ours(summary(any_run))


@steady
@given(runs, st.integers(0, 6000))
def test_the_limit_holds_and_nothing_is_cut_inside(any_run: RunResult, limit: int) -> None:
    text = summary(any_run, limit)
    assert len(text.encode()) <= limit
    _assert_ours(text)


def _huge(count: int) -> RunResult:
    names = ["".join(chr(97 + int(digit)) for digit in str(i)) + "é" * 50 for i in range(count)]
    found = tuple(Finding("v", "differs " * 20, name, ("numbers",), "retrain") for name in names)
    return run(model("m", CheckResult("values", Outcome.FAILED, "all", found, checked=count), passed(), waived()))


def test_a_huge_run_says_how_many_were_left_out() -> None:
    text = summary(_huge(6000))
    assert LIMIT - 3000 < len(text.encode()) <= LIMIT
    tokens = _assert_ours(text)
    shown = sum(token.type == "list_item_open" for token in tokens)
    left = re.search(r"\*\*([\d,]+) findings left out here", text)
    assert left
    assert int(left[1].replace(",", "")) + shown == 6000 + 1  # and the waived one
    assert "Reproduce locally" in text


def test_thousands_of_models_leave_room_for_the_verdict() -> None:
    models = [model(f"m{i}{'x' * 300}", passed()) for i in range(5000)]
    text = summary(run(*models, model("bad", values())))
    assert len(text.encode()) <= LIMIT
    tokens = _assert_ours(text)
    assert _cells(tokens)[0][0] == "`bad`"


def test_models_without_any_check_and_runs_without_models_are_told() -> None:
    for one in (run(), run(ModelResult("m", "w"))):
        text = summary(one)
        _assert_ours(text)
        assert "NOTHING CHECKED" in text
        assert "nothing was checked" in text


def test_a_command_with_backticks_stays_in_its_fence() -> None:
    one = dataclasses.replace(run(model("m", error())), command="weight-gate check ````` $(x)")
    (fence,) = [token for token in _assert_ours(summary(one)) if token.type == "fence"]
    assert fence.content == "weight-gate check ````` $(x)\n"


def test_long_texts_lose_their_middle() -> None:
    found = Finding("v", "r" * 9000, "n" * 9000, ("d" * 9000,) * 100, "h" * 9000)
    text = summary(run(model("m", CheckResult("values", Outcome.FAILED, "s" * 9000, (found,)))))
    assert len(text) < 20_000
    assert "81 more lines, see the JSON report" in text

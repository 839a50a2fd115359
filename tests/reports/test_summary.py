import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from gate.reports.summary import LIMIT, summary
from gate.results import CheckResult, Finding, ModelResult, Outcome, RunResult
from reports.samples import AT, HOSTILE, error, hostile_run, letters, mixed, model, passed, run, values, waived
from reports.strategies import runs, steady

GFM = MarkdownIt("commonmark").enable(["table", "strikethrough"])

# All the HTML there may be, and it is ours.
OUR_SUMMARIES = r"[\d,]+ checks? passed|Steps of loading|Environment"
OUR_HTML = re.compile(rf"<details><summary>({OUR_SUMMARIES})</summary>\n?|</details>\n?")
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


def _tables(tokens: list[Token]) -> list[list[list[str]]]:
    """The rows of every table, without its heading."""
    tables: list[list[list[str]]] = []
    for index, token in enumerate(tokens):
        if token.type == "tbody_open":
            tables.append([])
        elif token.type == "tr_open" and tokens[index + 1].type == "td_open":
            tables[-1].append([])
        elif token.type == "td_open":
            tables[-1][-1].append(tokens[index + 1].content)
    return tables


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
    assert [(row[0], row[2]) for row in _tables(tokens)[0]] == [
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


def test_what_models_were_loaded_with_and_how_long_each_step_took() -> None:
    text = summary(run(model("m", passed()), ModelResult("unloaded", "w", checks=(passed(),))))
    tokens = _assert_ours(text)
    assert "- `m`: loaded with TensorFlow 2.21.0, Keras 3.15.1 on cpu, 2 threads; oneDNN on, TF32 off; conf" in text
    assert "`unloaded`: loaded" not in text
    assert _tables(tokens)[1] == [
        ["`m`", "start TensorFlow", "2.75 s", "246 MB"],
        ["`m`", "load", "0.25 s", "612 MB"],
        ["`m`", "load tagged copies", "0.90 s", "651 MB"],
    ]
    assert "Steps of loading" not in summary(run(ModelResult("unloaded", "w", checks=(passed(),))))


@steady
@given(runs)
def test_every_step_is_a_row_of_four_cells(any_run: RunResult) -> None:
    rows = [row for table in _tables(_assert_ours(summary(any_run)))[1:] for row in table]
    assert len(rows) == sum(len({step.what for step in each.steps}) for each in any_run.models)
    assert all(len(row) == 4 and row[2].endswith(" s") and row[3].endswith((" MB", " GB")) for row in rows)


def test_three_hundred_tensors_that_were_not_loaded_are_one_item() -> None:
    names = [f"stage_{chr(97 + i % 26)}{i // 26}/conv/kernel" for i in range(300)]
    found = tuple(Finding("not-loaded", "the load put it into no variable", name, hint="see why") for name in names)
    text = summary(run(model("m", CheckResult("restore", Outcome.FAILED, "0 of 300 tensors restored", found))))
    _assert_ours(text)
    assert text.count("the load put it into no variable") == text.count("see why") == 1
    assert "(300 tensors)" in text
    assert len(text) < 6000


def test_the_one_that_speaks_for_others_is_named() -> None:
    found = [Finding("altered", f"{i} of 9 elements", f"block_{i}/kernel", severity=1.0) for i in range(3)]
    text = summary(run(model("m", CheckResult("restore", Outcome.FAILED, "3 differ", tuple(found)))))
    _assert_ours(text)
    assert "- `block_{0..2}/kernel` (3 tensors)\\\n  first: `block_0/kernel`: **0 of 9 elements**\n" in text


def test_a_check_without_a_finding_of_its_own_takes_no_heading() -> None:
    """`loaded-values` repeats what `values` found, and of a cancelled run many checks were not reached."""
    again = CheckResult("loaded-values", Outcome.FAILED, "after loading: 13 findings as in the file", (), AT)
    late = CheckResult("restore", Outcome.NOT_RUN, "", position=AT)
    text = summary(run(model("m", values(), again, late)))
    tokens = _assert_ours(text)
    headings = [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]
    assert headings[1:] == ["❌ `m` values: failed", "Coverage and notes", "Reproduce locally"]
    told = [token.content for token in tokens if token.type == "inline"]
    lines = (
        "**❌ `m` loaded-values: failed**",
        "after loading: 13 findings as in the file",
        "asked for at `weight-gate.yml:4:5`",
    )
    assert "\\\n".join(lines) in told
    assert "**⏸️ `m` restore: not run**\\\nthe check not reached" in told


@pytest.mark.parametrize("summed", ["the child crashed", ""])
def test_one_word_for_one_reason(summed: str) -> None:
    check = CheckResult("restore", Outcome.ERROR, summed, (Finding("crash", "the child crashed", hint="see why"),))
    assert summary(run(model("m", check))).count("the child crashed") == 1


def test_advice_for_several_stands_after_them() -> None:
    found = tuple(Finding("altered", f"{i} of 9 elements", name, hint="see why") for i, name in enumerate("abc"))
    tokens = _assert_ours(summary(run(model("m", CheckResult("restore", Outcome.FAILED, "3 differ", found)))))
    told = [token.content for token in tokens if token.type == "inline"]
    at = told.index("`c`\\\n**2 of 9 elements**")
    assert told[at - 2 : at] == ["`a`\\\n**0 of 9 elements**", "`b`\\\n**1 of 9 elements**"]
    assert told[at + 1] == "**What to do:** see why"


def _huge(count: int) -> RunResult:
    names = [letters(i) + "é" * 50 for i in range(count)]
    found = tuple(Finding("v", "differs " * 20, name, (f"by {name.upper()}",)) for name in names)
    return run(model("m", CheckResult("values", Outcome.FAILED, "all", found, checked=count), passed(), waived()))


def test_a_huge_run_says_how_many_were_left_out() -> None:
    text = summary(_huge(6000))
    assert LIMIT - 3000 < len(text.encode()) <= LIMIT
    tokens = _assert_ours(text)
    told = [token.content for token in tokens if token.type == "inline"]
    shown = sum("by " in each or each.startswith("`temperature`\\") for each in told)
    left = re.search(r"\*\*([\d,]+) findings left out here", text)
    assert left
    assert int(left[1].replace(",", "")) + shown == 6000 + 1  # and the waived one
    assert "Reproduce locally" in text


def test_thousands_of_models_leave_room_for_the_verdict() -> None:
    models = [model(f"m{i}{'x' * 300}", passed()) for i in range(5000)]
    text = summary(run(*models, model("bad", values())))
    assert len(text.encode()) <= LIMIT
    tokens = _assert_ours(text)
    assert _tables(tokens)[0][0][0] == "`bad`"


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

"""The comment: the summary, cut to fit, that mentions nobody."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from gate.github.marker import Marker
from gate.reports.comment import LIMIT, Origin, comment
from gate.reports.summary import summary
from gate.results import CheckResult, Finding, Outcome, RunResult
from reports.samples import HOSTILE, hostile_run, letters, mixed, model, run
from reports.strategies import hostile_text, runs, steady

MARKER = Marker.of(["ci.yml", "gate", "weight-gate.yml"], 12, 1, red=True)
ORIGIN = Origin("gate", "https://github.com/org/models/actions/runs/99/attempts/1", "a" * 40)

GFM = MarkdownIt("commonmark").enable(["table", "strikethrough"])

# What GitHub's own pipeline looks for in text that is in no code, link or preformatted block; wider than it is.
MENTION = re.compile(r"@\w|\w@|@$")
REFERENCE = re.compile(r"#\d|\bGH-\d|/(?:issues|pull|commit|discussions)/", re.IGNORECASE)
COMMAND = re.compile(r"(?m)^\s*/\w")  # bots obey lines like `/approve`, as they were written
OUR_LINK = [("a", ORIGIN.url)]


def _prose(text: str) -> tuple[str, list[tuple[str, str]]]:
    """The text that GitHub would look for names in, and every link and image."""
    said, links = [], []
    for token in GFM.parse(text):
        for child in token.children or []:
            if child.type == "text":
                said.append(child.content)
            elif child.type == "softbreak" or child.type == "hardbreak":
                said.append("\n")
            elif child.type == "link_open":
                links.append(("a", str(child.attrs["href"])))
            elif child.type == "image":
                links.append(("img", str(child.attrs["src"])))
        said.append("\n")
    return "".join(said), links


def _assert_harmless(text: str, origin: Origin = ORIGIN) -> None:
    assert Marker.read(text) == MARKER
    html = [token.content for token in GFM.parse(text) if token.type == "html_block"]
    assert html[0] == MARKER.line() + "\n"
    assert not any("<!--" in each or "-->" in each for each in html[1:])
    said, links = _prose(text)
    assert links == ([("a", origin.url)] if origin.url else [])
    for forbidden in (MENTION, REFERENCE):
        assert not forbidden.search(said), forbidden.search(said)
    for fence in (token for token in GFM.parse(text) if token.type == "fence"):  # the gate's own command line
        text = text.replace(fence.content, "\n")
    assert not COMMAND.search(text)


def test_it_is_the_summary_with_a_marker_before_and_its_origin_behind() -> None:
    text = comment(mixed(), MARKER.line(), ORIGIN)
    assert text == (
        f"{MARKER.line()}\n\n{summary(mixed())}\n"
        "From `weight-gate.yml`, job `gate`, [run](<https://github.com/org/models/actions/runs/99/attempts/1>), "
        f"commit {'a' * 40}.\n"
    )
    _assert_harmless(text)


def test_an_origin_that_nobody_knows() -> None:
    text = comment(mixed(), MARKER.line(), Origin())
    assert text.endswith("From `weight-gate.yml`.\n")


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("text", [*HOSTILE, "@org/team", "a@b", "GH-12", "--> @me", "/approve", "closes #1 @you"])
def test_hostile_names_mention_nobody(text: str, outcome: Outcome) -> None:
    origin = Origin(text, ORIGIN.url, ORIGIN.commit)
    _assert_harmless(comment(hostile_run(text, outcome), MARKER.line(), origin))


@steady
@given(runs, hostile_text, st.booleans())
def test_no_run_breaks_the_marker_or_mentions_anybody(any_run: RunResult, job: str, known: bool) -> None:
    origin = Origin(job, ORIGIN.url, ORIGIN.commit) if known else Origin(job)
    text = comment(any_run, MARKER.line(), origin)
    _assert_harmless(text, origin)
    assert len(text.encode()) <= LIMIT


@steady
@given(runs, st.integers(2000, 9000))
def test_the_limit_holds(any_run: RunResult, limit: int) -> None:
    text = comment(any_run, MARKER.line(), ORIGIN, limit)
    assert len(text.encode()) <= limit
    _assert_harmless(text)


def test_a_huge_run_is_cut_and_says_so() -> None:
    names = [letters(i) + "\N{SNOWMAN}" * 40 for i in range(3000)]
    found = tuple(Finding("v", "differs " * 20, name, (f"by {name.upper()}",)) for name in names)
    text = comment(run(model("m", CheckResult("values", Outcome.FAILED, "all", found))), MARKER.line(), ORIGIN)
    assert LIMIT - 3000 < len(text.encode()) <= LIMIT
    assert re.search(r"\*\*[\d,]+ findings left out here", text)
    assert ORIGIN.url in text
    _assert_harmless(text)

import re
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest
from hypothesis import example, given
from markdown_it import MarkdownIt
from markdown_it.token import Token

from gate.reports import escaping
from reports.runner import commands
from reports.samples import HOSTILE
from reports.strategies import hostile_text, steady

GFM = MarkdownIt("commonmark").enable(["table", "strikethrough"])


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("block_0/kernel", "block_0/kernel"),
        ("layers\\dense", "layers\\dense"),
        ("é 漢字 🙂", "é 漢字 🙂"),
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("a\r\n\tb", r"a\r\n\tb"),
        ("\x85", r"\x85"),
        ("\u202ex", r"\u202ex"),
        ("\ud800", r"\ud800"),
        ("\ufffe", r"\ufffe"),
        ("a\u200bb", r"a\u200bb"),
        ("a\ufe0fb", r"a\ufe0fb"),
        ("a\xa0b", r"a\xa0b"),
        ("\U000e0041", r"\U000e0041"),
        ("a::b##c", r"a:\x3ab#\x23c"),
    ],
)
def test_plain_shows_what_cannot_be_seen(raw: str, shown: str) -> None:
    assert escaping.plain(raw) == shown


@steady
@given(hostile_text)
def test_plain_is_one_printable_line(text: str) -> None:
    shown = escaping.plain(text)
    assert shown.isprintable()
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"} for char in shown)
    shown.encode()


@steady
@given(hostile_text, hostile_text)
def test_plain_gives_the_runner_no_command_wherever_it_is_wrapped(text: str, other: str) -> None:
    shown = escaping.plain(text)
    assert not commands(shown)
    assert not commands(f"{escaping.plain(other)} {shown}")
    for cut in range(len(shown[:100])):
        assert not commands(f"{shown[:cut]}\n   {shown[cut : cut + 100]}")


def test_the_runner_in_these_tests_finds_commands() -> None:
    for text in HOSTILE[:7]:
        assert commands(text), text


@steady
@given(hostile_text)
def test_xml_is_what_a_parser_reads_back(text: str) -> None:
    element = ET.Element("a", {"b": escaping.xml_token(text)})
    element.text = escaping.xml(text)
    back = ET.fromstring(ET.tostring(element, encoding="unicode"))
    assert (back.text or "") == escaping.xml(text)
    assert back.get("b") == escaping.xml_token(text)


@steady
@given(hostile_text)
def test_a_token_is_never_empty_and_keeps_its_spaces(text: str) -> None:
    token = escaping.xml_token(text)
    assert token
    assert token == " ".join(token.split())


def _text(tokens: list[Token]) -> str:
    shown = ""
    for token in tokens:
        assert token.type in {"text", "code_inline"}, token
        if token.type == "text":
            assert not re.search(r"://|www\.|@|#\d|GH-\d|:[\w+-]+:", token.content, re.IGNORECASE), token
        shown += token.content
    return shown


def _same(rendered: str, text: str) -> bool:
    """Equal but for runs of spaces, which a browser does not show, and the pipe in code."""
    expected = escaping.visible(text)
    return " ".join(rendered.replace("|", r"\x7c").split(" ")).split() == expected.replace("|", r"\x7c").split()


PLACES = {
    "paragraph": ("{}", ["paragraph_open", "inline", "paragraph_close"]),
    "after a word": ("x {}", ["paragraph_open", "inline", "paragraph_close"]),
    "second line": ("x\\\n{}", ["paragraph_open", "inline", "paragraph_close"]),
    "heading": ("### {} end", ["heading_open", "inline", "heading_close"]),
    "item": (
        "- {}\\\n  {}",
        [
            *("bullet_list_open", "list_item_open", "paragraph_open", "inline"),
            *("paragraph_close", "list_item_close", "bullet_list_close"),
        ],
    ),
}


@steady
@given(hostile_text)
@pytest.mark.parametrize("escape", [escaping.markdown, escaping.code])
@pytest.mark.parametrize("place", PLACES)
def test_markdown_forms_no_markup(place: str, escape: Callable[[str], str], text: str) -> None:
    frame, types = PLACES[place]
    shown = escape(text)
    if not shown.strip(" "):
        return
    tokens = GFM.parse(frame.replace("{}", shown))
    assert [token.type for token in tokens] == types


@steady
@given(hostile_text)
@example("a|b\\|c\\")
def test_markdown_is_shown_as_it_was(text: str) -> None:
    for escape in (escaping.markdown, escaping.code):
        tokens = GFM.parse(f"x {escape(text)} x")
        assert tokens[1].children
        rendered = _text(tokens[1].children)
        assert _same(rendered, f"x {text or ('(empty)' if escape is escaping.code else '')} x"), rendered


@steady
@given(hostile_text, hostile_text)
@example("\\", "|")
@example("\\|", "|\\")
def test_a_table_keeps_its_cells(one: str, two: str) -> None:
    row = f"| {escaping.markdown(one)} | {escaping.code(two)} |\n"
    tokens = GFM.parse(f"| A | B |\n| --- | --- |\n{row}{row}")
    cells = [tokens[index + 1] for index, token in enumerate(tokens) if token.type == "td_open"]
    assert len(cells) == 4
    assert _same(_text(cells[0].children or []), one)
    assert _same(_text(cells[1].children or []), two or "(empty)")


@steady
@given(hostile_text)
def test_a_fence_holds_its_text(text: str) -> None:
    (token,) = GFM.parse(escaping.fenced(text, "sh"))
    assert token.type == "fence"
    assert token.info == "sh"
    assert token.content == escaping.visible(text) + "\n"


@steady
@given(hostile_text)
def test_a_fence_of_lines_holds_them(text: str) -> None:
    (token,) = GFM.parse(escaping.fenced_lines(text, "diff"))
    assert token.type == "fence"
    assert token.info == "diff"
    assert token.content == escaping.visible(text.rstrip("\n"), keep="\n") + "\n"


@steady
@given(hostile_text, hostile_text)
def test_commands_come_back_from_the_runner(prop: str, data: str) -> None:
    keep = escaping.visible(prop) or "x"
    shown = escaping.visible(data, keep="\n")
    line = f"::error title={escaping.command_property(keep)}::{escaping.command_data(shown)}"
    (found,) = commands(line)
    assert found.name == "error"
    assert found.data == shown
    assert found.properties.get("title", "").strip() == keep.lstrip("=").strip()  # the runner drops those
    assert set(found.properties) <= {"title"}


def test_command_escapes() -> None:
    assert escaping.command_data("100 %\r\n%0A:,") == "100 %25%0D%0A%250A:,"
    assert escaping.command_property("a:b,c%\n") == "a%3Ab%2Cc%25%0A"

"""The Markdown files of the repository: their blocks, headings and links, as GitHub reads them."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from docs.generate import slug
from support.cli import ROOT

_GFM = MarkdownIt("commonmark").enable("table")
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "examples").rglob("*.md"),
        ROOT / "benchmarks/README.md",
    ]
)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, what is in it, and the line of the page that it begins on."""

    language: str
    text: str
    line: int


def blocks(page: Path, language: str) -> list[Block]:
    """The fenced blocks of a page in one language."""
    found = (token for token in _GFM.parse(page.read_text("utf-8")) if token.type == "fence")
    return [Block(each.info, each.content, (each.map or [0])[0] + 1) for each in found if each.info == language]


def anchors(page: Path) -> set[str]:
    """What can stand after `#` in a link to a page: headings, equal ones numbered."""
    tokens = _GFM.parse(page.read_text("utf-8"))
    seen: Counter[str] = Counter()
    found = set()
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            text = "".join(child.content for child in tokens[at + 1].children or [] if child.type != "link_open")
            name = slug(text)
            found.add(f"{name}-{seen[name]}" if seen[name] else name)
            seen[name] += 1
    return found


def links(page: Path) -> Iterator[str]:
    """Where a page's links and pictures lead to."""
    yield from _links(_GFM.parse(page.read_text("utf-8")))
    yield from re.findall(r'<(?:img|source|a)\b[^>]*?(?:src|srcset|href)="([^"]+)"', page.read_text("utf-8"))


def _links(tokens: list[Token]) -> Iterator[str]:
    for token in tokens:
        for name in ("href", "src"):
            if isinstance(found := token.attrs.get(name), str):
                yield found
        yield from _links(token.children or [])

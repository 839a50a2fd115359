"""docs/loosening.md shows what the gate prints now, and has every kind of loosening."""

import re
from pathlib import Path

from docs import loosened
from gate.loosening.said import KINDS

PAGE = loosened.PAGE.text


def test_the_page_has_what_is_made_now(tmp_path: Path) -> None:
    """If not: python docs/loosened.py"""
    page, made = loosened.PAGE.blocks, loosened.made(tmp_path)
    assert list(page) == list(made) == ["diff", "said"]
    for word, block in made.items():
        assert loosened.comparable(page[word]) == loosened.comparable(block)


def test_every_kind_has_a_row_from_the_worst_down() -> None:
    section = PAGE.split("## What counts")[1].split("## Waivers")[0]
    assert tuple(re.findall(r"^\| `([a-z-]+)` \|", section, flags=re.MULTILINE)) == KINDS

"""docs/update.md shows what the gate prints and writes now."""

from pathlib import Path

from docs import updated


def test_the_page_has_what_is_made_now(tmp_path: Path) -> None:
    """If not: python docs/updated.py"""
    page = updated.PAGE.blocks
    made = updated.made(tmp_path)
    assert set(page) == set(made)
    for word, block in made.items():
        assert updated.comparable(page[word]) == updated.comparable(block)

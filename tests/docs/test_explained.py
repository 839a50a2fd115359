"""docs/explain.md and docs/names.md show what is printed now, for every part of an explanation."""

from pathlib import Path

import pytest

from docs import explained


@pytest.mark.parametrize("page", explained.PAGES, ids=lambda page: page.name)
def test_the_pages_are_what_is_printed_now(page: Path) -> None:
    """If not: make docs"""
    text = page.read_text("utf-8")
    assert explained.commands(text)
    assert explained.page(text) == text


def test_the_page_has_every_part() -> None:
    text = explained.PAGE.read_text("utf-8")
    for part in (
        "checks that are made",
        "checks that are not made",
        "loading",
        "policy",
        "rules: per key",
        "overruled",
    ):
        assert part in text, part

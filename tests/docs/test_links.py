"""Every relative link of every page leads to a file that is there, and to a heading in it."""

from pathlib import Path
from urllib.parse import unquote

import pytest

from support.cli import ROOT
from support.pages import PAGES, anchors, links


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link}: no such file"
        assert target.is_relative_to(ROOT), f"{link} leads out of the repository"
        if anchor:
            assert target.suffix == ".md", link
            assert anchor in anchors(target), f"{link}: no such heading, but {sorted(anchors(target))}"

"""docs/mutate.md has the tables and the output that docs/mutations.py makes now."""

import pytest

from docs import mutations
from gate.mutations.check import COUNT, NO_SCORE, SLIPPED


@pytest.mark.parametrize("place", ["kinds", "digits", "examples"])
def test_the_blocks_are_what_is_made_now(place: str) -> None:
    """If not: python docs/mutations.py"""
    assert mutations.PAGE.blocks[place].strip() == mutations.PLACES[place]().strip()


def test_the_page_has_every_place_and_the_numbers_of_check() -> None:
    page = mutations.PAGE.text
    assert mutations.PAGE.blocks.keys() == mutations.PLACES.keys()
    assert f"damages {COUNT} copies of each model" in page
    assert f"`{SLIPPED}`" in page
    assert f"`{NO_SCORE}`" in page

"""docs/locks.md shows what the gate writes and prints now."""

from pathlib import Path

import pytest

from docs import locks
from docs.blocks import settled
from gate.errors import UnreadableError
from gate.locks.text import parse_lock


def test_the_page_has_what_is_made_now(tmp_path: Path) -> None:
    """If not: python docs/locks.py"""
    page = locks.PAGE.blocks
    made = locks.made(tmp_path)
    assert list(page) == list(made) == ["lock", "red"]
    for word, block in made.items():
        assert settled(page[word]) == settled(block)


def test_what_is_shown_is_a_lock_but_for_the_lines_that_are_left_out() -> None:
    shown = locks.PAGE.blocks["lock"]
    with pytest.raises(UnreadableError, match="only `layers:` can follow"):
        parse_lock(shown, "a.lock.yml")
    assert len(parse_lock(shown.replace("# …\n", ""), "a.lock.yml").tensors) == 2

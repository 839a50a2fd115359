"""docs/start.md and docs/init.md show what is printed now."""

from pathlib import Path

import pytest

from docs import start

pytestmark = pytest.mark.tensorflow


def test_six_commands_from_one_file_to_a_gate_that_was_moved_past(tmp_path: Path) -> None:
    """If not: python docs/start.py"""
    ran = start.story(tmp_path)
    assert {name: each.exit_code for name, each in ran.items()} == {
        "init": 0, "green": 0, "tamper": 0, "red": 1, "update": 0, "again": 0,
    }  # fmt: skip
    assert len(ran) == 6
    shown = start.START.blocks
    for name, block in start.start_blocks(ran).items():
        assert start.comparable(shown[name]) == start.comparable(block), name


def test_init_in_a_repository_with_something_of_everything(tmp_path: Path) -> None:
    shown = start.INIT.blocks
    made = start.init_blocks(tmp_path)
    assert set(shown) == set(made)
    for name, block in made.items():
        assert start.comparable(shown[name]) == start.comparable(block), name

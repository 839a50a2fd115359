"""docs/calibrate.md and docs/tolerances.md show what the gate prints now. If not: python docs/calibrated.py"""

from pathlib import Path

import pytest

from docs import calibrated

PAGES = {word: text for page in calibrated.PAGES for word, text in page.blocks.items()}


def test_every_block_has_its_place() -> None:
    assert PAGES.keys() == calibrated.BLOCKS.keys()


@pytest.mark.parametrize("word", ["smallest", "none"])
def test_what_is_suggested(word: str, tmp_path: Path) -> None:
    assert PAGES[word] == calibrated.BLOCKS[word](tmp_path)


@pytest.mark.tensorflow
def test_what_calibrate_prints(tmp_path: Path) -> None:
    assert calibrated.comparable(PAGES["calibrate"]) == calibrated.comparable(calibrated.calibrate(tmp_path))

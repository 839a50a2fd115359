"""docs/manifest-keys.md is what `make docs` makes now, and has every key there is."""

import re

from docs import generate
from gate.manifest.parts import PARTS, keys_of


def test_the_page_is_made_of_the_models_as_they_are() -> None:
    """If not: make docs"""
    assert generate.PAGE.read_text("utf-8") == generate.page()


def test_every_key_of_every_mapping_has_a_row() -> None:
    page = generate.PAGE.read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE)
    assert len(rows) == sum(len(keys_of(part)) for part in set(PARTS.values()))
    sections = {at.split("`")[0] for at in re.findall(r"`([^`\n]+`)", page)}
    for place in PARTS:
        spelled = "".join("[]" if step == 0 else f".{step}" for step in place).removeprefix(".")
        assert not spelled or spelled in sections, place

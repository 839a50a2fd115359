"""docs/architecture.md has every part of gate/."""

import re

from support.cli import ROOT

GATE = ROOT / "gate"


def test_every_part_of_the_gate_is_in_the_picture() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    tree = page.split("```")[1]
    named = set(re.findall(r"[\w/]+(?:\.py|/)", tree))
    parts = {path.name for path in GATE.glob("*.py") if path.name != "__init__.py"}
    parts |= {f"{path.parent.name}/" for path in GATE.glob("*/__init__.py")}
    assert parts <= named, parts - named
    for part in named - {"gate/", "loaders/", "tensorflow/", "hdf5/"}:
        assert part in parts, part

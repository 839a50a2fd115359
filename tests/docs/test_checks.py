"""docs/checks.md has every check and every kind of finding that the code has, and the gate's own sentences."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.checks import CHECKS, interface, restore
from gate.reports.wording import NOTHING
from gate.run import READ
from support.cli import ROOT

PAGE = (ROOT / "docs" / "checks.md").read_text("utf-8")
ROWS = re.findall(r"^\| `([a-z-]+)` \| (.+) \|$", PAGE, flags=re.MULTILINE)
SOURCES = [
    *(ROOT / "gate" / "checks").glob("*.py"),
    ROOT / "gate" / "run.py",
    ROOT / "gate" / "tensors" / "diagnose.py",
]

SINGLE_WORDS = {restore.ALTERED, interface.UNCHECKABLE, "unreadable"}
BY_KEY = {"nan-found", "inf-found"}
# Of diagnoses: words in the details of `missing-tensor` and `shape-mismatch`, never kinds of a finding.
ONLY_TOLD = {"renamed-tensor", "reshaped-tensor"}
UNUSABLE = "unusable"  # of a manifest, which has no check
LEAST_LITERAL = 10


def _strings(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _kinds() -> set[str]:
    words = {text for path in SOURCES for text in _strings(path) if re.fullmatch("[a-z]+(-[a-z]+)+", text)}
    return (words | SINGLE_WORDS | BY_KEY | {NOTHING}) - set(CHECKS) - ONLY_TOLD - {UNUSABLE}


def _templates() -> list[re.Pattern[str]]:
    """Every sentence of the gate, with anything in the place of what it fills in."""
    found = []
    for path in (ROOT / "gate").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            parts = node.values if isinstance(node, ast.JoinedStr) else [node]
            texts = [
                part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "" for part in parts
            ]
            if len("".join(texts)) >= LEAST_LITERAL:
                found.append(re.compile(".*".join(map(re.escape, texts)), re.DOTALL))
    return found


TEMPLATES = _templates()


def test_every_check_has_a_section_in_the_order_in_which_they_are_made() -> None:
    sections = re.findall(r"^## `([a-z-]+)`$", PAGE, flags=re.MULTILINE)
    assert sections == [READ, *CHECKS]
    table = re.findall(r"^\| \[`([a-z-]+)`\]", PAGE, flags=re.MULTILINE)
    assert table == sections


def test_every_kind_of_finding_is_there_and_no_other() -> None:
    named = {kind for kind, _ in ROWS} | set(re.findall(r"is `(nothing-checked)`", PAGE))
    assert named == _kinds()


@pytest.mark.parametrize(("kind", "sentence"), ROWS)
def test_every_sentence_is_one_of_the_gates(kind: str, sentence: str) -> None:
    assert any(template.search(sentence) for template in TEMPLATES), kind

"""The mutation tables of five models by other people: docs/mutate.md has them as they are made now."""

import pytest

from corpus.packages import Corpus
from docs import mutations

pytestmark = pytest.mark.corpus


def test_nothing_slips_through_a_manifest_without_rules(corpus: Corpus) -> None:
    """If the page has other numbers: python docs/mutations.py corpus"""
    made = mutations.corpus(corpus)
    assert mutations.PAGE.blocks["corpus"].strip() == made.strip()
    scores = [row for row in made.splitlines() if row.startswith("| **score**")]
    assert scores[0].count(": 1.0 |") == len(mutations.corpus_models())

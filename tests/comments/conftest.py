"""The server, and GitHub's description of what it should be."""

from collections.abc import Iterator

import pytest

from comments.description import Description
from comments.server import GitHub


@pytest.fixture(scope="session")
def description() -> Description:
    return Description()


@pytest.fixture
def github(request: pytest.FixtureRequest) -> Iterator[GitHub]:
    """In tests that are marked `npm` every exchange is held against GitHub's description in the end."""
    described = request.getfixturevalue("description") if request.node.get_closest_marker("npm") else None
    with GitHub() as server:
        yield server
    if described:
        assert server.exchanges
        for each in server.exchanges:
            described.check(each)

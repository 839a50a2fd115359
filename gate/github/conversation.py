"""The comments of one pull request, by PyGithub: authentication, addresses, proxies and certificates are its business.

Answers are checked here, field by field: what answers may be a proxy's page, or somebody who wants to be GitHub.

https://docs.github.com/en/rest/issues/comments, https://docs.github.com/en/graphql/reference/objects#issuecomment
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gate.github.marker import Marker

REQUEST_SECONDS = 10

_PAGE = 100
_MOST_PAGES = 30  # a conversation has 2,500 comments at most
_MOST_ASKED = 100  # of the newest with our marker: what GraphQL takes at once
_AUTHORSHIP = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on IssueComment { viewerDidAuthor } } }"


class UnintelligibleError(Exception):
    """An answer that GitHub would not give."""


class UndecidedError(UnintelligibleError):
    """Nobody knows who wrote a comment: it may have been deleted meanwhile."""


@dataclass(frozen=True)
class Seen:
    """A comment that is there."""

    id: int
    node: str
    marker: Marker
    body: str


class Conversation:
    """The comments of a pull request. Methods raise what PyGithub and requests raise, and `UnintelligibleError`."""

    def __init__(self, api_url: str, token: str, repository: str, number: int) -> None:
        from github import Auth, Github  # noqa: PLC0415 - an extra, and needed here alone

        self._requester = Github(
            base_url=api_url,
            auth=Auth.Token(token),
            timeout=REQUEST_SECONDS,
            retry=None,
            seconds_between_requests=None,
            seconds_between_writes=None,
        ).requester
        self._comments = f"/repos/{repository}/issues/{number}/comments"
        self._comment = f"/repos/{repository}/issues/comments"

    def close(self) -> None:
        self._requester.close()

    def newest(self, key: str) -> Seen | None:
        """The last comment with a marker of `key` that the token's owner wrote.

        Anybody may copy a marker, so GitHub is asked who wrote it; the token alone does not tell whose it is.
        """
        marked = deque((seen for seen in self._all() if seen.marker.key == key), maxlen=_MOST_ASKED)
        mine = self._written_by_us([seen.node for seen in marked]) if marked else []
        return next((seen for seen, ours in reversed([*zip(marked, mine, strict=True)]) if ours), None)

    def create(self, body: str) -> None:
        _, answer = self._requester.requestJsonAndCheck("POST", self._comments, input={"body": body})
        _identity(answer)

    def update(self, seen: Seen, body: str) -> None:
        _, answer = self._requester.requestJsonAndCheck("PATCH", f"{self._comment}/{seen.id}", input={"body": body})
        _identity(answer)

    def _all(self) -> Iterator[Seen]:
        """Every comment that has a marker, oldest first. No address in an answer is followed: pages are counted."""
        for page in range(1, _MOST_PAGES + 1):
            headers, found = self._requester.requestJsonAndCheck(
                "GET", self._comments, parameters={"per_page": _PAGE, "page": page}
            )
            if not isinstance(found, list):
                raise UnintelligibleError("the list of comments is no list")
            yield from filter(None, map(_seen, found))
            if 'rel="next"' not in str(headers.get("link", "")):
                return
        raise UnintelligibleError(f"the list of comments does not end after {_PAGE * _MOST_PAGES:,}")

    def _written_by_us(self, nodes: list[str]) -> list[bool]:
        """Of each, in their order: REST and GraphQL may name an old one differently."""
        question = {"query": _AUTHORSHIP, "variables": {"ids": nodes}}
        _, answer = self._requester.requestJsonAndCheck("POST", self._requester.graphql_url, input=question)
        if isinstance(answer, dict) and answer.get("errors"):
            raise UndecidedError("it does not find a comment that it has listed")
        data = answer.get("data") if isinstance(answer, dict) else None
        found = data.get("nodes") if isinstance(data, dict) else None
        if not isinstance(found, list) or len(found) != len(nodes):
            raise UnintelligibleError("it does not say who wrote a comment")
        return [isinstance(each, dict) and each.get("viewerDidAuthor") is True for each in found]


def _seen(comment: Any) -> Seen | None:
    number = _identity(comment)
    node, body = comment.get("node_id"), comment.get("body")
    if not isinstance(node, str) or not isinstance(body, str) or not (marker := Marker.read(body)):
        return None
    return Seen(number, node, marker, body)


def _identity(comment: Any) -> int:
    number = comment.get("id") if isinstance(comment, Mapping) else None
    if not isinstance(number, int) or isinstance(number, bool):
        raise UnintelligibleError("a comment has no number")
    return number

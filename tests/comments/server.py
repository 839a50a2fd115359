"""As much of GitHub as a comment needs: the REST API for the comments of an issue, GraphQL for who wrote them.

It keeps what is written, knows whose token is whose and what it may do, and remembers every exchange. `api` is its
address; `prefix` makes it that of a GitHub Enterprise Server.
"""

import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

ACTIONS = "github-actions[bot]"
REPOSITORY = "org/models"
NUMBER = 7
_COMMENTS = re.compile(rf"/repos/{REPOSITORY}/issues/(\d+)/comments")
_COMMENT = re.compile(rf"/repos/{REPOSITORY}/issues/comments/(\d+)")
_WRITES = {"POST", "PATCH", "DELETE"}


@dataclass(frozen=True)
class Answer:
    """What the server says. `raw` is sent as it is, in the place of `body` as JSON."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None

    def data(self) -> bytes:
        return json.dumps(self.body).encode() if self.raw is None else self.raw


@dataclass(frozen=True)
class Exchange:
    """One request and its answer; `path` is without the prefix."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes
    answer: Answer


Fault = Callable[["GitHub", BaseHTTPRequestHandler], Answer | None]


def refusal(status: int, message: str, **headers: str) -> Answer:
    body = {"message": message, "documentation_url": "https://docs.github.com/rest", "status": str(status)}
    return Answer(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


class GitHub:
    """A server on loopback, with pull request 7 of org/models. A context manager."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.logins = {"ghs_actions": ACTIONS, "ghs_reader": ACTIONS, "ghp_alice": "alice", "ghs_app": "weights[bot]"}
        self.readers = {"ghs_reader"}
        self.comments: list[dict[str, Any]] = []
        self.locked = False
        self.exchanges: list[Exchange] = []
        self.faults: list[Fault] = []
        """Each is asked for an answer before the server thinks of one; in its place where it gives one."""
        self.closing = threading.Event()
        self._next = 2_900_000_000  # beyond 32 bits, as they are
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that went away
        self._scheme = "http"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def api(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}{self.prefix}"

    def speak_tls(self, context: ssl.SSLContext) -> None:
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._scheme = "https"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def bodies(self) -> list[str]:
        return [each["body"] for each in self.comments]

    @property
    def methods(self) -> list[str]:
        return [each.method for each in self.exchanges]

    def write(self, login: str, body: str) -> dict[str, Any]:
        """A new comment."""
        self._next += 1
        address = f"https://api.github.com/repos/{REPOSITORY}/issues"
        made = {
            "id": self._next,
            "node_id": f"IC_kwDO{self._next}",
            "url": f"{address}/comments/{self._next}",
            "html_url": f"https://github.com/{REPOSITORY}/pull/{NUMBER}#issuecomment-{self._next}",
            "issue_url": f"{address}/{NUMBER}",
            "user": _user(login),
            "created_at": "2026-03-01T12:30:05Z",
            "updated_at": "2026-03-01T12:30:05Z",
            "author_association": "NONE",
            "body": body,
            "performed_via_github_app": None,
        }
        self.comments.append(made)
        return made

    def answer(self, method: str, path: str, query: dict[str, str], body: Any, token: str) -> Answer:
        if token not in self.logins:
            return refusal(401, "Bad credentials")
        login = self.logins[token]
        if path == "/graphql" and method == "POST":
            return self._authorship(body, login)
        if method in _WRITES and (refused := self._refused(method, body, token)):
            return refused
        if (found := _COMMENTS.fullmatch(path)) and int(found[1]) == NUMBER and method == "GET":
            return self._page(int(query.get("per_page", 30)), int(query.get("page", 1)))
        if (found := _COMMENTS.fullmatch(path)) and int(found[1]) == NUMBER and method == "POST":
            made = self.write(login, body["body"])
            return Answer(201, made, {"Location": made["url"]})
        for each in self.comments:
            if method == "PATCH" and (found := _COMMENT.fullmatch(path)) and each["id"] == int(found[1]):
                each["body"] = body["body"]
                return Answer(200, each)
        return refusal(404, "Not Found")

    def _refused(self, method: str, body: Any, token: str) -> Answer | None:
        if token in self.readers:
            return refusal(403, "Resource not accessible by integration")
        if not isinstance(body.get("body"), str):
            return refusal(422, "Invalid request")
        if len(body["body"]) > 65_536:
            return refusal(422, "Validation Failed")
        if method == "POST" and self.locked:
            return refusal(403, "Unable to create comment because issue is locked.")
        return None

    def _page(self, size: int, page: int) -> Answer:
        assert 1 <= size <= 100
        last = max(1, -(-len(self.comments) // size))
        address = f"{self.api}/repositories/1/issues/{NUMBER}/comments?per_page={size}"
        links = [f'<{address}&page={page + 1}>; rel="next"', f'<{address}&page={last}>; rel="last"']
        headers = {"Link": ", ".join(links)} if page < last else {}
        return Answer(200, self.comments[(page - 1) * size : page * size], headers)

    def _authorship(self, body: Any, login: str) -> Answer:
        by_node = {each["node_id"]: each for each in self.comments}
        nodes = [by_node.get(node) for node in body["variables"]["ids"]]
        data = {"nodes": [each and {"viewerDidAuthor": each["user"]["login"] == login} for each in nodes]}
        errors = [{"type": "NOT_FOUND", "message": "Could not resolve to a node"} for each in nodes if each is None]
        return Answer(200, {"data": data, "errors": errors} if errors else {"data": data})


def _user(login: str) -> dict[str, Any]:
    address = f"https://api.github.com/users/{login}"
    parts = ("followers", "subscriptions", "organizations", "repos", "received_events")
    return {
        "login": login,
        "id": 41898282,
        "node_id": "MDM6Qm90NDE4OTgyODI=",
        "avatar_url": "https://avatars.githubusercontent.com/in/15368?v=4",
        "gravatar_id": "",
        "url": address,
        "html_url": f"https://github.com/{login}",
        **{f"{part}_url": f"{address}/{part}" for part in parts},
        "following_url": f"{address}/following{{/other_user}}",
        "gists_url": f"{address}/gists{{/gist_id}}",
        "starred_url": f"{address}/starred{{/owner}}{{/repo}}",
        "events_url": f"{address}/events{{/privacy}}",
        "type": "Bot" if login.endswith("[bot]") else "User",
        "site_admin": False,
    }


def _handler(github: GitHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = urlsplit(self.path)
            graphql = parts.path == github.prefix.removesuffix("/v3") + "/graphql"
            path = "/graphql" if graphql else parts.path.removeprefix(github.prefix)
            query = parse_qsl(parts.query)
            token = self.headers.get("Authorization", "").removeprefix("token ").removeprefix("Bearer ")
            answer = None
            for fault in list(github.faults):
                if answer := fault(github, self):
                    break
            if answer is None:
                answer = github.answer(self.command, path, dict(query), json.loads(body or b"{}"), token)
            github.exchanges.append(Exchange(self.command, path, query, dict(self.headers), body, answer))
            self._send(answer)

        do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815

        def _send(self, answer: Answer) -> None:
            data = answer.data()
            self.send_response(answer.status)
            headers = {"Content-Type": "application/json; charset=utf-8", "Content-Length": str(len(data))}
            for name, value in {**headers, **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:  # the client is gone, as it should be
                self.close_connection = True

    return Handler


# Faults


def times(count: int, answer: Answer, method: str = "") -> Fault:
    """The first `count` requests (with `method`) get `answer`."""
    left = [count]

    def fault(_: GitHub, handler: BaseHTTPRequestHandler) -> Answer | None:
        if left[0] and method in {"", handler.command}:
            left[0] -= 1
            return answer
        return None

    return fault


def always(answer: Answer, method: str = "") -> Fault:
    return times(1_000_000, answer, method)


def silence(github: GitHub, _: BaseHTTPRequestHandler) -> None:
    """Takes the request and says nothing."""
    github.closing.wait()


def drip(github: GitHub, handler: BaseHTTPRequestHandler) -> None:
    """An answer that never ends, byte by byte: no read ever waits long."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[")
    while not github.closing.wait(0.2):
        handler.wfile.write(b" ")


def flood(github: GitHub, handler: BaseHTTPRequestHandler) -> None:
    """An answer that never ends, as fast as it can."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[")
    while not github.closing.is_set():
        handler.wfile.write(b" " * (1 << 20))


def hang_up(_: GitHub, handler: BaseHTTPRequestHandler) -> None:
    """Ends the connection in the middle of an answer."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n[")
    raise ConnectionAbortedError


@contextmanager
def within(seconds: float) -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds

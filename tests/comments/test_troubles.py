"""What goes wrong between us and GitHub: a warning in plain words, in bounded time, without the token."""

import json
import os
import re
import socket
import ssl
import sys
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from comments.gates import body, say, send
from comments.server import (
    ACTIONS,
    Answer,
    Fault,
    GitHub,
    always,
    drip,
    flood,
    hang_up,
    refusal,
    silence,
    times,
    within,
)
from gate.errors import CommentError

RED = body("red")
LINK = {"Link": '<http://127.0.0.1/x?page=2>; rel="next"'}


def trouble(github: GitHub, token: str = "ghs_actions", fork: bool = False) -> CommentError:
    with pytest.raises(CommentError) as caught:
        say(github, RED, token, fork)
    assert token not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("status", "message", "said", "advice"),
    [
        (401, "Bad credentials", "does not know the token (401 Bad credentials)", "github.token }}"),
        (403, "Resource not accessible by integration", "may not write there (403 ", "pull-requests: write`"),
        (403, "Unable to create comment because issue is locked.", "conversation is locked", "unlock"),
        (404, "Not Found", "sees no such pull request in org/models (404 Not Found)", "pull-requests: write`"),
        (410, "Issues are disabled", "nobody can comment there (410 ", "turn conversations on"),
        (422, "Validation Failed", "does not take the text (422 ", "please report it"),
        (418, "I am a teapot", "GitHub answered 418 I am a teapot", "run the job again"),
        (502, "Server Error", "has trouble of its own (502 ", "run the job again"),
        (429, "Too many requests", "asks to wait (429 ", "run the job again"),
        (403, "You have exceeded a secondary rate limit", "asks to wait (403 ", "run the job again"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_refusal_in_plain_words(
    github: GitHub, method: str, status: int, message: str, said: str, advice: str
) -> None:
    github.faults.append(always(refusal(status, message), method))
    error = trouble(github)
    assert error.reason.startswith("pull request 7 got no comment: ")
    assert said in error.reason
    assert advice in error.hint
    assert github.bodies == []
    assert len(github.exchanges) == (1 if method == "GET" else 2) * (4 if status == 502 else 1)


def test_tokens_that_only_read_and_tokens_of_nobody(github: GitHub) -> None:
    assert "pull-requests: write" in trouble(github, "ghs_reader").hint
    assert "comes from a fork" in trouble(github, "ghs_reader", fork=True).hint
    assert "does not know the token" in trouble(github, "ghs_expired").reason
    github.locked = True
    assert "locked" in trouble(github).reason


@pytest.mark.parametrize("header", ["Retry_After", "X_RateLimit_Reset"])
def test_the_wait_that_is_asked_for_is_kept_where_there_is_time(github: GitHub, header: str) -> None:
    value = "2" if header == "Retry_After" else str(int(time.time()) + 1)
    github.faults.append(times(1, refusal(403, "slow", **{header: value, "X_RateLimit_Remaining": "0"})))
    started = time.monotonic()
    say(github, RED)
    assert 1 <= time.monotonic() - started < 6
    assert github.bodies == [RED]


@pytest.mark.parametrize(
    ("value", "told"), [("60", "to wait 60 s, longer"), ("soon", "to wait ("), ("9" * 40, "to wait (")]
)
def test_a_wait_that_is_too_long_or_unknown_ends_it_at_once(github: GitHub, value: str, told: str) -> None:
    github.faults.append(always(refusal(429, "slow", Retry_After=value)))
    with within(5):
        assert told in trouble(github).reason
    assert len(github.exchanges) == 1


def test_what_the_server_says_is_cropped_and_has_no_token(github: GitHub) -> None:
    github.faults.append(always(refusal(403, "you sent ghs_actions " + "x" * 100_000)))
    error = trouble(github)
    assert "you sent *** x" in error.reason
    assert len(error.reason) < 500


STRANGE = {
    "a page": Answer(200, raw=b"<html>Log in to the proxy</html>", headers={"Content-Type": "text/html"}),
    "an error's page": Answer(403, raw=b"<html>Blocked</html>", headers={"Content-Type": "text/html"}),
    "nothing": Answer(200, raw=b""),
    "an error's nothing": Answer(404, raw=b""),
    "half": Answer(200, raw=b'[{"id": 1'),
    "no text": Answer(200, raw=b"\xff\xfe\x00["),
    "deep": Answer(200, raw=b"[" * 200_000),
    "null": Answer(200, None),
    "a number": Answer(200, 7),
    "an object": Answer(200, {"ID": 1}),
    "an error's list": Answer(500, [1]),
    "an error's text": Answer(422, "no"),
    "no comments": Answer(200, [1, None, "x", [], {}]),
    "a number that is none": Answer(200, [{"id": True, "node_id": "x", "body": "y"}]),
    "gzip that is none": Answer(200, [], {"Content-Encoding": "gzip"}),
    "an empty reset": Answer(200, [], {"X-RateLimit-Remaining": "x", "X-RateLimit-Limit": "y"}),
    "moved": Answer(301, {}, {"Location": "http://127.0.0.1/elsewhere"}),
    "moved to another host": Answer(301, {}, {"Location": "http://evil.example/"}),
    "moved to a file": Answer(301, {}, {"Location": "file:///etc/passwd"}),
    "found": Answer(302, {}, {"Location": "/again"}),
    "moved for now": Answer(307, {"message": "Moved"}, {"Location": "/again"}),
    "pages without end": Answer(200, [], LINK),
    "not changed": Answer(304, raw=b""),
}


@pytest.mark.parametrize("strange", STRANGE)
@pytest.mark.parametrize("asked", ["GET list", "POST authorship", "POST comment", "PATCH comment"])
def test_answers_that_github_would_not_give(github: GitHub, strange: str, asked: str) -> None:
    answer, method = STRANGE[strange], asked.partition(" ")[0]
    if asked != "POST comment":
        github.write(ACTIONS, body("earlier", 0))
    github.faults.append(always(answer, method))
    with within(15):
        if method == "PATCH" and answer.status in {403, 404}:
            say(github, RED)
            assert github.bodies == [body("earlier", 0), RED]
        else:
            assert trouble(github).hint
            assert RED not in github.bodies
    assert len(github.exchanges) < 50


def test_redirects_in_circles(github: GitHub) -> None:
    def circle(server: GitHub, handler: BaseHTTPRequestHandler) -> Answer:
        return Answer(301, {}, {"Location": f"{server.api}/{'b' if handler.path == '/a' else 'a'}"})

    github.faults.append(circle)
    with within(6), pytest.raises(CommentError, match=r"did not answer within 3 s|does not speak as GitHub"):
        send(github.api, RED, seconds=3)


@settings(deadline=None, max_examples=40)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just(RED),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["id", "node_id", "body", "data", "nodes", "errors", "message"]), inner)
        ),
        max_leaves=12,
    ),
    st.sampled_from(["GET", "POST", "PATCH", ""]),
    st.sampled_from([200, 201, 400, 403, 404, 422]),
)
def test_no_answer_leads_to_anything_but_a_warning(answer: Any, method: str, status: int) -> None:
    with GitHub() as github:
        github.write(ACTIONS, body("earlier", 0))
        github.faults.append(always(Answer(status, answer), method))
        with suppress(CommentError):
            say(github, RED)


# What only a process can bound


@pytest.mark.parametrize("fault", [silence, drip, flood])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_answer_without_an_end_ends_with_its_time(github: GitHub, fault: Fault, method: str) -> None:
    def faulty(server: GitHub, handler: BaseHTTPRequestHandler) -> Answer | None:
        return fault(server, handler) if handler.command == method else None

    github.faults.append(faulty)
    with within(6), pytest.raises(CommentError, match=r"did not answer within 3 s|does not speak as GitHub"):
        send(github.api, RED, seconds=3)


def test_a_connection_that_breaks(github: GitHub) -> None:
    github.faults.append(hang_up)
    with within(20):
        assert "could not be reached (ChunkedEncodingError)" in trouble(github).reason
    assert len(github.exchanges) == 0


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with within(20), pytest.raises(CommentError, match=rf"{address} could not be reached \(Connection refused\)"):
            send(address, RED)


def test_a_name_that_nobody_has() -> None:
    with within(22), pytest.raises(CommentError, match=r"could not be reached|did not answer"):
        send("http://api.nobody.invalid", RED)


def test_a_certificate_that_nobody_vouches_for_and_one_of_your_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with GitHub() as github:
        github.speak_tls(context)
        with within(10), pytest.raises(CommentError, match="certificate of https://127") as caught:
            send(github.api, RED)
        assert "REQUESTS_CA_BUNDLE" in caught.value.hint
        assert github.exchanges == []
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authority.pem"))
        send(github.api, RED)
        assert github.bodies == [RED]


def test_proxies_are_used(github: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", github.api)
    monkeypatch.setenv("NO_PROXY", "")
    send("http://api.nobody.invalid", RED)
    assert github.bodies == [RED]
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with within(10), pytest.raises(CommentError, match="could not be reached"):
        send("http://api.nobody.invalid", RED)


def test_no_process_shows_the_token(github: GitHub) -> None:
    shown: list[bytes] = []

    def look(*_: object) -> None:
        for process in Path("/proc").glob("[0-9]*"):
            try:
                found = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
            except OSError:
                continue
            if b"gate.github" in found[0]:
                shown.extend(found)

    github.faults.append(look)
    send(github.api, RED)
    assert shown
    assert not any(b"ghs_actions" in each for each in shown)


def test_nothing_is_imported_from_the_pull_request(
    github: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("github", "requests", "json", "gate", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text("import os; os.mkdir('imported')")
    monkeypatch.chdir(tmp_path)
    send(github.api, RED)
    assert github.bodies == [RED]
    assert not (tmp_path / "imported").exists()


def test_without_the_library_the_extra_is_named(
    github: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "github.py").write_text("raise ModuleNotFoundError('github')")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, sys.path)]))
    with pytest.raises(CommentError, match="PyGithub is not installed") as caught:
        send(github.api, RED)
    assert "weight-gate[github]" in caught.value.hint
    assert github.exchanges == []


def test_a_process_that_dies_is_a_warning(github: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "github.py").write_text("import os; os._exit(9)")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, sys.path)]))
    with pytest.raises(CommentError, match="the process that writes it ended with 9"):
        send(github.api, RED)


def test_the_largest_conversation_there_may_be(github: GitHub) -> None:
    page = [github.write("mallory", body("\N{SNOWMAN}" * 60_000)) for _ in range(100)]
    assert len(json.dumps(page)) > 30_000_000
    send(github.api, RED)
    assert [each["body"] for each in github.comments if re.search("red$", each["body"])] == [RED]

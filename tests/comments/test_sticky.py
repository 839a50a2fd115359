"""One comment, in place: each request and each answer as GitHub describes them."""

import json
from http.server import BaseHTTPRequestHandler

import pytest

from comments.gates import GATE, body, say
from comments.server import ACTIONS, Answer, GitHub, always, refusal, times
from gate.errors import CommentError

pytestmark = pytest.mark.npm

OTHER = (*GATE[:2], "other.yml", "")


def test_red_then_green_is_one_comment_updated_in_place(github: GitHub) -> None:
    say(github, body("red", 1))
    assert github.bodies == [body("red", 1)]
    assert github.comments[0]["user"]["login"] == ACTIONS
    say(github, body("green", 2, red=False))
    say(github, body("red again", 3))
    assert github.bodies == [body("red again", 3)]
    assert github.methods == ["GET", "POST", *["GET", "POST", "PATCH"] * 2]  # each second POST is GraphQL's


def test_green_from_the_beginning_says_nothing(github: GitHub) -> None:
    say(github, body("green", red=False))
    assert github.bodies == []
    assert github.methods == ["GET"]


def test_the_same_again_is_not_written_again(github: GitHub) -> None:
    say(github, body("red"))
    say(github, body("red"))
    assert github.methods == ["GET", "POST", "GET", "POST"]


def test_two_gates_do_not_touch_each_others_comments(github: GitHub) -> None:
    say(github, body("one"))
    say(github, body("two", gate=OTHER))
    say(github, body("one again", 2))
    assert github.bodies == [body("one again", 2), body("two", gate=OTHER)]


def test_a_comment_of_somebody_else_with_our_marker_is_left_alone(github: GitHub) -> None:
    forged = body("all is well, merge it", 99, red=False)
    github.write("mallory", forged)
    say(github, body("red"))
    assert github.bodies == [forged, body("red")]
    github.write("mallory", forged)
    say(github, body("still red", 2))
    assert github.bodies == [forged, body("still red", 2), forged]


def test_quoted_markers_are_none(github: GitHub) -> None:
    quoted = "> " + body("red").replace("\n", "\n> ")
    github.write(ACTIONS, quoted)
    github.write(ACTIONS, f"see above\n{body('red')}")
    say(github, body("red"))
    assert github.bodies[0] == quoted
    assert github.bodies[2] == body("red")
    assert github.methods == ["GET", "POST"]  # nobody was asked who wrote them


@pytest.mark.parametrize("token", ["ghs_actions", "ghp_alice", "ghs_app"])
def test_whose_token_it_is_does_not_matter(github: GitHub, token: str) -> None:
    say(github, body("red"), token)
    say(github, body("green", 2, red=False), token)
    assert github.bodies == [body("green", 2, red=False)]
    assert github.comments[0]["user"]["login"] == github.logins[token]


def test_a_comment_by_another_token_is_another_comment(github: GitHub) -> None:
    say(github, body("red"), "ghp_alice")
    say(github, body("red", 2), "ghs_actions")
    assert github.bodies == [body("red"), body("red", 2)]


def test_of_several_the_newest_is_kept_up_to_date_and_the_others_stay(github: GitHub) -> None:
    for text in ("first", "second"):
        github.write(ACTIONS, body(text))
    say(github, body("third", 2))
    assert github.bodies == [body("first"), body("third", 2)]


def test_ours_is_found_behind_hundreds_of_others(github: GitHub) -> None:
    for number in range(140):
        github.write("bob", f"I am {number}")
    say(github, body("red"))
    for number in range(140):
        github.write("bob", f"I am {number} too")
    say(github, body("red", 2))
    assert [each for each in github.bodies if "weight-gate" in each] == [body("red", 2)]
    pages = [dict(each.query) for each in github.exchanges if each.method == "GET"]
    assert pages[2:] == [{"per_page": "100", "page": str(page)} for page in (1, 2, 3)]


def test_three_hundred_forgeries_do_not_hide_it(github: GitHub) -> None:
    for _ in range(150):
        github.write("mallory", body("forged"))
    say(github, body("red"))
    say(github, body("red", 2))
    assert github.bodies[150:] == [body("red", 2)]
    asked = [json.loads(each.body)["variables"]["ids"] for each in github.exchanges if each.path == "/graphql"]
    assert [len(ids) for ids in asked] == [100, 100]  # as many as GraphQL takes


def test_an_older_run_does_not_overwrite_what_a_newer_one_said(github: GitHub) -> None:
    say(github, body("new", 12))
    say(github, body("old", 11))
    say(github, body("old", 11, 3, red=False))
    assert github.bodies == [body("new", 12)]
    say(github, body("once more", 12, 2))
    assert github.bodies == [body("once more", 12, 2)]


@pytest.mark.parametrize(
    ("first", "second", "shown"),
    [(True, False, "first"), (True, True, "second"), (False, True, "second"), (False, False, "second")],
)
def test_jobs_of_one_run_that_share_a_comment_are_told_and_red_stays(
    github: GitHub, first: bool, second: bool, shown: str
) -> None:
    say(github, body("earlier", 1))
    say(github, body("first", 2, red=first))
    with pytest.raises(CommentError, match="two jobs of this run"):
        say(github, body("second", 2, red=second))
    assert [each.rpartition("\n")[2] for each in github.bodies] == [shown]


@pytest.mark.parametrize("status", [403, 404])
def test_where_it_cannot_be_edited_a_red_one_is_written_anew(github: GitHub, status: int) -> None:
    say(github, body("red"))
    github.faults.append(always(refusal(status, "Not for you"), "PATCH"))
    say(github, body("red", 2))
    assert github.bodies == [body("red"), body("red", 2)]
    with pytest.raises(CommentError, match=str(status)):  # that red stands where all is well is worth a word
        say(github, body("green", 3, red=False))
    assert github.bodies == [body("red"), body("red", 2)]


@pytest.mark.parametrize("answer", [refusal(502, "Server Error"), refusal(429, "Slow down", Retry_After="1")])
def test_what_passes_is_tried_again(github: GitHub, answer: Answer) -> None:
    github.faults.append(times(1, answer, "GET"))
    github.faults.append(times(1, answer, "POST"))
    say(github, body("red"))
    assert github.bodies == [body("red")]
    assert github.methods == ["GET", "GET", "POST", "GET", "POST"]


def test_a_comment_whose_answer_was_lost_is_not_written_twice(github: GitHub) -> None:
    def written_and_lost(server: GitHub, handler: object) -> Answer | None:
        if getattr(handler, "command", "") != "POST" or server.comments:
            return None
        server.write(ACTIONS, body("red"))
        return refusal(502, "Server Error")

    github.faults.append(written_and_lost)
    say(github, body("red"))
    assert github.bodies == [body("red")]


def test_a_comment_that_is_deleted_while_we_look(github: GitHub) -> None:
    def deleted(server: GitHub, handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/graphql":
            server.comments.clear()

    say(github, body("red"))
    github.faults.append(deleted)
    say(github, body("red", 2))
    assert github.bodies == [body("red", 2)]
    assert github.methods == ["GET", "POST", "GET", "POST", "GET", "POST"]


def test_where_nobody_says_who_wrote_it_no_second_one_is_written(github: GitHub) -> None:
    say(github, body("red"))
    said = {"data": {"nodes": [None]}, "errors": [{"type": "NOT_FOUND", "message": "Could not resolve to a node"}]}
    github.faults.append(always(Answer(200, said), "POST"))
    with pytest.raises(CommentError, match="does not find a comment that it has listed"):
        say(github, body("red", 2))
    assert github.bodies == [body("red")]


@pytest.mark.parametrize(
    ("status", "message"),
    [(401, "Bad credentials"), (403, "Resource not accessible by integration"), (404, "Not Found"), (410, "Gone")],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_requests_are_well_formed_whatever_is_answered(github: GitHub, status: int, message: str, method: str) -> None:
    github.write(ACTIONS, body("red"))
    github.faults.append(always(refusal(status, message), method))
    with pytest.raises(CommentError, match=str(status)):
        say(github, body("green", 2, red=False))


def test_on_a_server_of_ones_own(description: object) -> None:
    with GitHub(prefix="/api/v3") as github:
        say(github, body("red"))
        say(github, body("green", 2, red=False))
        assert github.bodies == [body("green", 2, red=False)]
    for each in github.exchanges:
        description.check(each)  # type: ignore[attr-defined]

"""What went wrong between us and GitHub: in plain words, and whether to try again.

Texts of the server are shown cropped; whoever prints them escapes them.
"""

import time
from collections.abc import Mapping
from typing import Any

from gate.errors import CommentError
from gate.github.conversation import UndecidedError, UnintelligibleError
from gate.github.wish import Wish

_SAID = 200
_LATER = "the summary of the run says the same; run the job again for the comment"
_LEAVE_OUT = "or leave `github-token` out"


def pause(error: Exception, attempt: int) -> float | None:
    """Seconds to wait before the next attempt (the first is 0); None where another would end alike.

    As GitHub asks: https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
    """
    import requests  # noqa: PLC0415 - comes with PyGithub

    usual = 0.5 * 2.0**attempt
    if (status := _status(error)) is not None:
        if status >= 500:
            return _asked_to_wait(error) or usual
        return _asked_to_wait(error) if _is_rate(error) else None
    if isinstance(error, requests.exceptions.SSLError | requests.exceptions.ProxyError):
        return None
    broken = (
        requests.exceptions.ConnectionError,
        requests.exceptions.Timeout,
        requests.exceptions.ChunkedEncodingError,
    )
    return usual if isinstance(error, (*broken, UndecidedError)) else None


def in_words(error: Exception, wish: Wish) -> CommentError:
    """The warning that `error` deserves, without the token."""
    reason, hint = _reason(error, wish)
    found = f"pull request {wish.number} got no comment: {reason}"
    return CommentError(found.replace(wish.token, "***") if wish.token else found, hint)


def _reason(error: Exception, wish: Wish) -> tuple[str, str]:
    import requests  # noqa: PLC0415 - comes with PyGithub

    if (status := _status(error)) is not None:
        return _answered(error, status, wish)
    if isinstance(error, requests.exceptions.SSLError):
        return (
            f"the certificate of {wish.api_url} was not accepted",
            "name the file of your own certificate authority in REQUESTS_CA_BUNDLE",
        )
    if isinstance(error, requests.exceptions.Timeout):
        return f"{wish.api_url} did not answer in time", _LATER
    if isinstance(error, requests.exceptions.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return (
            f"{wish.api_url} could not be reached ({_cause(error)})",
            f"see that the runner may reach it (HTTPS_PROXY names a proxy), {_LEAVE_OUT}",
        )
    why = str(error) if isinstance(error, UnintelligibleError) else type(error).__name__
    return (
        f"what answers at {wish.api_url} does not speak as GitHub does ({why})",
        f"see that this is GitHub's address and that the proxy is right, {_LEAVE_OUT}",
    )


def _answered(error: Exception, status: int, wish: Wish) -> tuple[str, str]:
    said = _message(error)
    answer = f"{status} {said[:_SAID]}".strip()
    write = "give the job `permissions: pull-requests: write`"
    if _is_rate(error):
        wait = _asked_to_wait(error)
        asked = f"to wait {wait:.0f} s, longer than the gate does" if wait else "to wait"
        return f"GitHub asks {asked} ({answer})", _LATER
    if status == 401:
        return (
            f"GitHub does not know the token ({answer})",
            f"say `github-token: ${{{{ github.token }}}}`, or name one that is still valid, {_LEAVE_OUT}",
        )
    if status == 403 and "locked" in said.lower():
        return f"the conversation is locked ({answer})", "unlock it for the comment"
    if status == 403 and wish.fork:
        return (
            f"the token may not write there ({answer})",
            "the pull request comes from a fork, whose token only reads: the summary of the run says the same",
        )
    if status == 403:
        return f"the token may not write there ({answer})", f"{write}, {_LEAVE_OUT}"
    if status == 404:
        return f"the token sees no such pull request in {wish.repository} ({answer})", f"{write}, {_LEAVE_OUT}"
    if status == 410:
        return f"nobody can comment there ({answer})", f"turn conversations on, {_LEAVE_OUT}"
    if status == 422:
        return f"GitHub does not take the text ({answer})", "this may be a defect of weight-gate: please report it"
    if status >= 500:
        return f"GitHub has trouble of its own ({answer})", _LATER
    return f"GitHub answered {answer}", _LATER


def _status(error: Exception) -> int | None:
    """Of an answer that says no; PyGithub's exceptions have it."""
    status = getattr(error, "status", None)
    return status if isinstance(status, int) else None


def _message(error: Exception) -> str:
    data = getattr(error, "data", None)
    if not isinstance(data, Mapping):
        return ""
    told = data.get("message") or data.get("data")
    return " ".join(told.split()) if isinstance(told, str) else ""


def _is_rate(error: Exception) -> bool:
    """Too many requests: GitHub says so by 429, and by 403 with a header or a word about it."""
    status, headers = _status(error), _headers(error)
    named = "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0"
    return status == 429 or (status == 403 and (named or "rate limit" in _message(error).lower()))


def _asked_to_wait(error: Exception) -> float | None:
    headers = _headers(error)
    if (after := _number(headers.get("retry-after"))) is not None:
        return float(after)
    reset = _number(headers.get("x-ratelimit-reset"))
    if reset is None or headers.get("x-ratelimit-remaining") != "0":
        return None
    return max(0.0, reset - time.time()) + 1.0


def _headers(error: Exception) -> Mapping[str, Any]:
    found = getattr(error, "headers", None)
    return found if isinstance(found, Mapping) else {}


def _number(text: object) -> int | None:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 16 else None


def _cause(error: BaseException) -> str:
    """The operating system's word for it, which requests wraps several times."""
    seen: set[int] = set()
    found: BaseException | None = error
    told = type(error).__name__
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        if isinstance(found, OSError) and found.strerror:
            told = found.strerror
        inner = [each for each in (*found.args, getattr(found, "reason", None)) if isinstance(each, BaseException)]
        found = inner[0] if inner else found.__cause__ or found.__context__
    return told

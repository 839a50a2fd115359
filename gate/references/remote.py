"""What addresses lead to: fsspec's file systems as the gate uses them, and what their errors mean."""

import errno
import logging
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from gate.errors import GateError

_EXTRAS = {"s3": ("s3fs", "s3"), "gs": ("gcsfs", "gcs"), "gcs": ("gcsfs", "gcs")}
_CONNECT_SECONDS, _READ_SECONDS = 30.0, 60.0
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_PASSING = (408, 425, 429)
_LONGEST = 200
FETCH_IT = "fetch the file in a step before the gate and name its path"

Remote = tuple[Any, str, Callable[[], Awaitable[None]]]


class BrokeOffError(Exception):
    """A try that came to nothing, for a reason that may have gone by the next."""


@dataclass(frozen=True)
class Trouble:
    """An error in our words. `passing` is whether the same request may well succeed a moment later."""

    reason: str
    hint: str
    passing: bool
    cause: Exception


def remote(url: str) -> Remote:
    """The file system of an address, the path in it, and what to call when done.

    No configuration changes what `https` means here: certificates are verified, no request goes anywhere but to https,
    wherever the server points to, and none carries credentials or cookies. Proxies are those of the environment.
    """
    # Libraries log what servers say. Without a handler, Python would print that to stderr, where runners read commands.
    logging.getLogger().addHandler(logging.NullHandler())
    scheme, _, rest = url.partition("://")
    if scheme == "https":
        return _https(url)
    package, extra = _EXTRAS[scheme]
    try:
        system = _s3() if scheme == "s3" else _gs()
    except ImportError as error:
        raise GateError(
            f"{scheme}:// addresses need the package {package}, which is not installed",
            f"pip install 'weight-gate[{extra}]', or {FETCH_IT}",
        ) from error
    return system, rest, _nothing


async def _nothing() -> None:
    """What needs no closing."""


def _s3() -> Any:
    from s3fs import S3FileSystem  # noqa: PLC0415 - only where something is fetched

    return S3FileSystem(skip_instance_cache=True)


def _gs() -> Any:
    """Without what newer versions add for other kinds of buckets: that is gRPC, which prints to stderr itself."""
    from gcsfs.core import GCSFileSystem  # noqa: PLC0415

    return GCSFileSystem(skip_instance_cache=True)


def _https(url: str) -> Remote:
    import aiohttp  # noqa: PLC0415
    from fsspec.implementations.http import HTTPFileSystem  # noqa: PLC0415

    sessions: list[aiohttp.ClientSession] = []

    async def client(**settings: Any) -> aiohttp.ClientSession:
        sessions.append(aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), **settings))
        return sessions[-1]

    async def close() -> None:
        for session in sessions:
            await session.close()

    async def guard(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        if request.url.scheme != "https":
            raise GateError("the server sends on to an address that is not encrypted", "give an address of https alone")
        request.headers.popall("Authorization", None)  # of ~/.netrc, or of an address that a server sent on to
        return await send(request)

    system = HTTPFileSystem(
        skip_instance_cache=True,
        encoded=True,
        headers={"Accept-Encoding": "identity"},
        ssl=ssl.create_default_context(),
        get_client=client,
        client_kwargs={
            "trust_env": True,
            "timeout": aiohttp.ClientTimeout(sock_connect=_CONNECT_SECONDS, sock_read=_READ_SECONDS),
            "requote_redirect_url": False,
            "middlewares": (guard,),
        },
    )
    return system, url, close


def explained(error: Exception, shown: str) -> Trouble:
    """What an error of a download means for the user. Addresses may hold secrets: libraries' own texts are not told."""
    if isinstance(error, GateError):
        return Trouble(error.reason, error.hint, passing=False, cause=error)
    if isinstance(error, BrokeOffError):
        return Trouble(f"{shown}: {error}", f"try again, or {FETCH_IT}", passing=True, cause=error)
    reason, hint, passing = _of_http(error) or _of_files(error) or _other(error, shown)
    return Trouble(f"{shown} {reason}", hint, passing, error)


_Told = tuple[str, str, bool]


def _of_http(error: Exception) -> _Told | None:
    import aiohttp  # noqa: PLC0415

    match error:
        case aiohttp.TooManyRedirects():
            return "sends on from one address to the next without end", "give the address of the file itself", False
        case aiohttp.ClientResponseError():
            return _status(error.status)
        case aiohttp.RedirectClientError():
            return "sends on to something that is no https address", "give the address of the file itself", False
        case aiohttp.InvalidURL():
            return "is no address", "check it", False
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            how = "check the address; the certificates of an authority of your own are named by SSL_CERT_FILE"
            return "could not prove who it is (its TLS certificate was not accepted)", how, False
        case aiohttp.ClientConnectorError():
            why = error.strerror or "no connection"
            how = f"see that this machine may reach it; without a network (docker's --network none), {FETCH_IT}"
            return f"could not be reached: {why}", how, True
        case aiohttp.ClientError() | ConnectionError() | TimeoutError():
            return f"broke off ({type(error).__name__})", f"try again, or {FETCH_IT}", True
    return None


def _status(status: int) -> _Told:
    if status in {401, 403, 407}:
        how = f"the gate sends no credentials over https: give an address that needs none, or s3 or gs; or {FETCH_IT}"
        return f"may not be read: the server answered {status}", how, False
    if status in {404, 410}:
        return _absent(f": the server answered {status}")
    passing = status >= 500 or status in _PASSING
    return f"could not be had: the server answered {status}", f"try again, or {FETCH_IT}", passing


def _absent(why: str = "") -> _Told:
    return f"does not exist{why}", "check the address, and that the file was published", False


def _of_files(error: Exception) -> _Told | None:
    if isinstance(error, FileNotFoundError):
        return _absent()
    if isinstance(error, PermissionError):
        return "may not be read: access is denied", "see that this machine's credentials are allowed to", False
    if isinstance(error, OSError) and error.errno in _FULL:
        return "could not be stored: the disk is full", "name a folder with more room with --scratch", False
    return None


def _other(error: Exception, shown: str) -> _Told:
    """Of s3 and gs; their addresses hold no secret, so their own words can be told."""
    said = "" if shown.startswith("https") else f": {' '.join(str(error).split())[:_LONGEST]}"
    how = f"see that this machine can read it, with credentials where the provider's own tools find them; or {FETCH_IT}"
    return f"could not be had: {type(error).__name__}{said}", how, False

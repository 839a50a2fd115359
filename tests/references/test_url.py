"""References from addresses, fetched from a real server over TLS that does all that servers do."""

import gzip
import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gate.errors import GateError
from gate.references.interface import Fetched, Sources
from gate.references.limits import Limits
from gate.references.url import UrlReference, file_name
from gate.workspace import Workspace
from support.https import PROXIES, Server, body, chunked, cut, http_server, https_server, proxy, slowly, to

DATA = bytes(range(256)) * 1000
SHA = hashlib.sha256(DATA).hexdigest()
QUICK = Limits(most_bytes=1_000_000, seconds=20, stall_seconds=1, least_bytes=10_000, pause_seconds=0.01)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with https_server(tmp_path) as running:
        monkeypatch.setenv("SSL_CERT_FILE", str(running.authority))
        yield running


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    (tmp_path / "scratch").mkdir()
    return Sources(Workspace(tmp_path, [tmp_path]), tmp_path / "scratch", tmp_path / "cache")


def fetch(sources: Sources, url: str, sha256: str = SHA, limits: Limits = QUICK) -> Fetched:
    return UrlReference(url, sha256, limits).fetch(sources)


def cached(sources: Sources) -> Path:
    assert sources.cache is not None
    return sources.cache / "references" / SHA / "golden.keras"


def refused(sources: Sources, url: str, sha256: str = SHA, limits: Limits = QUICK) -> GateError:
    """The error; whatever it was, nothing is left that a later run could take for the file."""
    with pytest.raises(GateError) as caught:
        fetch(sources, url, sha256, limits)
    assert caught.value.exit_code == 4
    assert caught.value.hint
    for folder in (sources.cache, sources.scratch):
        assert folder is not None
        assert [path for path in folder.rglob("*") if path.is_file()] == []
    return caught.value


def test_it_is_fetched_once_and_kept_under_its_digest(server: Server, sources: Sources) -> None:
    url = server.serve("/models/golden.keras", body(DATA))
    for found in (fetch(sources, url), fetch(sources, url)):
        assert found.path.name == "golden.keras"
        assert found.path.is_relative_to(sources.scratch)
        assert found.path.read_bytes() == DATA
        assert found.shown == url
        assert found.workspace.confine(found.path) == found.path.resolve()
    assert cached(sources).read_bytes() == DATA
    assert len(server.asked) == 1


def test_a_second_run_needs_no_network(server: Server, sources: Sources) -> None:
    url = server.serve("/golden.keras", body(DATA))
    fetch(sources, url)
    nowhere = url.replace("localhost:", "localhost.invalid:")
    assert fetch(sources, nowhere).path.read_bytes() == DATA


def test_what_others_put_into_the_cache_is_fetched_again(server: Server, sources: Sources) -> None:
    url = server.serve("/golden.keras", body(DATA))
    fetch(sources, url)
    path = cached(sources)
    path.write_bytes(DATA[:-1] + b"?")
    assert fetch(sources, url).path.read_bytes() == DATA
    path.unlink()
    path.symlink_to("/etc/hostname")
    assert fetch(sources, url).path.read_bytes() == DATA
    assert not path.is_symlink()
    assert len(server.asked) == 3


def test_what_others_put_there_later_is_not_what_is_read(server: Server, sources: Sources) -> None:
    url = server.serve("/golden.keras", body(DATA))
    fetched, found = fetch(sources, url).path, fetch(sources, url).path
    with cached(sources).open("r+b") as file:
        file.write(b"?" * len(DATA))
    assert fetched.read_bytes() == found.read_bytes() == DATA


def test_a_folder_in_its_place_is_an_error_that_says_so(server: Server, sources: Sources) -> None:
    url = server.serve("/golden.keras", body(DATA))
    fetch(sources, url)
    path = cached(sources)
    path.unlink()
    (path / "inside").mkdir(parents=True)
    with pytest.raises(GateError, match=r"the cache .* cannot be used: Is a directory"):
        fetch(sources, url)


def test_another_file_is_never_used(server: Server, sources: Sources) -> None:
    found = hashlib.sha256(b"another").hexdigest()
    error = refused(sources, server.serve("/golden.keras", body(b"another")))
    assert error.reason == (
        f"the file at {server.url}/golden.keras is another one: its SHA-256 is {found}, the manifest says {SHA}"
    )
    assert "put its digest under `sha256`" in error.hint


def test_a_page_about_the_file_is_called_that(server: Server, sources: Sources) -> None:
    error = refused(sources, server.serve("/blob/golden.keras", body(b"\n<!DOCTYPE html><title>golden</title>")))
    assert error.reason.startswith(f"a web page lies at {server.url}/blob/golden.keras: its SHA-256 is ")
    assert "not that of a page about it" in error.hint


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "may not be read: the server answered 401"),
        (403, "may not be read: the server answered 403"),
        (404, "does not exist"),
        (410, "does not exist: the server answered 410"),
        (418, "could not be had: the server answered 418"),
    ],
)
def test_what_is_wrong_for_good_is_asked_for_once(server: Server, sources: Sources, status: int, says: str) -> None:
    url = server.serve("/golden.keras", body(b"no", status))
    assert refused(sources, url).reason == f"{url} {says}"
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_what_may_pass_is_asked_for_again(server: Server, sources: Sources, status: int) -> None:
    url = server.serve("/golden.keras", body(b"later", status), body(b"later", status), body(DATA))
    assert fetch(sources, url).path.read_bytes() == DATA
    assert len(server.asked) == 3


def test_three_tries_are_enough(server: Server, sources: Sources) -> None:
    url = server.serve("/golden.keras", body(b"no", 503))
    assert refused(sources, url).reason == f"{url} could not be had: the server answered 503 (3 tries)"
    assert len(server.asked) == 3


@pytest.mark.parametrize("reset", [True, False])
def test_what_breaks_off_in_the_middle_starts_again(server: Server, sources: Sources, reset: bool) -> None:
    url = server.serve("/golden.keras", cut(DATA[:100_000], len(DATA), reset), body(DATA))
    assert fetch(sources, url).path.read_bytes() == DATA


@pytest.mark.parametrize("reset", [True, False])
def test_what_always_breaks_off_is_no_file(server: Server, sources: Sources, reset: bool) -> None:
    url = server.serve("/golden.keras", cut(DATA[:100_000], len(DATA), reset))
    assert refused(sources, url).reason.startswith(f"{url} broke off (")
    assert len(server.asked) == 3


def test_the_size_that_the_server_tells_is_looked_at_first(server: Server, sources: Sources) -> None:
    url = server.serve("/golden.keras", cut(b"", 1_000_001))
    assert refused(sources, url).reason == f"{url} is larger than 1,000,000 bytes, which is the most"
    assert len(server.asked) == 1


def test_what_does_not_fit_the_disk_is_not_begun(server: Server, sources: Sources) -> None:
    url = server.serve("/golden.keras", cut(b"", 1 << 60))
    error = refused(sources, url, limits=Limits(most_bytes=1 << 61))
    assert error.reason.startswith(f"{url} has {1 << 60:,} bytes, and ")
    assert "--scratch" in error.hint


def endless() -> Iterator[bytes]:
    while True:
        yield bytes(65_536)


def test_a_size_that_nobody_told_is_counted(server: Server, sources: Sources) -> None:
    error = refused(sources, server.serve("/golden.keras", chunked(endless)))
    assert "is larger than 1,000,000 bytes" in error.reason


def test_a_file_of_unknown_size_is_a_file(server: Server, sources: Sources) -> None:
    url = server.serve("/golden.keras", chunked(lambda: iter([DATA[:1000], DATA[1000:]])))
    assert fetch(sources, url).path.read_bytes() == DATA


def test_a_packed_body_is_counted_unpacked(server: Server, sources: Sources) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    assert len(bomb) < 100_000
    error = refused(sources, server.serve("/golden.keras", body(bomb, Content_Encoding="gzip")))
    assert "is larger than 1,000,000 bytes" in error.reason


def test_a_body_that_was_packed_for_the_way_is_unpacked(server: Server, sources: Sources) -> None:
    url = server.serve("/golden.keras", body(gzip.compress(DATA), Content_Encoding="gzip"))
    assert fetch(sources, url).path.read_bytes() == DATA
    assert server.asked[0].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("pause", [0.1, 30])
def test_next_to_nothing_is_no_progress(server: Server, sources: Sources, pause: float) -> None:
    stop = threading.Event()
    limits = Limits(stall_seconds=0.5, least_bytes=10_000, tries=2, pause_seconds=0.01)
    try:
        url = server.serve("/golden.keras", slowly(DATA, 100, pause, stop))
        assert refused(sources, url, limits=limits).reason == f"{url}: next to nothing came in 0.5 s (2 tries)"
    finally:
        stop.set()


def test_slow_is_not_nothing_until_it_takes_too_long(server: Server, sources: Sources) -> None:
    stop = threading.Event()
    limits = Limits(seconds=2, stall_seconds=1, least_bytes=1_000)
    try:
        url = server.serve("/golden.keras", slowly(DATA, 1_000, 0.05, stop))
        assert refused(sources, url, limits=limits).reason == "the download takes more than 2 s"
        assert len(server.asked) == 1
    finally:
        stop.set()


def test_it_follows_to_other_addresses_of_https(server: Server, sources: Sources) -> None:
    signed = "/store/ab%2Fcd?signature=a%2Bb%3D"
    url = server.serve("/golden.keras", to(signed))
    server.serve("/store/ab%2Fcd", body(DATA))
    assert fetch(sources, url).path.name == "golden.keras"
    assert server.asked[1].path == signed


def test_never_to_http(server: Server, sources: Sources) -> None:
    asked: list[str] = []
    with http_server(lambda handler: asked.append(handler.path)) as plain:
        error = refused(sources, server.serve("/golden.keras", to(f"{plain}/golden.keras")))
    assert error.reason == "the server sends on to an address that is not encrypted"
    assert asked == []


@pytest.mark.parametrize(
    "where", ["file:///etc/passwd", "ftp://localhost/x", "s3://b/k", "https:///nowhere", "data:,x"]
)
def test_never_to_anything_else(server: Server, sources: Sources, where: str) -> None:
    error = refused(sources, server.serve("/golden.keras", to(where)))
    assert "sends on to" in error.reason or "is no address" in error.reason
    assert len(server.asked) == 1


def test_not_round_in_circles(server: Server, sources: Sources) -> None:
    url = server.serve("/golden.keras", to("/again"))
    server.serve("/again", to("/golden.keras"))
    assert refused(sources, url).reason == f"{url} sends on from one address to the next without end"
    assert len(server.asked) <= 11


def test_who_cannot_prove_who_it_is_is_not_believed(
    server: Server, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.serve("/golden.keras", body(DATA))
    monkeypatch.delenv("SSL_CERT_FILE")
    error = refused(sources, url)
    assert error.reason == f"{url} could not prove who it is (its TLS certificate was not accepted)"
    assert "SSL_CERT_FILE" in error.hint
    assert server.asked == []


def test_a_certificate_is_for_one_name(server: Server, sources: Sources) -> None:
    url = server.serve("/golden.keras", body(DATA)).replace("localhost", "127.0.0.1")
    assert "could not prove who it is" in refused(sources, url).reason


def test_nobody_there(sources: Sources, server: Server) -> None:
    error = refused(sources, "https://weights.invalid/golden.keras")
    assert error.reason.startswith("https://weights.invalid/golden.keras could not be reached: ")
    assert "--network none" in error.hint
    assert "Connect" in refused(sources, "https://localhost:1/golden.keras").reason


def test_no_credentials_and_no_cookies_are_sent(
    server: Server, sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine localhost login me password secret\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    host = server.url.removeprefix("https://")
    url = server.serve("/golden.keras", body(b"", 302, Location=f"https://u:p@{host}/there", Set_Cookie="id=1"))
    server.serve("/there", body(DATA))
    fetch(sources, url)
    assert len(server.asked) == 2
    for each in server.asked:
        assert not {"Authorization", "Cookie"} & each.headers.keys()


def test_a_signature_is_sent_and_never_told(server: Server, sources: Sources) -> None:
    url = server.serve("/golden.keras", body(b"another", 200))
    for query in ("?X-Amz-Signature=sEcReT%2B", "?sig=sEcReT#part"):
        reference = UrlReference(url + query, SHA, QUICK)
        assert reference.shown == url
        error = refused(sources, url + query)
        assert "sEcReT" not in str(error)
    assert server.asked[0].path == "/golden.keras?X-Amz-Signature=sEcReT%2B"


@pytest.mark.parametrize(
    "answer", [body(b"", 403), body(b"", 404), body(b"", 503), cut(b"", 9), to("ftp://sEcReT/sEcReT")]
)
def test_errors_tell_no_signature(server: Server, sources: Sources, answer: object) -> None:
    url = server.serve("/golden.keras", answer)  # type: ignore[arg-type]
    assert "sEcReT" not in str(refused(sources, f"{url}?sig=sEcReT"))


def test_through_a_proxy(server: Server, sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    url = server.serve("/golden.keras", body(DATA))
    with proxy() as (address, tunnels):
        monkeypatch.setenv("HTTPS_PROXY", address)
        assert fetch(sources, url).path.read_bytes() == DATA
        assert tunnels == [server.url.removeprefix("https://")]
        monkeypatch.setenv("NO_PROXY", "localhost")
        assert fetch(sources, server.serve("/other.keras", body(DATA))).path.read_bytes() == DATA
        assert len(tunnels) == 1


def test_runs_at_the_same_time_share_the_cache(server: Server, sources: Sources) -> None:
    url = server.serve("/golden.keras", body(DATA))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: fetch(sources, url).path.read_bytes(), range(8)))
    assert found == [DATA] * 8
    assert sources.cache is not None
    assert [path for path in sources.cache.rglob("*") if path.is_file()] == [
        sources.cache / "references" / SHA / "golden.keras"
    ]


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://h/a/golden.keras", "golden.keras"),
        ("https://h/golden.keras?download=true#x", "golden.keras"),
        ("https://h/my%20model%2F..%2F.keras", "my_model_.._.keras"),
        ("https://h/..%2F..%2Fetc%2Fpasswd", "_.._etc_passwd"),
        ("https://h/%2e%2e", "reference"),
        ("https://h/.hidden.h5", "hidden.h5"),
        ("https://h/%00%0A::error::x.h5", "____error__x.h5"),
        (f"https://h/{'n' * 300}.weights.h5", f"{'n' * 89}.weights.h5"),
        ("s3://bucket/some/key.safetensors", "key.safetensors"),
    ],
)
def test_names_on_this_machine(address: str, name: str) -> None:
    assert file_name(address) == name
    assert len(name) <= 100

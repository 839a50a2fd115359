"""A real HTTPS server on loopback, with a certificate of its own authority, that misbehaves on demand; a proxy."""

import contextlib
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import trustme

Handler = BaseHTTPRequestHandler
Answer = Callable[[Handler], None]

PROXIES = [f"{name}_proxy" for name in ("http", "https", "all", "no", "ws", "wss")]
"""What the environment of whoever runs the tests says of proxies, in lower case; there is upper case too."""


@dataclass
class Asked:
    """One request, as it came."""

    path: str
    headers: dict[str, str]


@dataclass
class Server:
    """`answers` by path (without the query); `asked` is what was asked for, in order."""

    url: str
    authority: Path
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def serve(self, path: str, *answers: Answer) -> str:
        """Has `path` answered by each in turn, and by the last from then on; its address."""
        left = list(answers)

        def next_answer(handler: Handler) -> None:
            answer = left.pop(0) if len(left) > 1 else left[0]
            answer(handler)

        self.answers[path] = next_answer
        return f"{self.url}{path}"


def body(data: bytes, status: int = 200, **headers: str) -> Answer:
    """A whole answer. Headers are named as in Python: `Content_Length`."""

    def answer(handler: Handler) -> None:
        handler.send_response(status)
        given = {"Content-Length": str(len(data))} | {key.replace("_", "-"): value for key, value in headers.items()}
        for key, value in given.items():
            handler.send_header(key, value)
        handler.end_headers()
        with contextlib.suppress(OSError):  # whoever asked has seen enough
            handler.wfile.write(data)

    return answer


def chunked(pieces: Callable[[], Iterator[bytes]]) -> Answer:
    """An answer that does not say how long it is."""

    def answer(handler: Handler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        with contextlib.suppress(OSError):
            for piece in pieces():
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            handler.wfile.write(b"0\r\n\r\n")

    return answer


def to(where: str, status: int = 302) -> Answer:
    """Sends on."""
    return body(b"", status, Location=where)


def cut(data: bytes, length: int, reset: bool = False) -> Answer:
    """Promises `length` bytes, sends `data`, and is gone."""

    def answer(handler: Handler) -> None:
        body(data, Content_Length=str(length))(handler)
        if reset:
            handler.wfile.flush()
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            socket.socket(fileno=handler.connection.detach()).close()

    return answer


def slowly(data: bytes, piece: int, pause: float, stop: threading.Event) -> Answer:
    """A few bytes at a time."""

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        with contextlib.suppress(OSError):
            for at in range(0, len(data), piece):
                handler.wfile.write(data[at : at + piece])
                handler.wfile.flush()
                if stop.wait(pause):
                    return

    return answer


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients hang up, and refuse certificates."""


@contextlib.contextmanager
def https_server(folder: Path) -> Iterator[Server]:
    """The server, and its authority's certificate in `folder`."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    path = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(path))

    class Handling(Handler):
        def do_GET(self) -> None:  # noqa: N802
            made.asked.append(Asked(self.path, dict(self.headers)))
            made.answers.get(self.path.partition("?")[0], body(b"nothing here", 404))(self)

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    server = _Quiet(("127.0.0.1", 0), Handling)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    made = Server(f"https://localhost:{server.server_port}", path)
    with _running(server):
        yield made


@contextlib.contextmanager
def http_server(answer: Answer) -> Iterator[str]:
    """A server without encryption that answers everything alike; its address."""

    class Handling(Handler):
        def do_GET(self) -> None:  # noqa: N802
            answer(self)

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    server = _Quiet(("127.0.0.1", 0), Handling)
    with _running(server):
        yield f"http://localhost:{server.server_port}"


@contextlib.contextmanager
def proxy() -> Iterator[tuple[str, list[str]]]:
    """A proxy that opens tunnels; its address, and where to they led."""
    tunnels: list[str] = []

    class Handling(Handler):
        def do_CONNECT(self) -> None:  # noqa: N802
            tunnels.append(self.path)
            host, _, port = self.path.rpartition(":")
            with socket.create_connection((host, int(port))) as there:
                self.send_response(200)
                self.end_headers()
                ends = {self.connection: there, there: self.connection}
                with contextlib.suppress(OSError):
                    while True:
                        for end in select.select([*ends], [], [])[0]:
                            data = end.recv(65536)
                            if not data:
                                return
                            ends[end].sendall(data)

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    server = _Quiet(("127.0.0.1", 0), Handling)
    with _running(server):
        yield f"http://localhost:{server.server_port}", tunnels


@contextlib.contextmanager
def _running(server: _Quiet) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

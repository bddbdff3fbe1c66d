# SPDX-License-Identifier: Apache-2.0
"""An HTTP server on a free port of this machine: the listener of all test servers that speak HTTP."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any
from urllib.parse import unquote, urlsplit

JSON: Mapping[str, str] = {"Content-Type": "application/json; charset=utf-8"}


@dataclass(frozen=True, kw_only=True)
class HttpRequest:
    """A request as received."""

    method: str
    target: str
    """Path and query, as sent."""
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case."""
    body: bytes = field(repr=False)
    connection: socket.socket = field(repr=False)

    @property
    def path(self) -> str:
        """Return the target as sent, without its query."""
        return self.target.partition("?")[0]

    @property
    def segments(self) -> tuple[str, ...]:
        """Return the segments of the path, each unescaped separately."""
        return tuple(map(unquote, urlsplit(self.target).path.removeprefix("/").split("/")))

    @property
    def query(self) -> list[tuple[str, str]]:
        """Return names and values; a plus stays a plus."""
        pairs = (part.partition("=") for part in urlsplit(self.target).query.split("&") if part)
        return [(unquote(name), unquote(value)) for name, _, value in pairs]

    @property
    def tls(self) -> ssl.SSLSocket:
        """Return the connection of a server that speaks TLS."""
        assert isinstance(self.connection, ssl.SSLSocket)
        return self.connection


@dataclass(frozen=True)
class Reply:
    """An answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = Callable[[HttpRequest], Reply | None]
"""Called in the thread of the connection; None closes it without an answer."""


@contextlib.contextmanager
def listening(
    answer: Answer, *, name: str, context: ssl.SSLContext | None = None, timeout: float | None = None
) -> Iterator[int]:
    """Serve on a free port of 127.0.0.1 until the block ends; yield the port.

    Args:
        answer: called for each request.
        name: name of the server's thread.
        context: TLS context; None: plaintext.
        timeout: seconds that a client may take for a request; its connection is closed afterwards.
    """
    with _Listener(answer, context, timeout) as listener, serving(listener, name):
        yield int(listener.server_address[1])


@contextlib.contextmanager
def serving(server: TCPServer, name: str) -> Iterator[None]:
    """Serve in a thread of that name until the block ends."""
    thread = threading.Thread(target=server.serve_forever, name=name)
    thread.start()
    try:
        yield
    finally:
        # Wakes the thread, which otherwise checks only twice a second whether to stop.
        with contextlib.suppress(OSError):
            server.socket.shutdown(socket.SHUT_RDWR)
        server.shutdown()
        thread.join()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, answer: Answer, context: ssl.SSLContext | None, timeout: float | None) -> None:
        self.answer = answer
        self.seconds = timeout
        super().__init__(("127.0.0.1", 0), _Handler)
        if context is not None:
            # The handshake runs in the thread of the connection: a slow client blocks no other.
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore the error: a test may be about a client that rejects the certificate."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two packets; the second would wait for 40 ms
    server: _Listener

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(self.server.seconds)

    def do_GET(self) -> None:
        call = HttpRequest(
            method=self.command,
            target=self.path,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(self.headers.get("Content-Length", "0"))),
            connection=self.connection,
        )
        reply = self.server.answer(call)
        if reply is None:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def do_POST(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        self.do_GET()

    def log_message(self, *words: Any) -> None:
        """Log nothing: requests hold secrets."""

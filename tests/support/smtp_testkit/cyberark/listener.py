# SPDX-License-Identifier: Apache-2.0
"""A TLS server on a free port that answers request by request, and remembers what it was asked."""

import contextlib
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import trustme

from mailpeers.serving import serving

_PATIENCE = 10.0
"""Seconds that a client may take for a request; then its connection ends."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request as it came."""

    method: str
    target: str
    """Path and query, as sent."""
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case."""
    body: bytes = field(repr=False)
    connection: ssl.SSLSocket = field(repr=False)

    @property
    def segments(self) -> tuple[str, ...]:
        """Of the path, each unescaped by itself."""
        return tuple(map(unquote, urlsplit(self.target).path.removeprefix("/").split("/")))

    @property
    def query(self) -> list[tuple[str, str]]:
        """Names and values; a plus is a plus."""
        pairs = (part.partition("=") for part in urlsplit(self.target).query.split("&") if part)
        return [(unquote(name), unquote(value)) for name, _, value in pairs]


@dataclass(frozen=True)
class Reply:
    """An answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class TlsServer:
    """The part that both have in common. Attributes may be changed while it runs."""

    replies: list[Reply] = field(default_factory=list)
    """In place of own answers, one after the other."""
    before_answer: Callable[[Call], None] = lambda call: None
    """Called with each request, in its connection's thread."""

    calls: list[Call] = field(default_factory=list, init=False)
    port: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.ca = trustme.CA(organization_name=type(self).__name__)
        self.ca_pem = self.ca.cert_pem.bytes().decode()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert("localhost", "127.0.0.1").configure_cert(self.context)

    @classmethod
    @contextlib.contextmanager
    def running(cls, **options: Any) -> Iterator[Self]:
        """One on a free port of 127.0.0.1 for as long as the block lasts."""
        server = cls(**options)
        with _Listener(server) as listener:
            server.port = listener.server_address[1]
            with serving(listener, cls.__name__):
                yield server

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"https://localhost:{self.port}"

    def answer(self, call: Call) -> Reply:
        """The answer to a request."""
        raise NotImplementedError


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, server: TlsServer) -> None:
        self.tls_server = server
        super().__init__(("127.0.0.1", 0), _Handler)
        # The handshake is made in the connection's own thread: a client that makes none holds up nobody.
        self.socket = server.context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that did not like the certificate is what a test may be about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two packets; the second would wait for 40 ms
    timeout = _PATIENCE
    server: _Listener
    connection: ssl.SSLSocket

    def do_GET(self) -> None:
        server = self.server.tls_server
        call = Call(
            method=self.command,
            target=self.path,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(self.headers.get("Content-Length", "0"))),
            connection=self.connection,
        )
        server.calls.append(call)
        server.before_answer(call)
        own = server.answer(call)
        self._say(server.replies.pop(0) if server.replies else own)

    def do_POST(self) -> None:
        self.do_GET()

    def _say(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Says nothing."""

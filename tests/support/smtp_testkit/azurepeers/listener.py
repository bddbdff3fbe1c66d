# SPDX-License-Identifier: Apache-2.0
"""An HTTP server on a free port of this machine, for as long as a block lasts."""

import contextlib
import ssl
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from mailpeers.serving import serving


class Answers(Protocol):
    """What says what is answered."""

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """Status, body and headers; the request's headers have names in lower case."""
        ...


@contextlib.contextmanager
def listening(answers: Answers, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """The port; with a context over TLS."""
    with _Listener(answers, context) as listener, serving(listener, "azurepeers"):
        yield int(listener.server_address[1])


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, answers: Answers, context: ssl.SSLContext | None) -> None:
        self.answers = answers
        super().__init__(("127.0.0.1", 0), _Handler)
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that did not like the certificate is what a test may be about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two packets; the second would wait for 40 ms
    server: _Listener

    def do_GET(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, body, more = self.server.answers.answer(self.command, self.path, headers, sent)
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json; charset=utf-8"} | dict(more)).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self) -> None:
        self.do_GET()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Says nothing."""

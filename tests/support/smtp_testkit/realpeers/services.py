# SPDX-License-Identifier: Apache-2.0
"""Small servers for Postfix and Dovecot: greylisting, token introspection, and another client address."""

import contextlib
import json
import socket
import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Final
from urllib.parse import parse_qs, urlsplit

from smtp_testkit.http_listener import JSON, HttpRequest, Reply, listening

_DEFERRED: Final = "DEFER_IF_PERMIT 4.7.1 Greylisted, try again later"


class Greylist:
    """A Postfix policy server (SMTPD_POLICY_README) that defers the first attempt of each sender."""

    def __init__(self) -> None:
        seen: set[str] = set()

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while True:
                    asked = {}
                    while line := self.rfile.readline().decode().strip():
                        name, _, value = line.partition("=")
                        asked[name] = value
                    if not asked:
                        return
                    sender = asked.get("sender", "")
                    action = "DUNNO" if sender in seen else _DEFERRED
                    seen.add(sender)
                    self.wfile.write(f"action={action}\n\n".encode())

        self._server = _PolicyServer(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="greylist", daemon=True)

    def __enter__(self) -> "Greylist":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _PolicyServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False  # Postfix keeps its connection open until it stops


class Introspection:
    """A token introspection endpoint like RFC 7662, but with GET, which Dovecot uses."""

    def __init__(self, tokens: Mapping[str, str]) -> None:
        """``tokens``: each valid token and its username."""
        self._tokens = tokens
        self._running = ExitStack()
        self.asked: list[str] = []
        """Every token that was queried."""
        self.port = 0

    def __enter__(self) -> "Introspection":
        self.port = self._running.enter_context(listening(self._answer, name="introspection"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    def _answer(self, call: HttpRequest) -> Reply:
        token = parse_qs(urlsplit(call.target).query).get("token", [""])[0]
        self.asked.append(token)
        user = self._tokens.get(token)
        answer = {"active": True, "username": user} if user else {"active": False}
        return Reply(200, json.dumps(answer).encode(), JSON)


@contextlib.contextmanager
def forwarder(port: int, address: str) -> Iterator[int]:
    """Forward connections to a port within the context, and yield the port to connect to.

    A header of the PROXY protocol says that they come from ``address``: SPF passes for loopback addresses.
    """

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(("127.0.0.1", port)) as onward:
                onward.sendall(f"PROXY TCP4 {address} 127.0.0.1 {self.client_address[1]} 25\r\n".encode())
                back = threading.Thread(target=_copy, args=(onward, self.request), name="forwarder")
                back.start()
                _copy(self.request, onward)
                back.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, name="forwarder")
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Copy data until one side ends the connection."""
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)

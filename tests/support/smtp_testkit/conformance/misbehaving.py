# SPDX-License-Identifier: Apache-2.0
"""A server that answers every request in the same odd way."""

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from smtp_testkit.cyberark.listener import TlsServer
from smtp_testkit.http_listener import HttpRequest, Reply

_DRIP_SECONDS = 0.05


@dataclass(kw_only=True)
class Misbehaving(TlsServer):
    """A server with one configurable fault for all requests."""

    reply: Reply = field(default_factory=lambda: Reply(500))
    ended: threading.Event = field(default_factory=threading.Event)

    @classmethod
    @contextlib.contextmanager
    def running(cls, **options: Any) -> Iterator[Self]:
        """Start a server on a free port of 127.0.0.1 for the block."""
        with super().running(**options) as server:
            yield server
            server.ended.set()

    @property
    def requests(self) -> int:
        """The number of requests so far."""
        return len(self.calls)

    def answer(self, call: HttpRequest) -> Reply:
        """See ``TlsServer``."""
        return self.reply

    def says(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Answer with this response."""
        self.reply = Reply(status, body, headers or {})

    def closes(self) -> None:
        """Close the connection without a response."""

        def close(call: HttpRequest) -> None:
            raise ConnectionAbortedError

        self.before_answer = close

    def is_silent(self) -> None:
        """Send nothing and keep the connection open."""

        def wait(call: HttpRequest) -> None:
            self.ended.wait()

        self.before_answer = wait

    def drips(self) -> None:
        """Send one byte from time to time."""

        def drip(call: HttpRequest) -> None:
            call.connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while not self.ended.wait(_DRIP_SECONDS):
                call.connection.sendall(b"x")

        self.before_answer = drip

    def floods(self) -> None:
        """Send headers until the client stops reading."""

        def flood(call: HttpRequest) -> None:
            call.connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while True:
                call.connection.sendall(b"X-Long: " + b"x" * 60_000 + b"\r\n")

        self.before_answer = flood

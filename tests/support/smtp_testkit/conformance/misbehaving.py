# SPDX-License-Identifier: Apache-2.0
"""A server that answers every request in the same odd way."""

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from smtp_testkit.cyberark.listener import TlsServer
from smtp_testkit.http_listener import Call, Reply

_DRIP_SECONDS = 0.05


@dataclass(kw_only=True)
class Misbehaving(TlsServer):
    """Answers as it was last told."""

    reply: Reply = field(default_factory=lambda: Reply(500))
    ended: threading.Event = field(default_factory=threading.Event)

    @classmethod
    @contextlib.contextmanager
    def running(cls, **options: Any) -> Iterator[Self]:
        """One on a free port of 127.0.0.1 for as long as the block lasts."""
        with super().running(**options) as server:
            yield server
            server.ended.set()

    @property
    def requests(self) -> int:
        """How many came so far."""
        return len(self.calls)

    def answer(self, call: Call) -> Reply:
        """See ``TlsServer``."""
        return self.reply

    def says(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Answers so."""
        self.reply = Reply(status, body, headers or {})

    def closes(self) -> None:
        """Says nothing, and closes the connection."""

        def close(call: Call) -> None:
            raise ConnectionAbortedError

        self.before_answer = close

    def is_silent(self) -> None:
        """Says nothing, and keeps the connection."""

        def wait(call: Call) -> None:
            self.ended.wait()

        self.before_answer = wait

    def drips(self) -> None:
        """Says a byte now and then."""

        def drip(call: Call) -> None:
            call.connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while not self.ended.wait(_DRIP_SECONDS):
                call.connection.sendall(b"x")

        self.before_answer = drip

    def floods(self) -> None:
        """Sends headers for as long as they are read."""

        def flood(call: Call) -> None:
            call.connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while True:
                call.connection.sendall(b"X-Long: " + b"x" * 60_000 + b"\r\n")

        self.before_answer = flood

# SPDX-License-Identifier: Apache-2.0
"""A TLS server on a free port that answers request by request, and remembers what it was asked."""

import contextlib
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import trustme

from smtp_testkit.http_listener import Call, Reply, listening

_PATIENCE = 10.0
"""Seconds that a client may take for a request; then its connection ends."""


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
        with listening(
            server._reply, name=cls.__name__, context=server.context, timeout=_PATIENCE
        ) as server.port:
            yield server

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"https://localhost:{self.port}"

    def answer(self, call: Call) -> Reply:
        """The answer to a request."""
        raise NotImplementedError

    def _reply(self, call: Call) -> Reply:
        self.calls.append(call)
        self.before_answer(call)
        own = self.answer(call)
        return self.replies.pop(0) if self.replies else own

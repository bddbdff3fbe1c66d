# SPDX-License-Identifier: Apache-2.0
"""A TLS server on a free port that records its requests."""

import contextlib
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import trustme

from smtp_testkit.http_listener import HttpRequest, Reply, listening

_PATIENCE = 10.0
"""Seconds that a client may take for a request before the server closes the connection."""


@dataclass(kw_only=True)
class TlsServer:
    """The common part of both servers. Attributes can be changed while a server runs."""

    replies: list[Reply] = field(default_factory=list)
    """Responses to send instead of normal ones, one per request."""
    before_answer: Callable[[HttpRequest], None] = lambda call: None
    """Called with each request, in its connection's thread."""

    calls: list[HttpRequest] = field(default_factory=list, init=False)
    port: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.ca = trustme.CA(organization_name=type(self).__name__)
        self.ca_pem = self.ca.cert_pem.bytes().decode()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert("localhost", "127.0.0.1").configure_cert(self.context)

    @classmethod
    @contextlib.contextmanager
    def running(cls, **options: Any) -> Iterator[Self]:
        """Start a server on a free port of 127.0.0.1 for the block."""
        server = cls(**options)
        with listening(
            server._reply, name=cls.__name__, context=server.context, timeout=_PATIENCE
        ) as server.port:
            yield server

    @property
    def url(self) -> str:
        """The URL of the server."""
        return f"https://localhost:{self.port}"

    def answer(self, call: HttpRequest) -> Reply:
        """Return the response to a request."""
        raise NotImplementedError

    def _reply(self, call: HttpRequest) -> Reply:
        self.calls.append(call)
        self.before_answer(call)
        own = self.answer(call)
        return self.replies.pop(0) if self.replies else own

# SPDX-License-Identifier: Apache-2.0
"""A light SMTP server that keeps received emails; for tests, the demo and the benchmark.

It has one port each for plaintext, STARTTLS and implicit TLS, with a certificate of a new CA. Its public
attributes control its replies and can be changed while it runs. In-process:
``async with MailServer() as server``; from synchronous code, in a separate thread:
``with MailServer.in_thread() as server``; by hand: ``python -m smtp_testkit.mailpeers``.
"""

import asyncio
import contextlib
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import trustme

from smtp_testkit.mailpeers.background import in_thread
from smtp_testkit.mailpeers.listening import stop_listening
from smtp_testkit.mailpeers.session import AuthAttempt, ReceivedMail, Session


@dataclass
class MailServer:
    """A mail server on free ports of ``host``; see the module for how to run it."""

    host: str = "127.0.0.1"
    hostname: str = "mail.test"
    """The name in its greeting and certificate; the certificate also has localhost and ``host``."""
    users: dict[str, str] = field(default_factory=dict)
    """Usernames and passwords. AUTH is offered if there are any."""
    mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN", "CRAM-MD5")
    tokens: set[str] | None = None
    """Access tokens that XOAUTH2 and OAUTHBEARER accept; None: both are not offered."""
    token_mechanisms: tuple[str, ...] = ("XOAUTH2", "OAUTHBEARER")
    token_error: dict[str, str] = field(
        default_factory=lambda: {"status": "401", "schemes": "bearer", "scope": "https://mail.test/"}
    )
    """The error in the 334 to an invalid token."""
    require_auth: bool = False
    """Whether MAIL is refused with 530 before a login."""
    auth_without_tls: bool = True
    """Whether AUTH is offered on a connection without TLS."""
    refused_recipients: dict[str, str] = field(default_factory=dict)
    """Addresses, and the reply to RCPT for each, such as ``550 5.1.1 no such user``."""
    refused_senders: dict[str, str] = field(default_factory=dict)
    """Addresses, and the reply to MAIL for each."""
    replies: dict[str, str] = field(default_factory=dict)
    """Other replies to a verb (``EHLO``, ``DATA``, ``.`` for the end of the email, ``banner`` …)."""
    extensions: tuple[str, ...] = (
        "PIPELINING",
        "SIZE 10485760",
        "8BITMIME",
        "SMTPUTF8",
        "ENHANCEDSTATUSCODES",
    )
    reply_delay: float = 0.0
    """Delay of every reply to a command, in seconds."""
    unanswered: set[str] = field(default_factory=set)
    """Verbs that get no reply (``banner`` and ``.`` as in ``replies``)."""
    on_command: Callable[[str], None] = lambda verb: None
    """Called with each verb (``banner`` and ``.`` as in ``replies``) before the reply."""
    on_mail: Callable[[ReceivedMail], object] = lambda mail: None
    """Called with each accepted email after it is kept."""
    keep: int = 100_000
    """Maximum number of emails and login attempts to keep."""

    plain_port: int = field(default=0, init=False)
    starttls_port: int = field(default=0, init=False)
    tls_port: int = field(default=0, init=False)
    mails: list[ReceivedMail] = field(default_factory=list, init=False)
    auth_attempts: list[AuthAttempt] = field(default_factory=list, init=False)
    connections: int = field(default=0, init=False)
    """Number of open connections."""
    connections_max: int = field(default=0, init=False)
    """Highest number of connections that were open at the same time."""
    connections_total: int = field(default=0, init=False)
    transcript: deque[str] = field(default_factory=lambda: deque(maxlen=1000), init=False)
    """The last lines of dialogues without emails, such as ``12 C: EHLO …`` (connection number and side)."""

    def __post_init__(self) -> None:
        self.ca = trustme.CA(organization_name="mailpeers")
        self.ca_pem = self.ca.cert_pem.bytes().decode()
        self.tls_context = self.server_context()
        self.arrived = threading.Condition()
        self.sessions: set[Session] = set()
        self._listeners: list[asyncio.Server] = []
        self._async_waiters: set[asyncio.Event] = set()
        self._idle = asyncio.Event()

    def server_context(self) -> ssl.SSLContext:
        """Return a TLS context with a certificate of ``ca`` for ``hostname``, ``host`` and localhost."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(self.hostname, self.host, "localhost").configure_cert(context)
        return context

    def demand_client_certificate(self) -> None:
        """Require a client certificate of ``ca`` for TLS from now on."""
        self.tls_context.verify_mode = ssl.CERT_REQUIRED
        self.ca.configure_trust(self.tls_context)

    async def start(self) -> None:
        """Listen on three free ports, or on those that are already set."""
        self.plain_port = await self._listen(self.plain_port, starttls=False)
        self.starttls_port = await self._listen(self.starttls_port, starttls=True)
        self.tls_port = await self._listen(self.tls_port, starttls=False, context=self.tls_context)

    async def _listen(self, port: int, *, starttls: bool, context: ssl.SSLContext | None = None) -> int:
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(
            lambda: Session(self, starttls=starttls, tls=context is not None),
            self.host,
            port,
            ssl=context,
            backlog=1024,
        )
        self._listeners.append(listener)
        bound: int = listener.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Close the ports and every connection."""
        while self._listeners:
            await stop_listening(self._listeners.pop())
        for session in list(self.sessions):
            session.abort()
        if self.sessions:
            self._idle.clear()
            await self._idle.wait()

    async def __aenter__(self) -> "MailServer":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @classmethod
    @contextlib.contextmanager
    def in_thread(cls, **options: Any) -> Iterator["MailServer"]:
        """Run a server in a separate thread; for synchronous code. ``options`` as for the class."""
        with in_thread(cls(**options)) as server:
            yield server

    def opened(self, session: Session) -> None:
        """Count a connection; called by its session."""
        self.sessions.add(session)
        self.connections_total += 1
        self.connections = len(self.sessions)
        self.connections_max = max(self.connections_max, self.connections)
        session.number = self.connections_total

    def closed(self, session: Session) -> None:
        """Forget a connection; called by its session."""
        self.sessions.discard(session)
        with self.arrived:
            self.connections = len(self.sessions)
            self.arrived.notify_all()
        if not self.sessions:
            self._idle.set()

    def attempted(self, mechanism: str, username: str, *, accepted: bool) -> None:
        """Record a login; called by the session."""
        self.auth_attempts.append(AuthAttempt(mechanism, username, accepted))
        del self.auth_attempts[: -self.keep]

    def received(self, mail: ReceivedMail) -> None:
        """Keep an email and wake those who wait for it; called by the session."""
        with self.arrived:
            self.mails.append(mail)
            del self.mails[: -self.keep]
            self.arrived.notify_all()
        self.on_mail(mail)
        for waiter in self._async_waiters:
            waiter.set()

    def wait_for_mail(
        self, matches: Callable[[ReceivedMail], bool] = lambda mail: True, *, timeout: float = 60.0
    ) -> ReceivedMail:
        """Wait for the first matching email, past or future; for synchronous code. Raises TimeoutError."""
        with self.arrived:
            if self.arrived.wait_for(lambda: any(map(matches, self.mails)), timeout):
                return next(filter(matches, self.mails))
        raise TimeoutError(f"no such mail within {timeout} s; {len(self.mails)} others came")

    def wait_for_idle(self, *, timeout: float = 60.0) -> None:
        """Wait until no client is connected; for synchronous code. Raises TimeoutError."""
        with self.arrived:
            if not self.arrived.wait_for(lambda: self.connections == 0, timeout):
                raise TimeoutError(f"{self.connections} connections are open after {timeout} s")

    async def next_mail(
        self, matches: Callable[[ReceivedMail], bool] = lambda mail: True, *, timeout: float = 60.0
    ) -> ReceivedMail:
        """Wait for the first matching email, past or future; in the server's loop. Raises TimeoutError."""
        event = asyncio.Event()
        self._async_waiters.add(event)
        try:
            async with asyncio.timeout(timeout):
                while not any(map(matches, self.mails)):
                    await event.wait()
                    event.clear()
        finally:
            self._async_waiters.discard(event)
        return next(filter(matches, self.mails))

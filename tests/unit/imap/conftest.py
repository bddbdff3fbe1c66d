# SPDX-License-Identifier: Apache-2.0
"""A look into the mailbox of an IMAP server, with settings of which a test sets only what it tests."""

import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from smtp_operator.api.delivery import ImapType
from smtp_operator.imap.engine import MailboxEngine
from smtp_operator.imap.request import MailboxReport, MailboxRequest
from smtp_operator.network.destination import DestinationPolicy
from smtp_operator.setting_parsers import PortRange
from smtp_operator.smtp.concurrency import ConnectionLimits
from smtp_operator.smtp.request import SmtpLogin, TlsSettings
from smtp_testkit.mailpeers.imapserver import ImapServer
from smtp_testkit.mailpeers.trial import LOOPBACK, Names

MESSAGE_ID = "<5d41402abc4b2a76b9719d911017c592@example.com>"

Look = Callable[..., Coroutine[Any, Any, MailboxReport]]


def login(password: str = "mailbox-pw", **changes: Any) -> SmtpLogin:
    """Return a login."""
    return SmtpLogin(
        username="probe@example.org", password=password, origin="Secret probe, key password", **changes
    )


def email(message_id: str = MESSAGE_ID, *headers: str, body: str = "Hello.") -> bytes:
    """Return an email."""
    lines = [*headers, "From: noreply@example.com", f"Message-ID: {message_id}", "", body, ""]
    return "\r\n".join(lines).encode()


def request_to(port: int) -> MailboxRequest:
    """Return a request to localhost."""
    return MailboxRequest(
        server="localhost",
        port=port,
        imap_type=ImapType.TLS,
        login=login(),
        message_id=MESSAGE_ID,
        sent=time.time(),
    )


@pytest.fixture
async def look() -> AsyncIterator[Look]:
    """Look once into the mailbox of a server."""
    engine = MailboxEngine(
        policy=DestinationPolicy(allow_networks=LOOPBACK, ports=[PortRange(1, 65535)]),
        resolver=Names(),
        connections=ConnectionLimits(5),
    )

    async def once(server: ImapServer, *, permit: Any = None, **changes: Any) -> MailboxReport:
        settings: dict[str, Any] = {
            "server": "localhost",
            "port": server.port,
            "imap_type": ImapType.TLS if server.implicit else ImapType.START_TLS,
            "login": login(),
            "tls": TlsSettings(ca_pem=server.ca_pem),
            "message_id": MESSAGE_ID,
            "sent": time.time() - 60,
            "timeout": 10.0,
        }
        return await engine.look(MailboxRequest(**(settings | changes)), permit=permit)

    yield once
    engine.close()

# SPDX-License-Identifier: Apache-2.0
"""Basic dialogues with aiosmtpd, a server of other authors."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trustme
from aiosmtpd.handlers import Message
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import SmtpType
from smtp_testkit.mailpeers.trial import Trial


class Box(Message):
    """Keeps received emails."""

    def __init__(self) -> None:
        super().__init__()
        self.subjects: list[str] = []

    def handle_message(self, message: Any) -> None:
        self.subjects.append(message["Subject"])


def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    known = LoginPassword(b"bob", b"s3cret-pw")
    return AuthResult(success=data == known, handled=False)


@pytest.fixture
def ca() -> trustme.CA:
    return trustme.CA()


@asynccontextmanager
async def aiosmtpd(box: Box, context: ssl.SSLContext, *, implicit: bool) -> AsyncIterator[int]:
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    options: dict[str, Any] = {"auth_require_tls": not implicit, "authenticator": authenticate}
    if not implicit:
        options |= {"tls_context": context, "require_starttls": True}
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(box, **options), "127.0.0.1", 0, ssl=context if implicit else None
    )
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("smtp_type", [SmtpType.START_TLS, SmtpType.TLS])
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
async def test_aiosmtpd_receives_an_email(
    trial: Trial, ca: trustme.CA, smtp_type: SmtpType, mechanism: str
) -> None:
    box = Box()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    async with aiosmtpd(box, context, implicit=smtp_type is SmtpType.TLS) as port:
        report = await trial(
            port,
            smtp_type=smtp_type,
            ca_pem=ca.cert_pem.bytes().decode(),
            password="s3cret-pw",
            auth_mechanism=mechanism,
        )

    assert report.verdict.reason is Reason.TEST_EMAIL_SENT
    assert box.subjects == ["Test mail of smtp-operator"]


async def test_aiosmtpd_rejects_a_wrong_password(trial: Trial, ca: trustme.CA) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    async with aiosmtpd(Box(), context, implicit=False) as port:
        report = await trial(
            port, smtp_type=SmtpType.START_TLS, ca_pem=ca.cert_pem.bytes().decode(), password="wrong-pw"
        )

    assert report.verdict.reason is Reason.AUTHENTICATION_FAILED
    assert report.verdict.reply == "535 5.7.8"


async def test_aiosmtpd_requires_starttls_first(trial: Trial, ca: trustme.CA) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    async with aiosmtpd(Box(), context, implicit=False) as port:
        report = await trial(port)

    assert report.verdict.reason is Reason.START_TLS_REQUIRED
    assert "Set smtpType: StartTLS" in report.verdict.message

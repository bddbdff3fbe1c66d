# SPDX-License-Identifier: Apache-2.0
"""The mail server works with a client of other authors (smtplib)."""

import smtplib
import ssl
from collections.abc import Iterator

import pytest

from smtp_testkit.mailpeers import AuthAttempt, MailServer


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer.in_thread(users={"bob": "s3cret-pw"}) as running:
        yield running


def test_a_mail_by_each_port(server: MailServer) -> None:
    context = ssl.create_default_context(cadata=server.ca_pem)
    with smtplib.SMTP("localhost", server.plain_port) as plain:
        plain.sendmail("ops@example.com", ["dev@example.com"], "plain\r\n.dot\r\n")
    with smtplib.SMTP("localhost", server.starttls_port) as upgraded:
        upgraded.starttls(context=context)
        upgraded.login("bob", "s3cret-pw")
        upgraded.sendmail("ops@example.com", ["dev@example.com"], "upgraded")
    with smtplib.SMTP_SSL("localhost", server.tls_port, context=context) as secure:
        secure.sendmail("ops@example.com", ["a@example.com", "b@example.com"], "secure")

    first, second, third = server.mails
    assert (first.content, first.tls, first.username) == (b"plain\r\n.dot\r\n", False, None)
    assert (second.tls, second.username) == (True, "bob")
    assert third.recipients == ("a@example.com", "b@example.com")
    assert server.auth_attempts == [AuthAttempt("CRAM-MD5", "bob", True)]
    assert server.connections_total == 3
    assert server.connections_max == 1


def test_every_mechanism_refuses_a_wrong_password(server: MailServer) -> None:
    for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5"):
        server.mechanisms = (mechanism,)
        with (
            smtplib.SMTP("localhost", server.plain_port) as client,
            pytest.raises(smtplib.SMTPAuthenticationError),
        ):
            client.login("bob", "wrong-pw")

    assert [(attempt.mechanism, attempt.accepted) for attempt in server.auth_attempts] == [
        ("PLAIN", False),
        ("LOGIN", False),
        ("CRAM-MD5", False),
    ]


def test_what_a_test_refuses_is_refused(server: MailServer) -> None:
    server.refused_recipients = {"dev@example.com": "550 5.1.1 no such user"}
    server.refused_senders = {"evil@example.com": "553 5.7.1 not you"}
    with smtplib.SMTP("localhost", server.plain_port) as client:
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail("ops@example.com", ["dev@example.com"], "x")
        with pytest.raises(smtplib.SMTPSenderRefused):
            client.sendmail("evil@example.com", ["ops@example.com"], "x")


def test_a_login_may_be_required(server: MailServer) -> None:
    server.require_auth = True
    with (
        smtplib.SMTP("localhost", server.plain_port) as client,
        pytest.raises(smtplib.SMTPSenderRefused, match="530"),
    ):
        client.sendmail("ops@example.com", ["dev@example.com"], "x")


def test_synchronous_code_may_wait_for_a_mail(server: MailServer) -> None:
    with smtplib.SMTP("localhost", server.plain_port) as client:
        client.sendmail("ops@example.com", ["dev@example.com"], "one")

    mail = server.wait_for_mail(lambda mail: b"one" in mail.content)

    assert mail.sender == "ops@example.com"
    with pytest.raises(TimeoutError):
        server.wait_for_mail(lambda mail: b"two" in mail.content, timeout=0.01)


async def test_asynchronous_code_may_wait_for_a_mail() -> None:
    async with MailServer() as server:
        with pytest.raises(TimeoutError):
            await server.next_mail(timeout=0.01)

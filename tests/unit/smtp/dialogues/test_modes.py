# SPDX-License-Identifier: Apache-2.0
"""A test stops after the last command of its mode."""

import pytest

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import Mode, SmtpType
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.trial import Trial


def verbs(server: MailServer) -> list[str]:
    """Return the first word of each line of the client."""
    return [line.split("C: ")[1].split()[0] for line in server.transcript if " C: " in line]


@pytest.mark.parametrize(
    ("mode", "reason", "said"),
    [
        (Mode.CONNECT, Reason.CONNECTED, ["EHLO", "STARTTLS", "EHLO", "QUIT"]),
        (Mode.LOGIN, Reason.LOGIN_SUCCEEDED, ["EHLO", "STARTTLS", "EHLO", "AUTH", "QUIT"]),
        (
            Mode.ENVELOPE,
            Reason.ENVELOPE_ACCEPTED,
            ["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT", "RSET", "QUIT"],
        ),
        (
            Mode.SEND_EMAIL,
            Reason.TEST_EMAIL_SENT,
            ["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"],
        ),
    ],
)
async def test_each_mode(
    trial: Trial, mailserver: MailServer, mode: Mode, reason: Reason, said: list[str]
) -> None:
    report = await trial(
        mailserver.starttls_port,
        smtp_type=SmtpType.START_TLS,
        ca_pem=mailserver.ca_pem,
        password="s3cret-pw",
        mode=mode,
    )

    assert report.verdict.reason is reason
    assert report.mode is mode
    assert verbs(mailserver) == said
    assert len(mailserver.mails) == (mode is Mode.SEND_EMAIL)


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        (Mode.CONNECT, "localhost answers as an SMTP server in plaintext."),
        (Mode.LOGIN, 'localhost accepted user "bob" via PLAIN.'),
        (Mode.ENVELOPE, "localhost accepted the sender and 1 recipient; no email was sent."),
    ],
)
async def test_the_message_says_what_each_mode_proved(
    trial: Trial, mailserver: MailServer, mode: Mode, message: str
) -> None:
    report = await trial(mailserver.plain_port, password="s3cret-pw", mode=mode)

    assert report.verdict.message == message


async def test_mode_login_without_a_username_says_that_there_was_no_login(
    trial: Trial, mailserver: MailServer
) -> None:
    report = await trial(mailserver.plain_port, mode=Mode.LOGIN)

    assert report.verdict.reason is Reason.CONNECTED
    assert report.verdict.message == (
        "localhost answers as an SMTP server in plaintext. No username is set, so the test did not log in."
    )

# SPDX-License-Identifier: Apache-2.0
"""The send permit is acquired before DATA and checked before the message content."""

import logging
from collections.abc import Callable, Hashable
from ipaddress import ip_address

import pytest

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import Mode
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.trial import Trial


class RecordingPermit:
    """Grants the permit by default."""

    def __init__(
        self, at_acquire: Callable[[], None] = lambda: None, at_check: Callable[[], None] = lambda: None
    ) -> None:
        self._at_acquire = at_acquire
        self.check = at_check
        self.destination: Hashable = None

    async def acquire(self, destination: Hashable) -> None:
        self.destination = destination
        self._at_acquire()


def refuse() -> None:
    raise RuntimeError("the lease is lost")


async def test_the_permit_is_acquired_after_the_last_recipient_and_before_data(
    trial: Trial, mailserver: MailServer
) -> None:
    said: list[str] = []
    send_permit = RecordingPermit(at_acquire=lambda: said.extend(mailserver.transcript))

    report = await trial(mailserver.plain_port, send_permit=send_permit)

    assert report.verdict.passed
    assert send_permit.destination == (ip_address("127.0.0.1"), mailserver.plain_port)
    assert any("RCPT" in line for line in said)
    assert not any("DATA" in line for line in said)


async def test_the_permit_is_checked_when_the_server_is_ready_for_the_content(
    trial: Trial, mailserver: MailServer
) -> None:
    said: list[str] = []
    send_permit = RecordingPermit(at_check=lambda: said.extend(mailserver.transcript))

    report = await trial(mailserver.plain_port, send_permit=send_permit)

    assert report.verdict.passed
    assert "354" in said[-1]


@pytest.mark.parametrize(
    ("send_permit", "last_word"),
    [
        (RecordingPermit(at_acquire=refuse), "250 2.1.5 ok"),
        (RecordingPermit(at_check=refuse), "354 end with a dot"),
    ],
    ids=["before DATA", "before the mail"],
)
async def test_no_email_is_sent_without_a_permit(
    trial: Trial,
    mailserver: MailServer,
    caplog: pytest.LogCaptureFixture,
    send_permit: RecordingPermit,
    last_word: str,
) -> None:
    with caplog.at_level(logging.DEBUG):
        report = await trial(mailserver.plain_port, send_permit=send_permit)

    assert report.verdict.reason is Reason.INTERNAL_ERROR
    assert report.verdict.message == "The operator canceled the test before it sent the email [in Data]."
    assert "lease" not in caplog.text
    assert mailserver.transcript[-1].endswith(last_word)
    await mailserver.stop()  # after this, the server has read everything
    assert mailserver.mails == []


async def test_a_mode_that_sends_no_email_needs_no_permit(trial: Trial, mailserver: MailServer) -> None:
    send_permit = RecordingPermit(at_acquire=refuse, at_check=refuse)

    report = await trial(mailserver.plain_port, send_permit=send_permit, mode=Mode.ENVELOPE)

    assert report.verdict.passed

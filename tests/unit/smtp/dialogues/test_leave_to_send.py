# SPDX-License-Identifier: Apache-2.0
"""Right before DATA and right before the mail the caller is asked: he may have lost the right to send."""

import logging
from collections.abc import Callable

import pytest

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import Mode
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.trial import Trial


class RecordingPermit:
    """Says yes, unless told otherwise."""

    def __init__(
        self, at_turn: Callable[[], None] = lambda: None, at_check: Callable[[], None] = lambda: None
    ) -> None:
        self._at_turn = at_turn
        self.check = at_check

    async def acquire(self) -> None:
        self._at_turn()


def refuse() -> None:
    raise RuntimeError("the lease is lost")


async def test_its_turn_is_asked_for_after_the_last_recipient_and_before_data(
    trial: Trial, mailserver: MailServer
) -> None:
    said: list[str] = []
    send_permit = RecordingPermit(at_turn=lambda: said.extend(mailserver.transcript))

    report = await trial(mailserver.plain_port, send_permit=send_permit)

    assert report.verdict.passed
    assert any("RCPT" in line for line in said)
    assert not any("DATA" in line for line in said)


async def test_it_is_asked_again_when_the_server_wants_the_mail(trial: Trial, mailserver: MailServer) -> None:
    said: list[str] = []
    send_permit = RecordingPermit(at_check=lambda: said.extend(mailserver.transcript))

    report = await trial(mailserver.plain_port, send_permit=send_permit)

    assert report.verdict.passed
    assert "354" in said[-1]


@pytest.mark.parametrize(
    ("send_permit", "last_word"),
    [
        (RecordingPermit(at_turn=refuse), "250 2.1.5 ok"),
        (RecordingPermit(at_check=refuse), "354 end with a dot"),
    ],
    ids=["before DATA", "before the mail"],
)
async def test_no_leave_no_mail(
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
    await mailserver.stop()  # all that was sent has been read then
    assert mailserver.mails == []


async def test_a_mode_that_sends_no_mail_does_not_ask(trial: Trial, mailserver: MailServer) -> None:
    send_permit = RecordingPermit(at_turn=refuse, at_check=refuse)

    report = await trial(mailserver.plain_port, send_permit=send_permit, mode=Mode.ENVELOPE)

    assert report.verdict.passed

# SPDX-License-Identifier: Apache-2.0
"""Right before DATA the caller is asked once more: he may have lost the right to send meanwhile."""

import logging

import pytest

from mailpeers import MailServer
from mailpeers.trial import Trial
from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import Mode


async def test_it_is_asked_after_the_last_recipient_and_before_data(
    trial: Trial, mailserver: MailServer
) -> None:
    said: list[str] = []

    async def before_data() -> None:
        said.extend(mailserver.transcript)

    report = await trial(mailserver.plain_port, before_data=before_data)

    assert report.verdict.passed
    assert any("RCPT" in line for line in said)
    assert not any("DATA" in line for line in said)


async def test_no_leave_no_mail(
    trial: Trial, mailserver: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def before_data() -> None:
        raise RuntimeError("the lease is lost")

    with caplog.at_level(logging.DEBUG):
        report = await trial(mailserver.plain_port, before_data=before_data)

    assert mailserver.mails == []
    assert report.verdict.reason is Reason.INTERNAL_ERROR
    assert report.verdict.message == "The operator called the test off before the mail was sent [in Data]."
    assert "lease" not in caplog.text


async def test_a_mode_that_sends_no_mail_does_not_ask(trial: Trial, mailserver: MailServer) -> None:
    async def before_data() -> None:
        raise AssertionError("nobody sends anything")

    report = await trial(mailserver.plain_port, before_data=before_data, mode=Mode.ENVELOPE)

    assert report.verdict.passed

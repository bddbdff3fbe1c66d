# SPDX-License-Identifier: Apache-2.0
"""`delivery.address` as an additional recipient: whatever the server does with it, Ready is not affected."""

from collections.abc import Mapping, Sequence

import pytest

from smtp_operator.api.reasons import Reason
from smtp_operator.smtp.request import Recipient
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.faultserver import Action, FaultServer, drop, reply, silence, then
from smtp_testkit.mailpeers.trial import Trial

TO = Recipient(role="to", index=0, address="dev@example.com")
PROBE = Recipient(role="delivery", index=0, address="probe@example.org")


async def test_it_is_only_in_the_envelope(trial: Trial, mailserver: MailServer) -> None:
    report = await trial(mailserver.plain_port, recipients=[TO, PROBE])

    (mail,) = mailserver.mails
    assert mail.recipients == ("dev@example.com", "probe@example.org")
    assert b"probe" not in mail.content
    assert "to 1 recipient by" in report.verdict.message
    assert report.delivery_address is not None
    assert report.delivery_address.refusal is None
    assert [(it.role, it.index) for it in report.recipients] == [("to", 0)]


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()], ids=["in a group", "one by one"])
async def test_a_refusal_does_not_count(
    trial: Trial, mailserver: MailServer, extensions: tuple[str, ...]
) -> None:
    mailserver.extensions = extensions
    mailserver.refused_recipients["probe@example.org"] = "550 5.1.1 no such user"
    report = await trial(mailserver.plain_port, recipients=[TO, PROBE])

    assert report.verdict.reason is Reason.TEST_EMAIL_SENT
    assert [mail.recipients for mail in mailserver.mails] == [("dev@example.com",)]
    assert len(report.recipients) == 1
    assert report.delivery_address is not None
    refusal = report.delivery_address.refusal
    assert refusal is not None
    assert refusal.reason is Reason.RECIPIENTS_REFUSED
    assert "delivery.address probe@example.org" in refusal.message


FAULTS: list[Mapping[str, Action | Sequence[Action]]] = [
    {"RCPT": [reply("250 2.1.5 Ok"), then(reply("421 4.7.0 Too many errors"), drop())]},
    {"RCPT": [reply("250 2.1.5 Ok"), drop()]},
    {"RCPT": [reply("250 2.1.5 Ok"), silence()]},
]


@pytest.mark.parametrize("faults", FAULTS, ids=["421", "drop", "silence"])
async def test_a_server_that_ends_the_session_because_of_it_gets_the_email_without_it(
    trial: Trial, faults: Mapping[str, Action | Sequence[Action]]
) -> None:
    async with FaultServer(faults) as server:
        report = await trial(server.port, recipients=[TO, PROBE], timeout=6.0)

    assert report.verdict.reason is Reason.TEST_EMAIL_SENT, report.verdict.message
    assert report.delivery_address is not None
    assert report.delivery_address.refusal is not None


async def test_without_smtputf8_an_address_that_needs_it_is_left_out(
    trial: Trial, mailserver: MailServer
) -> None:
    mailserver.extensions = ("PIPELINING",)
    probe = Recipient(role="delivery", index=0, address="pröbe@example.org")
    report = await trial(mailserver.plain_port, recipients=[TO, probe])

    assert report.verdict.reason is Reason.TEST_EMAIL_SENT
    assert report.delivery_address is not None
    assert report.delivery_address.refusal is not None
    assert report.delivery_address.refusal.reason is Reason.ADDRESS_NEEDS_SMTP_UTF8


async def test_as_the_only_recipient_it_is_in_the_header(trial: Trial, mailserver: MailServer) -> None:
    report = await trial(mailserver.plain_port, recipients=[PROBE])

    assert report.verdict.passed
    assert b"To: probe@example.org" in mailserver.mails[0].content


async def test_as_the_only_recipient_its_refusal_is_the_verdict(trial: Trial, mailserver: MailServer) -> None:
    mailserver.refused_recipients["probe@example.org"] = "550 5.1.1 no such user"
    report = await trial(mailserver.plain_port, recipients=[PROBE])

    assert report.verdict.reason is Reason.RECIPIENTS_REFUSED


async def test_if_all_others_are_refused_no_email_is_sent(trial: Trial, mailserver: MailServer) -> None:
    mailserver.refused_recipients["dev@example.com"] = "550 5.1.1 no such user"
    report = await trial(mailserver.plain_port, recipients=[TO, PROBE])

    assert report.verdict.reason is Reason.RECIPIENTS_REFUSED
    assert mailserver.mails == []

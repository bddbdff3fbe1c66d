# SPDX-License-Identifier: Apache-2.0
"""Emails that Postfix delivers over LMTP into mailboxes of Dovecot, and the looks that find them."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from smtp_operator.api.delivery import ImapType
from smtp_operator.api.reasons import Reason
from smtp_operator.imap.engine import MailboxEngine
from smtp_operator.imap.request import Folder, MailboxReport, MailboxRequest
from smtp_operator.network.destination import DestinationPolicy
from smtp_operator.setting_parsers import PortRange
from smtp_operator.smtp.concurrency import ConnectionLimits
from smtp_operator.smtp.request import Recipient, SmtpLogin, TlsSettings
from smtp_testkit.mailpeers.imapserver import ImapServer
from smtp_testkit.mailpeers.trial import LOOPBACK, Names, Trial
from smtp_testkit.realpeers.mailboxes import BOUNCED, DROPPED, MAILBOX_PASSWORD, PROBE, RealMailboxes


@pytest.fixture
async def engine() -> AsyncIterator[MailboxEngine]:
    engine = MailboxEngine(
        policy=DestinationPolicy(allow_networks=LOOPBACK, ports=[PortRange(1, 65535)]),
        resolver=Names(),
        connections=ConnectionLimits(5),
    )
    yield engine
    engine.close()


class Probe:
    """Sends an email and looks for it."""

    def __init__(self, mailboxes: RealMailboxes, engine: MailboxEngine, trial: Trial) -> None:
        self._mailboxes = mailboxes
        self._engine = engine
        self._trial = trial
        self.sent = time.time()

    async def send(self, to: str, *, sender: str = "noreply@test.example") -> str:
        self.sent = time.time()
        report = await self._trial(
            self._mailboxes.smtp_port,
            sender=sender,
            recipients=[Recipient(role="delivery", index=0, address=to)],
        )
        assert report.verdict.reason is Reason.TEST_EMAIL_SENT, report.verdict.message
        return report.message_id

    async def look(self, message_id: str, *, user: str = PROBE, **changes: Any) -> MailboxReport:
        login = SmtpLogin(username=user, password=MAILBOX_PASSWORD, origin="Secret probe, key password")
        settings: dict[str, Any] = {
            "server": "localhost",
            "port": self._mailboxes.imaps_port,
            "imap_type": ImapType.TLS,
            "login": login,
            "tls": TlsSettings(ca_pem=self._mailboxes.ca_pem),
            "message_id": message_id,
            "sent": self.sent,
            "wait": 60.0,
        }
        return await self._engine.look(MailboxRequest(**(settings | changes)))


@pytest.fixture
def probe(mailboxes: RealMailboxes, engine: MailboxEngine, trial: Trial) -> Probe:
    return Probe(mailboxes, engine, trial)


async def test_an_email_arrives_in_the_inbox_and_is_deleted(probe: Probe) -> None:
    message_id = await probe.send(PROBE)
    report = await probe.look(message_id)

    assert report.failure is None
    assert report.waited
    assert report.found is not None
    assert report.found.folder is Folder.INBOX
    assert abs(report.found.arrived - probe.sent) < 120

    assert (await probe.look(message_id, delete=True)).found is None
    assert (await probe.look(message_id, wait=0.0)).found is None


async def test_idle_reports_the_arrival(probe: Probe) -> None:
    looking = asyncio.create_task(probe.look("<not-sent@test.example>", wait=1.0))
    assert (await looking).waited


async def test_an_email_arrives_in_the_junk_folder(probe: Probe) -> None:
    report = await probe.look(await probe.send(PROBE.replace("@", "+Junk@")))

    assert report.found is not None
    assert report.found.folder is Folder.JUNK


async def test_folders_with_odd_names(probe: Probe) -> None:
    message_id = await probe.send(PROBE.replace("@", "+Gr\N{LATIN SMALL LETTER U WITH DIAERESIS}n@"))
    report = await probe.look(message_id, junk="Gr\N{LATIN SMALL LETTER U WITH DIAERESIS}n")

    assert report.failure is None or "does not open the folder" in report.failure.message


async def test_a_dropped_email_does_not_arrive(probe: Probe) -> None:
    report = await probe.look(await probe.send(DROPPED), wait=2.0)

    assert (report.failure, report.found, report.bounce) == (None, None, "")


async def test_a_bounce_is_read(probe: Probe) -> None:
    message_id = await probe.send(BOUNCED, sender=BOUNCED)
    report = await probe.look(message_id, user=BOUNCED, bounces_to=BOUNCED)

    assert report.found is None
    assert report.bounce == "unknown mail system error 1"


async def test_starttls(probe: Probe, mailboxes: RealMailboxes) -> None:
    message_id = await probe.send(PROBE)
    report = await probe.look(message_id, port=mailboxes.imap_port, imap_type=ImapType.START_TLS)

    assert report.failure is None
    assert report.found is not None


async def test_a_wrong_password_is_rejected_with_the_words_of_the_test_server(probe: Probe) -> None:
    wrong = SmtpLogin(username=PROBE, password="wrong", origin="Secret probe, key password")
    real = await probe.look("<x@test.example>", login=wrong)
    async with ImapServer() as server:
        scripted = await probe.look(
            "<x@test.example>", login=wrong, port=server.port, tls=TlsSettings(ca_pem=server.ca_pem)
        )

    assert real.failure is not None
    assert real.failure.reason is Reason.AUTHENTICATION_FAILED
    assert real.failure == scripted.failure


async def test_a_missing_folder_has_the_words_of_the_test_server(probe: Probe) -> None:
    report = await probe.look("<x@test.example>", inbox="Posteingang")

    assert report.failure is not None
    assert "Mailbox doesn't exist: Posteingang" in report.failure.message

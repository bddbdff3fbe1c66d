# SPDX-License-Identifier: Apache-2.0
"""Send emails to ``delivery.address`` alone, and log in to the mailbox."""

from collections.abc import Callable
from typing import Final

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import DialogueReport, Mode, VerdictError
from smtp_operator.imap.failures import of_mailbox
from smtp_operator.imap.request import MailboxReport, MailboxRequest
from smtp_operator.reconcile.ports import MailboxReader
from smtp_operator.reconcile.smtpconfig.delivery.settings import (
    mailbox_snapshot,
    returns_to_sender,
    sent_at,
)
from smtp_operator.reconcile.smtpconfig.delivery.state import DeliveryState
from smtp_operator.reconcile.smtpconfig.delivery.watcher import Look
from smtp_operator.reconcile.smtpconfig.mail_text import TestEmail
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.reconcile.smtpconfig.test_inputs import Preparation, baselines
from smtp_operator.reconcile.smtpconfig.test_runner import TestRunner
from smtp_operator.smtp.login_permit import LoginPermit
from smtp_operator.smtp.send_permit import SendPermit

_NO_EMAIL: Final = TestEmail(kinds=frozenset(), recipients=(), subject="", body="", message_id="")


class DeliveryRunner:
    """Run the two halves of a delivery test with the parts of a test runner."""

    def __init__(self, runner: TestRunner, mailboxes: Callable[[], MailboxReader]) -> None:
        """Create a runner; ``mailboxes`` returns the reader of mailboxes, made at the first look."""
        self._runner = runner
        self._mailboxes = mailboxes

    async def send(
        self, snapshot: Snapshot, mail: TestEmail, *, send_permit: SendPermit, permit: LoginPermit
    ) -> DialogueReport:
        """Send an email to the address alone; return whether it was accepted, and why not.

        Raises:
            ApiUnavailable, RequestRefused
        """
        return await self._runner.send(snapshot, mail, send_permit=send_permit, permit=permit)

    async def look(
        self, snapshot: Snapshot, own: DeliveryState, wait: float, delete: bool, permit: LoginPermit | None
    ) -> Look:
        """Look once for the last email; see ``LookOnce``."""
        mailbox = mailbox_snapshot(snapshot)
        preparation = Preparation(self._runner.values(mailbox))
        started = self._runner.now()
        try:
            request = await self._request(snapshot, mailbox, preparation, wait=wait, delete=delete)
        except VerdictError as error:
            report = MailboxReport(failure=of_mailbox(error.verdict))
        else:
            report = await self._mailboxes().look(request, permit=permit)
            if report.failure is not None and report.failure.reason is Reason.OAUTH_TOKEN_REJECTED:
                self._runner.drop_token(preparation)
        return Look(report=report, read=baselines(preparation.values, mailbox, started))

    async def _request(
        self, snapshot: Snapshot, mailbox: Snapshot, preparation: Preparation, *, wait: float, delete: bool
    ) -> MailboxRequest:
        delivery, sent = snapshot.spec.delivery, snapshot.status.delivery
        assert delivery is not None
        assert sent is not None
        settings = await self._runner.prepare(mailbox, _NO_EMAIL, Mode.LOGIN, preparation)
        assert settings.login is not None
        return MailboxRequest(
            server=settings.server,
            port=settings.port,
            imap_type=delivery.mailbox.imap_type,
            login=settings.login,
            tls=settings.tls,
            absolute_name=settings.absolute_name,
            inbox=delivery.mailbox.inbox,
            junk=delivery.mailbox.junk,
            delete=delete,
            message_id=sent.message_id or "",
            sent=sent_at(sent) or 0.0,
            bounces_to=delivery.address if returns_to_sender(snapshot.spec) else "",
            authserv_id=delivery.authserv_id,
            wait=wait,
        )

# SPDX-License-Identifier: Apache-2.0
"""Mailboxes into which the simulated mail servers deliver."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

from smtp_operator.api.reasons import REASONS, Reason, Retry
from smtp_operator.api.verdict import Phase, Verdict
from smtp_operator.imap.request import Folder, FoundEmail, MailboxReport, MailboxRequest, SenderResults
from smtp_operator.smtp.diagnosis.verdicts import DialogueEnded
from smtp_operator.smtp.login_permit import LoginPermit
from smtp_testkit.simulation.engine import Mail

PASSED = SenderResults(authserv_id="mx.example.org", spf="pass", dkim="pass", dmarc="pass")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Fate of an email: it arrives in a folder, comes back, or (``after`` None) is lost."""

    after: float | None = 4.2
    folder: Folder = Folder.INBOX
    results: SenderResults = PASSED
    bounce: str = ""


def unavailable(reason: Reason, *, retry: Retry | None = None) -> Verdict:
    """Return why a mailbox cannot be read."""
    return Verdict(
        reason=reason,
        message=f"{reason}, said the script.",
        retry=retry or REASONS[reason].retry,
        phase=Phase.AUTH,
    )


class SimulatedMailboxes:
    """``reconcile.ports.MailboxReader`` without a network: one mailbox for all."""

    def __init__(self, now: Callable[[], float], mails: Callable[[], list[Mail]]) -> None:
        self._now = now
        self._mails = mails
        self.arrival = Arrival()
        """Fate of the next emails."""
        self.failure: Verdict | None = None
        self.offers_idle = True
        self.looks: list[tuple[float, MailboxRequest]] = []
        self.deleted: set[str] = set()
        self.running = 0

    async def look(self, request: MailboxRequest, *, permit: LoginPermit | None = None) -> MailboxReport:
        """Look once."""
        self.looks.append((self._now(), request))
        self.running += 1
        try:
            return await self._look(request, permit)
        finally:
            self.running -= 1

    async def _look(self, request: MailboxRequest, permit: LoginPermit | None) -> MailboxReport:
        await asyncio.sleep(0.1)
        if permit is not None:
            try:
                await permit.before_login(request.server, ip_address("192.0.2.30"), request.login)
            except DialogueEnded as ended:
                return MailboxReport(failure=ended.verdict)
            rejected = self.failure is not None and self.failure.retry is Retry.AUTHENTICATION
            permit.after_login(accepted=self.failure is None, rejected=rejected)
        if self.failure is not None:
            return MailboxReport(failure=self.failure)
        if request.delete:
            self.deleted.add(request.message_id)
            return MailboxReport()
        until = self._now() + (request.wait if self.offers_idle else 0.0)
        live = False
        while True:
            report = self._found(request, live=live)
            if report is not None or self._now() >= until:
                return report or MailboxReport(waited=self.offers_idle)
            live = True
            await asyncio.sleep(0.1)

    def _found(self, request: MailboxRequest, *, live: bool) -> MailboxReport | None:
        mail = next((it for it in self._mails() if it.message_id == request.message_id), None)
        fate = self.arrival
        if mail is None or fate.after is None or mail.at + fate.after > self._now():
            return None
        if request.message_id in self.deleted:
            return None
        if fate.bounce:
            return MailboxReport(bounce=fate.bounce) if request.bounces_to else None
        arrived = mail.at + fate.after
        found = FoundEmail(folder=fate.folder, arrived=arrived, results=fate.results, live=live)
        return MailboxReport(found=found)

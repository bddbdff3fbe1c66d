# SPDX-License-Identifier: Apache-2.0
"""Send separate emails about a kind of notification, for the reconciler of SmtpConfigs."""

from collections.abc import Awaitable, Callable

from smtp_operator.api.smtpconfig import Notification
from smtp_operator.reconcile.events import log
from smtp_operator.reconcile.limits.admission import Admission
from smtp_operator.reconcile.send_gate import GatePermit
from smtp_operator.reconcile.shared_parts import SharedParts
from smtp_operator.reconcile.smtpconfig.holding import named_recipients
from smtp_operator.reconcile.smtpconfig.notifications import SPACING, recorded
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.reconcile.smtpconfig.state import SmtpConfigState
from smtp_operator.reconcile.smtpconfig.test_runner import TestRunner
from smtp_operator.reconcile.state import PendingStatus


class NotificationEmails:
    """Sends emails that are no tests."""

    def __init__(
        self,
        parts: SharedParts,
        runner: TestRunner,
        *,
        write: Callable[[PendingStatus], Awaitable[str | None]],
    ) -> None:
        """Create the part of a reconciler that ``write`` belongs to."""
        self._parts = parts
        self._runner = runner
        self._write = write

    async def send(
        self,
        snapshot: Snapshot,
        state: SmtpConfigState,
        kind: Notification,
        send_permit: GatePermit,
        admission: Admission,
    ) -> None:
        """Send an email about this kind, and record it in status."""
        state.pending_notifications -= {kind}
        login_permit = self._parts.limits.logins.permit(snapshot.key.namespace, state)
        report = await self._runner.notify(snapshot, kind, send_permit=send_permit, permit=login_permit)
        verdict, now = report.verdict, self._parts.now()
        admission.sent = named_recipients(report)
        if verdict.passed:
            expiring = snapshot.status.certificate_expiring
            about = expiring if kind is Notification.CERTIFICATE_EXPIRING else None
            sent = recorded(snapshot.status, {kind}, now=now, about=about)
            status = snapshot.status.model_copy(update={"notifications": sent})
            await self._write(PendingStatus(tested=snapshot.version, status=status))
        else:
            state.notify_after = now + max(snapshot.interval, SPACING)
            log.warning("%s: the email about %s was not sent: %s", snapshot.key, kind, verdict.summary)
        self._parts.enqueue((snapshot.version.reference,))

# SPDX-License-Identifier: Apache-2.0
"""Execute the checks of senders for the reconciler of SmtpConfigs."""

from collections.abc import Callable

from smtp_operator.api.objects import Reference
from smtp_operator.reconcile.ports import Now, SenderChecker
from smtp_operator.reconcile.smtpconfig.sender import sender_of
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.reconcile.smtpconfig.state import SmtpConfigState
from smtp_operator.sender_authentication.report import SenderReport


class SenderChecks:
    """Starts to read the DNS records of senders."""

    def __init__(
        self, senders: SenderChecker | None, *, now: Now, enqueue: Callable[[Reference], None]
    ) -> None:
        """Create the part; without ``senders``, it does nothing."""
        self._senders = senders
        self._now = now
        self._enqueue = enqueue

    @property
    def enabled(self) -> bool:
        """Whether records are read."""
        return self._senders is not None

    def start(self, snapshot: Snapshot, state: SmtpConfigState) -> None:
        """Start to read the records of the sender; a running test reports them, else they are written."""
        sender = sender_of(snapshot)
        if self._senders is None or sender is None:
            return
        reference = snapshot.version.reference
        state.sender.requested = sender

        def done(report: SenderReport) -> None:
            if state.sender.record(report, at=self._now()):
                self._enqueue(reference)

        self._senders.request(sender, snapshot.key.namespace, done)

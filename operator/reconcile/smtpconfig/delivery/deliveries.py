# SPDX-License-Identifier: Apache-2.0
"""Execute delivery tests for the reconciler of SmtpConfigs: send their emails, and watch the mailboxes."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from smtp_operator.api.errors import ClusterError
from smtp_operator.api.objects import ObjectVersion, Reference
from smtp_operator.api.status import SmtpConfigStatus
from smtp_operator.api.verdict import Mode, Trigger
from smtp_operator.reconcile.events import log, log_verdict
from smtp_operator.reconcile.limits.admission import Admission
from smtp_operator.reconcile.ports import MailboxReader, TestObserver
from smtp_operator.reconcile.references.changes import ReferenceChange, changes_since_test
from smtp_operator.reconcile.send_gate import FencedPermit, GatePermit
from smtp_operator.reconcile.shared_parts import SharedParts
from smtp_operator.reconcile.smtpconfig.delivery.attempts import attempt_of_email, record
from smtp_operator.reconcile.smtpconfig.delivery.events import delivery_events
from smtp_operator.reconcile.smtpconfig.delivery.runner import DeliveryRunner
from smtp_operator.reconcile.smtpconfig.delivery.settings import (
    CONDITION,
    current,
    digest,
    mailbox_snapshot,
    sent_at,
)
from smtp_operator.reconcile.smtpconfig.delivery.state import DeliveryState
from smtp_operator.reconcile.smtpconfig.delivery.status import after_attempt, before_data, with_delivery
from smtp_operator.reconcile.smtpconfig.delivery.watcher import Look, Watcher
from smtp_operator.reconcile.smtpconfig.holding import named_recipients
from smtp_operator.reconcile.smtpconfig.mail_text import mail_of_delivery
from smtp_operator.reconcile.smtpconfig.result import TestResult
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.reconcile.smtpconfig.state import SmtpConfigState
from smtp_operator.reconcile.smtpconfig.test_runner import TestRunner
from smtp_operator.reconcile.snapshot import status_as_json
from smtp_operator.reconcile.state import PendingStatus

WritePending = Callable[[PendingStatus], Awaitable[str | None]]


class _ObjectChanged(Exception):
    """The SmtpConfig has changed or was deleted, so that its email must not be sent now."""


class Deliveries:
    """The delivery tests of one process."""

    def __init__(
        self,
        parts: SharedParts,
        *,
        runner: TestRunner,
        mailboxes: Callable[[], MailboxReader] | None,
        observer: TestObserver,
        write: WritePending,
    ) -> None:
        """Create the part of a reconciler that ``write`` belongs to."""
        self._parts = parts
        self._now = parts.now
        self._runner = DeliveryRunner(runner, mailboxes or _no_mailboxes)
        self._observer = observer
        self._write = write
        self._watcher = Watcher(
            self._look_once,
            now=parts.now,
            found=observer.delivered,
            enqueue=lambda reference: parts.enqueue((reference,)),
        )

    def watched(self, snapshot: Snapshot) -> str | None:
        """Return the Message-ID that a watch of this object looks for; None: there is no watch."""
        return self._watcher.watched(snapshot.version.reference, snapshot.generation)

    def mailbox_changed(self, snapshot: Snapshot, state: SmtpConfigState) -> bool:
        """Return whether an object that the login to the mailbox needs has changed since the last email."""
        found = current(snapshot)
        if found is None or found.mailbox_reason is None:
            return False
        baselines = state.own_delivery.baselines
        change, _ = changes_since_test(mailbox_snapshot(snapshot), baselines, self._parts.tracker)
        return change is not ReferenceChange.NONE

    def observe(self, version: ObjectVersion, snapshot: Snapshot | None) -> None:
        """Look no more for an object that is suspended, or whose spec is invalid."""
        if snapshot is None or snapshot.spec.suspend or snapshot.spec.delivery is None:
            self._watcher.stop(version.reference)

    def watch(self, snapshot: Snapshot, state: SmtpConfigState) -> None:
        """Look for the last email in the background."""
        self._watcher.start(snapshot, state.own_delivery)

    def stop(self, reference: Reference) -> None:
        """Look no more."""
        self._watcher.stop(reference)

    def written(self, pending: PendingStatus) -> None:
        """Record a status that the API server has accepted."""
        status = pending.status
        if isinstance(status, SmtpConfigStatus) and status.delivery and status.delivery.seen_time:
            self._watcher.written(pending.tested.reference)

    async def close(self) -> None:
        """Stop all watches."""
        await self._watcher.close()

    async def _look_once(self, snapshot: Snapshot, own: DeliveryState, wait: float, delete: bool) -> Look:
        permit = self._parts.limits.logins.permit(snapshot.key.namespace, own)
        return await self._runner.look(snapshot, own, wait, delete, permit)

    async def send(
        self, snapshot: Snapshot, state: SmtpConfigState, send_permit: GatePermit, admission: Admission
    ) -> None:
        """Send an email to the address alone; before DATA, status says so.

        Raises:
            ClusterError
        """
        own, sent = state.own_delivery, snapshot
        mail = mail_of_delivery(snapshot, cluster_name=self._parts.policy.cluster_name)
        problems: list[Exception] = []

        async def fence() -> None:
            nonlocal sent
            status = before_data(snapshot, mail.message_id, now=self._now())
            try:
                version = await self._parts.cluster.claim(snapshot.version, status_as_json(status))
                if version is None:
                    raise _ObjectChanged
            except (ClusterError, _ObjectChanged) as error:
                problems.append(error)
                raise
            state.newest_version = version
            sent = _stored(snapshot, version, status)

        report = await self._runner.send(
            snapshot,
            mail,
            send_permit=FencedPermit(send_permit, fence),
            permit=self._parts.limits.logins.permit(snapshot.key.namespace, state),
        )
        admission.sent = named_recipients(report)
        reference = snapshot.version.reference
        for problem in problems:
            if isinstance(problem, ClusterError):
                raise problem
            log.info("%s changed before its delivery email; it is sent later", snapshot.key)
            self._parts.enqueue((reference,))
            return
        log_verdict(
            str(snapshot.key),
            snapshot.version,
            report.verdict,
            seconds=report.duration,
            smtpconfig=str(snapshot.key),
            trigger=str(Trigger.DELIVERY),
            mode=str(Mode.SEND_EMAIL),
        )
        self._observer.tested(trigger=Trigger.DELIVERY, mode=Mode.SEND_EMAIL, report=report)
        now = self._now()
        fenced = None if sent is snapshot else sent.status.delivery
        attempt = attempt_of_email(report, sent=sent_at(fenced), ended=now)
        record(own, attempt, digest(snapshot), now=now)
        status = after_attempt(sent, sent.status, attempt, now=now)
        events = delivery_events(snapshot.status, status, snapshot.version, own)
        await self._write(PendingStatus(tested=sent.version, status=status, events=events))
        self._parts.enqueue((reference,))

    def after_test(
        self, snapshot: Snapshot, status: SmtpConfigStatus, result: TestResult, state: SmtpConfigState
    ) -> SmtpConfigStatus:
        """Return the status after a test with what it should say of the delivery."""
        if snapshot.spec.delivery is None and status.delivery is None:
            return status
        before = snapshot.status.condition(CONDITION)
        if before is not None and status.condition(CONDITION) is None:
            status = status.model_copy(update={"conditions": [*status.conditions, before]})
        after = replace(snapshot, status=status)
        if result.delivery is None:
            return with_delivery(after, status, state, now=result.ended)
        record(state.own_delivery, result.delivery, digest(after), now=result.ended)
        return after_attempt(after, status, result.delivery, now=result.ended)


def _no_mailboxes() -> MailboxReader:
    raise LookupError("this process reads no mailboxes")


def _stored(snapshot: Snapshot, version: str, status: SmtpConfigStatus) -> Snapshot:
    written: ObjectVersion = replace(snapshot.version, resource_version=version)
    return replace(snapshot, version=written, status=status)

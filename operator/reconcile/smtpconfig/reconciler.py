# SPDX-License-Identifier: Apache-2.0
"""Reconcile SmtpConfigs: run tests, send notifications and derive verdicts."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final

from smtp_operator.api.object_health import ObjectHealth
from smtp_operator.api.objects import JsonObject, ObjectVersion, Reference, ServedKind, is_newer
from smtp_operator.api.status import ObjectStatus, SmtpConfigStatus
from smtp_operator.api.timestamps import from_timestamp
from smtp_operator.api.verdict import Trigger, Verdict
from smtp_operator.reconcile.actions import Wait
from smtp_operator.reconcile.events import log, log_verdict
from smtp_operator.reconcile.limits.admission import Admission
from smtp_operator.reconcile.limits.hold import Hold
from smtp_operator.reconcile.ports import (
    MailboxReader,
    SenderChecker,
    SmtpEngine,
    TestObserver,
    TokenProvider,
)
from smtp_operator.reconcile.reconciler import Reconciler
from smtp_operator.reconcile.references.changes import changes_since_test
from smtp_operator.reconcile.send_gate import GatePermit
from smtp_operator.reconcile.shared_parts import SharedParts
from smtp_operator.reconcile.smtpconfig.certificate_expiry import expires_at, expiry_event
from smtp_operator.reconcile.smtpconfig.delivery.deliveries import Deliveries
from smtp_operator.reconcile.smtpconfig.delivery.events import delivered_status, delivery_events
from smtp_operator.reconcile.smtpconfig.delivery.planner import SendDelivery, WatchMailbox
from smtp_operator.reconcile.smtpconfig.delivery.status import with_delivery
from smtp_operator.reconcile.smtpconfig.events import events_of_test
from smtp_operator.reconcile.smtpconfig.holding import (
    HeldAction,
    addresses_of,
    hold_back,
    login_hold,
    named_recipients,
)
from smtp_operator.reconcile.smtpconfig.notification_emails import NotificationEmails
from smtp_operator.reconcile.smtpconfig.notifications import kinds_without_mail
from smtp_operator.reconcile.smtpconfig.planner import (
    PlannedAction,
    RunTest,
    decide,
    next_password_poll,
)
from smtp_operator.reconcile.smtpconfig.progress import ProgressReporter
from smtp_operator.reconcile.smtpconfig.publish.events import publication_events
from smtp_operator.reconcile.smtpconfig.publish.planner import PublishSecret, RemoveSecret
from smtp_operator.reconcile.smtpconfig.publish.publisher import Publisher
from smtp_operator.reconcile.smtpconfig.sender import (
    CheckSender,
    ReportSender,
    SenderState,
    with_sender,
)
from smtp_operator.reconcile.smtpconfig.sender_checks import SenderChecks
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot, request_of, snapshot_of
from smtp_operator.reconcile.smtpconfig.state import SmtpConfigState, packed, server_key, unpacked
from smtp_operator.reconcile.smtpconfig.status import (
    invalid_spec_status,
    refreshed_status,
    status_after_test,
)
from smtp_operator.reconcile.smtpconfig.test_runner import TestRunner
from smtp_operator.reconcile.snapshot import status_of
from smtp_operator.reconcile.state import PendingStatus
from smtp_operator.secrets.vaults.clients import VaultClients

_STILL_FRESH: Final = 60.0
"""Seconds for which the object in an event is used without reading it again.

A later edit arrives as another event and replaces it. So only an edit of the last moments, or one during a
break of the watch, can be missed. Because each write names the resourceVersion, a verdict of such outdated
settings is dropped; the cost is one email with these settings.
"""


OwnAction = HeldAction | PublishSecret | RemoveSecret | CheckSender | ReportSender | WatchMailbox
"""The actions of SmtpConfigs."""


class SmtpConfigReconciler(Reconciler[Snapshot, SmtpConfigState, OwnAction]):
    """Reconciler of SmtpConfigs."""

    kinds = ("SmtpConfig",)

    def __init__(
        self,
        parts: SharedParts,
        *,
        engine: SmtpEngine,
        observer: TestObserver,
        vaults: VaultClients,
        tokens: TokenProvider | None = None,
        senders: SenderChecker | None = None,
        mailboxes: Callable[[], MailboxReader] | None = None,
    ) -> None:
        """Create a reconciler.

        Args:
            parts: what all kinds share.
            engine: runs the SMTP dialogues.
            observer: counts tests.
            vaults: read passwords.
            tokens: for ``spec.oauth2``; None: no such test is possible.
            senders: read the DNS records of senders; None: the condition SenderAuthentication is absent.
            mailboxes: called when the first mailbox of ``spec.delivery`` is read.
        """
        super().__init__(parts, per_concurrency_key=parts.policy.connections_per_destination)
        self._observer = observer
        self._sender_checks = SenderChecks(senders, now=parts.now, enqueue=self.enqueue)
        self._defaults = parts.policy.defaults
        self._runner = TestRunner(
            get_object=parts.reader.read,
            engine=engine,
            policy=parts.policy,
            now=parts.now,
            vaults=vaults,
            tokens=tokens,
        )
        self._emails = NotificationEmails(parts, self._runner, write=self.write)
        self._publisher = Publisher(parts, self._runner)
        self._deliveries = Deliveries(
            parts, runner=self._runner, mailboxes=mailboxes, observer=observer, write=self.write
        )

    def new_state(self, uid: str) -> SmtpConfigState:
        """Return the state of an object that was not known before."""
        return SmtpConfigState(uid=uid, sender=SenderState(enabled=self._sender_checks.enabled))

    def snapshot_of(self, kind: ServedKind, object_: JsonObject) -> Snapshot:
        """Return the snapshot of an object."""
        return snapshot_of(object_, self._defaults)

    def status_of(self, object_: JsonObject) -> SmtpConfigStatus:
        """Return the stored status of an object."""
        return status_of(SmtpConfigStatus, object_)

    def health_of(self, tested: ObjectVersion, status: ObjectStatus) -> ObjectHealth:
        """Return the health, when the server's certificate expires, and the age of what is published."""
        assert isinstance(status, SmtpConfigStatus)
        return ObjectHealth(
            *tested.reference,
            ready=status.ready,
            certificate_not_after=expires_at(status),
            delivered=delivered_status(status),
            published_proven_at=from_timestamp(status.published.proven_time) if status.published else None,
        )

    def observed(self, object_: JsonObject) -> str | None:
        """Return the requested test."""
        return request_of(object_)

    def observe(
        self, version: ObjectVersion, object_: JsonObject, snapshot: Snapshot | None, state: SmtpConfigState
    ) -> None:
        """Keep the object until it is reconciled."""
        state.concurrency_key = server_key(version.key, object_.get("spec") or {})
        self._deliveries.observe(version, snapshot)
        state.latest = None
        if snapshot is not None:
            state.latest = (self.now(), packed(object_) if state.has_verdict else snapshot)

    def vault_recovered(self, users: Iterable[Reference]) -> None:
        """Record that the operator can log in again to a vault of these objects."""
        for user in users:
            if user in self.states:
                self.states[user].vault_recovered_at = self.now()
                self.enqueue(user)

    def take_snapshot(self, state: SmtpConfigState) -> Snapshot | None:
        """Return the object of the latest event if it is recent enough to be used without a read."""
        latest, state.latest = state.latest, None
        if latest is None:
            return None
        at, snapshot = latest[0], unpacked(latest[1], self._defaults)
        if is_newer(state.newest_version, snapshot.version.resource_version):
            return None
        recent = 0 <= self.now() - at < _STILL_FRESH or isinstance(self.decide(snapshot, state), Wait)
        return snapshot if recent else None

    def decide(
        self, snapshot: Snapshot, state: SmtpConfigState
    ) -> PlannedAction | PublishSecret | RemoveSecret:
        """Return the next step."""
        plan = decide(
            snapshot,
            state=state,
            now=self.now(),
            started=self.started,
            compare=lambda it: changes_since_test(it, state.baselines, self.tracker),
            watched=self._deliveries.watched(snapshot),
            mailbox_changed=lambda it: self._deliveries.mailbox_changed(it, state),
        )
        if not isinstance(plan, Wait) or not snapshot.concerns_publishing:
            return plan
        step = self._publisher.decide(snapshot, state.own_publication)
        return plan.until_earlier(step) if isinstance(step, Wait) else step

    async def next_action(
        self, snapshot: Snapshot, state: SmtpConfigState
    ) -> PlannedAction | PublishSecret | RemoveSecret:
        """Return the next step, after a poll of passwords that no watch covers."""
        action = self.decide(snapshot, state)
        if isinstance(action, RunTest) and action.trigger is Trigger.RECHECK:
            if not await self.poller.poll(snapshot, state, now=True):
                return action
            # Otherwise, a new password would count as the one that passed.
            action = self.decide(snapshot, state)
        if isinstance(action, Wait) and await self._password_changed(snapshot, state):
            return RunTest(Trigger.PASSWORD_CHANGED, snapshot.spec.test.mode)
        return action

    async def _password_changed(self, snapshot: Snapshot, state: SmtpConfigState) -> bool:
        """Return whether a vault has replaced a password that the mail server rejected."""
        due = next_password_poll(snapshot, last_poll=state.vault_polled_at)
        if due is None or due > self.now():
            return False
        state.vault_polled_at = self.now()
        return await self._runner.password_changed(snapshot)

    def times(self, snapshot: Snapshot, state: SmtpConfigState) -> Iterator[float | None]:
        """Yield when to poll references and the vault."""
        yield from super().times(snapshot, state)
        yield next_password_poll(snapshot, last_poll=state.vault_polled_at)

    def waits_for_limit(self, snapshot: Snapshot, state: SmtpConfigState) -> bool:
        """Return whether an object that waits keeps its place in the limits."""
        return state.held_until(snapshot) > self.now()

    async def execute(self, action: OwnAction, snapshot: Snapshot, state: SmtpConfigState) -> bool:
        """Publish, run a test or send a notification, or hold it back; return whether it is held back."""
        if isinstance(action, PublishSecret | RemoveSecret):
            await self._publish(action, snapshot, state)
            return False
        if isinstance(action, CheckSender):
            self._sender_checks.start(snapshot, state)
            then = self.decide(snapshot, state)
            self.wait(snapshot, state, then.until if isinstance(then, Wait) else self.now())
            return False
        if isinstance(action, ReportSender):
            status = with_sender(snapshot.status, snapshot, state.sender, self.now())
            await self.write(PendingStatus(tested=snapshot.version, status=status))
            self.enqueue(snapshot.version.reference)
            return False
        if isinstance(action, WatchMailbox):
            self._deliveries.watch(snapshot, state)
            self.enqueue(snapshot.version.reference)
            return False
        addresses = addresses_of(snapshot, action, now=self.now())
        with self.limits.admit(snapshot.version.reference, state, addresses) as admission:
            if admission.hold is not None:
                await self._hold(snapshot, state, action, admission.hold)
                return True
            with self.send_gate.permit(snapshot.key.namespace, state) as permit:
                if isinstance(action, RunTest):
                    state.sender.test_running = True
                    try:
                        await self._test(snapshot, state, action, permit, admission)
                    finally:
                        state.sender.test_running = False
                elif isinstance(action, SendDelivery):
                    await self._deliveries.send(snapshot, state, permit, admission)
                else:
                    await self._emails.send(snapshot, state, action.kind, permit, admission)
        return False

    async def _hold(self, snapshot: Snapshot, state: SmtpConfigState, action: HeldAction, hold: Hold) -> None:
        """Make a test or notification wait for a limit."""
        step = hold_back(snapshot, action, hold, state=state, now=self.now())
        if step.requeue_at is not None:
            self.queue.add(snapshot.version.reference, at=step.requeue_at)
        if step.status is not None:
            self._observer.held(hold.reason)
            await self.write(PendingStatus(tested=snapshot.version, status=step.status))

    async def _test(
        self,
        snapshot: Snapshot,
        state: SmtpConfigState,
        test: RunTest,
        send_permit: GatePermit,
        admission: Admission,
    ) -> None:
        state.record_start(self.now())
        if test.mode is snapshot.spec.test.mode:
            self._sender_checks.start(snapshot, state)
        progress = ProgressReporter(snapshot, test, write=self.write_status, now=self.now)
        async with progress:
            login_permit = self.limits.logins.permit(snapshot.key.namespace, state)
            result = await self._runner.run(
                snapshot, test, on_phase=progress.entered, send_permit=send_permit, permit=login_permit
            )
            admission.sent = named_recipients(result.report)
        # The mail server is free; the rest concerns only the API server.
        self.queue.release_slot(snapshot.version.reference)
        current, hold = progress.snapshot, login_hold(result, snapshot.version.uid)
        if hold is not None:
            await self._hold(current, state, test, hold)
            return
        state.record_test(snapshot, result)
        update = status_after_test(current, result, state=state, watched=self.poller.is_watched(snapshot))
        status = with_sender(update.status, current, state.sender, self.now())
        status = self._deliveries.after_test(current, status, result, state)
        name = str(snapshot.key)
        log_verdict(
            name,
            snapshot.version,
            result.verdict,
            seconds=result.report.duration,
            smtpconfig=name,
            trigger=str(result.trigger),
            mode=str(result.mode),
        )
        self._observer.tested(trigger=result.trigger, mode=result.mode, report=result.report)
        step = await self._publisher.after_test(current, status, result, state.own_publication)
        events = events_of_test(snapshot, update, result.mode, state=state, now=self.now())
        events += delivery_events(snapshot.status, status, snapshot.version, state.delivery)
        events += publication_events(snapshot.status, step.status, snapshot.version)
        version = await self.write(
            PendingStatus(tested=snapshot.version, status=step.status, read=result.read, events=events)
        )
        if version is None:
            log.info("%s changed during its test; the result is dropped", snapshot.key)
            self.enqueue(snapshot.version.reference)
            return
        state.pending_notifications |= kinds_without_mail(snapshot, result)
        after = replace(
            snapshot, version=replace(snapshot.version, resource_version=version), status=step.status
        )
        if step.proven is not None:
            published = await self._publisher.write(after, step.proven, state.own_publication)
            await self._write_publication(after, published)
            return
        action = self.decide(after, state)
        self.wait(after, state, action.until if isinstance(action, Wait) else self.now())

    async def _publish(
        self, action: PublishSecret | RemoveSecret, snapshot: Snapshot, state: SmtpConfigState
    ) -> None:
        """Publish without a test, or remove what was published."""
        if isinstance(action, PublishSecret):
            status = await self._publisher.publish(snapshot, state.own_publication)
        else:
            status = await self._publisher.remove(snapshot, state.own_publication)
        await self._write_publication(snapshot, status)

    async def _write_publication(self, snapshot: Snapshot, status: SmtpConfigStatus | None) -> None:
        if status is not None and status != snapshot.status:
            events = publication_events(snapshot.status, status, snapshot.version)
            await self.write(PendingStatus(tested=snapshot.version, status=status, events=events))
        self.enqueue(snapshot.version.reference)

    def refreshed(self, snapshot: Snapshot, state: SmtpConfigState) -> PendingStatus:
        """Return the status without a test, and the Event of an expiring certificate."""
        now = self.now()
        status = refreshed_status(snapshot, state=state, watched=self.poller.is_watched(snapshot), now=now)
        status = self._publisher.judged(snapshot, status)
        status = with_delivery(snapshot, status, state, now=now)
        event = expiry_event(snapshot, status, state=state, now=now)
        events = delivery_events(snapshot.status, status, snapshot.version, state.delivery)
        events += publication_events(snapshot.status, status, snapshot.version)
        events = events if event is None else (event, *events)
        return PendingStatus(tested=snapshot.version, status=status, events=events)

    def written(self, pending: PendingStatus, state: SmtpConfigState) -> None:
        """Remember the reported expiry of a certificate."""
        if isinstance(pending.status, SmtpConfigStatus):
            state.record_expiry(pending.status.certificate_expiring)
            state.sender.written(pending.status)
        self._deliveries.written(pending)

    def forgotten(self, reference: Reference) -> None:
        """Look for no email of a deleted object."""
        self._deliveries.stop(reference)

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            await super().run()
        finally:
            await self._deliveries.close()

    def invalid_status(
        self, object_: JsonObject, version: ObjectVersion, verdict: Verdict
    ) -> SmtpConfigStatus:
        """Return the status of an invalid spec; it also answers a test request, as no test is possible."""
        return invalid_spec_status(
            self.status_of(object_),
            version.generation,
            verdict,
            request=request_of(object_),
            now=self.now(),
        )

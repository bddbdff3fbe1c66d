# SPDX-License-Identifier: Apache-2.0
"""Reconcile SmtpConfigs, level-triggered: decide the next step, run tests, write verdicts into statuses."""

import logging
from collections.abc import Hashable, Iterator
from dataclasses import replace
from typing import Final

from smtp_operator.api.errors import ClusterError
from smtp_operator.api.object_health import ObjectHealth
from smtp_operator.api.objects import JsonObject, ObjectKey, is_newer
from smtp_operator.api.smtpconfig import Notification
from smtp_operator.api.verdict import Trigger, Verdict
from smtp_operator.fair_slots import NAMESPACE
from smtp_operator.reconcile.events import events_of_test, log_verdict, verdict_event
from smtp_operator.reconcile.internal_errors import pause_after
from smtp_operator.reconcile.invalid_spec import InvalidSpecError
from smtp_operator.reconcile.limits.admission import Admission, Limits, login_hold, named_recipients
from smtp_operator.reconcile.limits.holding import hold_back
from smtp_operator.reconcile.ports import (
    ClusterPort,
    NoTestObserver,
    Now,
    ReconcilePolicy,
    SmtpEngine,
    TestObserver,
    TokenProvider,
)
from smtp_operator.reconcile.references.tracker import ReferenceTracker
from smtp_operator.reconcile.send_gate import GatePermit, SendGate
from smtp_operator.reconcile.smtpconfig.certificate_expiry import expiry_event
from smtp_operator.reconcile.smtpconfig.health import health_of
from smtp_operator.reconcile.smtpconfig.memory import Hold
from smtp_operator.reconcile.smtpconfig.notifications import SPACING, kinds_without_mail, recorded
from smtp_operator.reconcile.smtpconfig.planner import (
    PlannedAction,
    RefreshStatus,
    RunTest,
    SendNotification,
    Wait,
    decide,
    next_password_poll,
)
from smtp_operator.reconcile.smtpconfig.progress import ProgressReporter
from smtp_operator.reconcile.smtpconfig.snapshot import (
    Snapshot,
    is_judged,
    request_of,
    snapshot_of,
    status_of,
    version_of,
)
from smtp_operator.reconcile.smtpconfig.state import ObjectState, PendingStatus, packed, server_key, unpacked
from smtp_operator.reconcile.smtpconfig.status import invalid_spec_status, refreshed_status, status_after_test
from smtp_operator.reconcile.smtpconfig.status_writes import StatusWrites
from smtp_operator.reconcile.smtpconfig.test_runner import TestRunner
from smtp_operator.reconcile.workqueue import WorkQueue
from smtp_operator.secrets.vaults.clients import VaultClients

_log: Final = logging.getLogger("smtp_operator.verdict")

_STILL_FRESH: Final = 60.0
"""Seconds for which the object in an event is used without reading it again.

A later edit arrives as another event and replaces it. So only an edit of the last moments, or one during a
break of the watch, can be missed. Because each write names the resourceVersion, a verdict of such outdated
settings is dropped; the cost is one email with these settings.
"""

_SHUTDOWN_GRACE: Final = 1.0
"""Seconds that running tests get to end when the operator stops."""


class Reconciler:
    """Reconciler of SmtpConfigs. ``on_change``, ``forget`` and ``enqueue`` record events; ``run`` works."""

    def __init__(
        self,
        *,
        cluster: ClusterPort,
        engine: SmtpEngine,
        policy: ReconcilePolicy,
        now: Now,
        references: ReferenceTracker,
        vaults: VaultClients,
        send_gate: SendGate,
        tokens: TokenProvider | None = None,
        observer: TestObserver | None = None,
    ) -> None:
        """Create a reconciler; ``tokens`` is for ``spec.oauth2``, without it no such test is possible."""
        self._cluster = cluster
        self._observer = observer or NoTestObserver()
        self._now = now
        self._started = now()
        self._known: dict[ObjectKey, ObjectState] = {}
        self._writes = StatusWrites(cluster, self._known)
        self._references = references
        self._send_gate = send_gate
        self._runner = TestRunner(
            get_object=references.read, engine=engine, policy=policy, now=now, vaults=vaults, tokens=tokens
        )
        self._queue: WorkQueue[ObjectKey] = WorkQueue(
            self._reconcile,
            concurrency_key_of=self._concurrency_key,
            namespace_of=lambda key: key.namespace,
            per_concurrency_key=policy.connections_per_destination,
            now=now,
        )
        self._limits = Limits(policy, now=now, observer=self._observer, wake=self.enqueue)

    def is_relevant(self, object_: JsonObject) -> bool:
        """Return whether ``on_change`` would do anything; our own writes and changed labels do not matter."""
        metadata = object_["metadata"]
        known = self._known.get(ObjectKey(metadata["namespace"], metadata["name"]))
        return (
            known is None
            or "deletionTimestamp" in metadata
            or (known.uid, *known.observed) != (metadata["uid"], metadata["generation"], request_of(object_))
            or (
                known.has_verdict
                and not is_judged(object_)
                and is_newer(metadata["resourceVersion"], known.written_version)
            )
        )

    def on_change(self, object_: JsonObject) -> None:
        """Handle a SmtpConfig that was created, changed or listed."""
        if not self.is_relevant(object_):
            return
        version = version_of(object_)
        observed = (version.generation, request_of(object_))
        known = self._known.get(version.key)
        terminating = "deletionTimestamp" in object_["metadata"]  # and waits for a foreign finalizer
        if known is not None and (terminating or known.uid != version.uid):
            self.forget(version.key, known.uid)
            known = None
        if terminating:
            return
        has_verdict = is_judged(object_)
        if known is None:
            known = self._known[version.key] = ObjectState(uid=version.uid, observed=(0, None))
        if known.observed[0] != version.generation and not has_verdict:
            known.history.generation_seen = (version.generation, self._now())
        known.observed, known.latest, known.has_verdict = observed, None, has_verdict
        known.concurrency_key = server_key(version.key, object_.get("spec") or {})
        try:
            view = snapshot_of(object_)
        except InvalidSpecError:
            known.health = health_of(version.key, status_of(object_))
        else:
            known.health = health_of(version.key, view.status)
            known.latest = (self._now(), packed(object_) if has_verdict else view)
            self._references.set_references(view)
        self._queue.add(version.key, at=self._now())

    def forget(self, key: ObjectKey, uid: str) -> None:
        """Handle the deletion of a SmtpConfig; another one of the same name may already exist."""
        known = self._known.get(key)
        if known is None or known.uid != uid:
            return
        del self._known[key]
        self._limits.withdraw(key)
        self._send_gate.reported(key)
        self._references.forget(key)
        self._queue.discard(key)

    def known(self) -> Iterator[tuple[ObjectKey, str]]:
        """Return the known SmtpConfigs with their uids."""
        return ((key, known.uid) for key, known in self._known.items())

    def enqueue(self, key: ObjectKey) -> None:
        """Reconcile a SmtpConfig soon, because an object that it references has changed."""
        self._queue.add(key, at=self._now())

    def healths(self) -> Iterator[ObjectHealth]:
        """Return the health of each SmtpConfig, from its newest known status."""
        return (known.health for known in self._known.values() if known.health is not None)

    def backlog(self) -> tuple[int, float, int]:
        """Return the number of due objects, the seconds the oldest waits, and the number being handled."""
        return self._queue.due(), self._queue.oldest_overdue(), self._queue.running()

    async def finish(self) -> None:
        """Start no more tests, and give running ones a moment, so that no sent email is repeated."""
        self._send_gate.close()
        await self._queue.finish(_SHUTDOWN_GRACE)

    async def run(self) -> None:
        """Work until cancelled."""
        self._started = self._now()
        await self._queue.run()

    def _concurrency_key(self, key: ObjectKey) -> Hashable:
        known = self._known.get(key)
        # The write of a pending status needs no mail server, and tests may wait for it.
        return key if known is None or known.pending_status is not None else known.concurrency_key

    async def _reconcile(self, key: ObjectKey) -> None:
        NAMESPACE.set(key.namespace)
        waits = False
        try:
            view = await self._current_snapshot(key)
            if view is None or await self._write_pending(view):
                return
            known = self._known[key]
            if await self._references.poll(view, last_asked=known.references_polled_at):
                known.references_polled_at = self._now()
            plan = self._decide(view)
            if _is_recheck(plan) and await self._references.poll(view):
                plan = self._decide(view)  # otherwise, a new password would count as the one that passed
            if isinstance(plan, Wait) and await self._password_changed(view, known):
                plan = RunTest(Trigger.PASSWORD_CHANGED, view.spec.test.mode)
            waits = await self._execute(plan, view)
        except ClusterError as error:
            self._retry_later(key, error)
        finally:
            if not waits:
                self._limits.withdraw(key)

    async def _current_snapshot(self, key: ObjectKey) -> Snapshot | None:
        """Return the current object; None if there is nothing to decide."""
        known = self._known.get(key)
        if known is None:
            return None
        latest, known.latest = known.latest, None
        cached = None if latest is None else unpacked(latest[1])
        if latest is not None and cached is not None and self._is_fresh(known, latest[0], cached):
            return cached
        object_ = await self._cluster.get_smtp_config(key)
        if object_ is None:
            self.forget(key, known.uid)
            return None
        self.on_change(object_)  # has no effect unless the event is still to come
        if self._known.get(key) is not known:
            return None
        known.latest = None
        if cached is not None and cached.version == version_of(object_):
            return cached
        try:
            return snapshot_of(object_)
        except InvalidSpecError as error:
            await self._reject_spec(object_, error.verdict)
            return None

    def _is_fresh(self, known: ObjectState, at: float, view: Snapshot) -> bool:
        """Return whether the state from an event is recent enough to be used without a read."""
        if is_newer(known.written_version, view.version.resource_version):
            return False
        return 0 <= self._now() - at < _STILL_FRESH or isinstance(self._decide(view), Wait)

    async def _write_pending(self, view: Snapshot) -> bool:
        known = self._known[view.key]
        pending, known.pending_status = known.pending_status, None
        if pending is None or pending.tested.generation != view.generation:
            return False
        await self._writes.write(pending)
        self._send_gate.reported(view.key)
        self._queue.add(view.key, at=self._now())
        return True

    def _decide(self, view: Snapshot) -> PlannedAction:
        memory = self._known[view.key].history
        return decide(
            view,
            memory=memory,
            now=self._now(),
            started=self._started,
            compare=lambda it: self._references.compare(it, memory),
        )

    async def _password_changed(self, view: Snapshot, known: ObjectState) -> bool:
        """Return whether a vault has replaced a password that the mail server rejected."""
        due = next_password_poll(view, last_poll=known.vault_polled_at)
        if due is None or due > self._now():
            return False
        known.vault_polled_at = self._now()
        return await self._runner.password_changed(view)

    async def _execute(self, plan: PlannedAction, view: Snapshot) -> bool:
        """Execute the planned action; return whether it still waits for a limit."""
        known = self._known[view.key]
        memory = known.history
        match plan:
            case RunTest() | SendNotification():
                with self._limits.admit(view, plan) as admission:
                    if admission.hold is not None:
                        await self._hold(view, plan, admission.hold)
                        return True
                    with self._send_gate.permit(view.key) as permit:
                        if isinstance(plan, RunTest):
                            await self._test(view, plan, permit, admission)
                        else:
                            await self._notify(view, plan.kind, permit, admission)
            case RefreshStatus():
                watched = self._references.watches(view)
                status = refreshed_status(view, memory=memory, watched=watched, now=self._now())
                event = expiry_event(view, status, memory=memory, now=self._now())
                events = () if event is None else (event,)
                await self._writes.write(PendingStatus(tested=view.version, status=status, events=events))
                self.enqueue(view.key)
            case Wait(until):
                self._wait(view, until)
                return memory.held_until(view) > self._now()
        return False

    async def _hold(self, view: Snapshot, plan: RunTest | SendNotification, hold: Hold) -> None:
        """Make a test or notification wait for a limit."""
        step = hold_back(view, plan, hold, memory=self._known[view.key].history, now=self._now())
        if step.requeue_at is not None:
            self._queue.add(view.key, at=step.requeue_at)
        if step.status is not None:
            self._observer.held(hold.reason)
            await self._writes.write(PendingStatus(tested=view.version, status=step.status))

    async def _test(self, view: Snapshot, test: RunTest, permit: GatePermit, admission: Admission) -> None:
        known = self._known[view.key]
        memory, known.references_polled_at = known.history, self._now()
        memory.record_start(self._now())
        progress = ProgressReporter(view, test, write=self._writes.write_status, now=self._now)
        async with progress:
            login_permit = self._limits.logins.permit(view.key, memory)
            outcome = await self._runner.run(
                view, test, on_phase=progress.entered, send_permit=permit, permit=login_permit
            )
            admission.sent = named_recipients(outcome.report)
        # The mail server is free; the rest concerns only the API server.
        self._queue.release_slot(view.key)
        current, hold = progress.view, login_hold(outcome, view.version.uid)
        if hold is not None:
            await self._hold(current, test, hold)
            return
        memory.record_result(view, outcome)
        watched = self._references.watches(view)
        update = status_after_test(current, outcome, memory=memory, watched=watched)
        log_verdict(view, outcome)
        self._observer.tested(trigger=outcome.trigger, mode=outcome.mode, report=outcome.report)
        events = events_of_test(view, update, outcome.mode, memory=memory, now=self._now())
        result = PendingStatus(tested=view.version, status=update.status, read=outcome.read, events=events)
        version = await self._writes.write(result)
        if version is None:
            _log.info("%s changed during its test; the result is dropped", view.key)
            self._queue.add(view.key, at=self._now())
            return
        after = replace(view, version=replace(view.version, resource_version=version), status=update.status)
        memory.pending_notifications |= kinds_without_mail(view, outcome)
        plan = self._decide(after)
        self._wait(after, plan.until if isinstance(plan, Wait) else self._now())

    async def _notify(
        self, view: Snapshot, kind: Notification, send_permit: GatePermit, admission: Admission
    ) -> None:
        memory = self._known[view.key].history
        memory.pending_notifications -= {kind}
        login_permit = self._limits.logins.permit(view.key, memory)
        report = await self._runner.notify(view, kind, send_permit=send_permit, permit=login_permit)
        verdict, now = report.verdict, self._now()
        admission.sent = named_recipients(report)
        if verdict.passed:
            about = view.status.certificate_expiring if kind is Notification.CERTIFICATE_EXPIRING else None
            sent = recorded(view.status, {kind}, now=now, about=about)
            status = view.status.model_copy(update={"notifications": sent})
            await self._writes.write(PendingStatus(tested=view.version, status=status))
        else:
            memory.notify_after = now + max(view.interval, SPACING)
            _log.warning("%s: the email about %s was not sent: %s", view.key, kind, verdict.summary)
        self._queue.add(view.key, at=self._now())

    def _wait(self, view: Snapshot, until: float | None) -> None:
        known = self._known[view.key]
        references_poll = self._references.next_poll(view, last_asked=known.references_polled_at)
        password_poll = next_password_poll(view, last_poll=known.vault_polled_at)
        times = [time for time in (until, references_poll, password_poll) if time is not None]
        if times:
            self._queue.add(view.key, at=min(times))

    async def _reject_spec(self, object_: JsonObject, verdict: Verdict) -> None:
        """Write the verdict on an invalid spec; it also answers a test request, as no test is possible."""
        before, version, request = status_of(object_), version_of(object_), request_of(object_)
        ready = before.condition("Ready")
        same = before.observed_generation == version.generation and ready and ready.reason == verdict.reason
        if same and request in (None, before.last_handled_test_request):
            return
        status = invalid_spec_status(before, version.generation, verdict, request=request, now=self._now())
        if await self._writes.write_status(version, status) is None:
            self._queue.add(version.key, at=self._now())
            return
        event = verdict_event(before, version, verdict, action="ReadSpec")
        if event is not None:
            await self._cluster.publish(event)

    def _retry_later(self, key: ObjectKey, error: ClusterError) -> None:
        pause = pause_after(error)
        _log.warning("%s: %s; next try in %.0f s", key, error, pause)
        self._queue.add(key, at=self._now() + pause)


def _is_recheck(plan: PlannedAction) -> bool:
    return isinstance(plan, RunTest) and plan.trigger is Trigger.RECHECK

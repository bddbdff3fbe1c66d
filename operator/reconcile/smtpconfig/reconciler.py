# SPDX-License-Identifier: Apache-2.0
"""From "something happened" to a status: the one loop that decides, tests, judges and writes."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from smtp_operator.api.object_health import ObjectHealth
from smtp_operator.api.objects import ClusterError, JsonObject, ObjectKey
from smtp_operator.api.smtpconfig import Notification
from smtp_operator.api.verdict import Trigger, Verdict
from smtp_operator.fair_slots import NAMESPACE
from smtp_operator.reconcile.events import log_verdict, notices_of_test, verdict_event
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
from smtp_operator.reconcile.references.index import is_newer
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
from smtp_operator.reconcile.smtpconfig.state import ObjectState, PendingStatus, lane_of, packed, unpacked
from smtp_operator.reconcile.smtpconfig.status import invalid_spec_status, refreshed_status, status_after_test
from smtp_operator.reconcile.smtpconfig.status_writes import StatusWrites
from smtp_operator.reconcile.smtpconfig.test_runner import TestRunner
from smtp_operator.reconcile.workqueue import WorkQueue
from smtp_operator.secrets.vaults.clients import VaultClients

_log: Final = logging.getLogger("smtp_operator.verdict")

_STILL_FRESH: Final = 60.0
"""Seconds for which an event's object is as good as one asked for.

A later edit comes as an event too and takes its place, so only an edit of the last moments, or one during a
break of the watch, can be missed. The write names the resourceVersion: a verdict of such old settings is
dropped, and what it costs is one mail by them.
"""

_SHUTDOWN_GRACE: Final = 1.0
"""Seconds that tests get to end when the operator is told to."""


class Reconciler:
    """Level-triggered: whatever wakes it, it looks at the object as it is now and decides by what is there.

    ``observe``, ``forget`` and ``look_at`` only take note; the work is done in ``run``.
    """

    def __init__(
        self,
        *,
        cluster: ClusterPort,
        engine: SmtpEngine,
        policy: ReconcilePolicy,
        now: Now,
        references: ReferenceTracker,
        vaults: VaultClients,
        turns: SendGate,
        tokens: TokenProvider | None = None,
        observer: TestObserver | None = None,
    ) -> None:
        """``tokens`` is for ``spec.oauth2``; without it no such test can be made."""
        self._cluster = cluster
        self._observer = observer or NoTestObserver()
        self._now = now
        self._started = now()
        self._known: dict[ObjectKey, ObjectState] = {}
        self._writes = StatusWrites(cluster, self._known)
        self._references = references
        self._turns = turns
        self._tester = TestRunner(
            get_object=references.read, engine=engine, policy=policy, now=now, vaults=vaults, tokens=tokens
        )
        self._queue: WorkQueue[ObjectKey] = WorkQueue(
            self._reconcile,
            concurrency_key_of=lambda key: self._known[key].concurrency_key if key in self._known else key,
            per_concurrency_key=policy.connections_per_destination,
            now=now,
        )
        self._limits = Limits(policy, now=now, observer=self._observer, wake=self.enqueue)

    def is_relevant(self, object_: JsonObject) -> bool:
        """Whether ``observe`` would do anything: not for our own write, nor for somebody's label."""
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
        """A SmtpConfig was created or changed, or stood in a listing."""
        if not self.is_relevant(object_):
            return
        identity = version_of(object_)
        seen = (identity.generation, request_of(object_))
        known = self._known.get(identity.key)
        goes = "deletionTimestamp" in object_["metadata"]  # and waits for somebody's finalizer
        if known is not None and (goes or known.uid != identity.uid):
            self.forget(identity.key, known.uid)
            known = None
        if goes:
            return
        judged_before = is_judged(object_)
        if known is None:
            known = self._known[identity.key] = ObjectState(uid=identity.uid, observed=(0, None))
        if known.observed[0] != identity.generation and not judged_before:
            known.history.generation_seen = (identity.generation, self._now())
        known.observed, known.latest, known.has_verdict = seen, None, judged_before
        known.concurrency_key = lane_of(identity.key, object_.get("spec") or {})
        try:
            view = snapshot_of(object_)
        except InvalidSpecError:
            known.health = health_of(identity.key, status_of(object_))
        else:
            known.health = health_of(identity.key, view.status)
            known.latest = (self._now(), packed(object_) if judged_before else view)
            self._references.set_references(view)
        self._queue.add(identity.key, at=self._now())

    def forget(self, key: ObjectKey, uid: str) -> None:
        """A SmtpConfig was deleted; one of the same name may have come after it."""
        known = self._known.get(key)
        if known is None or known.uid != uid:
            return
        del self._known[key]
        self._limits.withdraw(key)
        self._references.forget(key)
        self._queue.discard(key)

    def known(self) -> Iterator[tuple[ObjectKey, str]]:
        """Those that were observed and not forgotten, with their uids."""
        return ((key, known.uid) for key, known in self._known.items())

    def enqueue(self, key: ObjectKey) -> None:
        """Something that it names is another one now."""
        self._queue.add(key, at=self._now())

    def healths(self) -> Iterator[ObjectHealth]:
        """How each SmtpConfig stands, by the newest status that is known."""
        return (known.health for known in self._known.values() if known.health is not None)

    def backlog(self) -> tuple[int, float, int]:
        """How many objects are due, for how many seconds the oldest, and how many are being handled."""
        return self._queue.due(), self._queue.oldest_overdue(), self._queue.running()

    async def finish(self) -> None:
        """Begins no test any more, and gives those under way a moment: a mail that left is not sent again."""
        self._turns.close()
        await self._queue.finish(_SHUTDOWN_GRACE)

    async def run(self) -> None:
        """Works until cancelled."""
        self._started = self._now()
        await self._queue.run()

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
                plan = self._decide(view)  # which would else take a new password for the one that had passed
            if isinstance(plan, Wait) and await self._password_changed(view, known):
                plan = RunTest(Trigger.PASSWORD_CHANGED, view.spec.test.mode)
            waits = await self._execute(plan, view)
        except ClusterError as error:
            self._retry_later(key, error)
        finally:
            if not waits:
                self._limits.withdraw(key)

    async def _current_snapshot(self, key: ObjectKey) -> Snapshot | None:
        """The object as it is now; None where there is nothing to decide about it."""
        known = self._known.get(key)
        if known is None:
            return None
        latest, known.latest = known.latest, None
        shown = None if latest is None else unpacked(latest[1])
        if latest is not None and shown is not None and self._is_fresh(known, latest[0], shown):
            return shown
        object_ = await self._cluster.get_smtp_config(key)
        if object_ is None:
            self.forget(key, known.uid)
            return None
        self.on_change(object_)  # of no effect, but where its event is still on its way
        if self._known.get(key) is not known:
            return None
        known.latest = None
        if shown is not None and shown.version == version_of(object_):
            return shown
        try:
            return snapshot_of(object_)
        except InvalidSpecError as error:
            await self._reject_spec(object_, error.verdict)
            return None

    def _is_fresh(self, known: ObjectState, at: float, view: Snapshot) -> bool:
        """Whether nobody needs to ask for a newer state than the one that an event showed."""
        if is_newer(known.written_version, view.version.resource_version):
            return False
        return 0 <= self._now() - at < _STILL_FRESH or isinstance(self._decide(view), Wait)

    async def _write_pending(self, view: Snapshot) -> bool:
        known = self._known[view.key]
        left, known.pending_status = known.pending_status, None
        if left is None or left.tested.generation != view.generation:
            return False
        await self._writes.write(left)
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
        """Whether a vault has another password now for one that the mail server did not take."""
        looking = next_password_poll(view, last_looked=known.vault_polled_at)
        if looking is None or looking > self._now():
            return False
        known.vault_polled_at = self._now()
        return await self._tester.password_changed(view)

    async def _execute(self, plan: PlannedAction, view: Snapshot) -> bool:
        """Return whether it keeps waiting for a limit."""
        known = self._known[view.key]
        memory = known.history
        match plan:
            case RunTest() | SendNotification():
                with self._limits.admit(view, plan) as admission:
                    if admission.hold is not None:
                        await self._hold(view, plan, admission.hold)
                        return True
                    with self._turns.permit(view.key.namespace, known.concurrency_key) as turn:
                        if isinstance(plan, RunTest):
                            await self._test(view, plan, turn, admission)
                        else:
                            await self._notify(view, plan.kind, turn, admission)
            case RefreshStatus():
                watched = self._references.watches(view)
                status = refreshed_status(view, memory=memory, watched=watched, now=self._now())
                news = expiry_event(view, status, memory=memory, now=self._now())
                events = () if news is None else (news,)
                await self._writes.write(PendingStatus(tested=view.version, status=status, events=events))
                self.enqueue(view.key)
            case Wait(until):
                self._wait(view, until)
                return memory.held_until(view) > self._now()
        return False

    async def _hold(self, view: Snapshot, plan: RunTest | SendNotification, hold: Hold) -> None:
        """Has a test or notification wait for a limit."""
        step = hold_back(view, plan, hold, memory=self._known[view.key].history, now=self._now())
        if step.look_at is not None:
            self._queue.add(view.key, at=step.look_at)
        if step.status is not None:
            self._observer.held(hold.reason)
            await self._writes.write(PendingStatus(tested=view.version, status=step.status))

    async def _test(self, view: Snapshot, test: RunTest, turn: GatePermit, admission: Admission) -> None:
        known = self._known[view.key]
        memory, known.references_polled_at = known.history, self._now()
        memory.record_start(self._now())
        announcer = ProgressReporter(view, test, write=self._writes.write_status, now=self._now)
        async with announcer:
            permit = self._limits.logins.permit(view.key, memory)
            outcome = await self._tester.run(
                view, test, on_phase=announcer.entered, leave=turn, permit=permit
            )
            turn.email_sent()
            admission.sent = named_recipients(outcome.report)
        # The mail server is free; the rest is between us and the API server.
        self._queue.release_slot(view.key)
        announced, hold = announcer.view, login_hold(outcome, view.version.uid)
        if hold is not None:
            await self._hold(announced, test, hold)
            return
        memory.record_result(view, outcome)
        judgement = status_after_test(
            announced, outcome, memory=memory, watched=self._references.watches(view)
        )
        log_verdict(view, outcome)
        self._observer.tested(trigger=outcome.trigger, mode=outcome.mode, report=outcome.report)
        notices = notices_of_test(view, judgement, outcome.mode, memory=memory, now=self._now())
        result = PendingStatus(
            tested=view.version, status=judgement.status, read=outcome.read, events=notices
        )
        version = await self._writes.write(result)
        if version is None:
            _log.info("%s changed during its test; the result is dropped", view.key)
            self._queue.add(view.key, at=self._now())
            return
        after = replace(
            view, version=replace(view.version, resource_version=version), status=judgement.status
        )
        memory.pending_notifications |= kinds_without_mail(view, outcome)
        following = self._decide(after)
        self._wait(after, following.until if isinstance(following, Wait) else self._now())

    async def _notify(
        self, view: Snapshot, kind: Notification, turn: GatePermit, admission: Admission
    ) -> None:
        memory = self._known[view.key].history
        memory.pending_notifications -= {kind}
        permit = self._limits.logins.permit(view.key, memory)
        report = await self._tester.notify(view, kind, leave=turn, permit=permit)
        verdict, now = report.verdict, self._now()
        turn.email_sent()
        admission.sent = named_recipients(report)
        if verdict.passed:
            about = view.status.certificate_expiring if kind is Notification.CERTIFICATE_EXPIRING else None
            told = recorded(view.status, {kind}, now=now, about=about)
            status = view.status.model_copy(update={"notifications": told})
            await self._writes.write(PendingStatus(tested=view.version, status=status))
        else:
            memory.notify_after = now + max(view.interval, SPACING)
            _log.warning("%s: the email about %s was not sent: %s", view.key, kind, verdict.summary)
        self._queue.add(view.key, at=self._now())

    def _wait(self, view: Snapshot, until: float | None) -> None:
        known = self._known[view.key]
        asking = self._references.next_poll(view, last_asked=known.references_polled_at)
        looking = next_password_poll(view, last_looked=known.vault_polled_at)
        times = [time for time in (until, asking, looking) if time is not None]
        if times:
            self._queue.add(view.key, at=min(times))

    async def _reject_spec(self, object_: JsonObject, verdict: Verdict) -> None:
        """No test can be made of that spec, so what asks for one is answered by this."""
        before, identity, request = status_of(object_), version_of(object_), request_of(object_)
        ready = before.condition("Ready")
        told = before.observed_generation == identity.generation and ready and ready.reason == verdict.reason
        if told and request in (None, before.last_handled_test_request):
            return
        status = invalid_spec_status(before, identity.generation, verdict, request=request, now=self._now())
        if await self._writes.write_status(identity, status) is None:
            self._queue.add(identity.key, at=self._now())
            return
        notice = verdict_event(before, identity, verdict, action="ReadSpec")
        if notice is not None:
            await self._cluster.publish(notice)

    def _retry_later(self, key: ObjectKey, error: ClusterError) -> None:
        pause = pause_after(error)
        _log.warning("%s: %s; next try in %.0f s", key, error, pause)
        self._queue.add(key, at=self._now() + pause)


def _is_recheck(plan: PlannedAction) -> bool:
    return isinstance(plan, RunTest) and plan.trigger is Trigger.RECHECK

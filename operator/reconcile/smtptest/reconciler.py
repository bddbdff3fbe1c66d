# SPDX-License-Identifier: Apache-2.0
"""Reconcile SmtpTests: run each test once, and delete it when its time is over.

Before DATA, status records that the email may be sent, and the test waits for that write. An operator that
finds such a status without a verdict sends nothing.
"""

from collections import defaultdict
from collections.abc import Hashable
from dataclasses import replace
from typing import ClassVar, Final

from smtp_operator.api.errors import ApiUnavailable
from smtp_operator.api.objects import JsonObject, ObjectVersion, Reference, ServedKind
from smtp_operator.api.reasons import Reason
from smtp_operator.api.status import ObjectStatus, SmtpConfigStatus
from smtp_operator.api.verdict import Trigger, Verdict, VerdictError
from smtp_operator.fair_slots import OF_SMTP_TEST
from smtp_operator.reconcile.actions import RefreshStatus, Wait
from smtp_operator.reconcile.events import log, log_verdict, verdict_event
from smtp_operator.reconcile.limits.admission import Admission
from smtp_operator.reconcile.limits.hold import Hold
from smtp_operator.reconcile.ports import SmtpEngine, TestObserver, TokenProvider
from smtp_operator.reconcile.reconciler import Reconciler
from smtp_operator.reconcile.send_gate import FencedPermit, GatePermit
from smtp_operator.reconcile.shared_parts import SharedParts
from smtp_operator.reconcile.smtpconfig.holding import (
    ANNOUNCED_AFTER,
    addresses_of,
    login_hold,
    named_recipients,
)
from smtp_operator.reconcile.smtpconfig.planner import RunTest
from smtp_operator.reconcile.smtpconfig.progress import ProgressReporter
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.reconcile.smtpconfig.state import server_key
from smtp_operator.reconcile.smtpconfig.status import held
from smtp_operator.reconcile.smtpconfig.test_runner import TestRunner
from smtp_operator.reconcile.smtptest.planner import (
    DeleteSmtpTest,
    FailSmtpTest,
    RunSmtpTest,
    SmtpTestAction,
    decide,
)
from smtp_operator.reconcile.smtptest.settings import settings_of
from smtp_operator.reconcile.smtptest.snapshot import SmtpTestSnapshot, smtp_test_snapshot_of
from smtp_operator.reconcile.smtptest.state import SmtpTestState
from smtp_operator.reconcile.smtptest.status import (
    before_data,
    interrupted,
    of_smtp_test,
    status_after_smtp_test,
    status_after_verdict,
    too_many,
)
from smtp_operator.reconcile.smtptest.wording import for_smtp_test
from smtp_operator.reconcile.snapshot import status_as_json, status_of
from smtp_operator.reconcile.state import PendingStatus
from smtp_operator.secrets.vaults.clients import VaultClients

WAITING: Final = 1000
"""Number of SmtpTests of one namespace that may wait."""

_CHANGES: Final = 5
"""Number of changes by other clients after which the email is not sent."""


class EmailMayBeSent(Exception):
    """Another operator has started to send the email, or the SmtpTest no longer exists."""


class SmtpTestReconciler(Reconciler[SmtpTestSnapshot, SmtpTestState, SmtpTestAction]):
    """Reconciler of SmtpTests."""

    kinds: ClassVar[tuple[ServedKind, ...]] = ("SmtpTest",)

    def __init__(
        self,
        parts: SharedParts,
        *,
        engine: SmtpEngine,
        observer: TestObserver,
        vaults: VaultClients,
        tokens: TokenProvider | None = None,
    ) -> None:
        """Create a reconciler; ``tokens`` is for ``settings.oauth2``, without it no such test is possible."""
        super().__init__(parts, per_concurrency_key=parts.policy.connections_per_destination)
        self._observer = observer
        self._unfinished: defaultdict[str, set[Reference]] = defaultdict(set)
        """SmtpTests without a verdict, by namespace."""
        self._runner = TestRunner(
            get_object=parts.reader.read,
            engine=engine,
            policy=parts.policy,
            now=parts.now,
            vaults=vaults,
            tokens=tokens,
        )

    def new_state(self, uid: str) -> SmtpTestState:
        """Return the state of an object that was not known before."""
        return SmtpTestState(uid=uid)

    def snapshot_of(self, kind: ServedKind, object_: JsonObject) -> SmtpTestSnapshot:
        """Return the snapshot of an object."""
        return smtp_test_snapshot_of(object_)

    def status_of(self, object_: JsonObject) -> SmtpConfigStatus:
        """Return the stored status of an object; only fields that a SmtpTest has are set."""
        return status_of(SmtpConfigStatus, object_)

    def observe(
        self,
        version: ObjectVersion,
        object_: JsonObject,
        snapshot: SmtpTestSnapshot | None,
        state: SmtpTestState,
    ) -> None:
        """Count a SmtpTest that waits; keep a finished one until it is reconciled."""
        state.latest = None
        state.concurrency_key = _tested(version, object_.get("spec") or {})
        if snapshot is not None and snapshot.finished:
            state.latest = snapshot
            self._finished(version.reference, state)
            return
        unfinished = self._unfinished[version.key.namespace]
        if version.reference not in unfinished and len(unfinished) >= WAITING:
            state.too_many, state.concurrency_key = True, version.reference
        elif not state.too_many:
            unfinished.add(version.reference)

    def forgotten(self, reference: Reference) -> None:
        """Record the deletion of an object."""
        self._discard(reference)

    def written(self, pending: PendingStatus, state: SmtpTestState) -> None:
        """Record the verdict."""
        self._finished(pending.tested.reference, state)

    def _finished(self, reference: Reference, state: SmtpTestState) -> None:
        state.see_finished(self.now())
        self._discard(reference)

    def _discard(self, reference: Reference) -> None:
        unfinished = self._unfinished[reference.namespace]
        unfinished.discard(reference)
        if not unfinished:
            del self._unfinished[reference.namespace]

    def take_snapshot(self, state: SmtpTestState) -> SmtpTestSnapshot | None:
        """Return a finished object; any other one is read, because its email must not be sent twice."""
        latest, state.latest = state.latest, None
        return latest

    def decide(self, snapshot: SmtpTestSnapshot, state: SmtpTestState) -> SmtpTestAction | Wait:
        """Return the next step; a pure function."""
        return decide(snapshot, state=state, now=self.now())

    async def next_action(
        self, snapshot: SmtpTestSnapshot, state: SmtpTestState
    ) -> SmtpTestAction | RefreshStatus | Wait:
        """Return the next step; record first that the test has ended."""
        if snapshot.finished:
            state.see_finished(self.now())
        return self.decide(snapshot, state)

    def waits_for_limit(self, snapshot: SmtpTestSnapshot, state: SmtpTestState) -> bool:
        """Return whether an object that waits keeps its place in the limits."""
        return state.is_held(self.now())

    async def execute(self, action: SmtpTestAction, snapshot: SmtpTestSnapshot, state: SmtpTestState) -> bool:
        """Run, fail or delete the test; return whether a limit holds it back."""
        match action:
            case DeleteSmtpTest():
                if not await self.cluster.delete(snapshot.version):
                    self.enqueue(snapshot.version.reference)
                return False
            case FailSmtpTest(Reason.TOO_MANY_TESTS):
                await self._conclude(snapshot, state, too_many(snapshot.key.namespace, WAITING))
                return False
            case FailSmtpTest():
                await self._conclude(snapshot, state, interrupted(snapshot.status))
                return False
            case RunSmtpTest():
                OF_SMTP_TEST.set(True)  # of this task, which handles one object
                return await self._start(snapshot, state)

    async def _start(self, snapshot: SmtpTestSnapshot, state: SmtpTestState) -> bool:
        """Run the test as soon as the limits allow it; return whether one holds it back."""
        reference = snapshot.version.reference
        hold = self.limits.starts.hold(reference)
        try:
            spec = await settings_of(snapshot, self.reader.read, policies=self.policy.tests_smtp_configs)
        except VerdictError as error:
            await self._conclude(snapshot, state, error.verdict)
            return False
        tested = snapshot.with_settings(spec, self.policy.defaults)
        test = RunTest(Trigger.REQUESTED, spec.test.mode)
        if hold is not None:
            await self._hold(tested, state, hold)
            return True
        addresses = addresses_of(tested, test, now=self.now())
        with self.limits.admit(reference, state, addresses) as admission:
            if admission.hold is not None:
                await self._hold(tested, state, admission.hold)
                return True
            with self.send_gate.permit(reference.namespace, state) as permit:
                return await self._test(snapshot, tested, test, permit=permit, admission=admission)

    async def _hold(self, tested: Snapshot, state: SmtpTestState, hold: Hold) -> None:
        """Make a test wait for a limit."""
        now = self.now()
        if hold.until is not None:
            state.held, state.waits_since = (now, hold.until), None
            self.queue.add(tested.version.reference, at=hold.until)
        else:
            state.waits_since = state.waits_since or now
            announced = state.waits_since + ANNOUNCED_AFTER
            if now < announced:
                self.queue.add(tested.version.reference, at=announced)
                return
        status = of_smtp_test(held(tested, Trigger.REQUESTED, hold, now=now))
        if status != tested.status:
            self._observer.held(hold.reason)
            await self.write_status(tested.version, status)

    async def _test(
        self,
        snapshot: SmtpTestSnapshot,
        tested: Snapshot,
        test: RunTest,
        *,
        permit: GatePermit,
        admission: Admission,
    ) -> bool:
        """Run the test; return whether a limit of logins holds it back."""
        started, state = self.now(), self.states[snapshot.version.reference]
        state.held, state.waits_since = (0.0, 0.0), None
        self.limits.starts.started(snapshot.version.reference)
        progress = ProgressReporter(tested, test, write=self._report, now=self.now)

        async def fence() -> None:
            await progress.finish()
            progress.snapshot = await self._record_email(progress.snapshot, test, started=started)

        async with progress:
            result = await self._runner.run(
                tested,
                test,
                on_phase=progress.entered,
                send_permit=FencedPermit(permit, fence),
                permit=self.limits.logins.permit(snapshot.key.namespace, state),
            )
            admission.sent = named_recipients(result.report)
        self.queue.release_slot(snapshot.version.reference)
        current = progress.snapshot
        hold = login_hold(result, snapshot.version.uid)
        if hold is not None:
            await self._hold(current, state, hold)
            return True
        verdict = for_smtp_test(result.verdict, of_settings=snapshot.spec.settings is not None)
        status = status_after_smtp_test(current.status, snapshot.generation, result, verdict)
        self._observer.tested(trigger=result.trigger, mode=result.mode, report=result.report)
        seconds = result.report.duration
        await self._write_verdict(snapshot, current, state, status, verdict, seconds=seconds)
        return False

    async def _report(self, tested: ObjectVersion, status: SmtpConfigStatus) -> str | None:
        """Write the progress of a test, unless anyone has changed the object: it may record an email."""
        return await self.cluster.claim(tested, status_as_json(of_smtp_test(status)))

    async def _record_email(self, tested: Snapshot, test: RunTest, *, started: float) -> Snapshot:
        """Write that the email may be sent from now on; return the SmtpTest with that status.

        Raises:
            EmailMayBeSent, ClusterError: the email must not be sent.
        """
        current = tested
        for _ in range(_CHANGES):
            status = before_data(current, test, started=started, now=self.now())
            version = await self.cluster.claim(current.version, status_as_json(status))
            if version is not None:
                written = replace(current.version, resource_version=version)
                return replace(current, version=written, status=status)
            object_ = await self.reader.read(tested.version.reference)
            found = smtp_test_snapshot_of(object_)
            current = found.with_settings(tested.spec, self.policy.defaults)
            if found.version.uid != tested.version.uid or "deletionTimestamp" in object_["metadata"]:
                raise EmailMayBeSent
            if found.status.current_test == status.current_test:  # our write, whose answer was lost
                return current
            if found.finished or found.may_have_sent:
                raise EmailMayBeSent
        raise ApiUnavailable(f"{tested.version.reference} changes faster than its status can be written")

    async def _conclude(self, snapshot: SmtpTestSnapshot, state: SmtpTestState, found: Verdict) -> None:
        """Write a verdict without a dialogue."""
        verdict = for_smtp_test(found, of_settings=snapshot.spec.settings is not None)
        status = status_after_verdict(snapshot.status, snapshot.generation, verdict, now=self.now())
        await self._write_verdict(snapshot, snapshot, state, status, verdict, seconds=0.0)

    async def _write_verdict(
        self,
        snapshot: SmtpTestSnapshot,
        current: SmtpTestSnapshot | Snapshot,
        state: SmtpTestState,
        status: SmtpConfigStatus,
        verdict: Verdict,
        *,
        seconds: float,
    ) -> None:
        name = str(snapshot.version.reference)
        log_verdict(name, snapshot.version, verdict, seconds=seconds, smtptest=str(snapshot.key))
        event = verdict_event(snapshot.status, snapshot.version, verdict, action="TestOnce")
        events = () if event is None else (event,)
        version = await self.write(PendingStatus(tested=current.version, status=status, events=events))
        if version is None:
            log.info("%s changed during its test; the result is dropped", name)
            self.enqueue(snapshot.version.reference)
            return
        after = snapshot.stored_as(version, status)
        action = self.decide(after, state)
        self.wait(after, state, action.until if isinstance(action, Wait) else self.now())

    def refreshed(self, snapshot: SmtpTestSnapshot, state: SmtpTestState) -> PendingStatus:
        """Return the status as it is: nothing changes it without a test."""
        return PendingStatus(tested=snapshot.version, status=snapshot.status)

    def invalid_status(self, object_: JsonObject, version: ObjectVersion, verdict: Verdict) -> ObjectStatus:
        """Return the status of an invalid spec; a verdict remains."""
        before = self.status_of(object_)
        ready = before.condition("Ready")
        if ready is not None and ready.status != "Unknown":
            return before
        return status_after_verdict(before, version.generation, verdict, now=self.now())


def _tested(version: ObjectVersion, spec: JsonObject) -> Hashable:
    """Return the concurrency key: the mail server, or the SmtpConfig that names it."""
    if "settings" in spec:
        return server_key(version.key, spec["settings"])
    return version.key.namespace, (spec.get("configRef") or {}).get("name")

# SPDX-License-Identifier: Apache-2.0
"""Reconcile objects of any of our kinds; a kind adds its snapshot, its planner and its status.

An event only records that its object has changed, and puts the object into the queue. When the object is
due, the reconciler reads it, decides the next step and executes it. A decision depends on the current object
and its ``ObjectState`` only, so a lost or repeated event changes nothing.
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator
from typing import Any, ClassVar, Final, Generic, TypeVar

from smtp_operator.api.errors import ClusterError, ObjectNotFound, origin
from smtp_operator.api.object_health import ObjectHealth
from smtp_operator.api.objects import (
    JsonObject,
    ObjectKey,
    ObjectVersion,
    Reference,
    ServedKind,
    is_newer,
)
from smtp_operator.api.status import ObjectStatus
from smtp_operator.api.verdict import Verdict
from smtp_operator.fair_slots import NAMESPACE
from smtp_operator.reconcile.actions import RefreshStatus, Wait
from smtp_operator.reconcile.events import log, verdict_event
from smtp_operator.reconcile.internal_errors import pause_after, pause_after_bug
from smtp_operator.reconcile.invalid_spec import InvalidSpecError
from smtp_operator.reconcile.reference_poller import ReferencePoller
from smtp_operator.reconcile.shared_parts import SharedParts
from smtp_operator.reconcile.snapshot import ObjectSnapshot, is_judged, status_as_json, version_of
from smtp_operator.reconcile.state import ObjectState, PendingStatus
from smtp_operator.reconcile.workqueue import WorkQueue

Snapshot = TypeVar("Snapshot", bound=ObjectSnapshot)
State = TypeVar("State", bound=ObjectState)
Action = TypeVar("Action")
"""The actions of a kind, in addition to ``RefreshStatus`` and ``Wait``."""

_SHUTDOWN_GRACE: Final = 1.0
"""Seconds that running tests get to end when the operator stops."""


class Reconciler(ABC, Generic[Snapshot, State, Action]):
    """Level-triggered reconciler of objects of one or several kinds.

    ``on_change``, ``forget`` and ``enqueue`` only record the event; ``run`` does the work.
    """

    kinds: ClassVar[tuple[ServedKind, ...]]
    """The kinds whose objects this class reconciles."""
    uses_terminating: ClassVar[bool] = False
    """Whether an object that is being deleted, and waits for a foreign finalizer, is still used."""

    def __init__(self, parts: SharedParts, *, per_concurrency_key: int) -> None:
        """Create a reconciler that handles so many objects of one concurrency key at a time."""
        self.cluster = parts.cluster
        self.policy = parts.policy
        self.now = parts.now
        self.tracker = parts.tracker
        self.reader = parts.reader
        self.poller = ReferencePoller(parts)
        self.limits = parts.limits
        self.send_gate = parts.send_gate
        self.enqueue_others = parts.enqueue
        self.started = parts.now()
        self.states: dict[Reference, State] = {}
        self.queue: WorkQueue[Reference] = WorkQueue(
            self._reconcile,
            concurrency_key_of=self._concurrency_key,
            namespace_of=lambda it: it.namespace,
            per_concurrency_key=per_concurrency_key,
            now=parts.now,
        )

    # What a kind adds.

    @abstractmethod
    def new_state(self, uid: str) -> State:
        """Return the state of an object that was not known before."""

    @abstractmethod
    def snapshot_of(self, kind: ServedKind, object_: JsonObject) -> Snapshot:
        """Return the snapshot of an object.

        Raises:
            InvalidSpecError: with a verdict that names the field.
        """

    @abstractmethod
    def status_of(self, object_: JsonObject) -> ObjectStatus:
        """Return the stored status of an object."""

    @abstractmethod
    def decide(self, snapshot: Snapshot, state: State) -> Action | RefreshStatus | Wait:
        """Return the next step; a pure function."""

    @abstractmethod
    async def execute(self, action: Action, snapshot: Snapshot, state: State) -> bool:
        """Execute an action of this kind; return whether it still waits for a limit.

        Raises:
            ClusterError: the object is reconciled again later.
        """

    @abstractmethod
    def refreshed(self, snapshot: Snapshot, state: State) -> PendingStatus:
        """Return the status without a test."""

    @abstractmethod
    def invalid_status(self, object_: JsonObject, version: ObjectVersion, verdict: Verdict) -> ObjectStatus:
        """Return the status of an object whose spec is invalid."""

    def health_of(self, tested: ObjectVersion, status: ObjectStatus) -> ObjectHealth:
        """Return the health of an object with this status."""
        return ObjectHealth(*tested.reference, ready=status.ready)

    def observed(self, object_: JsonObject) -> Hashable:
        """Return the relevant parts of an event in addition to uid, generation and verdict."""
        return None

    def observe(
        self, version: ObjectVersion, object_: JsonObject, snapshot: Snapshot | None, state: State
    ) -> None:
        """Record a changed object; ``snapshot`` is None if its spec is invalid."""

    def forgotten(self, reference: Reference) -> None:
        """Record the deletion of an object."""

    def written(self, pending: PendingStatus, state: State) -> None:
        """Record a status that the API server has accepted."""

    def take_snapshot(self, state: State) -> Snapshot | None:
        """Return a snapshot that is recent enough to be used without a read; None if there is none."""
        return None

    async def next_action(self, snapshot: Snapshot, state: State) -> Action | RefreshStatus | Wait:
        """Return the next step, after requests that the decision needs."""
        return self.decide(snapshot, state)

    def times(self, snapshot: Snapshot, state: State) -> Iterator[float | None]:
        """Yield when to decide again, in addition to the time that ``decide`` returns."""
        yield self.poller.next_poll(snapshot, state)

    # Events.

    def on_change(self, kind: ServedKind, object_: JsonObject) -> bool:
        """Handle an object that was created, changed or listed; return whether the change mattered.

        Our own writes and changed labels do not matter.
        """
        metadata = object_["metadata"]
        reference = Reference(kind, metadata.get("namespace", ""), metadata["name"])
        state = self.states.get(reference)
        observed, has_verdict = self.observed(object_), is_judged(object_)
        if not self._matters(metadata, state, observed=observed, has_verdict=has_verdict):
            return False
        terminating = "deletionTimestamp" in metadata
        if state is not None and (terminating or state.uid != metadata["uid"]):
            self.forget(reference, state.uid)
            state = None
        if terminating:
            return True
        try:
            snapshot = self.snapshot_of(kind, object_)
            version, status = snapshot.version, snapshot.status
        except InvalidSpecError:
            snapshot = None
            version, status = version_of(kind, object_), self.status_of(object_)
        if state is None:
            state = self.states[reference] = self.new_state(version.uid)
        if state.generation != version.generation and not has_verdict:
            state.generation_seen = (version.generation, self.now())
        state.generation, state.has_verdict, state.observed = version.generation, has_verdict, observed
        if is_newer(version.resource_version, state.newest_version):
            state.newest_version = version.resource_version
        state.health = self.health_of(version, status)
        self.tracker.set_uses(reference, () if snapshot is None else snapshot.watched)
        self.observe(version, object_, snapshot, state)
        self.queue.add(reference, at=self.now())
        return True

    def _matters(
        self, metadata: JsonObject, state: State | None, *, observed: Hashable, has_verdict: bool
    ) -> bool:
        """Return whether an object with this metadata differs from what is known of it."""
        if state is None:
            return "deletionTimestamp" not in metadata
        if state.uid != metadata["uid"]:
            # A read may have found the object before the events of its predecessor of the same name arrive.
            return is_newer(metadata["resourceVersion"], state.newest_version)
        if "deletionTimestamp" in metadata:
            return not self.uses_terminating
        return (
            state.generation != metadata["generation"]
            or state.observed != observed
            or (
                state.has_verdict
                and not has_verdict
                and is_newer(metadata["resourceVersion"], state.newest_version)
            )
        )

    def forget(self, reference: Reference, uid: str) -> None:
        """Handle the deletion of an object; another one of the same name may already exist."""
        state = self.states.get(reference)
        if state is None or state.uid != uid:
            return
        del self.states[reference]
        self.limits.withdraw(reference, state)
        self.send_gate.reported(state)
        self.tracker.set_uses(reference, ())
        self.queue.discard(reference)
        self.forgotten(reference)

    def known(self, kind: ServedKind) -> Iterator[tuple[ObjectKey, str]]:
        """Yield the known objects of a kind with their uids."""
        for reference, state in self.states.items():
            if reference.kind == kind:
                yield ObjectKey(reference.namespace, reference.name), state.uid

    def enqueue(self, reference: Reference) -> None:
        """Reconcile an object soon, because an object that it references has changed."""
        if reference in self.states:
            self.queue.add(reference, at=self.now())

    def healths(self) -> Iterator[ObjectHealth]:
        """Yield the health of each object, from its newest known status."""
        return (state.health for state in self.states.values() if state.health is not None)

    def backlog(self) -> tuple[int, float, int]:
        """Return the number of due objects, the seconds the oldest waits, and the number being handled."""
        return self.queue.due(), self.queue.oldest_overdue(), self.queue.running()

    async def finish(self) -> None:
        """Start nothing more, and give running tests a moment, so that no sent email is repeated."""
        await self.queue.finish(_SHUTDOWN_GRACE)

    async def run(self) -> None:
        """Work until cancelled."""
        self.started = self.now()
        await self.queue.run()

    def _concurrency_key(self, reference: Reference) -> Hashable:
        state = self.states.get(reference)
        # The write of a pending status needs no server, and tests may wait for it.
        return reference if state is None or state.pending_status is not None else state.concurrency_key

    # One reconciliation.

    async def _reconcile(self, reference: Reference) -> None:
        NAMESPACE.set(reference.namespace)
        state = self.states.get(reference)
        if state is None:
            return
        waits = False
        try:
            snapshot = await self._current_snapshot(reference, state)
            if snapshot is not None and not await self._write_pending(snapshot, state):
                await self.poller.poll(snapshot, state)
                match action := await self.next_action(snapshot, state):
                    case Wait(until):
                        self.wait(snapshot, state, until)
                        waits = self.waits_for_limit(snapshot, state)
                    case RefreshStatus():
                        await self.write(self.refreshed(snapshot, state))
                        self.enqueue(reference)
                    case _:
                        waits = await self.execute(action, snapshot, state)
            state.internal_errors = 0
        except ClusterError as error:
            pause = pause_after(error)
            log.warning("%s: %s; next try in %.0f s", reference, error, pause)
            self.queue.add(reference, at=self.now() + pause)
        except Exception as error:  # a bug in handling one object must not stop the others
            state.internal_errors += 1
            pause = pause_after_bug(state.internal_errors)
            log.error("reconciling %s failed: %s; next try in %.0f s", reference, origin(error), pause)
            self.queue.add(reference, at=self.now() + pause)
        finally:
            if not waits:
                self.limits.withdraw(reference, state)

    async def _current_snapshot(self, reference: Reference, state: State) -> Snapshot | None:
        """Return the current object; None if there is nothing to decide."""
        recent = self.take_snapshot(state)
        if recent is not None:
            return recent
        kind = next(it for it in self.kinds if it == reference.kind)
        try:
            object_ = await self.reader.read(reference)
        except ObjectNotFound:
            self.forget(reference, state.uid)
            return None
        self.on_change(kind, object_)  # has no effect unless the event is still to come
        if self.states.get(reference) is not state:
            return None
        try:
            return self.snapshot_of(kind, object_)
        except InvalidSpecError as error:
            await self._reject_spec(version_of(kind, object_), object_, error.verdict)
            return None

    async def _write_pending(self, snapshot: Snapshot, state: State) -> bool:
        pending, state.pending_status = state.pending_status, None
        if pending is None or pending.tested.generation != snapshot.generation:
            return False
        await self.write(pending)
        self.send_gate.reported(state)
        self.queue.add(snapshot.version.reference, at=self.now())
        return True

    def waits_for_limit(self, snapshot: Snapshot, state: State) -> bool:
        """Return whether an object that waits keeps its place in the limits."""
        return False

    def wait(self, snapshot: Snapshot, state: State, until: float | None) -> None:
        """Reconcile an object again at that time, or when its references are to be polled."""
        times = [time for time in (until, *self.times(snapshot, state)) if time is not None]
        if times:
            self.queue.add(snapshot.version.reference, at=min(times))

    async def _reject_spec(self, version: ObjectVersion, object_: JsonObject, verdict: Verdict) -> None:
        """Write the verdict on an invalid spec, unless status already states it."""
        before = self.status_of(object_)
        status = self.invalid_status(object_, version, verdict)
        if status == before:
            return
        event = verdict_event(before, version, verdict, action="ReadSpec")
        events = () if event is None else (event,)
        if await self.write(PendingStatus(tested=version, status=status, events=events)) is None:
            self.queue.add(version.reference, at=self.now())

    # Status.

    async def write(self, pending: PendingStatus) -> str | None:
        """Write a status, then its Events; return the new resourceVersion, None if the object has changed.

        Raises:
            ClusterError: the status was not written; the state keeps it for the next attempt.
        """
        state = self.states[pending.tested.reference]
        try:
            version = await self.write_status(pending.tested, pending.status)
        except Exception:
            state.pending_status = pending
            raise
        if version is not None:
            state.newest_version = version
            state.baselines = state.baselines if pending.read is None else pending.read
            self.written(pending, state)
            for event in pending.events:
                await self.cluster.publish(event)
        return version

    async def write_status(self, tested: ObjectVersion, status: ObjectStatus) -> str | None:
        """Write only a status; return the new resourceVersion, None if the object has changed."""
        version = await self.cluster.write_status(tested, status_as_json(status))
        state = self.states.get(tested.reference)
        if version is not None and state is not None and state.uid == tested.uid:
            state.health = self.health_of(tested, status)
            state.has_verdict = status.observed_generation == state.generation
        return version


class KindEvents:
    """Event sink of one kind."""

    def __init__(self, kind: ServedKind, reconciler: Reconciler[Any, Any, Any]) -> None:
        self._kind: ServedKind = kind
        self._reconciler = reconciler

    def on_change(self, object_: JsonObject) -> bool:
        """Handle an object that was created, changed or listed; return whether the change mattered."""
        return self._reconciler.on_change(self._kind, object_)

    def forget(self, key: ObjectKey, uid: str) -> None:
        """Handle the deletion of an object."""
        self._reconciler.forget(Reference(self._kind, key.namespace, key.name), uid)

    def known(self) -> Iterator[tuple[ObjectKey, str]]:
        """Return the known objects with their uids."""
        return self._reconciler.known(self._kind)

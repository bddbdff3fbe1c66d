# SPDX-License-Identifier: Apache-2.0
"""A third kind costs a folder: snapshot, planner, status and reconciler, and nothing in the skeleton.

The kind of this file is as small as a kind can be. The tests show what it gets from the skeleton.
"""

import asyncio
import copy
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, ClassVar, Final

import pytest
from pydantic import BaseModel, ConfigDict

from smtp_operator.api.errors import ApiUnavailable, ObjectNotFound
from smtp_operator.api.objects import EventRecord, JsonObject, ObjectKey, ObjectVersion, Reference, ServedKind
from smtp_operator.api.reasons import REASONS, Reason
from smtp_operator.api.status import ObjectStatus, TestedSettings
from smtp_operator.api.verdict import Trigger, Verdict
from smtp_operator.reconcile.actions import RefreshStatus, Wait
from smtp_operator.reconcile.condition_writer import ConditionWriter
from smtp_operator.reconcile.digest import digest_of
from smtp_operator.reconcile.events import verdict_event
from smtp_operator.reconcile.limits.admission import Limits
from smtp_operator.reconcile.ports import NoTestObserver, ReconcilePolicy
from smtp_operator.reconcile.reconciler import KindEvents, Reconciler
from smtp_operator.reconcile.references.changes import (
    ReferenceChange,
    baseline_of,
    changes_since_test,
    metadata_of,
    settings_of_verdict,
)
from smtp_operator.reconcile.references.reader import ReferenceReader
from smtp_operator.reconcile.references.tracker import ReferenceTracker
from smtp_operator.reconcile.references.uses import ReferenceUse
from smtp_operator.reconcile.send_gate import SendGate
from smtp_operator.reconcile.shared_parts import SharedParts
from smtp_operator.reconcile.snapshot import ObjectSnapshot, created_at, spec_of, status_of, version_of
from smtp_operator.reconcile.state import ObjectState, PendingStatus

KIND: Final[Any] = "Relay"
SECRET = Reference("Secret", "team-a", "relay-key")


# The kind. In operator/reconcile, each section is a module of its folder.

# snapshot.py


class RelaySpec(BaseModel):
    """The spec of a Relay."""

    model_config = ConfigDict(extra="forbid")

    server: str
    secret: str = "relay-key"


class RelayStatus(ObjectStatus):
    """The status of a Relay."""

    tested: TestedSettings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySnapshot(ObjectSnapshot):
    """Spec and status of a Relay."""

    spec: RelaySpec
    status: RelayStatus

    @property
    def tested(self) -> TestedSettings | None:
        return self.status.tested


def relay_snapshot_of(object_: JsonObject) -> RelaySnapshot:
    version, spec = version_of(KIND, object_), spec_of(RelaySpec, object_)
    secret = Reference("Secret", version.key.namespace, spec.secret)
    return RelaySnapshot(
        version=version,
        spec=spec,
        status=status_of(RelayStatus, object_),
        digest=digest_of(spec.model_dump()),
        uses=(ReferenceUse(secret, "key", Trigger.DEPENDENCY_CHANGED),),
        created=created_at(object_),
    )


# planner.py


@dataclass(frozen=True, slots=True)
class AskRelay:
    """Ask the relay."""


def decide(
    snapshot: RelaySnapshot, compare: Callable[[RelaySnapshot], ReferenceChange]
) -> AskRelay | RefreshStatus | Wait:
    if not snapshot.has_verdict or compare(snapshot) is not ReferenceChange.NONE:
        return AskRelay()
    return RefreshStatus() if snapshot.generation_is_new else Wait(None)


# status.py


def verdict_of(reason: Reason, message: str) -> Verdict:
    return Verdict(reason=reason, message=message, retry=REASONS[reason].retry)


def relay_status(
    before: ObjectStatus,
    generation: int,
    verdict: Verdict,
    *,
    now: float,
    tested: TestedSettings | None = None,
) -> RelayStatus:
    write = ConditionWriter(before, generation, now)
    passed = [write.condition("Ready", "True", verdict.reason, verdict.message)]
    failed = [*write.failed(verdict), write.reconciling_and_stalled(verdict, stalls=True)]
    return RelayStatus(
        observed_generation=generation,
        conditions=passed if verdict.passed else failed,
        summary=verdict.summary,
        tested=tested,
    )


# reconciler.py


class RelayReconciler(Reconciler[RelaySnapshot, ObjectState, AskRelay]):
    """Reconciler of Relays."""

    kinds: ClassVar[tuple[ServedKind, ...]] = (KIND,)

    def __init__(self, parts: SharedParts) -> None:
        super().__init__(parts, per_concurrency_key=2)
        self.bugs: list[Exception] = []
        self.asked: list[tuple[float, str]] = []

    def new_state(self, uid: str) -> ObjectState:
        return ObjectState(uid=uid)

    def snapshot_of(self, kind: ServedKind, object_: JsonObject) -> RelaySnapshot:
        return relay_snapshot_of(object_)

    def status_of(self, object_: JsonObject) -> RelayStatus:
        return status_of(RelayStatus, object_)

    def decide(self, snapshot: RelaySnapshot, state: ObjectState) -> AskRelay | RefreshStatus | Wait:
        return decide(snapshot, lambda it: changes_since_test(it, state.baselines, self.tracker)[0])

    async def execute(self, action: AskRelay, snapshot: RelaySnapshot, state: ObjectState) -> bool:
        self.asked.append((self.now(), snapshot.spec.server))
        if self.bugs and snapshot.key.name == "buggy":
            raise self.bugs.pop(0)
        secret = snapshot.uses[0].reference
        found = await self.reader.read(secret)
        read = {secret: baseline_of(secret, found, ["key"], read_at=self.now())}
        verdict = verdict_of(Reason.VAULT_LOGIN_SUCCEEDED, f"{snapshot.spec.server} answered.")
        tested = settings_of_verdict(snapshot, read)
        status = relay_status(snapshot.status, snapshot.generation, verdict, now=self.now(), tested=tested)
        event = verdict_event(snapshot.status, snapshot.version, verdict, action="AskRelay")
        events = () if event is None else (event,)
        await self.write(PendingStatus(tested=snapshot.version, status=status, read=read, events=events))
        return False

    def refreshed(self, snapshot: RelaySnapshot, state: ObjectState) -> PendingStatus:
        status = snapshot.status.model_copy(update={"observed_generation": snapshot.generation})
        return PendingStatus(tested=snapshot.version, status=status)

    def invalid_status(self, object_: JsonObject, version: ObjectVersion, verdict: Verdict) -> RelayStatus:
        return relay_status(self.status_of(object_), version.generation, verdict, now=self.now())


@dataclass
class Storage:
    """A ``ClusterPort`` that keeps objects in memory."""

    objects: dict[Reference, JsonObject] = field(default_factory=dict)
    events: list[EventRecord] = field(default_factory=list)
    writes: int = 0
    errors: list[Exception] = field(default_factory=list)
    """Errors of the next status writes."""
    revision: int = 100

    def put(self, reference: Reference, **parts: Any) -> JsonObject:
        """Create or change an object; a changed spec increases its generation."""
        self.revision += 1
        before = self.objects.get(reference) or {"metadata": {"uid": f"uid-{self.revision}", "generation": 0}}
        changed = "spec" in parts and parts["spec"] != before.get("spec")
        metadata = {
            **before["metadata"],
            "namespace": reference.namespace,
            "name": reference.name,
            "generation": before["metadata"]["generation"] + changed,
            "resourceVersion": str(self.revision),
        }
        self.objects[reference] = {"kind": reference.kind, **before, **parts, "metadata": metadata}
        return self.objects[reference]

    async def get_object(self, reference: Reference) -> JsonObject:
        if reference not in self.objects:
            raise ObjectNotFound(f"GET {reference}: 404")
        return copy.deepcopy(self.objects[reference])

    async def write_status(self, tested: ObjectVersion, status: JsonObject) -> str | None:
        if self.errors:
            raise self.errors.pop(0)
        stored = self.objects.get(tested.reference)
        if stored is None or version_of(KIND, stored).generation != tested.generation:
            return None
        self.writes += 1
        return str(self.put(tested.reference, status=status)["metadata"]["resourceVersion"])

    claim = write_status

    async def delete(self, version: ObjectVersion) -> bool:
        return self.objects.pop(version.reference, None) is None

    async def publish(self, event: EventRecord) -> None:
        self.events.append(event)


class Operator:
    """An operator that serves Relays."""

    def __init__(self, storage: Storage) -> None:
        def now() -> float:
            return asyncio.get_running_loop().time()

        policy = ReconcilePolicy()
        self.storage = storage
        self.tracker = ReferenceTracker()
        parts = SharedParts(
            cluster=storage,
            policy=policy,
            now=now,
            tracker=self.tracker,
            reader=ReferenceReader(storage.get_object, self.tracker),
            limits=Limits(policy, now=now, observer=NoTestObserver(), wake=lambda it: None),
            send_gate=SendGate(None, per_destination=policy.connections_per_destination),
            enqueue=self.enqueue,
        )
        self.relays = RelayReconciler(parts)
        self.sink = KindEvents(KIND, self.relays)

    def enqueue(self, users: Iterable[Reference]) -> None:
        for user in users:
            self.relays.enqueue(user)

    def put_relay(self, name: str, **spec: object) -> Reference:
        """Create or edit a Relay, and deliver the event."""
        relay = Reference(KIND, "team-a", name)
        self.sink.on_change(copy.deepcopy(self.storage.put(relay, spec=spec)))
        return relay

    def deliver_secret(self) -> None:
        """Deliver the event of the Secret."""
        self.enqueue(self.tracker.record(SECRET, metadata_of(SECRET, self.storage.objects[SECRET])))

    def status(self, relay: Reference) -> RelayStatus:
        return self.relays.status_of(self.storage.objects[relay])


@asynccontextmanager
async def running(storage: Storage) -> AsyncIterator[Operator]:
    operator = Operator(storage)
    task = asyncio.create_task(operator.relays.run())
    yield operator
    task.cancel()
    await asyncio.wait([task])


@pytest.fixture
def storage() -> Storage:
    storage = Storage()
    storage.put(SECRET)
    return storage


@pytest.fixture
async def operator(storage: Storage) -> AsyncIterator[Operator]:
    async with running(storage) as operator:
        yield operator


# What the kind gets from the skeleton.


async def test_a_new_object_gets_a_verdict_and_an_event(operator: Operator) -> None:
    relay = operator.put_relay("one", server="relay.example.com")
    await asyncio.sleep(1)
    ready = operator.status(relay).condition("Ready")
    assert ready is not None
    assert (ready.status, ready.message) == ("True", "relay.example.com answered.")
    assert [(it.kind, it.key, it.action) for it in operator.storage.events] == [
        (KIND, ObjectKey("team-a", "one"), "AskRelay")
    ]
    assert [it.ready for it in operator.relays.healths()] == ["True"]


async def test_an_edit_and_a_changed_secret_start_tests_and_own_writes_do_not(operator: Operator) -> None:
    relay = operator.put_relay("one", server="old.example.com")
    await asyncio.sleep(10)
    operator.put_relay("one", server="new.example.com")
    await asyncio.sleep(10)
    operator.storage.put(SECRET)
    operator.deliver_secret()
    await asyncio.sleep(10)
    assert not operator.sink.on_change(operator.storage.objects[relay])
    assert operator.relays.asked == [(0, "old.example.com"), (10, "new.example.com"), (20, "new.example.com")]


async def test_an_invalid_spec_gets_a_verdict_that_names_the_field(operator: Operator) -> None:
    relay = operator.put_relay("one", port=25)
    await asyncio.sleep(1)
    status = operator.status(relay)
    assert {it.type: it.status for it in status.conditions} == {
        "Ready": "False",
        "Failed": "True",
        "Stalled": "True",
    }
    assert "server" in status.conditions[0].message


async def test_a_verdict_that_the_api_server_did_not_accept_is_written_later(operator: Operator) -> None:
    operator.storage.errors = [ApiUnavailable("PATCH: 503")]
    relay = operator.put_relay("one", server="relay.example.com")
    await asyncio.sleep(1)
    assert operator.status(relay).conditions == []
    await asyncio.sleep(60)
    assert operator.status(relay).summary is not None
    assert len(operator.relays.asked) == 1


async def test_a_restart_tests_nothing_and_writes_nothing(storage: Storage) -> None:
    async with running(storage) as operator:
        relay = operator.put_relay("one", server="relay.example.com")
        await asyncio.sleep(10)
    async with running(storage) as operator:
        operator.sink.on_change(storage.objects[relay])
        operator.deliver_secret()
        await asyncio.sleep(10)
        assert operator.relays.asked == []
    assert storage.writes == 1


async def test_a_deleted_object_is_forgotten(operator: Operator) -> None:
    relay = operator.put_relay("one", server="relay.example.com")
    await asyncio.sleep(1)
    uid = operator.storage.objects.pop(relay)["metadata"]["uid"]
    operator.sink.forget(ObjectKey("team-a", "one"), uid)
    assert list(operator.sink.known()) == []
    assert not operator.tracker.wants(SECRET)
    assert list(operator.relays.healths()) == []


# Bugs of the operator, in any kind.


async def test_a_bug_with_one_object_does_not_stop_others(
    operator: Operator, caplog: pytest.LogCaptureFixture
) -> None:
    operator.relays.bugs = [RuntimeError("s3cret-canary")]
    operator.put_relay("buggy", server="one.example.com")
    other = operator.put_relay("other", server="two.example.com")
    await asyncio.sleep(5)
    assert operator.status(other).summary is not None
    assert "reconciling Relay team-a/buggy failed: RuntimeError at " in caplog.text
    assert "; next try in 60 s" in caplog.text
    assert "s3cret-canary" not in caplog.text


async def test_the_pauses_after_bugs_grow(operator: Operator) -> None:
    operator.relays.bugs = [RuntimeError()] * 9
    relay = operator.put_relay("buggy", server="relay.example.com")
    await asyncio.sleep(40_000)
    pauses = [round(later[0] - earlier[0]) for earlier, later in pairwise(operator.relays.asked)]
    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert operator.status(relay).summary is not None


async def test_a_success_resets_the_pause_after_bugs(operator: Operator) -> None:
    operator.relays.bugs = [RuntimeError(), RuntimeError()]
    operator.put_relay("buggy", server="one.example.com")
    await asyncio.sleep(1000)
    operator.relays.bugs = [RuntimeError()]
    operator.put_relay("buggy", server="two.example.com")
    await asyncio.sleep(1000)
    assert [round(at) for at, _ in operator.relays.asked] == [0, 60, 180, 1000, 1060]

# SPDX-License-Identifier: Apache-2.0
"""The API server as the controller sees it (``reconcile.ports.ClusterPort``), with scripted faults."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from pydantic import ValidationError

from smtp_operator.api.errors import (
    AccessDenied,
    ApiUnavailable,
    ClusterError,
    ObjectNotFound,
    RequestRefused,
)
from smtp_operator.api.names import WATCH_LABEL
from smtp_operator.api.objects import (
    WATCHED_KINDS,
    EventRecord,
    JsonObject,
    ObjectKey,
    ObjectMetadata,
    ObjectVersion,
    Reference,
    ServedKind,
    field_writes,
)
from smtp_operator.api.status import SmtpConfigStatus, SmtpTestStatus, VaultStatus
from smtp_testkit.simulation.published_secrets import Call, Faults, PublishedSecretStore
from smtp_testkit.simulation.storage import Change, Storage
from smtp_testkit.statuslint import lint, texts_to_hide

Watch = Literal["metadata", "label", "none"]


class KindSink(Protocol):
    """Receives the events of one of our kinds."""

    def on_change(self, object_: JsonObject) -> object:
        """Receive an object that was created, changed or listed."""
        ...

    def forget(self, key: ObjectKey, uid: str) -> None:
        """Receive the deletion of an object."""
        ...


class ObjectSink(Protocol):
    """Receives all events: the controller."""

    def wants(self, reference: Reference) -> bool:
        """Return whether a change of this object is relevant."""
        ...

    def reference_changed(self, reference: Reference, metadata: ObjectMetadata | None) -> None:
        """Receive a referenced object that was created, changed or (None) deleted."""
        ...

    def references_listed(self) -> None:
        """Receive the end of the list of referenced objects."""
        ...

    @property
    def sinks(self) -> Mapping[ServedKind, KindSink]:
        """The sinks of our kinds."""
        ...

    def objects_listed(self) -> None:
        """Receive the end of the list of objects of our kinds."""
        ...


@dataclass(frozen=True, slots=True)
class StatusWrite:
    """A status that the API server accepted."""

    at: float
    key: ObjectKey
    generation: int
    status: JsonObject


class FakeCluster(PublishedSecretStore):
    """An API server. ``attach`` starts the watches of an operator, ``detach`` ends them."""

    def __init__(self, storage: Storage, *, now: Callable[[], float], watch: Watch = "metadata") -> None:
        self.storage = storage
        self.watch = watch
        self.faults = Faults()
        self.latency = 0.002
        self.lag = 0.01
        """Seconds between a change and its event."""
        self.deaf = False
        """Whether changes are missed by all watches."""
        self.calls: list[tuple[Call, str]] = []
        self.status_writes: list[StatusWrite] = []
        self.secret_writes = []
        self.conflicts = 0
        """Writes that were repeated because the object had changed."""
        self.dropped = 0
        """Writes for an object that was deleted and created again."""
        self.notices: list[EventRecord] = []
        self.complaints: list[str] = []
        """The violations of the status rules in written statuses."""
        self._now = now
        self._inbox: ObjectSink | None = None
        self._events: deque[Callable[[ObjectSink], None]] = deque()
        self._timers: set[asyncio.TimerHandle] = set()
        self._learnt: dict[Reference, tuple[str, int]] = {}
        """The objects as the operator's watches and reads have seen them."""
        self._followed: frozenset[Reference] = frozenset()
        """The objects that the watch covers."""
        storage.on_smtp_config = self._smtp_config_changed
        storage.on_object = self._object_changed

    # What an operator does at its start and end.

    def attach(self, inbox: ObjectSink) -> None:
        """Deliver all objects, then every change."""
        self._inbox = inbox
        self._learnt.clear()
        for object_ in list(self.storage.smtp_configs.values()):
            self._deliver_ours(inbox, "MODIFIED", "SmtpConfig", object_)
        for reference, object_ in list(self.storage.objects.items()):
            if is_ours(reference):
                self._deliver_ours(inbox, "MODIFIED", reference.kind, object_)
        inbox.objects_listed()
        for reference, object_ in list(self.storage.objects.items()):
            if self._covered(object_):
                self._tell(inbox, reference, object_)
        if self.watch == "metadata":
            inbox.references_listed()

    def relist(self) -> None:
        """Break the watch, and start again with a list."""
        for object_ in list(self.storage.smtp_configs.values()):
            self._smtp_config_changed("MODIFIED", object_)

    def detach(self) -> None:
        """Stop delivering."""
        self._inbox = None
        self._events.clear()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def fail_next(self, call: Call, *errors: ClusterError) -> None:
        """Let the next calls of this kind fail, one per error."""
        self.faults.next.setdefault(call, deque()).extend(errors)

    # What the core calls.

    async def get_object(self, reference: Reference) -> JsonObject:
        """Return an object of any kind, with its data."""
        is_smtp_config = reference.kind == "SmtpConfig"
        await self._called("get_smtp_config" if is_smtp_config else "get_object", str(reference))
        if reference in self.faults.denied:
            raise AccessDenied(f"GET {reference}: 403")
        key = ObjectKey(reference.namespace, reference.name)
        object_ = (
            self.storage.smtp_configs.get(key) if is_smtp_config else self.storage.objects.get(reference)
        )
        if object_ is None:
            raise ObjectNotFound(f"GET {reference}: 404")
        if reference.kind in WATCHED_KINDS:
            self._learnt[reference] = _version(object_)
        return object_

    async def write_status(self, tested: ObjectVersion, status: JsonObject) -> str | None:
        """Apply the whole status server-side, with the resourceVersion as precondition."""
        await self._called("write_status", str(tested.key))
        while True:
            object_ = self._ours(tested)
            metadata = object_["metadata"] if object_ else {}
            if object_ is None or (metadata["uid"], metadata["generation"]) != (
                tested.uid,
                tested.generation,
            ):
                self.dropped += 1
                return None
            if metadata["resourceVersion"] == tested.resource_version:
                break
            self.conflicts += 1
            await asyncio.sleep(2 * self.latency)  # reads the object and writes again
            tested = ObjectVersion(
                key=tested.key,
                kind=tested.kind,
                uid=tested.uid,
                generation=tested.generation,
                resource_version=metadata["resourceVersion"],
            )
        if tested.kind != "SmtpConfig":
            return self._write_status_of(Reference(tested.kind, *tested.key), object_, status)
        return self._put_status(tested, object_, status)

    def _put_status(self, tested: ObjectVersion, object_: JsonObject, status: JsonObject) -> str:
        self._check(object_, status)
        stored = self.storage.put_status(tested.key, status)
        self.status_writes.append(StatusWrite(self._now(), tested.key, tested.generation, status))
        return str(stored["metadata"]["resourceVersion"])

    def _ours(self, tested: ObjectVersion) -> JsonObject | None:
        match tested.kind:
            case "SmtpConfig":
                return self.storage.smtp_configs.get(tested.key)
            case kind:
                return self.storage.objects.get(Reference(kind, *tested.key))

    def _write_status_of(self, reference: Reference, object_: JsonObject, status: JsonObject) -> str:
        model = SmtpTestStatus if reference.kind == "SmtpTest" else VaultStatus
        read = model.model_validate(status).model_dump(mode="json", by_alias=True, exclude_none=True)
        if read != status:
            raise RequestRefused("status has fields that the schema lacks")
        secrets = [it for it in self.storage.objects.values() if it["kind"] == "Secret"]
        hidden = texts_to_hide([], secrets)
        self.complaints += lint(object_, status, now=self._now(), hidden=hidden)
        stored = self.storage.put_status_of(reference, status)
        key = ObjectKey(reference.namespace, reference.name)
        generation = object_["metadata"]["generation"]
        self.status_writes.append(StatusWrite(self._now(), key, generation, status))
        return str(stored["metadata"]["resourceVersion"])

    async def claim(self, tested: ObjectVersion, status: JsonObject) -> str | None:
        """Write the status only over this resourceVersion."""
        await self._called("write_status", str(tested.key))
        object_ = self._ours(tested)
        if object_ is None or object_["metadata"]["resourceVersion"] != tested.resource_version:
            return None
        if tested.kind == "SmtpConfig":
            return self._put_status(tested, object_, status)
        return self._write_status_of(tested.reference, object_, status)

    async def delete(self, version: ObjectVersion) -> bool:
        """Delete an object if it still is this version."""
        await self._called("delete", str(version.key))
        object_ = self._ours(version)
        if object_ is None:
            return True
        metadata = object_["metadata"]
        if (metadata["uid"], metadata["resourceVersion"]) != (version.uid, version.resource_version):
            return False
        self.storage.delete_object(version.reference)
        return True

    async def publish(self, event: EventRecord) -> None:
        """Records an Event."""
        self.notices.append(event)

    async def _called(self, call: Call, what: str) -> None:
        self.calls.append((call, what))
        await asyncio.sleep(self.latency)
        if self.faults.down:
            raise ApiUnavailable(f"{call} {what}: connection refused")
        errors = self.faults.next.get(call)
        if errors:
            raise errors.popleft()
        before = self.faults.after.pop(call, None)
        if before is not None:
            before()

    def _check(self, object_: JsonObject, status: JsonObject) -> None:
        try:
            read = SmtpConfigStatus.model_validate(status).model_dump(
                mode="json", by_alias=True, exclude_none=True
            )
        except ValidationError as error:
            raise RequestRefused(f"status is not of the schema: {error}") from None
        if read != status:
            raise RequestRefused("status has fields that the schema lacks")
        named = [object_["metadata"]["namespace"], *_names(object_["spec"])]
        secrets = [
            it
            for ref, it in self.storage.objects.items()
            if ref.kind in ("Secret", "ConfigMap") and {ref.namespace, ref.name} <= set(named)
        ]
        hidden = texts_to_hide([object_], secrets)
        self.complaints += lint(object_, status, now=self._now(), hidden=hidden)

    # Watches.

    def _smtp_config_changed(self, change: Change, object_: JsonObject) -> None:
        self._send(lambda inbox: self._deliver_ours(inbox, change, "SmtpConfig", object_))

    def _deliver_ours(self, inbox: ObjectSink, change: Change, kind: str, object_: JsonObject) -> None:
        sink = next((it for served, it in inbox.sinks.items() if served == kind), None)
        if sink is None:
            return
        if change == "DELETED":
            metadata = object_["metadata"]
            sink.forget(ObjectKey(metadata.get("namespace", ""), metadata["name"]), metadata["uid"])
        else:
            sink.on_change(object_)

    def _object_changed(self, change: Change, reference: Reference, object_: JsonObject) -> None:
        if is_ours(reference):
            self._send(lambda inbox: self._deliver_ours(inbox, change, reference.kind, object_))
            return
        followed = reference in self._followed
        covered = change != "DELETED" and self._covered(object_)
        self._followed = self._followed | {reference} if covered else self._followed - {reference}
        if not followed and not covered:
            return

        def tell(inbox: ObjectSink) -> None:
            if not covered:
                self._learnt.pop(reference, None)
                if inbox.wants(reference):
                    inbox.reference_changed(reference, None)
            elif reference not in self._learnt or _newer(object_, self._learnt[reference]):
                self._tell(inbox, reference, object_)

        self._send(tell)

    def _tell(self, inbox: ObjectSink, reference: Reference, object_: JsonObject) -> None:
        if not inbox.wants(reference):
            return
        self._learnt[reference] = _version(object_)
        metadata = object_["metadata"]
        inbox.reference_changed(
            reference,
            ObjectMetadata(
                reference=reference,
                uid=metadata["uid"],
                resource_version=metadata["resourceVersion"],
                writes=field_writes(metadata["managedFields"]),
            ),
        )

    def _covered(self, object_: JsonObject) -> bool:
        if object_["kind"] not in WATCHED_KINDS:
            return False
        labels = object_["metadata"].get("labels") or {}
        return self.watch == "metadata" or (self.watch == "label" and labels.get(WATCH_LABEL) == "true")

    def _send(self, tell: Callable[[ObjectSink], None]) -> None:
        if self._inbox is None or self.deaf:
            return
        self._events.append(tell)
        timer = asyncio.get_running_loop().call_later(self.lag, self._deliver)
        self._timers.add(timer)

    def _deliver(self) -> None:
        """Deliver the oldest event; the events of one watch stay in order."""
        if self._inbox is not None and self._events:
            self._events.popleft()(self._inbox)


def is_ours(reference: Reference) -> bool:
    """Return whether the operator reconciles objects of this kind, SmtpConfigs aside."""
    return reference.is_vault or reference.kind == "SmtpTest"


def _state(object_: JsonObject) -> tuple[str, int]:
    return object_["metadata"]["uid"], object_["metadata"]["generation"]


def _names(spec: JsonObject) -> list[str]:
    """Return the names of the Secrets that the operator may have read."""
    references = (spec.get("usernameRef"), (spec.get("password") or {}).get("secretRef"))
    return [reference["name"] for reference in references if reference]


def _version(object_: JsonObject) -> tuple[str, int]:
    metadata = object_["metadata"]
    return metadata["uid"], int(metadata["resourceVersion"])


def _newer(object_: JsonObject, known: tuple[str, int]) -> bool:
    uid, version = _version(object_)
    return uid != known[0] or version > known[1]

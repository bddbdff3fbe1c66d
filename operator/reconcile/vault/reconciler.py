# SPDX-License-Identifier: Apache-2.0
"""Reconcile vault objects: log in to each vault, and report the result in status.

Like that of SmtpConfigs, this reconciler is level-triggered: every event leads to a decision based on the
current object.
"""

import logging
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from smtp_operator.api.errors import ClusterError, ObjectNotFound
from smtp_operator.api.object_health import ObjectHealth
from smtp_operator.api.objects import JsonObject, ObjectKey, ObjectVersion, Reference
from smtp_operator.api.objects import VaultKindName as Kind
from smtp_operator.api.reasons import REASONS, Reason
from smtp_operator.api.status import VaultStatus
from smtp_operator.api.timestamps import from_timestamp
from smtp_operator.api.vault_blocks import AzureKeyVault, ClusterAzureKeyVault
from smtp_operator.api.vaultobject import VaultObject, vault_object_or_none
from smtp_operator.api.verdict import Phase, Verdict, VerdictError
from smtp_operator.fair_slots import NAMESPACE
from smtp_operator.reconcile.backoff import due_time
from smtp_operator.reconcile.events import verdict_event
from smtp_operator.reconcile.internal_errors import origin, pause_after
from smtp_operator.reconcile.invalid_spec import InvalidSpecError
from smtp_operator.reconcile.ports import ClusterPort, Now, ReconcilePolicy
from smtp_operator.reconcile.references.changes import ReferenceChange, baseline_of
from smtp_operator.reconcile.references.tracker import ReferenceTracker, vault_reference
from smtp_operator.reconcile.vault.snapshot import (
    VaultSnapshot,
    vault_snapshot_of,
    vault_status_of,
    vault_version_of,
)
from smtp_operator.reconcile.vault.status import (
    INTERVAL,
    VaultCheck,
    VaultCheckHistory,
    invalid_vault_status,
    refreshed_vault_status,
    vault_status_after_check,
    waiting_ends,
)
from smtp_operator.reconcile.workqueue import WorkQueue
from smtp_operator.secrets.vaults.clients import VaultClients

_log: Final = logging.getLogger("smtp_operator.verdict")

_AT_ONCE: Final = 5
"""Maximum number of concurrent checks of one vault for each namespace."""

_INTERNAL_ERROR: Final = Verdict(
    reason=Reason.INTERNAL_ERROR,
    message="The operator failed with an unexpected error while it logged in; its log has the details."
    " No action needed; the operator retries automatically.",
    retry=REASONS[Reason.INTERNAL_ERROR].retry,
)


@dataclass(slots=True)
class _VaultState:
    """State of a vault object between reconciliations."""

    uid: str
    generation: int = 0
    concurrency_key: Hashable = None
    history: VaultCheckHistory = field(default_factory=VaultCheckHistory)
    health: ObjectHealth | None = None
    references_polled_at: float = 0.0
    """When its references were last polled; used only without a watch."""


class VaultReconciler:
    """Reconciler of vault objects. ``on_change``, ``forget`` and ``enqueue`` record events; ``run`` works."""

    def __init__(
        self,
        *,
        cluster: ClusterPort,
        policy: ReconcilePolicy,
        now: Now,
        references: ReferenceTracker,
        vault_clients: VaultClients,
        changed: Callable[[ObjectVersion, VaultObject | None], None],
        deleted: Callable[[Reference], None],
        recovered: Callable[[Reference], None],
    ) -> None:
        """Create a reconciler; ``run`` starts it.

        Args:
            cluster: reads objects and writes statuses and Events.
            policy: the flags that concern tests.
            now: returns the time.
            references: tracks the referenced objects.
            vault_clients: the vaults in use.
            changed: called for each new state of a vault object, with None if its spec is invalid.
            deleted: called for each deleted vault object.
            recovered: called for each vault to which the operator can log in again.
        """
        self._cluster = cluster
        self._policy = policy
        self._now = now
        self._started = now()
        self._references = references
        self._vault_clients = vault_clients
        self._changed = changed
        self._deleted = deleted
        self._recovered = recovered
        self._known: dict[Reference, _VaultState] = {}
        self._queue: WorkQueue[Reference] = WorkQueue(
            self._reconcile,
            concurrency_key_of=lambda key: self._known[key].concurrency_key if key in self._known else key,
            namespace_of=lambda key: key.namespace,
            per_concurrency_key=_AT_ONCE,
            now=now,
        )

    def is_relevant(self, kind: Kind, object_: JsonObject) -> bool:
        """Return whether ``on_change`` would do anything; our own writes and changed labels do not matter."""
        version = vault_version_of(kind, object_)
        known = self._known.get(vault_reference(version))
        if "deletionTimestamp" in object_["metadata"]:
            return False  # the deletion itself will be reported
        return known is None or (known.uid, known.generation) != (version.uid, version.generation)

    def on_change(self, kind: Kind, object_: JsonObject) -> None:
        """Handle a vault object that was created, changed or listed."""
        if not self.is_relevant(kind, object_):
            return
        version = vault_version_of(kind, object_)
        reference = vault_reference(version)
        known = self._known.get(reference)
        if known is None or known.uid != version.uid:
            known = self._known[reference] = _VaultState(uid=version.uid)
        status = vault_status_of(object_)
        if status.observed_generation != version.generation:
            known.history.generation_seen = (version.generation, self._now())
        known.generation = version.generation
        known.health = _health_of(version, status)
        vault = vault_object_or_none(kind, object_)
        if vault is not None:
            known.concurrency_key = _host(vault)
            self._references.set_vault_references(vault)
        # Called here, because a read that precedes the event makes the event irrelevant.
        self._changed(version, vault)
        self._queue.add(reference, at=self._now())

    def forget(self, reference: Reference, uid: str) -> None:
        """Handle the deletion of a vault object; another one of the same name may already exist."""
        known = self._known.get(reference)
        if known is None or known.uid != uid:
            return
        del self._known[reference]
        self._queue.discard(reference)
        self._deleted(reference)

    def known(self, kind: Kind) -> Iterator[tuple[ObjectKey, str]]:
        """Yield the known vault objects of a kind with their uids."""
        for reference, known in self._known.items():
            if reference.kind == kind:
                yield ObjectKey(reference.namespace, reference.name), known.uid

    def enqueue(self, reference: Reference) -> None:
        """Reconcile a vault object soon, because an object that it references has changed."""
        if reference in self._known:
            self._queue.add(reference, at=self._now())

    def healths(self) -> Iterator[ObjectHealth]:
        """Return the health of each vault object, from its newest known status."""
        return (known.health for known in self._known.values() if known.health is not None)

    def backlog(self) -> tuple[int, float, int]:
        """Return the number of due objects, the seconds the oldest waits, and the number being handled."""
        return self._queue.due(), self._queue.oldest_overdue(), self._queue.running()

    async def run(self) -> None:
        """Work until cancelled."""
        self._started = self._now()
        await self._queue.run()

    async def _reconcile(self, reference: Reference) -> None:
        NAMESPACE.set(reference.namespace)
        try:
            await self._reconcile_current(reference)
        except ClusterError as error:
            pause = pause_after(error)
            _log.warning("%s: %s; next try in %.0f s", reference, error, pause)
            self._queue.add(reference, at=self._now() + pause)

    async def _reconcile_current(self, reference: Reference) -> None:
        known = self._known.get(reference)
        if known is None:
            return
        kind = _kind(reference)
        try:
            object_ = await self._references.read(reference)
        except ObjectNotFound:
            return  # its deletion will be reported
        self.on_change(kind, object_)  # has no effect unless the event is still to come
        known = self._known.get(reference)
        if known is None or known.uid != object_["metadata"]["uid"]:
            return
        try:
            view = vault_snapshot_of(kind, object_)
        except InvalidSpecError as error:
            await self._reject_spec(vault_version_of(kind, object_), vault_status_of(object_), error.verdict)
            return
        await self._poll_references(view, known)
        due = self._due(view, known)
        if due is not None and due <= self._now():
            await self._check(view, known)
        elif view.generation_is_new or waiting_ends(view, known.history) <= self._now():
            status = refreshed_vault_status(view, memory=known.history, now=self._now())
            await self._write(view.version, status, view.status, None)
        else:
            self._wait(view, known)

    async def _poll_references(self, view: VaultSnapshot, known: _VaultState) -> None:
        """Poll unwatched references as often as the vault is checked."""
        if (
            self._policy.watches_references
            or self._now() < known.references_polled_at + INTERVAL
            or not view.has_verdict
        ):
            return
        known.references_polled_at = self._now()
        await self._references.poll_all(it.reference for it in view.vault.references())

    def _due(self, view: VaultSnapshot, known: _VaultState) -> float | None:
        """Return when to check; None: only after a change."""
        if not view.has_verdict:
            return 0.0
        change = self._references.compare_vault(view.vault, view.status, known.history.baselines)
        if change is not ReferenceChange.NONE:
            return 0.0
        due = from_timestamp(view.status.next_check_time)
        if due is None:
            return None
        now = self._now()
        return due_time(due, uid=view.version.uid, interval=INTERVAL, started=self._started, now=now)

    async def _check(self, view: VaultSnapshot, known: _VaultState) -> None:
        started = self._now()
        known.references_polled_at = started
        client = self._vault_clients.of(view.vault)
        try:
            verdict = _passed(await client.check())
        except VerdictError as error:
            verdict = error.verdict
        except ClusterError:
            raise
        except Exception as error:
            _log.error("%s: the login failed with an internal error: %s", view.vault.reference, origin(error))
            verdict = _INTERNAL_ERROR
        read = {
            reference: baseline_of(reference, seen.object_, seen.data_keys, read_at=seen.at)
            for reference, seen in client.read_objects.items()
        }
        check = VaultCheck(verdict=verdict, started=started, ended=self._now(), read=read)
        known.history.record_result(view, verdict, now=check.ended)
        watched = self._policy.watches_references
        update = vault_status_after_check(view, check, memory=known.history, watched=watched)
        _log_check(view, verdict, duration=check.ended - started)
        if await self._write(view.version, update.status, view.status, update.verdict):
            known.history.baselines = read
            if verdict.passed and view.ready == "False":
                self._recovered(view.vault.reference)

    async def _reject_spec(self, version: ObjectVersion, before: VaultStatus, verdict: Verdict) -> None:
        ready = before.condition("Ready")
        if before.observed_generation == version.generation and ready and ready.reason == verdict.reason:
            return
        status = invalid_vault_status(before, version, verdict, now=self._now())
        await self._write(version, status, before, verdict)

    async def _write(
        self, tested: ObjectVersion, status: VaultStatus, before: VaultStatus, verdict: Verdict | None
    ) -> bool:
        """Write a status and requeue the object; return whether it is still the object that was read."""
        reference = vault_reference(tested)
        json = status.model_dump(mode="json", by_alias=True, exclude_none=True)
        written = await self._cluster.write_status(tested, json) is not None
        self._queue.add(reference, at=self._now())
        known = self._known.get(reference)
        if not written or known is None or known.uid != tested.uid:
            return False
        known.health = _health_of(tested, status)
        event = verdict_event(before, tested, verdict, action="LogIn")
        if event is not None:
            await self._cluster.publish(event)
        return True

    def _wait(self, view: VaultSnapshot, known: _VaultState) -> None:
        times = [waiting_ends(view, known.history)]
        if (due := self._due(view, known)) is not None:
            times.append(due)
        if not self._policy.watches_references:
            times.append(known.references_polled_at + INTERVAL)
        if min(times) < float("inf"):
            self._queue.add(view.vault.reference, at=min(times))


def _kind(reference: Reference) -> Kind:
    match reference.kind:
        case "SmtpVault" | "ClusterSmtpVault" as kind:
            return kind
    raise AssertionError(reference)


def _passed(sentence: str) -> Verdict:
    reason = Reason.VAULT_LOGIN_SUCCEEDED
    return Verdict(reason=reason, message=sentence, retry=REASONS[reason].retry, phase=Phase.PASSWORD)


def _host(vault: VaultObject) -> str:
    """Return the vault's host, which limits concurrent checks."""
    block = vault.block
    url = block.vault_url if isinstance(block, AzureKeyVault | ClusterAzureKeyVault) else block.url
    return (urlsplit(url).netloc or url).lower()


def _health_of(version: ObjectVersion, status: VaultStatus) -> ObjectHealth:
    ready = status.condition("Ready")
    return ObjectHealth(
        kind=version.kind,
        namespace=version.key.namespace,
        name=version.key.name,
        ready=ready.status if ready else "Unknown",
    )


def _log_check(view: VaultSnapshot, verdict: Verdict, *, duration: float) -> None:
    _log.info(
        "%s: %s",
        view.vault.reference,
        verdict.summary,
        extra={
            "vault": str(view.vault.reference),
            "generation": view.version.generation,
            "passed": verdict.passed,
            "reason": str(verdict.reason),
            "duration_seconds": round(duration, 3),
        },
    )


class VaultEventSink:
    """Event sink for the vault objects of one kind."""

    def __init__(self, kind: Kind, vaults: VaultReconciler) -> None:
        self._kind: Kind = kind
        self._vaults = vaults

    def is_relevant(self, object_: JsonObject) -> bool:
        """Return whether ``on_change`` would do anything."""
        return self._vaults.is_relevant(self._kind, object_)

    def on_change(self, object_: JsonObject) -> None:
        """Handle an object that was created, changed or listed."""
        self._vaults.on_change(self._kind, object_)

    def forget(self, key: ObjectKey, uid: str) -> None:
        """Handle the deletion of an object."""
        self._vaults.forget(Reference(self._kind, key.namespace, key.name), uid)

    def known(self) -> Iterator[tuple[ObjectKey, str]]:
        """Return the known objects with their uids."""
        return self._vaults.known(self._kind)

# SPDX-License-Identifier: Apache-2.0
"""Track the state of referenced objects: reported by a watch, or polled if there is no watch."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from smtp_operator.api.errors import AccessDenied, ObjectNotFound
from smtp_operator.api.objects import (
    JsonObject,
    ObjectKey,
    ObjectMetadata,
    ObjectVersion,
    Reference,
    ReferenceKind,
)
from smtp_operator.api.reasons import Reason
from smtp_operator.api.status import TestedSettings, VaultStatus
from smtp_operator.api.timestamps import from_timestamp
from smtp_operator.api.vaultobject import VaultObject, vault_object_or_none
from smtp_operator.api.verdict import Trigger
from smtp_operator.reconcile.backoff import latest_recheck
from smtp_operator.reconcile.ports import Now, ReconcilePolicy
from smtp_operator.reconcile.references.changes import (
    ReferenceBaseline,
    ReferenceChange,
    compare,
    metadata_of,
)
from smtp_operator.reconcile.references.index import ReferenceIndex, ReferenceUser
from smtp_operator.reconcile.references.uses import ReferenceUse, uses_of_vault
from smtp_operator.reconcile.smtpconfig.memory import TestHistory
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.secrets.interfaces import GetObject

_BY_ANNOTATION: Final = frozenset({Reason.SERVER_NOT_ALLOWED, Reason.CA_NOT_ALLOWED})
"""Reasons that an edit of only an object's annotations can fix."""

VAULT_LOGIN_REASONS: Final = frozenset(
    {
        Reason.IDENTITY_PROVIDER_UNREACHABLE,
        Reason.IDENTITY_UNAVAILABLE,
        Reason.VAULT_AUTH_FAILED,
        Reason.VAULT_ENDPOINT_INVALID,
        Reason.VAULT_HOST_UNRESOLVED,
        Reason.VAULT_NETWORK_DENIED,
        Reason.VAULT_RATE_LIMITED,
        Reason.VAULT_TENANT_MISMATCH,
        Reason.VAULT_TLS_FAILED,
        Reason.VAULT_UNAVAILABLE,
        Reason.VAULT_UNREACHABLE,
        Reason.VAULT_URL_NOT_ALLOWED,
        Reason.AUDIENCE_NOT_ALLOWED,
        Reason.SERVICE_ACCOUNT_NOT_FOUND,
        Reason.SERVICE_ACCOUNT_TOKEN_FAILED,
    }
)
"""Reasons that a successful login to the vault resolves."""


class ReferenceTracker:
    """Tracks the newest known state of each referenced object, from watches and reads."""

    def __init__(self, *, get_object: GetObject, policy: ReconcilePolicy, now: Now) -> None:
        self._get_object = get_object
        self._policy = policy
        self._now = now
        self._index = ReferenceIndex()
        self._vaults: dict[Reference, VaultObject] = {}
        self._direct: dict[ObjectKey, tuple[ReferenceUse, ...]] = {}
        self._recovered: dict[Reference, float] = {}

    def set_references(self, view: Snapshot) -> None:
        """Record what a SmtpConfig references now."""
        self._direct[view.key] = view.uses
        self._index_uses(view.key)

    def uses(self, view: Snapshot) -> tuple[ReferenceUse, ...]:
        """Return all references of a SmtpConfig, including those of its vault as far as it is known."""
        return self._with_vaults(view.uses)

    def vault_changed(self, version: ObjectVersion, vault: VaultObject | None) -> frozenset[ReferenceUser]:
        """Record a vault object, None if its spec is invalid; return the objects to reconcile."""
        reference = vault_reference(version)
        self._remember_vault(reference, vault)
        metadata = ObjectMetadata(
            reference=reference, uid=version.uid, resource_version=str(version.generation)
        )
        return self._index.record(reference, metadata)

    def vault_deleted(self, reference: Reference) -> frozenset[ReferenceUser]:
        """Record the deletion of a vault object; return the objects that read through it."""
        self._index.set_references(reference, ())
        self._recovered.pop(reference, None)
        users = self._index.record(reference, None)
        self._remember_vault(reference, None)
        return users

    def vault_recovered(self, reference: Reference) -> frozenset[ReferenceUser]:
        """Record that the operator can log in to a vault again; return the objects to reconcile."""
        self._recovered[reference] = self._now()
        return self._index.users(reference)

    def _remember_vault(self, reference: Reference, vault: VaultObject | None) -> None:
        """Store a vault object, and add its references to the objects that read through it."""
        if vault is None:
            self._vaults.pop(reference, None)
        elif self._vaults.get(reference) == vault:
            return
        else:
            self._vaults[reference] = vault
        for key in self._index.users(reference):
            self._index_uses(key)

    def set_vault_references(self, vault: VaultObject) -> None:
        """Record what a vault object itself references."""
        self._index.set_references(vault.reference, {it.reference for it in vault.references()})

    def _index_uses(self, key: ReferenceUser) -> None:
        assert isinstance(key, ObjectKey)  # a vault object references no other vault object
        uses = self._with_vaults(self._direct[key])
        self._index.set_references(key, {use.reference for use in uses})

    def _with_vaults(self, uses: tuple[ReferenceUse, ...]) -> tuple[ReferenceUse, ...]:
        vaults = [self._vaults[use.reference] for use in uses if use.reference in self._vaults]
        if not vaults:
            return uses
        return (*uses, *(use for vault in vaults for use in uses_of_vault(vault)))

    def forget(self, key: ObjectKey) -> None:
        """Forget a deleted SmtpConfig."""
        self._direct.pop(key, None)
        self._index.set_references(key, ())

    def wants(self, reference: Reference) -> bool:
        """Return whether any object references this one."""
        return self._index.wants(reference)

    def seen(self, reference: Reference, metadata: ObjectMetadata | None) -> frozenset[ReferenceUser]:
        """Record an event of a watch, None for a deletion; return the objects to reconcile."""
        return self._index.record(reference, metadata)

    def all_listed(self, kinds: Collection[ReferenceKind]) -> None:
        """Record that referenced objects of these kinds that were not in the first listing do not exist."""
        self._index.all_listed(kinds)

    async def read(self, reference: Reference) -> JsonObject:
        """Return the object with its data, and record its version.

        Raises:
            ObjectNotFound, AccessDenied, ApiUnavailable
        """
        sequence = self._index.sequence(reference)
        try:
            found = await self._get_object(reference)
        except ObjectNotFound:
            self._index.record_read(reference, None, sequence=sequence)
            raise
        self._index.record_read(reference, metadata_of(reference, found), sequence=sequence)
        match reference.kind:
            case "SmtpVault" | "ClusterSmtpVault" as kind:
                self._remember_vault(reference, vault_object_or_none(kind, found))
        return found

    async def poll(self, view: Snapshot, *, last_asked: float = 0.0) -> bool:
        """Read unwatched references if a poll is due; return whether it was due.

        Also read objects that a watch reported as deleted, because they may only have lost their label.
        """
        due_at = self.next_poll(view, last_asked=last_asked)
        due = due_at is not None and due_at <= self._now()
        if view.has_verdict:
            references = [use.reference for use in self.uses(view)]
            await self.poll_all(it for it in references if due or self._reported_deleted(it, view))
        return due

    async def poll_all(self, references: Iterable[Reference]) -> None:
        """Read these objects to learn their versions."""
        for reference in references:
            try:
                await self.read(reference)
            except (ObjectNotFound, AccessDenied):
                continue  # a test will report it

    def watches(self, view: Snapshot) -> bool:
        """Return whether watches cover all references of a SmtpConfig."""
        kinds = {use.reference.kind for use in self.uses(view)}
        return self._policy.watches_references and (
            self._policy.watches_cluster_vaults or "ClusterSmtpVault" not in kinds
        )

    def next_poll(self, view: Snapshot, *, last_asked: float) -> float | None:
        """Return when to poll if no recheck does so; None if a watch or no poll is needed."""
        if self._policy.watches_references or view.spec.suspend or not view.interval:
            return None
        return last_asked + latest_recheck(view.interval)

    def compare(self, view: Snapshot, memory: TestHistory) -> tuple[ReferenceChange, Trigger]:
        """Return whether any object that the last test read has changed since."""
        ready = view.status.condition("Ready")
        found = self._compare(
            self.uses(view),
            tested_versions(view.status.tested),
            namespace=view.key.namespace,
            baselines=memory.baselines,
            test_started=view.last_test_started or 0.0,
            # An edit of only the annotations may fix this reason.
            any_key=ready is not None and ready.reason in _BY_ANNOTATION,
        )
        if found[0] < ReferenceChange.CHANGED and self._missed_a_recovery(view):
            return ReferenceChange.CHANGED, Trigger.DEPENDENCY_CHANGED
        return found

    def compare_vault(
        self, vault: VaultObject, status: VaultStatus, baselines: Mapping[Reference, ReferenceBaseline]
    ) -> ReferenceChange:
        """Return whether any object that the last check of a vault object read has changed since."""
        ready = status.condition("Ready")
        change, _ = self._compare(
            uses_of_vault(vault),
            tested_versions(status.tested),
            namespace=vault.reference.namespace,
            baselines=baselines,
            test_started=from_timestamp(status.last_check_time) or 0.0,
            any_key=ready is not None and ready.reason in _BY_ANNOTATION,
        )
        return change

    def _compare(
        self,
        uses: Iterable[ReferenceUse],
        tested: Mapping[tuple[str, str], str | None],
        *,
        namespace: str,
        baselines: Mapping[Reference, ReferenceBaseline],
        test_started: float,
        any_key: bool,
    ) -> tuple[ReferenceChange, Trigger]:
        found = (ReferenceChange.NONE, Trigger.DEPENDENCY_CHANGED)
        for use in uses:
            name = (use.reference.kind, use.reference.written_from(namespace))
            if not self._index.known(use.reference) or name not in tested:
                continue
            change = compare(
                tested[name],
                self._index.metadata(use.reference),
                use.data_key,
                baseline=baselines.get(use.reference),
                test_started=test_started,
                any_key=any_key,
            )
            if change > found[0]:
                found = (change, use.trigger)
        return found

    def _missed_a_recovery(self, view: Snapshot) -> bool:
        """Return whether the last test failed at a vault that the operator has since logged in to."""
        ready = view.status.condition("Ready")
        if view.ready != "False" or ready is None or ready.reason not in VAULT_LOGIN_REASONS:
            return False
        ended = view.last_test_ended or 0.0
        vaults = [use.reference for use in self.uses(view) if use.reference.is_vault]
        return any(ended < self._recovered.get(it, 0.0) for it in vaults)

    def _reported_deleted(self, reference: Reference, view: Snapshot) -> bool:
        if not self._index.known(reference) or self._index.metadata(reference) is not None:
            return False
        name = (reference.kind, reference.written_from(view.key.namespace))
        return tested_versions(view.status.tested).get(name) is not None


def vault_reference(version: ObjectVersion) -> Reference:
    """Return the reference to the vault object of that version."""
    assert version.kind != "SmtpConfig"
    return Reference(version.kind, version.key.namespace, version.key.name)


def tested_versions(tested: TestedSettings | None) -> dict[tuple[str, str], str | None]:
    """Return the version of each object that the last test read, None if the object did not exist."""
    return {(it.kind, it.name): it.version for it in tested.references} if tested else {}

# SPDX-License-Identifier: Apache-2.0
"""What becomes of the objects that SmtpConfigs name: told by a watch, or asked for where none tells."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from smtp_operator.api.objects import (
    AccessDenied,
    JsonObject,
    ObjectKey,
    ObjectMetadata,
    ObjectNotFound,
    ObjectVersion,
    Reference,
    ReferenceKind,
)
from smtp_operator.api.reasons import Reason
from smtp_operator.api.status import TestedSettings, VaultStatus
from smtp_operator.api.vaultobject import VaultObject, vault_object_or_none
from smtp_operator.api.verdict import Trigger
from smtp_operator.reconcile.backoff import latest_recheck
from smtp_operator.reconcile.ports import Now, ReconcilePolicy
from smtp_operator.reconcile.references.index import (
    ReferenceBaseline,
    ReferenceChange,
    ReferenceIndex,
    ReferenceUse,
    ReferenceUser,
    compare,
    metadata_of,
    uses_of_vault,
)
from smtp_operator.reconcile.smtpconfig.memory import TestHistory
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.reconcile.timestamps import from_timestamp
from smtp_operator.secrets.interfaces import GetObject

_BY_ANNOTATION: Final = frozenset({Reason.SERVER_NOT_ALLOWED, Reason.CA_NOT_ALLOWED})
"""Reasons that an edit of an object's annotations alone can fix."""

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
"""What a login that succeeds proves to be over."""


class ReferenceTracker:
    """Knows the newest of each referenced object, as far as it was told or has read."""

    def __init__(self, *, get_object: GetObject, policy: ReconcilePolicy, now: Now) -> None:
        self._get_object = get_object
        self._policy = policy
        self._now = now
        self._index = ReferenceIndex()
        self._vaults: dict[Reference, VaultObject] = {}
        self._direct: dict[ObjectKey, tuple[ReferenceUse, ...]] = {}
        self._recovered: dict[Reference, float] = {}

    def set_references(self, view: Snapshot) -> None:
        """Takes note of what a SmtpConfig names now."""
        self._direct[view.key] = view.uses
        self._index_uses(view.key)

    def uses(self, view: Snapshot) -> tuple[ReferenceUse, ...]:
        """All that a SmtpConfig names, and what the vault that it reads through names, as far as known."""
        return self._with_vaults(view.uses)

    def vault_changed(self, identity: ObjectVersion, vault: VaultObject | None) -> frozenset[ReferenceUser]:
        """A vault object as it is now, None where its spec breaks a rule; who is to look at it."""
        reference = vault_reference(identity)
        self._remember_vault(reference, vault)
        metadata = ObjectMetadata(
            reference=reference, uid=identity.uid, resource_version=str(identity.generation)
        )
        return self._index.record(reference, metadata)

    def vault_deleted(self, reference: Reference) -> frozenset[ReferenceUser]:
        """A vault object was deleted; who read through it."""
        self._index.set_references(reference, ())
        self._recovered.pop(reference, None)
        users = self._index.record(reference, None)
        self._remember_vault(reference, None)
        return users

    def vault_recovered(self, reference: Reference) -> frozenset[ReferenceUser]:
        """The operator can log in to a vault again; who may have missed it."""
        self._recovered[reference] = self._now()
        return self._index.users(reference)

    def _remember_vault(self, reference: Reference, vault: VaultObject | None) -> None:
        """What a vault object names, those who read through it name as well."""
        if vault is None:
            self._vaults.pop(reference, None)
        elif self._vaults.get(reference) == vault:
            return
        else:
            self._vaults[reference] = vault
        for key in self._index.users(reference):
            self._index_uses(key)

    def set_vault_references(self, vault: VaultObject) -> None:
        """Takes note of what a vault object names, for itself."""
        self._index.set_references(vault.reference, {it.reference for it in vault.references()})

    def _index_uses(self, key: ReferenceUser) -> None:
        assert isinstance(key, ObjectKey)  # a vault object names no other
        uses = self._with_vaults(self._direct[key])
        self._index.set_references(key, {use.reference for use in uses})

    def _with_vaults(self, uses: tuple[ReferenceUse, ...]) -> tuple[ReferenceUse, ...]:
        vaults = [self._vaults[use.reference] for use in uses if use.reference in self._vaults]
        if not vaults:
            return uses
        return (*uses, *(use for vault in vaults for use in uses_of_vault(vault)))

    def forget(self, key: ObjectKey) -> None:
        """A SmtpConfig is gone."""
        self._direct.pop(key, None)
        self._index.set_references(key, ())

    def wants(self, reference: Reference) -> bool:
        """Whether any SmtpConfig names it."""
        return self._index.wants(reference)

    def seen(self, reference: Reference, metadata: ObjectMetadata | None) -> frozenset[ReferenceUser]:
        """What a watch tells, None for a deletion; who is to look at it."""
        return self._index.record(reference, metadata)

    def all_listed(self, kinds: Collection[ReferenceKind]) -> None:
        """What is named, of these kinds, and was not in the first listing does not exist."""
        self._index.all_listed(kinds)

    async def read(self, reference: Reference) -> JsonObject:
        """The object with its data; what is learnt of its version is kept.

        Raises:
            ObjectNotFound, AccessDenied, ApiUnavailable
        """
        news = self._index.sequence(reference)
        try:
            found = await self._get_object(reference)
        except ObjectNotFound:
            self._index.record_read(reference, None, news=news)
            raise
        self._index.record_read(reference, metadata_of(reference, found), news=news)
        match reference.kind:
            case "SmtpVault" | "ClusterSmtpVault" as kind:
                self._remember_vault(reference, vault_object_or_none(kind, found))
        return found

    async def poll(self, view: Snapshot, *, last_asked: float = 0.0) -> bool:
        """Reads what no watch tells of, if it is time; whether it was.

        Also what a watch says is gone: it may only have lost its label.
        """
        due = self.next_poll(view, last_asked=last_asked)
        asking = due is not None and due <= self._now()
        if view.has_verdict:
            references = [use.reference for use in self.uses(view)]
            await self.poll_all(it for it in references if asking or self._reported_deleted(it, view))
        return asking

    async def poll_all(self, references: Iterable[Reference]) -> None:
        """Reads them for their versions."""
        for reference in references:
            try:
                await self.read(reference)
            except (ObjectNotFound, AccessDenied):
                continue  # a test will say so

    def watches(self, view: Snapshot) -> bool:
        """Whether a watch tells of all that decides its tests."""
        kinds = {use.reference.kind for use in self.uses(view)}
        return self._policy.watches_references and (
            self._policy.watches_cluster_vaults or "ClusterSmtpVault" not in kinds
        )

    def next_poll(self, view: Snapshot, *, last_asked: float) -> float | None:
        """When to ask where no recheck does so; None: a watch tells, or nobody wants to know."""
        if self._policy.watches_references or view.spec.suspend or not view.interval:
            return None
        return last_asked + latest_recheck(view.interval)

    def compare(self, view: Snapshot, memory: TestHistory) -> tuple[ReferenceChange, Trigger]:
        """Whether anything that the last test read has changed since."""
        ready = view.status.condition("Ready")
        found = self._compare(
            self.uses(view),
            tested_versions(view.status.tested),
            namespace=view.key.namespace,
            baselines=memory.baselines,
            test_started=view.last_test_started or 0.0,
            # An edit of annotations alone may mend this one.
            any_key=ready is not None and ready.reason in _BY_ANNOTATION,
        )
        if found[0] < ReferenceChange.CHANGED and self._missed_a_recovery(view):
            return ReferenceChange.CHANGED, Trigger.DEPENDENCY_CHANGED
        return found

    def compare_vault(
        self, vault: VaultObject, status: VaultStatus, baselines: Mapping[Reference, ReferenceBaseline]
    ) -> ReferenceChange:
        """Whether anything that the last check of a vault object read has changed since."""
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
        """Whether its test failed for a vault that the operator has since been able to log in to."""
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


def vault_reference(identity: ObjectVersion) -> Reference:
    """The vault object of that identity."""
    assert identity.kind != "SmtpConfig"
    return Reference(identity.kind, identity.key.namespace, identity.key.name)


def tested_versions(tested: TestedSettings | None) -> dict[tuple[str, str], str | None]:
    """The version of each object that the last test read, None where there was none."""
    return {(it.kind, it.name): it.version for it in tested.references} if tested else {}

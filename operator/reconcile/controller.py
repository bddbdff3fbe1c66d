# SPDX-License-Identifier: Apache-2.0
"""Assemble the controller: one reconciler for each kind, and the parts that they share."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping

from smtp_operator.api.object_health import ObjectHealth
from smtp_operator.api.objects import (
    WATCHED_KINDS,
    JsonObject,
    ObjectKey,
    ObjectMetadata,
    ObjectVersion,
    Reference,
    VaultKindName,
)
from smtp_operator.api.vaultobject import VaultObject
from smtp_operator.reconcile.ports import (
    ClusterPort,
    Now,
    ReconcilePolicy,
    SmtpEngine,
    TestObserver,
    TokenProvider,
)
from smtp_operator.reconcile.references.index import ReferenceUser
from smtp_operator.reconcile.references.tracker import ReferenceTracker, vault_reference
from smtp_operator.reconcile.send_gate import SendGate
from smtp_operator.reconcile.smtpconfig.reconciler import Reconciler
from smtp_operator.reconcile.vault.reconciler import VaultEventSink, VaultReconciler
from smtp_operator.secrets.interfaces import GetObject
from smtp_operator.secrets.vaults.clients import VaultClients


class Controller:
    """Receive every event; decide, test and write the status. ``run`` does the work."""

    def __init__(
        self,
        *,
        cluster: ClusterPort,
        engine: SmtpEngine,
        policy: ReconcilePolicy,
        now: Now,
        vaults: Callable[[GetObject], VaultClients],
        tokens: Callable[[GetObject], TokenProvider] | None = None,
        observer: TestObserver | None = None,
        may_send: Callable[[], None] | None = None,
    ) -> None:
        """Create a controller; ``run`` starts it.

        Args:
            cluster: reads objects and writes statuses and Events.
            engine: runs the SMTP dialogues.
            policy: the flags that concern tests.
            now: returns the time.
            vaults: creates the vault clients from a function that reads objects.
            tokens: creates the token provider for ``spec.oauth2``; None: no such test is possible.
            observer: counts tests.
            may_send: raises if another replica may send emails; None: there is no other replica.
        """
        self._references = ReferenceTracker(get_object=cluster.get_object, policy=policy, now=now)
        self._vault_clients = vaults(self._references.read)
        self.smtp_configs = Reconciler(
            cluster=cluster,
            engine=engine,
            policy=policy,
            now=now,
            references=self._references,
            vaults=self._vault_clients,
            tokens=None if tokens is None else tokens(self._references.read),
            observer=observer,
            send_gate=SendGate(may_send, per_destination=policy.connections_per_destination),
        )
        self._vault_objects = VaultReconciler(
            cluster=cluster,
            policy=policy,
            now=now,
            references=self._references,
            vault_clients=self._vault_clients,
            changed=self._vault_changed,
            deleted=self._vault_deleted,
            recovered=lambda it: self._enqueue(self._references.vault_recovered(it)),
        )
        kinds: tuple[VaultKindName, ...] = ("SmtpVault", "ClusterSmtpVault")
        self.vaults: Mapping[VaultKindName, VaultEventSink] = {
            kind: VaultEventSink(kind, self._vault_objects)
            for kind in kinds
            if kind == "SmtpVault" or policy.watches_cluster_vaults
        }
        """Event sinks for vault objects, for each served kind."""

    def is_relevant(self, object_: JsonObject) -> bool:
        """Return whether ``on_change`` would do anything; our own writes and changed labels do not matter."""
        return self.smtp_configs.is_relevant(object_)

    def on_change(self, object_: JsonObject) -> None:
        """Handle a SmtpConfig that was created, changed or listed."""
        self.smtp_configs.on_change(object_)

    def forget(self, key: ObjectKey, uid: str) -> None:
        """Handle the deletion of a SmtpConfig."""
        self.smtp_configs.forget(key, uid)

    def known(self) -> Iterator[tuple[ObjectKey, str]]:
        """Return the known SmtpConfigs with their uids."""
        return self.smtp_configs.known()

    def wants(self, reference: Reference) -> bool:
        """Return whether any object references this one."""
        return self._references.wants(reference)

    def reference_changed(self, reference: Reference, metadata: ObjectMetadata | None) -> None:
        """Handle a referenced object that was created, changed or (None) deleted."""
        self._vault_clients.changed(reference)
        self._enqueue(self._references.seen(reference, metadata))

    def vaults_listed(self) -> None:
        """Record that every existing vault object has been reported, so that the others do not exist."""
        self._references.all_listed(self.vaults.keys())

    def references_listed(self) -> None:
        """Record that every existing referenced object has been reported, so that the others do not exist."""
        self._references.all_listed(WATCHED_KINDS)

    def healths(self) -> Iterator[ObjectHealth]:
        """Yield the health of each object, from its newest known status."""
        yield from self.smtp_configs.healths()
        yield from self._vault_objects.healths()

    def backlog(self) -> tuple[int, float, int]:
        """Return the number of due objects, the seconds the oldest waits, and the number being handled."""
        due, oldest, running = self.smtp_configs.backlog()
        due_vaults, oldest_vault, running_vaults = self._vault_objects.backlog()
        return due + due_vaults, max(oldest, oldest_vault), running + running_vaults

    async def finish(self) -> None:
        """Start nothing more, and give running tests a moment to end."""
        await self.smtp_configs.finish()

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            async with asyncio.TaskGroup() as work:
                work.create_task(self.smtp_configs.run(), name="SmtpConfigs")
                work.create_task(self._vault_objects.run(), name="vault objects")
        finally:
            await self._vault_clients.close()

    def _vault_changed(self, version: ObjectVersion, vault: VaultObject | None) -> None:
        if vault is None:
            self._vault_clients.forget(vault_reference(version))
        else:
            self._vault_clients.forget_outdated(vault)
        self._enqueue(self._references.vault_changed(version, vault))

    def _vault_deleted(self, reference: Reference) -> None:
        self._vault_clients.forget(reference)
        self._enqueue(self._references.vault_deleted(reference))

    def _enqueue(self, users: Iterable[ReferenceUser]) -> None:
        for user in users:
            if isinstance(user, Reference):
                self._vault_objects.enqueue(user)
            else:
                self.smtp_configs.enqueue(user)

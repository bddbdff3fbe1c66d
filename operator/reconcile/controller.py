# SPDX-License-Identifier: Apache-2.0
"""The core as a whole: who works on which kind, and what all of them share."""

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
    """Told of everything, it decides, tests and writes; the work is done in ``run``."""

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
        """Nothing happens before ``run``.

        Args:
            cluster: the Kubernetes side.
            engine: makes the dialogues.
            policy: what flags say of tests.
            now: the time.
            vaults: makes what reads from vaults, of what reads objects.
            tokens: the same for ``spec.oauth2``; without it no such test can be made.
            observer: who counts.
            may_send: raises where another replica may send mails; None: there is none.
        """
        self._references = ReferenceTracker(get_object=cluster.get_object, policy=policy, now=now)
        self._live = vaults(self._references.read)
        self.smtp_configs = Reconciler(
            cluster=cluster,
            engine=engine,
            policy=policy,
            now=now,
            references=self._references,
            vaults=self._live,
            tokens=None if tokens is None else tokens(self._references.read),
            observer=observer,
            turns=SendGate(may_send),
        )
        self._vault_objects = VaultReconciler(
            cluster=cluster,
            policy=policy,
            now=now,
            references=self._references,
            live=self._live,
            changed=self._vault_changed,
            gone=self._vault_deleted,
            recovered=lambda it: self._enqueue(self._references.vault_recovered(it)),
        )
        kinds: tuple[VaultKindName, ...] = ("SmtpVault", "ClusterSmtpVault")
        self.vaults: Mapping[VaultKindName, VaultEventSink] = {
            kind: VaultEventSink(kind, self._vault_objects)
            for kind in kinds
            if kind == "SmtpVault" or policy.watches_cluster_vaults
        }
        """Who is told of the vault objects of each kind that is served."""

    def is_relevant(self, object_: JsonObject) -> bool:
        """Whether ``observe`` would do anything: not for our own write, nor for somebody's label."""
        return self.smtp_configs.is_relevant(object_)

    def on_change(self, object_: JsonObject) -> None:
        """A SmtpConfig was created or changed, or stood in a listing."""
        self.smtp_configs.on_change(object_)

    def forget(self, key: ObjectKey, uid: str) -> None:
        """A SmtpConfig was deleted."""
        self.smtp_configs.forget(key, uid)

    def known(self) -> Iterator[tuple[ObjectKey, str]]:
        """The SmtpConfigs that are there, as far as is known, with their uids."""
        return self.smtp_configs.known()

    def wants(self, reference: Reference) -> bool:
        """Whether a change of this object matters to anyone."""
        return self._references.wants(reference)

    def reference_changed(self, reference: Reference, metadata: ObjectMetadata | None) -> None:
        """A referenced object was created, changed or (None) deleted."""
        self._live.changed(reference)
        self._enqueue(self._references.seen(reference, metadata))

    def vaults_listed(self) -> None:
        """Every vault object that exists has been reported: the others do not exist."""
        self._references.all_listed(self.vaults.keys())

    def references_listed(self) -> None:
        """Every referenced object that exists has been reported: the others do not exist."""
        self._references.all_listed(WATCHED_KINDS)

    def healths(self) -> Iterator[ObjectHealth]:
        """How each object stands, by the newest status that is known."""
        yield from self.smtp_configs.healths()
        yield from self._vault_objects.healths()

    def backlog(self) -> tuple[int, float, int]:
        """How many objects are due, for how many seconds the oldest, and how many are being handled."""
        (one, oldest, running), (other, as_old, as_running) = (
            self.smtp_configs.backlog(),
            self._vault_objects.backlog(),
        )
        return one + other, max(oldest, as_old), running + as_running

    async def finish(self) -> None:
        """Begins nothing any more, and gives what is under way a moment."""
        await self.smtp_configs.finish()

    async def run(self) -> None:
        """Works until cancelled."""
        try:
            async with asyncio.TaskGroup() as work:
                work.create_task(self.smtp_configs.run(), name="SmtpConfigs")
                work.create_task(self._vault_objects.run(), name="vault objects")
        finally:
            await self._live.close()

    def _vault_changed(self, identity: ObjectVersion, vault: VaultObject | None) -> None:
        if vault is None:
            self._live.forget(vault_reference(identity))
        else:
            self._live.forget_outdated(vault)
        self._enqueue(self._references.vault_changed(identity, vault))

    def _vault_deleted(self, reference: Reference) -> None:
        self._live.forget(reference)
        self._enqueue(self._references.vault_deleted(reference))

    def _enqueue(self, users: Iterable[ReferenceUser]) -> None:
        for user in users:
            if isinstance(user, Reference):
                self._vault_objects.enqueue(user)
            else:
                self.smtp_configs.enqueue(user)

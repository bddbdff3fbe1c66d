# SPDX-License-Identifier: Apache-2.0
"""Assemble the controller: one reconciler for each kind, and the parts that they share."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from smtp_operator.api.object_health import ObjectHealth
from smtp_operator.api.objects import WATCHED_KINDS, ObjectMetadata, Reference, ServedKind
from smtp_operator.reconcile.limits.admission import Limits
from smtp_operator.reconcile.ports import (
    ControllerPort,
    MailboxReader,
    NoTestObserver,
    Now,
    ReconcilePolicy,
    SenderChecker,
    SmtpEngine,
    TestObserver,
    TokenProvider,
)
from smtp_operator.reconcile.reconciler import KindEvents, Reconciler
from smtp_operator.reconcile.references.reader import ReferenceReader
from smtp_operator.reconcile.references.tracker import ReferenceTracker
from smtp_operator.reconcile.send_gate import SendGate
from smtp_operator.reconcile.shared_parts import SharedParts
from smtp_operator.reconcile.smtpconfig.reconciler import SmtpConfigReconciler
from smtp_operator.reconcile.smtptest.reconciler import SmtpTestReconciler
from smtp_operator.reconcile.vault.reconciler import VaultReconciler
from smtp_operator.secrets.interfaces import GetObject
from smtp_operator.secrets.vaults.clients import VaultClients


class Controller:
    """Receive every event; decide, test and write the status. ``run`` does the work."""

    def __init__(
        self,
        *,
        cluster: ControllerPort,
        engine: SmtpEngine,
        policy: ReconcilePolicy,
        now: Now,
        vaults: Callable[[GetObject], VaultClients],
        tokens: Callable[[GetObject], TokenProvider] | None = None,
        senders: SenderChecker | None = None,
        mailboxes: Callable[[], MailboxReader] | None = None,
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
            senders: read the DNS records of senders; None: they are not read.
            mailboxes: creates the reader of mailboxes when the first one is read.
            observer: counts tests.
            may_send: raises if another replica may send emails; None: there is no other replica.
        """
        observer = observer or NoTestObserver()
        self._tracker = ReferenceTracker()
        self._send_gate = SendGate(may_send, per_destination=policy.connections_per_destination)
        reader = ReferenceReader(cluster.get_object, self._tracker)
        parts = SharedParts(
            cluster=cluster,
            policy=policy,
            now=now,
            tracker=self._tracker,
            reader=reader,
            limits=Limits(policy, now=now, observer=observer, wake=lambda it: self._enqueue((it,))),
            send_gate=self._send_gate,
            enqueue=self._enqueue,
            secrets=cluster,
        )
        self._vault_clients = vaults(reader.read)
        token_provider = None if tokens is None else tokens(reader.read)
        smtp_configs = SmtpConfigReconciler(
            parts,
            engine=engine,
            observer=observer,
            vaults=self._vault_clients,
            tokens=token_provider,
            senders=senders,
            mailboxes=mailboxes,
        )
        smtp_tests = SmtpTestReconciler(
            parts, engine=engine, observer=observer, vaults=self._vault_clients, tokens=token_provider
        )
        vault_objects = VaultReconciler(
            parts,
            vaults=self._vault_clients,
            recovered=lambda it: smtp_configs.vault_recovered(self._tracker.users(it)),
        )
        self._reconcilers: tuple[Reconciler[Any, Any, Any], ...] = (
            smtp_configs,
            smtp_tests,
            vault_objects,
        )
        self.sinks: Mapping[ServedKind, KindEvents] = {
            kind: KindEvents(kind, reconciler)
            for reconciler in self._reconcilers
            for kind in reconciler.kinds
            if kind != "ClusterSmtpVault" or policy.watches_cluster_vaults
        }
        """Event sinks of the kinds to watch."""

    def wants(self, reference: Reference) -> bool:
        """Return whether any object references this one."""
        return self._tracker.wants(reference)

    def reference_changed(self, reference: Reference, metadata: ObjectMetadata | None) -> None:
        """Handle a referenced object that was created, changed or (None) deleted."""
        self._vault_clients.changed(reference)
        self._enqueue(self._tracker.record(reference, metadata))

    def objects_listed(self) -> None:
        """Record that every existing object of our kinds has been reported, so that no others exist."""
        self._tracker.all_listed(self.sinks.keys())

    def references_listed(self) -> None:
        """Record that every existing referenced object has been reported, so that no others exist."""
        self._tracker.all_listed(WATCHED_KINDS)

    def healths(self) -> Iterator[ObjectHealth]:
        """Yield the health of each object, from its newest known status."""
        for reconciler in self._reconcilers:
            yield from reconciler.healths()

    def backlog(self) -> tuple[int, float, int]:
        """Return the number of due objects, the seconds the oldest waits, and the number being handled."""
        due, oldest, running = zip(*(it.backlog() for it in self._reconcilers), strict=True)
        return sum(due), max(oldest), sum(running)

    async def finish(self) -> None:
        """Start nothing more, and give running tests a moment to end."""
        self._send_gate.close()
        await asyncio.gather(*(it.finish() for it in self._reconcilers))

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            async with asyncio.TaskGroup() as work:
                for reconciler in self._reconcilers:
                    work.create_task(reconciler.run(), name=f"reconcile {reconciler.kinds[0]}")
        finally:
            await self._vault_clients.close()

    def _enqueue(self, users: Iterable[Reference]) -> None:
        """Reconcile objects soon; an object that is not known, such as an unwatched vault, is skipped."""
        for user in users:
            for reconciler in self._reconcilers:
                reconciler.enqueue(user)

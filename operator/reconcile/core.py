# SPDX-License-Identifier: Apache-2.0
"""The core as a whole: who works on which kind, and what all of them share."""

from collections.abc import Callable, Iterator
from typing import Final

from smtp_operator.api.objects import JsonObject, ObjectKey, ObjectMetadata, Reference, ReferenceKind
from smtp_operator.api.standing import Standing
from smtp_operator.reconcile.following import Follower
from smtp_operator.reconcile.interfaces import Cluster, Engine, Now, Observer, Policy, Tokens
from smtp_operator.reconcile.reconciler import Reconciler
from smtp_operator.secrets.interface import GetObject
from smtp_operator.secrets.live_vaults import LiveVaults

_FOLLOWED: Final[frozenset[ReferenceKind]] = frozenset({"Secret", "ConfigMap"})


class Core:
    """Told of everything, it decides, tests and writes; the work is done in ``run``."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        engine: Engine,
        policy: Policy,
        now: Now,
        vaults: Callable[[GetObject], LiveVaults],
        tokens: Tokens | None = None,
        observer: Observer | None = None,
    ) -> None:
        """Nothing happens before ``run``.

        Args:
            cluster: the Kubernetes side.
            engine: makes the dialogues.
            policy: what flags say of tests.
            now: the time.
            vaults: makes what reads from vaults, of what reads objects.
            tokens: for ``spec.oauth2``; without it no such test can be made.
            observer: who counts.
        """
        self._references = Follower(get_object=cluster.get_object, policy=policy, now=now)
        self._live = vaults(self._references.read)
        self.smtp_configs = Reconciler(
            cluster=cluster,
            engine=engine,
            policy=policy,
            now=now,
            references=self._references,
            vaults=self._live,
            tokens=tokens,
            observer=observer,
        )

    def is_news(self, object_: JsonObject) -> bool:
        """Whether ``observe`` would do anything: not for our own write, nor for somebody's label."""
        return self.smtp_configs.is_news(object_)

    def observe(self, object_: JsonObject) -> None:
        """A SmtpConfig was created or changed, or stood in a listing."""
        self.smtp_configs.observe(object_)

    def forget(self, key: ObjectKey, uid: str) -> None:
        """A SmtpConfig was deleted."""
        self.smtp_configs.forget(key, uid)

    def wants(self, reference: Reference) -> bool:
        """Whether a change of this object matters to anyone."""
        return self._references.wants(reference)

    def reference_changed(self, reference: Reference, metadata: ObjectMetadata | None) -> None:
        """A referenced object was created, changed or (None) deleted."""
        self._live.changed(reference)
        for key in self._references.seen(reference, metadata):
            self.smtp_configs.look_at(key)

    def references_listed(self) -> None:
        """Every referenced object that exists has been reported: the others do not exist."""
        self._references.all_listed(_FOLLOWED)

    def standings(self) -> Iterator[Standing]:
        """How each object stands, by the newest status that is known."""
        return self.smtp_configs.standings()

    def backlog(self) -> tuple[int, float, int]:
        """How many objects are due, for how many seconds the oldest, and how many are being handled."""
        return self.smtp_configs.backlog()

    async def finish(self) -> None:
        """Begins nothing any more, and gives what is under way a moment."""
        await self.smtp_configs.finish()

    async def run(self) -> None:
        """Works until cancelled."""
        try:
            await self.smtp_configs.run()
        finally:
            await self._live.close()

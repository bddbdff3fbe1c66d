# SPDX-License-Identifier: Apache-2.0
"""The life of a running operator: what starts in which order, and that all ends when a part of it does."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, Protocol

from smtp_operator.api.objects import ObjectMetadata, Reference, ServedKind, VaultKindName
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.cluster.cluster import KubernetesCluster
from smtp_operator.cluster.schema_check import Schema, check_schema
from smtp_operator.handlers.relist import DeletionDetector
from smtp_operator.handlers.watching import EventSink
from smtp_operator.setting_parsers import SecretWatch

SILENCE_LIMIT: Final = 300.0
"""Seconds without a sign of life of a watch, not even of an attempt, after which it counts as dead."""

_log: Final = logging.getLogger(__name__)


class ControllerPort(EventSink, Protocol):
    """What decides and tests."""

    @property
    def vaults(self) -> Mapping[VaultKindName, EventSink]:
        """Who is told of vault objects, by kind; a kind that is left out is not watched."""
        ...

    def vaults_listed(self) -> None:
        """Every vault object that exists was told of."""
        ...

    def wants(self, reference: Reference) -> bool:
        """Whether a change of this object matters to anyone."""
        ...

    def reference_changed(self, reference: Reference, metadata: ObjectMetadata | None) -> None:
        """A referenced object was created, changed or (None) deleted."""
        ...

    def references_listed(self) -> None:
        """Every referenced object that exists was told of."""
        ...

    async def run(self) -> None:
        """Works until cancelled."""
        ...

    async def finish(self) -> None:
        """Begins nothing more, and gives what is under way a moment."""
        ...


class LeadershipLease(Protocol):
    """By what no other replica works."""

    async def hold(self) -> None:
        """Keeps it until cancelled; raises when it is lost."""
        ...


def _event_sinks(core: ControllerPort) -> dict[ServedKind, EventSink]:
    """Who is told of each kind of ours."""
    inboxes: dict[ServedKind, EventSink] = {"SmtpConfig": core}
    for kind, inbox in core.vaults.items():
        inboxes[kind] = inbox
    return inboxes


class OperatorLifecycle:
    """Starts and stops everything but kopf, which it stops by ``stop_flag`` when something breaks."""

    def __init__(
        self,
        *,
        client: KubernetesClient,
        cluster: KubernetesCluster,
        core: ControllerPort,
        crds: Callable[[], Sequence[Schema]],
        secret_watch: SecretWatch,
        stop_flag: asyncio.Event,
        lease: LeadershipLease | None = None,
    ) -> None:
        """Nothing happens before ``start``.

        Args:
            client: to the API server.
            cluster: made of that client.
            core: what decides and tests.
            crds: makes the CustomResourceDefinitions of this release; half a megabyte that is needed once.
            secret_watch: how changes of Secrets and ConfigMaps are noticed.
            stop_flag: is set when a part of the operator ends by itself.
            lease: by what no other replica works; held when ``start`` is called.
        """
        self._lease = lease
        self._client = client
        self._cluster = cluster
        self._core = core
        self._crds = crds
        self._secret_watch = secret_watch
        self._stop_flag = stop_flag
        self._tasks: list[asyncio.Task[None]] = []
        self.deletions = DeletionDetector(cluster, _event_sinks(core))
        """Is to be told of kopf's listings."""
        self._stopping = False
        self.stopped = asyncio.Event()
        """Set when all that ``start`` began has ended."""
        self.failure: BaseException | None = None
        """Why it ended by itself; None while it runs or where it was stopped."""
        self.ready = False
        """Whether everything is known that a decision may need."""

    async def start(self) -> None:
        """Returns when the first decision may be made: a restart sends no mail, so that all is known before.

        Raises:
            ClusterError: it cannot start; ``failure`` has it too.
        """
        if self._lease is not None:
            self._spawn(self._lease.hold(), "lease")
        try:
            await check_schema(self._client, self._crds())
            await self._load_objects()
            if self.failure is not None:  # of a part that has ended meanwhile
                raise self.failure
        except Exception as error:
            self.failure = self.failure or error
            await self.stop()
            raise
        except BaseException:
            await self.stop()
            raise
        self._spawn(self.deletions.run(), "search for missed deletions")
        self._spawn(self._core.run(), "reconciler")
        self.ready = True

    async def stop(self) -> None:
        """Ends all that ``start`` began; may be called twice."""
        self._stopping = True
        self.ready = False
        # On SIGTERM kopf ends by a flag of its own, and then waits 5 s for its task that waits for this one.
        self._stop_flag.set()
        if self.failure is None:
            await self._core.finish()
        # In this order: the core may still write Events.
        for task in reversed(self._tasks):
            task.cancel()
            await asyncio.wait([task])
        self._tasks.clear()
        self.stopped.set()

    def failed_part(self) -> str | None:
        """What is dead though it should live; None: all is well."""
        if self.failure is not None:
            return str(self.failure)
        silent = [str(watch) for watch in self._cluster.watches if watch.silent_for > SILENCE_LIMIT]
        return f"no sign of life: {', '.join(silent)}" if silent and self.ready else None

    async def _load_objects(self) -> None:
        """SmtpConfigs and vaults first, since they say which Secrets and ConfigMaps are wanted."""
        self._spawn(self._cluster.run(), "Event recorder")
        async for object_ in self._cluster.list_smtp_configs():
            self._core.on_change(object_)
        for kind, inbox in self._core.vaults.items():
            async for object_ in self._cluster.list_vaults(kind):
                inbox.on_change(object_)
        self._core.vaults_listed()
        watches = self._cluster.watch_references(
            wanted=self._core.wants, changed=self._core.reference_changed
        )
        running = [self._spawn(watch.run(), str(watch)) for watch in watches]
        for watch, task in zip(watches, running, strict=True):
            synced = asyncio.create_task(watch.synced())
            await asyncio.wait([synced, task], return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                synced.cancel()
                task.result()
        if self._secret_watch is SecretWatch.METADATA:
            self._core.references_listed()

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        self._tasks.append(task)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A part that ends by itself ends everything: better restarted than half alive."""
        if self._stopping or task.cancelled():
            return
        error = task.exception() or RuntimeError(f"{task.get_name()} ended")
        if self.failure is None:
            self.failure = error
        self.ready = False
        self._stop_flag.set()

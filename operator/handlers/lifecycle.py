# SPDX-License-Identifier: Apache-2.0
"""Start the parts of the operator in order, and stop all of them when one stops."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, Protocol

from smtp_operator.api.objects import ObjectMetadata, Reference, ServedKind
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.cluster.cluster import KubernetesCluster
from smtp_operator.cluster.schema_check import Schema, check_schema
from smtp_operator.handlers.event_filter import EventSink
from smtp_operator.handlers.relist import DeletionDetector
from smtp_operator.setting_parsers import SecretWatch

SILENCE_LIMIT: Final = 300.0
"""Seconds without a sign of life of a watch, not even an attempt, after which the watch counts as dead."""

_log: Final = logging.getLogger(__name__)


class ControllerPort(Protocol):
    """The controller, which decides and tests."""

    @property
    def sinks(self) -> Mapping[ServedKind, EventSink]:
        """Return the event sink of each of our kinds; a missing kind is not watched."""
        ...

    def objects_listed(self) -> None:
        """Record that every existing object of our kinds has been reported."""
        ...

    def wants(self, reference: Reference) -> bool:
        """Return whether any object references this one."""
        ...

    def reference_changed(self, reference: Reference, metadata: ObjectMetadata | None) -> None:
        """Handle a referenced object that was created, changed or (None) deleted."""
        ...

    def references_listed(self) -> None:
        """Record that every existing referenced object has been reported."""
        ...

    async def run(self) -> None:
        """Work until cancelled."""
        ...

    async def finish(self) -> None:
        """Start nothing more, and give running work a moment to end."""
        ...


class LeadershipLease(Protocol):
    """The Lease that keeps other replicas from working."""

    async def hold(self) -> None:
        """Keep the Lease until cancelled; raise when it is lost."""
        ...


class OperatorLifecycle:
    """Start and stop everything except kopf; stop kopf with ``stop_flag`` when a part fails."""

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
        """Create the lifecycle; ``start`` starts it.

        Args:
            client: for the API server.
            cluster: made from that client.
            core: the controller, which decides and tests.
            crds: returns the CustomResourceDefinitions of this release; half a megabyte that is needed once.
            secret_watch: how changes of Secrets and ConfigMaps are noticed.
            stop_flag: set when a part of the operator stops unexpectedly.
            lease: keeps other replicas from working; held when ``start`` is called.
        """
        self._lease = lease
        self._client = client
        self._cluster = cluster
        self._core = core
        self._crds = crds
        self._secret_watch = secret_watch
        self._stop_flag = stop_flag
        self._tasks: list[asyncio.Task[None]] = []
        self.deletions = DeletionDetector(cluster, core.sinks)
        """Receives kopf's listings."""
        self._stopping = False
        self.stopped = asyncio.Event()
        """Set when everything that ``start`` started has stopped."""
        self.failure: BaseException | None = None
        """Why the operator stopped unexpectedly; None while it runs, or after a regular stop."""
        self.ready = False
        """Whether everything that a decision needs has been loaded."""

    async def start(self) -> None:
        """Start all parts; return when everything is loaded, so that a restart sends no email.

        Raises:
            ClusterError: the operator cannot start; ``failure`` holds the same error.
        """
        if self._lease is not None:
            self._spawn(self._lease.hold(), "lease")
        try:
            await check_schema(self._client, self._crds())
            await self._load_objects()
            if self.failure is not None:  # a part has failed meanwhile
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
        """Stop everything that ``start`` started; may be called twice."""
        self._stopping = True
        self.ready = False
        # On SIGTERM kopf sets its own flag, and then waits 5 s for its task that waits for this one.
        self._stop_flag.set()
        if self.failure is None:
            await self._core.finish()
        # In this order, because the controller may still write Events.
        for task in reversed(self._tasks):
            task.cancel()
            await asyncio.wait([task])
        self._tasks.clear()
        self.stopped.set()

    def failed_part(self) -> str | None:
        """Return why the operator is unhealthy; None if it is healthy."""
        if self.failure is not None:
            return str(self.failure)
        silent = [str(watch) for watch in self._cluster.watches if watch.silent_for > SILENCE_LIMIT]
        return f"no sign of life: {', '.join(silent)}" if silent and self.ready else None

    async def _load_objects(self) -> None:
        """Load our own kinds first, because they name the wanted Secrets and ConfigMaps."""
        self._spawn(self._cluster.run(), "Event recorder")
        for kind, sink in self._core.sinks.items():
            async for object_ in self._cluster.list_objects(kind):
                sink.on_change(object_)
        self._core.objects_listed()
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
        """Stop everything when a part stops unexpectedly: a restart is better than a partial failure."""
        if self._stopping or task.cancelled():
            return
        error = task.exception() or RuntimeError(f"{task.get_name()} ended")
        if self.failure is None:
            self.failure = error
        self.ready = False
        self._stop_flag.set()

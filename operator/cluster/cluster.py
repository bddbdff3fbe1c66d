# SPDX-License-Identifier: Apache-2.0
"""Give the controller its view of the cluster: objects, statuses, Events and watches of references."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from smtp_operator.api.objects import (
    WATCHED_KINDS,
    EventRecord,
    JsonObject,
    ObjectVersion,
    Reference,
    ServedKind,
)
from smtp_operator.cluster import kept_fields, paths
from smtp_operator.cluster.client import JSON, METADATA_LIST, KubernetesClient
from smtp_operator.cluster.errors import ListExpired
from smtp_operator.cluster.events import EventRecorder
from smtp_operator.cluster.leader_election import LeaderLease
from smtp_operator.cluster.metadata_informer import Changed, MetadataInformer, Wanted
from smtp_operator.cluster.secret_writer import SecretWriter
from smtp_operator.cluster.status_writer import StatusWriter
from smtp_operator.setting_parsers import SecretWatch
from smtp_operator.settings import Settings

_PAGE_SIZE = 25
"""A whole page is in memory, and a SmtpConfig with a verdict takes about 30 kB."""

_PAGE_OF_METADATA = 100

_LIST_ATTEMPTS = 5
_SHUTDOWN_GRACE = 1.0


class KubernetesCluster:
    """Read and write objects with one client; ``run`` does the background work."""

    def __init__(
        self, client: KubernetesClient, settings: Settings, lease: LeaderLease | None = None
    ) -> None:
        """Create the cluster side; ``lease`` must be held to write a status, None if there is one replica."""
        self._client = client
        self._namespaces: Sequence[str | None] = settings.namespaces or (None,)
        self._served = settings.served
        self._secret_watch = settings.secret_watch
        self._status_writer = StatusWriter(client, lease)
        self._secret_writer = SecretWriter(client, lease)
        self._events = EventRecorder(client, settings.docs_url)
        self.watches: tuple[MetadataInformer, ...] = ()
        """The watches that ``watch_references`` created."""

    async def list_objects(self, kind: ServedKind) -> AsyncIterator[JsonObject]:
        """Yield all objects of one of our kinds in the served namespaces, possibly some twice.

        They are never all in memory.

        Raises:
            AccessDenied, ApiUnavailable
        """
        for namespace in self._namespaces_of(kind):
            async for item in self._list(paths.objects(kind, namespace)):
                yield item

    async def uids(self, kind: ServedKind) -> frozenset[str]:
        """Return the uids of the objects of one of our kinds in the served namespaces; reads metadata only.

        Raises:
            AccessDenied, ApiUnavailable
        """
        found: set[str] = set()
        for namespace in self._namespaces_of(kind):
            path = paths.objects(kind, namespace)
            async for item in self._list(path, accept=METADATA_LIST, page_size=_PAGE_OF_METADATA):
                found.add(item["metadata"]["uid"])
        return frozenset(found)

    def _namespaces_of(self, kind: ServedKind) -> Sequence[str | None]:
        return (None,) if kind == "ClusterSmtpVault" else self._namespaces

    async def _list(
        self, path: str, *, accept: str = JSON, page_size: int = _PAGE_SIZE
    ) -> AsyncIterator[JsonObject]:
        keep = kept_fields.METADATA if accept == METADATA_LIST else kept_fields.OURS
        for attempt in range(1, _LIST_ATTEMPTS + 1):
            pages = self._client.pages(path, accept=accept, page_size=page_size, keep=keep)
            try:
                async for page in pages:
                    for item in page.get("items") or ():
                        if self._served.serves(item["metadata"].get("namespace")):
                            yield item
                return
            except ListExpired:
                if attempt == _LIST_ATTEMPTS:
                    raise

    async def get_object(self, reference: Reference) -> JsonObject:
        """Return an object of ours, or one that an object of ours references with its data.

        Raises:
            ObjectNotFound, AccessDenied, ApiUnavailable
        """
        ours = reference.kind in ("SmtpConfig", "SmtpTest")
        keep = kept_fields.OURS if ours else kept_fields.REFERRED
        found = await self._client.request("GET", paths.object_path(reference), keep=keep)
        self._learn(reference, found["metadata"])
        return found

    def _learn(self, reference: Reference, metadata: JsonObject) -> None:
        for watch in self.watches:
            if watch.covers(reference, metadata.get("labels") or {}):
                watch.learn(reference, metadata["uid"], metadata["resourceVersion"])

    async def write_status(self, tested: ObjectVersion, status: JsonObject) -> str | None:
        """Write the whole status if the object is still the tested one; return its new resourceVersion.

        Return None, and write nothing, if the object was deleted, re-created or given another spec meanwhile.
        Retry for 10 minutes while the API server is unavailable.

        Raises:
            AccessDenied, ApiUnavailable, RequestRefused
        """
        return await self._status_writer.write(tested, status)

    async def claim(self, tested: ObjectVersion, status: JsonObject) -> str | None:
        """Write the whole status only over the resourceVersion of ``tested``; return the new one.

        Return None, and write nothing, if the object was changed or deleted meanwhile, by anyone.

        Raises:
            AccessDenied, ApiUnavailable, RequestRefused
        """
        return await self._status_writer.claim(tested, status)

    async def delete(self, version: ObjectVersion) -> bool:
        """Delete a SmtpTest if it still is this version; return whether it no longer exists.

        Raises:
            AccessDenied, ApiUnavailable, RequestRefused
        """
        return await self._status_writer.delete(version)

    async def read_secret(self, reference: Reference) -> JsonObject | None:
        """Return a published Secret with its data; None if it does not exist.

        Raises:
            AccessDenied, ApiUnavailable
        """
        return await self._secret_writer.read(reference)

    async def write_secret(self, reference: Reference, secret: JsonObject) -> JsonObject | None:
        """Create or replace a published Secret; return its new metadata, None if it was changed meanwhile.

        Raises:
            AccessDenied, ApiUnavailable, RequestRefused
        """
        written = await self._secret_writer.write(reference, secret)
        if written is not None:
            self._learn(reference, written["metadata"])
        return written

    async def delete_secret(self, reference: Reference, secret: JsonObject) -> bool:
        """Delete a published Secret if it still is this version; return whether it no longer exists.

        Raises:
            AccessDenied, ApiUnavailable, RequestRefused
        """
        return await self._secret_writer.delete(reference, secret)

    async def publish(self, event: EventRecord) -> None:
        """Record an Event; never fails."""
        self._events.record(event)

    def watch_references(self, *, wanted: Wanted, changed: Changed) -> tuple[MetadataInformer, ...]:
        """Create the watches that ``--secret-watch`` selects; they do not run yet."""
        if self._secret_watch is not SecretWatch.NONE:
            self.watches = tuple(
                MetadataInformer(
                    self._client,
                    kind,
                    namespace,
                    wanted=wanted,
                    changed=changed,
                    labelled_only=self._secret_watch is SecretWatch.LABEL,
                )
                for namespace in self._namespaces
                for kind in WATCHED_KINDS
            )
        return self.watches

    async def run(self) -> None:
        """Write recorded Events until cancelled, then for one more second at most."""
        recording = asyncio.create_task(self._events.run(), name="Event recorder")
        try:
            await asyncio.shield(recording)
        finally:
            try:
                async with asyncio.timeout(_SHUTDOWN_GRACE):
                    await self._events.drain()
            except TimeoutError:
                pass
            finally:
                recording.cancel()

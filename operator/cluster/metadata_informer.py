# SPDX-License-Identifier: Apache-2.0
"""Watch for changes of Secrets and ConfigMaps without ever receiving their data.

The informer requests metadata only (about 400 bytes an object), lists in pages, and keeps only the versions
of objects that a SmtpConfig references. It never reads annotations: an object created by ``kubectl apply``
carries a copy of its data there.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

from smtp_operator.api.errors import AccessDenied, ApiUnavailable, ClusterError
from smtp_operator.api.names import WATCH_LABEL
from smtp_operator.api.objects import (
    JsonObject,
    ObjectMetadata,
    Reference,
    ReferenceKind,
    field_writes,
    is_newer,
)
from smtp_operator.cluster import kept_fields, paths
from smtp_operator.cluster.backoff import at_least, growing_delays
from smtp_operator.cluster.client import METADATA, METADATA_LIST, KubernetesClient, Query
from smtp_operator.cluster.errors import ListExpired
from smtp_operator.cluster.json_bodies import decoded

RECONNECT_SECONDS: Final = 300
"""Seconds for which the API server keeps one watch open; regular reconnects spread the load."""

SILENCE_SECONDS: Final = 180.0
"""Seconds of silence after which a watch counts as dead: a bookmark comes about every minute."""

PATIENCE_WHEN_DENIED: Final = 60.0
"""Seconds for which an earlier permission may be missing: a starting API server has no roles yet."""

PAGE_SIZE: Final = 200
"""Objects in one page of a list: about 200 KB of metadata, and ten times as much once parsed."""

_log: Final = logging.getLogger(__name__)

Wanted = Callable[[Reference], bool]
Changed = Callable[[Reference, ObjectMetadata | None], None]


class MetadataInformer:
    """Watch the objects of one kind, in one namespace or in all."""

    def __init__(
        self,
        client: KubernetesClient,
        kind: ReferenceKind,
        namespace: str | None,
        *,
        wanted: Wanted,
        changed: Changed,
        labelled_only: bool = False,
    ) -> None:
        """Create an informer; ``run`` starts it.

        Args:
            client: for the API server.
            kind: Secret or ConfigMap.
            namespace: None: all.
            wanted: return whether the object is referenced.
            changed: called for each change of a wanted object, with None for its deletion; also for each
                wanted object of the first list.
            labelled_only: watch only objects with the label ``smtp-operator.io/watch=true``.
        """
        self._client = client
        self._kind = kind
        self._namespace = namespace
        self._wanted = wanted
        self._changed = changed
        self._path = paths.objects(kind, namespace)
        self._selector: Query = [("labelSelector", f"{WATCH_LABEL}=true")] if labelled_only else []
        self._known: dict[Reference, tuple[str, str]] = {}
        self._synced = asyncio.Event()
        self._resource_version = ""
        self._last_sign = asyncio.get_running_loop().time()
        self._last_answer = float("-inf")

    def __str__(self) -> str:
        """Return a description such as ``watch of Secrets in namespace team-a``."""
        where = "all namespaces" if self._namespace is None else f"namespace {self._namespace}"
        return f"watch of {self._kind}s in {where}"

    def covers(self, reference: Reference, labels: Mapping[str, str]) -> bool:
        """Return whether this watch covers an object with these labels."""
        return (
            reference.kind == self._kind
            and self._namespace in (None, reference.namespace)
            and (not self._selector or labels.get(WATCH_LABEL) == "true")
        )

    def learn(self, reference: Reference, uid: str, resource_version: str) -> None:
        """Record a version that was read by other means, so that its deletion cannot be missed."""
        known = self._known.get(reference)
        if known is None or known[0] != uid or is_newer(resource_version, known[1]):
            self._known[reference] = (uid, resource_version)

    @property
    def silent_for(self) -> float:
        """Return the seconds since the last response of the API server, or the last attempt."""
        return asyncio.get_running_loop().time() - self._last_sign

    async def synced(self) -> None:
        """Return when the first list has been processed."""
        await self._synced.wait()

    async def run(self) -> None:
        """List, then watch, until cancelled. Lost connections are restored.

        Raises:
            AccessDenied: listing or watching is not allowed; if it was allowed before, for over a minute.
        """
        clock = asyncio.get_running_loop().time
        delays = growing_delays()
        while True:
            started = self._last_sign = clock()
            problem: ClusterError | None = None
            try:
                await self._follow()
            except ListExpired:
                self._resource_version = ""
            except AccessDenied as error:
                if clock() - self._last_answer > PATIENCE_WHEN_DENIED:
                    raise
                problem = error
            except ApiUnavailable as error:
                problem = error
            if clock() - started > 10:  # the watch worked for a while, so this is a new problem
                delays = growing_delays()
                if problem is None:
                    continue
            delay = next(delays)
            if problem is not None:
                delay = at_least(delay, problem)
                _log.debug("%s broke: %s; next try in %.1f s", self, problem, delay)
            self._last_sign = clock() + delay
            await asyncio.sleep(delay)

    async def _follow(self) -> None:
        """List if there is no version to continue from, then watch until the API server ends the watch."""
        if not self._resource_version:
            self._resource_version = await self._list()
        query = [
            *self._selector,
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", str(RECONNECT_SECONDS)),
            ("resourceVersion", self._resource_version),
        ]
        watching = self._client.lines(
            self._path, query=query, accept=METADATA, silence=SILENCE_SECONDS, keep=kept_fields.METADATA
        )
        async with watching as lines:
            self._answered()
            async for line in lines:
                self._answered()
                self._resource_version = self._apply(_parsed(line)) or self._resource_version

    async def _list(self) -> str:
        """Report all changes, including deletions; return the resourceVersion to watch from."""
        before = set(self._known)
        seen: set[Reference] = set()
        resource_version = ""
        pages = self._client.pages(
            self._path,
            query=self._selector,
            accept=METADATA_LIST,
            page_size=PAGE_SIZE,
            keep=kept_fields.METADATA,
        )
        async for page in pages:
            self._answered()
            resource_version = page["metadata"]["resourceVersion"]
            for item in page.get("items") or ():  # an empty list has `items: null`
                reference = self._reference(item["metadata"])
                if reference in before:
                    seen.add(reference)
                self._notify(reference, item["metadata"])
        for reference in before - seen:
            known = self._known.get(reference)
            if known is not None and not is_newer(known[1], resource_version):
                self._gone(reference)
        self._synced.set()
        return resource_version

    def _answered(self) -> None:
        self._last_sign = self._last_answer = asyncio.get_running_loop().time()

    def _apply(self, change: JsonObject) -> str:
        """Report one line of the watch; return the resourceVersion to continue from."""
        kind, metadata = change["type"], change["object"].get("metadata", {})
        if kind == "ERROR":
            _raise_error(change["object"], self)
        if kind in ("ADDED", "MODIFIED"):
            self._notify(self._reference(metadata), metadata)
        elif kind == "DELETED":
            self._gone(self._reference(metadata))
        return str(metadata.get("resourceVersion", ""))

    def _notify(self, reference: Reference, metadata: JsonObject) -> None:
        uid, resource_version = metadata["uid"], metadata["resourceVersion"]
        known = self._known.get(reference)
        if not self._wanted(reference):
            self._known.pop(reference, None)
            return
        if known is not None and known[0] == uid and not is_newer(resource_version, known[1]):
            return  # a read was faster than the watch
        self._known[reference] = (uid, resource_version)
        self._changed(
            reference,
            ObjectMetadata(
                reference=reference,
                uid=uid,
                resource_version=resource_version,
                writes=field_writes(metadata.get("managedFields")),
            ),
        )

    def _gone(self, reference: Reference) -> None:
        self._known.pop(reference, None)
        if self._wanted(reference):
            self._changed(reference, None)

    def _reference(self, metadata: JsonObject) -> Reference:
        return Reference(self._kind, metadata["namespace"], metadata["name"])


def _parsed(line: bytes) -> JsonObject:
    try:
        change = decoded(line)
    except ValueError:
        raise ApiUnavailable("the connection ended in the middle of a line") from None
    if not isinstance(change, dict) or not isinstance(change.get("object"), dict):
        raise ApiUnavailable("a line of the watch is not an event")
    return change


def _raise_error(status: JsonObject, watch: MetadataInformer) -> None:
    text = f"{watch} ended: {status.get('code')} {status.get('reason')}"
    if status.get("code") == 410:
        raise ListExpired(text)
    raise ApiUnavailable(text)

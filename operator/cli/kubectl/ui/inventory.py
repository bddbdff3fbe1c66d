# SPDX-License-Identifier: Apache-2.0
"""The rows of all SmtpConfigs and vault objects in scope, kept up to date for all open pages."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from smtp_operator.api.objects import JsonObject, ReferenceKind
from smtp_operator.cli.kubectl.ui.rows import Row, row_id, row_of
from smtp_operator.cli.kubectl.ui.watch import follow
from smtp_operator.cluster import paths
from smtp_operator.cluster.client import KubernetesClient

KINDS: Final[tuple[ReferenceKind, ...]] = ("SmtpConfig", "SmtpVault", "ClusterSmtpVault")


class Subscriber:
    """Collects the changes that one page does not know yet."""

    def __init__(self, rows: Mapping[str, Row]) -> None:
        self.rows: dict[str, Row | None] = dict(rows)
        """Rows to send; None: the object is deleted."""
        self.changed = asyncio.Event()
        self.changed.set()

    def take(self) -> dict[str, Row | None]:
        """Return the rows to send, and forget them."""
        rows, self.rows = self.rows, {}
        self.changed.clear()
        return rows


class Inventory:
    """Lists and watches the kinds of one namespace, or of all. Requests start with ``run``."""

    def __init__(self, client: KubernetesClient, namespace: str | None) -> None:
        self._client = client
        self._namespace = namespace
        self.rows: dict[str, Row] = {}
        self.problems: dict[str, str] = {}
        """Why the objects of a kind are not shown, by kind."""
        self.loading: set[str] = set(KINDS)
        """Kinds whose first list has not ended."""
        self.pages = 0
        """Number of open pages."""
        self._subscribers: set[Subscriber] = set()

    async def run(self) -> None:
        """Keep the rows up to date until cancelled."""
        async with asyncio.TaskGroup() as group:
            for kind in KINDS:
                group.create_task(self._follow(kind))

    @contextmanager
    def subscribed(self) -> Iterator[Subscriber]:
        """Receive all rows, then each change, during the block."""
        subscriber = Subscriber(self.rows)
        self._subscribers.add(subscriber)
        self.pages += 1
        try:
            yield subscriber
        finally:
            self._subscribers.discard(subscriber)
            self.pages -= 1

    async def _follow(self, kind: ReferenceKind) -> None:
        path = paths.objects(kind, None if kind == "ClusterSmtpVault" else self._namespace)
        listed: set[str] = set()
        async for changes in follow(self._client, path):
            if changes.started:
                listed = set()
            for object_ in changes.objects:
                listed.add(self._put(kind, object_))
            for object_ in changes.deleted:
                self._remove(row_id(kind, object_))
            if changes.complete:
                self.loading.discard(kind)
                for known in [it for it in self.rows if it.startswith(f"{kind}/") and it not in listed]:
                    self._remove(known)
            if changes.problem is not None:
                self.problems[kind] = changes.problem
                self.loading.discard(kind)
                self._notify()

    def _put(self, kind: str, object_: JsonObject) -> str:
        row = row_of(kind, object_, time.time())
        self.rows[row["id"]] = row
        for subscriber in self._subscribers:
            subscriber.rows[row["id"]] = row
        self._notify()
        return str(row["id"])

    def _remove(self, id_: str) -> None:
        if self.rows.pop(id_, None) is not None:
            for subscriber in self._subscribers:
                subscriber.rows[id_] = None
            self._notify()

    def _notify(self) -> None:
        for subscriber in self._subscribers:
            subscriber.changed.set()

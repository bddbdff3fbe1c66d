# SPDX-License-Identifier: Apache-2.0
"""An API server that has only Leases, with scripted faults."""

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from smtp_operator.api.errors import ApiUnavailable, ObjectNotFound
from smtp_operator.api.objects import JsonObject
from smtp_operator.cluster.errors import Conflict

Query = Sequence[tuple[str, str]]


class LeaseServer:
    """An API server for several replicas; request and response each take `latency` seconds."""

    def __init__(self) -> None:
        self.leases: dict[str, JsonObject] = {}
        """Leases by path."""
        self.latency = 0.01
        self.down = False
        self.asked: list[str] = []
        """Method and path of each received request."""
        self._version = 0
        self._watchers: list[asyncio.Queue[JsonObject]] = []

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: Mapping[str, Any] | None = None,
        timeout: float = 30.0,
    ) -> JsonObject:
        """Handle a request like a real API server; a lost request or response ends in a timeout."""
        if self.latency > timeout:
            await asyncio.sleep(timeout)
            raise ApiUnavailable(f"{method} {path}: no response in time")
        await asyncio.sleep(self.latency / 2)
        if self.down:
            raise ApiUnavailable(f"{method} {path}: connection refused")
        self.asked.append(f"{method} {path}")
        answer = self._answer(method, path, copy.deepcopy(dict(body or {})))
        await asyncio.sleep(self.latency / 2)
        return copy.deepcopy(answer)

    def _answer(self, method: str, path: str, body: JsonObject) -> JsonObject:
        if method == "POST":
            path = f"{path}/{body['metadata']['name']}"
            if path in self.leases:
                raise Conflict(f"POST {path}: 409 AlreadyExists")
            return self._store(path, body, "ADDED")
        lease = self.leases.get(path)
        if lease is None:
            raise ObjectNotFound(f"{method} {path}: 404 NotFound")
        if method == "GET":
            return lease
        if body["metadata"]["resourceVersion"] != lease["metadata"]["resourceVersion"]:
            raise Conflict(f"PUT {path}: 409 Conflict")
        return self._store(path, body, "MODIFIED")

    def _store(self, path: str, lease: JsonObject, event: str) -> JsonObject:
        self._version += 1
        lease["metadata"]["resourceVersion"] = str(self._version)
        self.leases[path] = lease
        self._tell(event, lease)
        return lease

    def edit(self, path: str, spec: Mapping[str, Any]) -> None:
        """Edit fields of a Lease's spec, as another client; None removes a field."""
        lease = copy.deepcopy(self.leases[path])
        merged = {**lease["spec"], **spec}
        lease["spec"] = {name: value for name, value in merged.items() if value is not None}
        self._store(path, lease, "MODIFIED")

    def delete(self, path: str) -> None:
        """Delete a Lease, as another client."""
        self._tell("DELETED", self.leases.pop(path))

    def _tell(self, event: str, lease: JsonObject) -> None:
        for watcher in self._watchers:
            watcher.put_nowait({"type": event, "object": copy.deepcopy(lease)})

    @asynccontextmanager
    async def lines(
        self, path: str, *, query: Query, accept: str, silence: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Watch all Leases of a path until the server is down."""
        if self.down:
            raise ApiUnavailable(f"GET {path}: connection refused")
        watcher: asyncio.Queue[JsonObject] = asyncio.Queue()
        self._watchers.append(watcher)
        try:
            yield _lines(watcher)
        finally:
            self._watchers.remove(watcher)


async def _lines(watcher: asyncio.Queue[JsonObject]) -> AsyncIterator[bytes]:
    while True:
        yield json.dumps(await watcher.get()).encode() + b"\n"

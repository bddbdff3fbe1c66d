# SPDX-License-Identifier: Apache-2.0
"""Read, write and delete the Secrets that ``spec.publish`` names: the only writes to Secrets."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from smtp_operator.api.errors import ApiUnavailable, ObjectNotFound
from smtp_operator.api.names import FIELD_MANAGER
from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.cluster import paths
from smtp_operator.cluster.backoff import at_least, growing_delays
from smtp_operator.cluster.client import METADATA, KubernetesClient
from smtp_operator.cluster.errors import Conflict
from smtp_operator.cluster.leader_election import LeaderLease

PATIENCE: Final = 30.0
"""Seconds for which an unreachable API server is retried; meanwhile a proven password is in memory."""

_Result = TypeVar("_Result")


class SecretWriter:
    """Write a Secret only over the version that was read."""

    def __init__(self, client: KubernetesClient, lease: LeaderLease | None = None) -> None:
        """Create a writer; ``lease`` must be held for every write, None if no other replica writes."""
        self._client = client
        self._lease = lease

    async def read(self, reference: Reference) -> JsonObject | None:
        """Return the Secret with its data; None if it does not exist.

        Raises:
            AccessDenied, ApiUnavailable
        """

        async def get() -> JsonObject | None:
            try:
                return await self._client.request("GET", paths.object_path(reference))
            except ObjectNotFound:
                return None

        return await _patiently(get)

    async def write(self, reference: Reference, secret: JsonObject) -> JsonObject | None:
        """Create the Secret, or replace the version that its metadata names; return its new metadata.

        Return None, and write nothing, if it was changed, deleted or created meanwhile.

        Raises:
            AccessDenied, ApiUnavailable, RequestRefused, LeaseLost
        """
        exists = "resourceVersion" in secret["metadata"]
        path = paths.object_path(reference) if exists else paths.objects("Secret", reference.namespace)

        async def put() -> JsonObject | None:
            if self._lease is not None:
                self._lease.check()
            try:
                return await self._client.request(
                    "PUT" if exists else "POST",
                    path,
                    query=[("fieldManager", FIELD_MANAGER)],
                    accept=METADATA,
                    body=secret,
                )
            except (Conflict, ObjectNotFound):
                return None

        return await _patiently(put)

    async def delete(self, reference: Reference, secret: JsonObject) -> bool:
        """Delete exactly the version of the Secret that was read; return whether it no longer exists.

        Raises:
            AccessDenied, ApiUnavailable, RequestRefused, LeaseLost
        """
        metadata = secret["metadata"]
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]},
        }

        async def remove() -> bool:
            if self._lease is not None:
                self._lease.check()
            try:
                await self._client.request(
                    "DELETE", paths.object_path(reference), accept=METADATA, body=options
                )
            except ObjectNotFound:
                return True
            except Conflict:
                return False
            return True

        return await _patiently(remove)


async def _patiently(request: Callable[[], Awaitable[_Result]]) -> _Result:
    """Repeat a request while the API server is unavailable, for half a minute at most."""
    clock = asyncio.get_running_loop().time
    started = clock()
    delays = growing_delays()
    while True:
        try:
            return await request()
        except ApiUnavailable as error:
            delay = at_least(next(delays), error)
            if clock() - started + delay >= PATIENCE:
                raise
            await asyncio.sleep(delay)

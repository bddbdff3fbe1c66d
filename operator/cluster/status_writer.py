# SPDX-License-Identifier: Apache-2.0
"""Write status and delete finished SmtpTests: the only writes to our objects, and the only place for them."""

import asyncio
import logging
from typing import Final

from smtp_operator.api.errors import AccessDenied, ApiUnavailable, ObjectNotFound, RequestRefused
from smtp_operator.api.names import API_VERSION, FIELD_MANAGER, SMTP_TEST_KIND
from smtp_operator.api.objects import JsonObject, ObjectVersion
from smtp_operator.cluster import paths
from smtp_operator.cluster.backoff import at_least, growing_delays
from smtp_operator.cluster.client import APPLY, METADATA, KubernetesClient
from smtp_operator.cluster.errors import Conflict
from smtp_operator.cluster.leader_election import LeaderLease

PATIENCE: Final = 600.0
"""Seconds for which writes to an unreachable API server are retried: the test may have sent an email."""

PATIENCE_WHEN_DENIED: Final = 60.0
"""Seconds for which a denied write is retried: a starting API server has no roles yet."""

PATIENCE_OF_A_CLAIM: Final = 15.0
"""Seconds for which the write before DATA is retried: the mail server waits for the email."""

_CONFLICTS: Final = 5
"""Conflicts in a row after which the writer pauses: another client writes all the time."""

_log: Final = logging.getLogger(__name__)


class StatusWriter:
    """Write a verdict to exactly the object and generation that was tested."""

    def __init__(self, client: KubernetesClient, lease: LeaderLease | None = None) -> None:
        """Create a writer; ``lease`` must be held for every write, None if no other replica writes."""
        self._client = client
        self._lease = lease

    async def write(self, tested: ObjectVersion, status: JsonObject) -> str | None:
        """Replace the whole status by server-side apply; return the object's new resourceVersion.

        Return None, and write nothing, if the object was deleted, re-created or given another spec meanwhile.

        Raises:
            ApiUnavailable: no response for 10 minutes.
            AccessDenied: not allowed for over a minute.
            RequestRefused: the API server will never accept this status; the error was logged.
            LeaseLost: another replica may have written a newer status.
        """
        clock = asyncio.get_running_loop().time
        started = clock()
        delays = growing_delays()
        while True:
            try:
                return await self._write_once(tested, status)
            except (ApiUnavailable, AccessDenied) as error:
                patience = PATIENCE if isinstance(error, ApiUnavailable) else PATIENCE_WHEN_DENIED
                if clock() - started >= patience:
                    raise
                await asyncio.sleep(at_least(next(delays), error))
            except RequestRefused as error:
                _log.error("the status of %s %s cannot be written: %s", tested.kind, tested.key, error)
                raise

    async def claim(self, tested: ObjectVersion, status: JsonObject) -> str | None:
        """Replace the status only over the resourceVersion of ``tested``; return the new one.

        Return None, and write nothing, if the object was changed or deleted meanwhile, by anyone.

        Raises:
            ApiUnavailable: no response for some seconds; the status may have been written.
            AccessDenied, RequestRefused, LeaseLost
        """
        clock = asyncio.get_running_loop().time
        started = clock()
        delays = growing_delays()
        while True:
            try:
                return await self._apply(tested, status, tested.resource_version)
            except ObjectNotFound:
                return None
            except Conflict:
                self._client.traffic.status_conflict()
                return None
            except ApiUnavailable as error:
                if clock() - started >= PATIENCE_OF_A_CLAIM:
                    raise
                await asyncio.sleep(at_least(next(delays), error))

    async def delete(self, version: ObjectVersion) -> bool:
        """Delete a SmtpTest if it still is this version; return whether it no longer exists.

        Raises:
            ApiUnavailable, AccessDenied, RequestRefused, LeaseLost
        """
        assert version.kind == SMTP_TEST_KIND
        if self._lease is not None:
            self._lease.check()
        preconditions = {"uid": version.uid, "resourceVersion": version.resource_version}
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
        try:
            await self._client.request(
                "DELETE",
                paths.object_path(version.reference),
                query=[("propagationPolicy", "Background")],
                accept=METADATA,
                body=options,
            )
        except ObjectNotFound:
            return True
        except Conflict:
            return False
        return True

    async def _write_once(self, tested: ObjectVersion, status: JsonObject) -> str | None:
        """Write once; on a conflict, compare uid and generation, since the API server compares neither."""
        resource_version = tested.resource_version
        for _ in range(_CONFLICTS):
            try:
                return await self._apply(tested, status, resource_version)
            except ObjectNotFound:
                return None
            except Conflict:
                self._client.traffic.status_conflict()
            try:
                now = await self._client.request("GET", paths.object_path(tested.reference), accept=METADATA)
            except ObjectNotFound:
                return None
            metadata = now["metadata"]
            if (metadata["uid"], metadata["generation"]) != (tested.uid, tested.generation):
                return None
            resource_version = metadata["resourceVersion"]
        raise ApiUnavailable(f"{tested.kind} {tested.key} changes faster than its status can be written")

    async def _apply(self, tested: ObjectVersion, status: JsonObject, resource_version: str) -> str:
        if self._lease is not None:
            self._lease.check()
        namespace, name = tested.key
        answer = await self._client.request(
            "PATCH",
            f"{paths.object_path(tested.reference)}/status",
            query=[("fieldManager", FIELD_MANAGER), ("force", "true")],
            content_type=APPLY,
            accept=METADATA,
            body={
                "apiVersion": API_VERSION,
                "kind": tested.kind,
                "metadata": {
                    **({"namespace": namespace} if namespace else {}),
                    "name": name,
                    "resourceVersion": resource_version,
                },
                "status": status,
            },
        )
        return str(answer["metadata"]["resourceVersion"])

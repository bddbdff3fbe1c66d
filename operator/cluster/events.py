# SPDX-License-Identifier: Apache-2.0
"""Events (``kubectl describe`` shows them): told when something changed, in series where it repeats."""

import asyncio
import logging
import secrets
import socket
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from smtp_operator.api.names import API_VERSION, GROUP
from smtp_operator.api.objects import ApiUnavailable, ClusterError, EventRecord, JsonObject, ObjectNotFound
from smtp_operator.api.timestamps import micro_time
from smtp_operator.api.verdict import cut
from smtp_operator.cluster import paths
from smtp_operator.cluster.backoff import at_least, growing_delays
from smtp_operator.cluster.client import MERGE_PATCH, METADATA, KubernetesClient

SERIES_SECONDS: Final = 600.0
"""The same Event again within this time becomes a series of the first."""

WAITING: Final = 1000
"""Events that wait for the API server; later ones are left out."""

_REMEMBERED: Final = 4096
_ATTEMPTS: Final = 4
_CONTROLLER: Final = f"{GROUP}/smtp-operator"

_log: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class _Posted:
    """An Event that the API server has."""

    name: str
    last: float
    count: int = 1


class EventRecorder:
    """Writes Events in the background. What goes wrong is logged and does no harm."""

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client
        self._queue: asyncio.Queue[tuple[EventRecord, datetime]] = asyncio.Queue(WAITING)
        self._posted: OrderedDict[Hashable, _Posted] = OrderedDict()
        self._instance = socket.gethostname()[:128] or "unknown"

    def record(self, notice: EventRecord) -> None:
        """Has the Event written soon."""
        try:
            self._queue.put_nowait((notice, datetime.now(UTC)))
        except asyncio.QueueFull:
            _log.warning(
                "an Event about %s %s was left out: %d are waiting", notice.kind, notice.key, WAITING
            )

    async def run(self) -> None:
        """Writes what is recorded, until cancelled."""
        while True:
            notice, time = await self._queue.get()
            try:
                await self._write(notice, time)
            except ClusterError as error:
                _log.warning("an Event about %s %s was not written: %s", notice.kind, notice.key, error)
            finally:
                self._queue.task_done()

    async def drain(self) -> None:
        """Returns when everything recorded is written."""
        await self._queue.join()

    async def _write(self, notice: EventRecord, time: datetime) -> None:
        delays = islice(growing_delays(), _ATTEMPTS - 1)
        while True:
            try:
                return await self._write_once(notice, time)
            except ApiUnavailable as error:
                delay = next(delays, None)
                if delay is None:
                    raise
                await asyncio.sleep(at_least(delay, error))

    async def _write_once(self, notice: EventRecord, time: datetime) -> None:
        clock = asyncio.get_running_loop().time()
        same = (notice.uid, notice.type, notice.reason, notice.action, notice.note)
        posted = self._posted.get(same)
        if posted is not None and clock - posted.last < SERIES_SECONDS:
            try:
                await self._continue_series(notice, posted, time)
            except ObjectNotFound:
                pass  # Events live for an hour only
            else:
                posted.count += 1
                posted.last = clock
                self._posted.move_to_end(same)
                return
        self._posted[same] = _Posted(await self._create(notice, time), clock)
        self._posted.move_to_end(same)
        while len(self._posted) > _REMEMBERED:
            self._posted.popitem(last=False)

    async def _create(self, notice: EventRecord, time: datetime) -> str:
        name, namespace = notice.key.name, _namespace(notice)
        event: JsonObject = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"namespace": namespace, "name": f"{name[:236]}.{secrets.token_hex(8)}"},
            "eventTime": micro_time(time),
            "type": notice.type,
            "reason": notice.reason,
            "action": notice.action,
            "note": cut(notice.note),
            "reportingController": _CONTROLLER,
            "reportingInstance": self._instance,
            "regarding": {
                "apiVersion": API_VERSION,
                "kind": notice.kind,
                **({"namespace": notice.key.namespace} if notice.key.namespace else {}),
                "name": name,
                "uid": notice.uid,
            },
        }
        if notice.related:
            event["related"] = dict(notice.related)
        await self._client.request("POST", paths.events(namespace), body=event, accept=METADATA, timeout=10)
        return str(event["metadata"]["name"])

    async def _continue_series(self, notice: EventRecord, posted: _Posted, time: datetime) -> None:
        await self._client.request(
            "PATCH",
            f"{paths.events(_namespace(notice))}/{posted.name}",
            body={"series": {"count": posted.count + 1, "lastObservedTime": micro_time(time)}},
            content_type=MERGE_PATCH,
            accept=METADATA,
            timeout=10,
        )


def _namespace(notice: EventRecord) -> str:
    return notice.key.namespace or paths.EVENTS_OF_THE_CLUSTER

# SPDX-License-Identifier: Apache-2.0
"""Write Events, which ``kubectl describe`` shows: one for each change, and a series for repetitions."""

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

from smtp_operator.api.documentation import reason_url
from smtp_operator.api.errors import ApiUnavailable, ClusterError, ObjectNotFound
from smtp_operator.api.names import API_VERSION, GROUP
from smtp_operator.api.objects import EventRecord, JsonObject
from smtp_operator.api.timestamps import micro_time
from smtp_operator.api.verdict import MESSAGE_BYTES, cut
from smtp_operator.cluster import paths
from smtp_operator.cluster.backoff import at_least, growing_delays
from smtp_operator.cluster.client import MERGE_PATCH, METADATA, KubernetesClient

SERIES_SECONDS: Final = 600.0
"""An Event that repeats within this time extends the series of the first."""

WAITING: Final = 1000
"""Maximum number of Events that wait for the API server; further ones are dropped."""

_REMEMBERED: Final = 4096
_ATTEMPTS: Final = 4
_CONTROLLER: Final = f"{GROUP}/smtp-operator"

_log: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class _Posted:
    """An Event that the API server has stored."""

    name: str
    last: float
    count: int = 1


class EventRecorder:
    """Write Events in the background. Failures are logged and do no harm."""

    def __init__(self, client: KubernetesClient, docs_url: str = "") -> None:
        self._client = client
        self._docs_url = docs_url
        self._queue: asyncio.Queue[tuple[EventRecord, datetime]] = asyncio.Queue(WAITING)
        self._posted: OrderedDict[Hashable, _Posted] = OrderedDict()
        self._instance = socket.gethostname()[:128] or "unknown"

    def record(self, event: EventRecord) -> None:
        """Queue an Event to be written soon."""
        try:
            self._queue.put_nowait((event, datetime.now(UTC)))
        except asyncio.QueueFull:
            _log.warning("an Event about %s %s was dropped: %d are waiting", event.kind, event.key, WAITING)

    async def run(self) -> None:
        """Write queued Events until cancelled."""
        while True:
            event, time = await self._queue.get()
            try:
                await self._write(event, time)
            except ClusterError as error:
                _log.warning("an Event about %s %s was not written: %s", event.kind, event.key, error)
            finally:
                self._queue.task_done()

    async def drain(self) -> None:
        """Return when all queued Events are written."""
        await self._queue.join()

    async def _write(self, event: EventRecord, time: datetime) -> None:
        delays = islice(growing_delays(), _ATTEMPTS - 1)
        while True:
            try:
                return await self._write_once(event, time)
            except ApiUnavailable as error:
                delay = next(delays, None)
                if delay is None:
                    raise
                await asyncio.sleep(at_least(delay, error))

    async def _write_once(self, event: EventRecord, time: datetime) -> None:
        clock = asyncio.get_running_loop().time()
        same = (event.uid, event.type, event.reason, event.action, event.note)
        posted = self._posted.get(same)
        if posted is not None and clock - posted.last < SERIES_SECONDS:
            try:
                await self._continue_series(event, posted, time)
            except ObjectNotFound:
                pass  # the API server keeps Events for an hour only
            else:
                posted.count += 1
                posted.last = clock
                self._posted.move_to_end(same)
                return
        self._posted[same] = _Posted(await self._create(event, time), clock)
        self._posted.move_to_end(same)
        while len(self._posted) > _REMEMBERED:
            self._posted.popitem(last=False)

    def _note(self, event: EventRecord) -> str:
        """Return the note; it ends with the address of the reason's page, if a site is configured."""
        url = reason_url(self._docs_url, event.reason) if event.type == "Warning" else ""
        if not url:
            return cut(event.note)
        return f"{cut(event.note, limit=MESSAGE_BYTES - len(url.encode()) - 1)} {url}"

    async def _create(self, event: EventRecord, time: datetime) -> str:
        name, namespace = event.key.name, _namespace(event)
        body: JsonObject = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"namespace": namespace, "name": f"{name[:236]}.{secrets.token_hex(8)}"},
            "eventTime": micro_time(time),
            "type": event.type,
            "reason": event.reason,
            "action": event.action,
            "note": self._note(event),
            "reportingController": _CONTROLLER,
            "reportingInstance": self._instance,
            "regarding": {
                "apiVersion": API_VERSION,
                "kind": event.kind,
                **({"namespace": event.key.namespace} if event.key.namespace else {}),
                "name": name,
                "uid": event.uid,
            },
        }
        await self._client.request("POST", paths.events(namespace), body=body, accept=METADATA, timeout=10)
        return str(body["metadata"]["name"])

    async def _continue_series(self, event: EventRecord, posted: _Posted, time: datetime) -> None:
        await self._client.request(
            "PATCH",
            f"{paths.events(_namespace(event))}/{posted.name}",
            body={"series": {"count": posted.count + 1, "lastObservedTime": micro_time(time)}},
            content_type=MERGE_PATCH,
            accept=METADATA,
            timeout=10,
        )


def _namespace(event: EventRecord) -> str:
    return event.key.namespace or paths.EVENTS_OF_THE_CLUSTER

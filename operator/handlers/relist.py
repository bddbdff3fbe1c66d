# SPDX-License-Identifier: Apache-2.0
"""Detect deletions that no watch reported.

After too long a break (410 Gone), kopf lists again. A listing shows the objects that exist, but not the
deleted ones. So the known objects are then compared with the existing ones.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from smtp_operator.api.errors import ClusterError
from smtp_operator.api.objects import ServedKind
from smtp_operator.cluster.backoff import at_least, growing_delays
from smtp_operator.cluster.cluster import KubernetesCluster
from smtp_operator.handlers.event_filter import EventSink

SETTLING: Final = 2.0
"""Seconds to wait after the start of a listing: by then most of it has arrived."""

INTERVAL: Final = 300.0
"""Seconds after which objects are compared without a listing: an empty listing produces no event."""

_log: Final = logging.getLogger(__name__)


class DeletionDetector:
    """Find deleted objects, and have their event sinks forget them."""

    def __init__(self, cluster: KubernetesCluster, sinks: Mapping[ServedKind, EventSink]) -> None:
        """Create a detector for the event sinks by kind; ``run`` starts it."""
        self._cluster = cluster
        self._sinks = sinks
        self._listing = asyncio.Event()

    def listed(self) -> None:
        """Record that an object appeared in a listing of kopf."""
        self._listing.set()

    async def run(self) -> None:
        """Compare after each listing and at intervals, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(INTERVAL):
                    await self._listing.wait()
            except TimeoutError:
                pass
            else:
                await asyncio.sleep(SETTLING)
            self._listing.clear()
            await self._compare_until_done()

    async def _compare_until_done(self) -> None:
        for delay in growing_delays():
            try:
                await self._compare()
            except ClusterError as error:
                _log.debug("cannot check for deleted objects: %s; next try in %.1f s", error, delay)
                await asyncio.sleep(at_least(delay, error))
            else:
                return

    async def _compare(self) -> None:
        for kind, sink in self._sinks.items():
            # An object that is created from now on is in neither, or in the listing only.
            known = list(sink.known())
            if not known:
                continue
            existing = await self._cluster.uids(kind)
            for key, uid in known:
                if uid not in existing:
                    sink.forget(key, uid)

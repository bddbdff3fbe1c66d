# SPDX-License-Identifier: Apache-2.0
"""Deletions that no watch told of.

After a break that was too long (410 Gone) kopf lists anew, which tells of what is there and not of what is
gone. So what is known is then compared with what there is.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from smtp_operator.api.objects import ClusterError, ServedKind
from smtp_operator.cluster.backoff import at_least, growing_delays
from smtp_operator.cluster.cluster import KubernetesCluster
from smtp_operator.handlers.watching import EventSink

SETTLING: Final = 2.0
"""Seconds after the beginning of a listing: by then most of it has come."""

INTERVAL: Final = 300.0
"""Seconds after which it is compared anyway: a listing that is empty tells of nothing at all."""

_log: Final = logging.getLogger(__name__)


class DeletionDetector:
    """Has what does not exist any more forgotten."""

    def __init__(self, cluster: KubernetesCluster, inboxes: Mapping[ServedKind, EventSink]) -> None:
        """Nothing happens before ``run``. ``inboxes`` are by the kind that each is told of."""
        self._cluster = cluster
        self._inboxes = inboxes
        self._listing = asyncio.Event()

    def listed(self) -> None:
        """An object stood in a listing of kopf's."""
        self._listing.set()

    async def run(self) -> None:
        """Compares after each listing and from time to time, until cancelled."""
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
                _log.debug("what was deleted is not known: %s; again in %.1f s", error, delay)
                await asyncio.sleep(at_least(delay, error))
            else:
                return

    async def _compare(self) -> None:
        for kind, inbox in self._inboxes.items():
            # What is created from now on may be in neither, or in the listing alone.
            before = list(inbox.known())
            if not before:
                continue
            there = await self._cluster.uids(kind)
            for key, uid in before:
                if uid not in there:
                    inbox.forget(key, uid)

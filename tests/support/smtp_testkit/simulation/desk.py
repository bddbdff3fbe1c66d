# SPDX-License-Identifier: Apache-2.0
"""A handler for the keys of a work queue."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from smtp_operator.reconcile.workqueue import WorkQueue


class Desk:
    """Handles keys, with a set duration for each, and records them."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.lanes: dict[str, str] = {}
        self.started: list[tuple[float, str]] = []
        self.under_way: list[str] = []
        self.most = 0
        self.wrong_by = 0.0

    def now(self) -> float:
        """Return its time, which may be wrong."""
        return asyncio.get_running_loop().time() + self.wrong_by

    async def handle(self, key: str) -> None:
        """Handle a key for its duration."""
        self.started.append((self.now(), key))
        assert key not in self.under_way
        self.under_way.append(key)
        self.most = max(self.most, len(self.under_way))
        try:
            await asyncio.sleep(self.seconds[key])
        finally:
            self.under_way.remove(key)

    @property
    def order(self) -> list[str]:
        """The keys in the order of their starts."""
        return [key for _, key in self.started]

    def times(self, key: str) -> list[float]:
        """Return the start times of this key."""
        return [at for at, it in self.started if it == key]


@asynccontextmanager
async def running(desk: Desk, *, per_lane: int = 100) -> AsyncIterator[WorkQueue[str]]:
    """Run a queue whose keys this object handles."""
    queue: WorkQueue[str] = WorkQueue(
        desk.handle,
        concurrency_key_of=lambda key: desk.lanes.get(key, key),
        namespace_of=lambda key: key.rpartition("/")[0],
        per_concurrency_key=per_lane,
        now=desk.now,
    )
    task = asyncio.create_task(queue.run())
    await asyncio.sleep(0)
    yield queue
    task.cancel()
    await asyncio.wait([task])

# SPDX-License-Identifier: Apache-2.0
"""A handler for the keys of a work queue."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from smtp_operator.reconcile.workqueue import WorkQueue


class RecordingHandler:
    """Handles keys, with a set duration for each, and records them."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.concurrency_keys: dict[str, str] = {}
        self.started: list[tuple[float, str]] = []
        self.running_keys: list[str] = []
        self.most = 0
        self.wrong_by = 0.0

    def now(self) -> float:
        """Return its time, which may be wrong."""
        return asyncio.get_running_loop().time() + self.wrong_by

    async def handle(self, key: str) -> None:
        """Handle a key for its duration."""
        self.started.append((self.now(), key))
        assert key not in self.running_keys
        self.running_keys.append(key)
        self.most = max(self.most, len(self.running_keys))
        try:
            await asyncio.sleep(self.seconds[key])
        finally:
            self.running_keys.remove(key)

    @property
    def order(self) -> list[str]:
        """The keys in the order of their starts."""
        return [key for _, key in self.started]

    def times(self, key: str) -> list[float]:
        """Return the start times of this key."""
        return [at for at, it in self.started if it == key]


@asynccontextmanager
async def running(
    handler: RecordingHandler, *, per_concurrency_key: int = 100
) -> AsyncIterator[WorkQueue[str]]:
    """Run a queue with this handler."""
    queue: WorkQueue[str] = WorkQueue(
        handler.handle,
        concurrency_key_of=lambda key: handler.concurrency_keys.get(key, key),
        namespace_of=lambda key: key.rpartition("/")[0],
        per_concurrency_key=per_concurrency_key,
        now=handler.now,
    )
    task = asyncio.create_task(queue.run())
    await asyncio.sleep(0)
    yield queue
    task.cancel()
    await asyncio.wait([task])

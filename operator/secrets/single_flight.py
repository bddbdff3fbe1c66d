# SPDX-License-Identifier: Apache-2.0
"""One answer for all who ask the same at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Asks once for each key, however many wait; nothing is kept once the answer is there."""

    def __init__(self) -> None:
        self._asking: dict[Hashable, asyncio.Task[T]] = {}

    async def run(self, key: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """What ``ask`` returns or raises. Whoever stops waiting ends it for nobody else."""
        task = self._asking.get(key)
        if task is None:
            task = asyncio.create_task(_coroutine(ask))
            self._asking[key] = task
            task.add_done_callback(lambda done: self._done(key, done))
        return await asyncio.shield(task)

    def _done(self, key: Hashable, task: asyncio.Task[T]) -> None:
        del self._asking[key]
        if not task.cancelled():
            task.exception()  # looked at, also where nobody waits any more


async def _coroutine(ask: Callable[[], Awaitable[T]]) -> T:
    return await ask()

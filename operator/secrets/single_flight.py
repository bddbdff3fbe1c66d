# SPDX-License-Identifier: Apache-2.0
"""Share the result of concurrent identical calls."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Runs one call per key for all concurrent callers; results are not cached."""

    def __init__(self) -> None:
        self._asking: dict[Hashable, asyncio.Task[T]] = {}

    async def run(self, key: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """Return the result of ``ask`` or raise its error; canceling one caller does not affect others."""
        task = self._asking.get(key)
        if task is None:
            task = asyncio.create_task(_coroutine(ask))
            self._asking[key] = task
            task.add_done_callback(lambda done: self._done(key, done))
        return await asyncio.shield(task)

    def _done(self, key: Hashable, task: asyncio.Task[T]) -> None:
        del self._asking[key]
        if not task.cancelled():
            task.exception()  # retrieved, so that asyncio does not log it when no one waits


async def _coroutine(ask: Callable[[], Awaitable[T]]) -> T:
    return await ask()

# SPDX-License-Identifier: Apache-2.0
"""Share the result of concurrent identical calls."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Flight(Generic[T]):
    task: asyncio.Task[T]
    waiters: int = 0


class SingleFlight(Generic[T]):
    """Runs one call per key for all concurrent callers; results are not cached."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[T]] = {}

    async def run(self, key: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """Return the result of ``ask`` or raise its error.

        Canceling one caller does not affect others. The call is canceled with its last caller.
        """
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.create_task(_coroutine(ask)))
            flight.task.add_done_callback(lambda task: self._forget(key, task))
        flight.waiters += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiters -= 1
            if not flight.waiters and not flight.task.done():
                flight.task.cancel()
                self._forget(key, flight.task)  # so that no new caller joins it

    def cancel(self) -> None:
        """Cancel all calls in progress."""
        for flight in self._flights.values():
            flight.task.cancel()

    def _forget(self, key: Hashable, task: asyncio.Task[T]) -> None:
        if key in self._flights and self._flights[key].task is task:
            del self._flights[key]
        if task.done() and not task.cancelled():
            task.exception()  # retrieved, so that asyncio does not log it when no one waits


async def _coroutine(ask: Callable[[], Awaitable[T]]) -> T:
    return await ask()

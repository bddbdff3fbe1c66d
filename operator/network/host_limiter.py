# SPDX-License-Identifier: Apache-2.0
"""Limit the requests per server, so that a server that hangs does not delay the others.

Each request occupies a thread until its server answers, up to the limits of a request. So a server gets
several requests at a time only while it answers promptly, and all hanging servers together get half of the
threads. When a request times out, the requests that wait for the same server fail with the same error.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from smtp_operator.network.https_errors import ErrorKind, HttpsError

T = TypeVar("T")

PROMPT: Final = 5.0
"""Seconds within which an answer counts as prompt."""
_REQUESTS_PER_HOST: Final = 8
"""Concurrent requests to a server that answers promptly; any other server gets one at a time."""
_MAX_HOSTS: Final = 1000
"""Servers whose responsiveness is remembered, in addition to those with requests in progress."""
_HANGS: Final = frozenset({ErrorKind.CONNECT_TIMEOUT, ErrorKind.TOO_SLOW})


@dataclass(slots=True)
class _HostSlots:
    is_prompt: bool | None = None
    """Whether the last answer was prompt; None: no request yet."""
    active: int = 0
    """Requests in progress."""
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)

    async def take(self) -> None:
        """Wait for a slot; raise HttpsError if the preceding request timed out."""
        if not self.waiting and self._free():
            self.active += 1
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.release()
            raise

    def release(self) -> None:
        """Release a slot and wake the next waiting request."""
        self.active -= 1
        while self.waiting and self._free():
            waiter = self.waiting.popleft()
            if not waiter.done():
                self.active += 1
                waiter.set_result(None)

    def fail(self, error: HttpsError) -> None:
        """Fail all waiting requests with the same error."""
        while self.waiting:
            waiter = self.waiting.popleft()
            if not waiter.done():
                waiter.set_exception(error.copy())

    def _free(self) -> bool:
        return self.active < (_REQUESTS_PER_HOST if self.is_prompt else 1)


class PerHostLimiter:
    """Limits the concurrent requests per server."""

    def __init__(self, threads: int) -> None:
        """``threads`` is the maximum number of concurrent requests to all servers."""
        self._hanging = asyncio.Semaphore(max(threads // 2, 1))
        self._servers: dict[Hashable, _HostSlots] = {}

    async def run(self, place: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """Call ``ask`` once the server has a free slot, and return its result or raise its error.

        If the caller is canceled, the request keeps its slot until it ends.

        Raises:
            HttpsError: the error of a preceding request, if the server hangs.
        """
        server = self._servers.setdefault(place, _HostSlots())
        try:
            await server.take()
        finally:
            self._forget(place)
        asking = asyncio.create_task(self._ask(server, ask))
        asking.add_done_callback(lambda done: self._ended(place, server, done))
        return await asyncio.shield(asking)

    async def _ask(self, server: _HostSlots, ask: Callable[[], Awaitable[T]]) -> T:
        if server.is_prompt is False:
            async with self._hanging:
                return await self._timed(server, ask)
        return await self._timed(server, ask)

    async def _timed(self, server: _HostSlots, ask: Callable[[], Awaitable[T]]) -> T:
        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            return await ask()
        except HttpsError as error:
            if error.kind in _HANGS:
                started -= PROMPT
                server.fail(error)
            raise
        finally:
            server.is_prompt = clock() - started < PROMPT

    def _ended(self, place: Hashable, server: _HostSlots, asking: "asyncio.Task[T]") -> None:
        if not asking.cancelled():
            asking.exception()  # retrieved, so that asyncio does not log it when no one waits
        server.release()
        self._forget(place)

    def _forget(self, place: Hashable) -> None:
        server = self._servers.get(place)
        if (
            server is not None
            and not server.active
            and not server.waiting
            and len(self._servers) > _MAX_HOSTS
        ):
            del self._servers[place]

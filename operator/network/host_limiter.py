# SPDX-License-Identifier: Apache-2.0
"""Whose request is next: no server that hangs keeps another one's answers waiting.

Each request takes a thread for as long as its server pleases, up to the bounds of a request. So a server
gets several at a time only while it answers promptly, and all that hang together get half of the threads.
Who waits behind a request that comes to nothing is told so, since the next one would fare no better.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from smtp_operator.network.https_errors import ErrorKind, HttpsError

T = TypeVar("T")

PROMPT: Final = 5.0
"""Seconds within which an answer is a prompt one."""
_REQUESTS_PER_HOST: Final = 8
"""Requests at a time to a server that answers promptly; to any other one at a time."""
_KNOWN: Final = 1000
"""Servers of which is remembered how they answer, beside those that are just asked."""
_HANGS: Final = frozenset({ErrorKind.CONNECT_TIMEOUT, ErrorKind.TOO_SLOW})


@dataclass(slots=True)
class _HostSlots:
    answers: bool | None = None
    """Promptly, when it was asked last; None: it has not been asked yet."""
    asked: int = 0
    """Requests that are under way."""
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)

    async def take(self) -> None:
        """Returns when it may be asked; HttpsError where the one before came to nothing."""
        if not self.waiting and self._free():
            self.asked += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.give_back()
            raise

    def give_back(self) -> None:
        """Whoever waits is next."""
        self.asked -= 1
        while self.waiting and self._free():
            turn = self.waiting.popleft()
            if not turn.done():
                self.asked += 1
                turn.set_result(None)

    def fail(self, error: HttpsError) -> None:
        """Whoever waits gets no answer either."""
        while self.waiting:
            turn = self.waiting.popleft()
            if not turn.done():
                turn.set_exception(error.again())

    def _free(self) -> bool:
        return self.asked < (_REQUESTS_PER_HOST if self.answers else 1)


class PerHostLimiter:
    """Gives turns to requests, by the server that each is for."""

    def __init__(self, threads: int) -> None:
        """``threads`` is how many requests can be under way at all."""
        self._hanging = asyncio.Semaphore(max(threads // 2, 1))
        self._servers: dict[Hashable, _HostSlots] = {}

    async def run(self, place: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """What ``ask`` returns or raises, once it is the turn of a request to that server.

        Whoever stops waiting leaves the turn to the request until that has ended.

        Raises:
            HttpsError: of a request before this one, where the server hangs.
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
        if server.answers is False:
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
            server.answers = clock() - started < PROMPT

    def _ended(self, place: Hashable, server: _HostSlots, asking: "asyncio.Task[T]") -> None:
        if not asking.cancelled():
            asking.exception()  # looked at, also where nobody waits any more
        server.give_back()
        self._forget(place)

    def _forget(self, place: Hashable) -> None:
        server = self._servers.get(place)
        if server is not None and not server.asked and not server.waiting and len(self._servers) > _KNOWN:
            del self._servers[place]

# SPDX-License-Identifier: Apache-2.0
"""Limit the requests per server, so that a server that hangs does not delay the others.

Each request occupies a thread until its server answers, up to the limits of a request. So a namespace gets
several requests at a time to a server only while it answers them promptly, and all hanging servers together
get half of the threads. A free place goes to the namespace with the fewest. When a request times out, the
requests that wait for the same server fail with the same error: those of the same namespace, or all if the
server answered no one in the meantime.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from typing import Final, TypeVar

from smtp_operator.fair_slots import NAMESPACE, FairSlots, Slot
from smtp_operator.network.https_errors import ErrorKind, HttpsError

T = TypeVar("T")

PROMPT: Final = 5.0
"""Seconds within which an answer counts as prompt."""
REQUESTS_PER_HOST: Final = 8
"""Concurrent requests of a namespace to a server that answers promptly; otherwise it gets one at a time."""
_MOST_PER_HOST: Final = 2 * REQUESTS_PER_HOST
"""Concurrent requests of all namespaces to a server."""
_REMEMBERED: Final = 1000
"""Pairs of namespace and server whose responsiveness is remembered."""
_HANGS: Final = frozenset({ErrorKind.CONNECT_TIMEOUT, ErrorKind.TOO_SLOW})


class _Host:
    """A server with requests in progress or waiting."""

    def __init__(self) -> None:
        self.answers = 0
        """Number of requests that ended in time."""
        self._slots = FairSlots(_MOST_PER_HOST)
        self._slots_of: dict[str, FairSlots] = {}
        """Slots of each namespace."""
        self._waiting: dict[asyncio.Future[None], str] = {}

    def allow(self, namespace: str, requests: int) -> None:
        """Set how many concurrent requests the namespace may have."""
        self._slots_of.setdefault(namespace, FairSlots(requests)).total = requests

    async def take(self, namespace: str, slots: list[Slot]) -> None:
        """Wait for slots and add them to ``slots``; raise HttpsError if a preceding request timed out."""
        for pool in (self._slots_of[namespace], self._slots):
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            slots.append(pool.ask(namespace, partial(_settle, waiter)))
            if not slots[-1].granted:
                self._waiting[waiter] = namespace
                try:
                    await waiter
                finally:
                    del self._waiting[waiter]

    def forget(self, namespace: str) -> bool:
        """Forget a namespace without requests; return whether the server has no requests left."""
        if namespace in self._slots_of and self._slots_of[namespace].idle:
            del self._slots_of[namespace]
        return not self._slots_of

    def fail(self, error: HttpsError, namespace: str | None) -> None:
        """Fail the waiting requests of a namespace with the same error; None: of all namespaces."""
        for waiter, waiting in self._waiting.items():
            if namespace in (None, waiting) and not waiter.done():
                waiter.set_exception(error.copy())


class PerHostLimiter:
    """Limits the concurrent requests per server and namespace."""

    def __init__(self, threads: int) -> None:
        """``threads`` is the maximum number of concurrent requests to all servers."""
        self._threads = FairSlots(threads, reserved=threads // 8)
        self._hanging = FairSlots(max(threads // 2, 1), reserved=threads // 16)
        self._hosts: dict[Hashable, _Host] = {}
        self._is_prompt: dict[tuple[str, Hashable], bool] = {}
        """Whether the last answer to a namespace was prompt; missing: no request yet."""

    async def run(self, place: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """Call ``ask`` once its namespace gets a place, and return its result or raise its error.

        A canceled caller leaves the queue. If its request is already in progress, the request keeps its
        place until it ends.

        Raises:
            HttpsError: the error of a preceding request, if the server hangs.
        """
        namespace = NAMESPACE.get()
        host = self._hosts.setdefault(place, _Host())
        host.allow(namespace, REQUESTS_PER_HOST if self._is_prompt.get((namespace, place)) else 1)
        slots: list[Slot] = []
        try:
            await host.take(namespace, slots)
            if self._is_prompt.get((namespace, place)) is False:
                slots.append(await self._hanging.take(namespace))
            slots.append(await self._threads.take(namespace))
        except BaseException:
            self._release(place, slots)
            raise
        asking = asyncio.create_task(self._ask(place, host, ask))
        asking.add_done_callback(lambda done: self._ended(place, slots, done))
        return await asyncio.shield(asking)

    async def _ask(self, place: Hashable, host: _Host, ask: Callable[[], Awaitable[T]]) -> T:
        namespace = NAMESPACE.get()
        clock = asyncio.get_running_loop().time
        started, answers = clock(), host.answers
        try:
            answer = await ask()
        except Exception as error:  # not CancelledError, which says nothing about the server
            hangs = isinstance(error, HttpsError) and error.kind in _HANGS
            if isinstance(error, HttpsError) and hangs:
                host.fail(error, namespace if host.answers > answers else None)
            self._remember(place, host, is_prompt=not hangs and clock() - started < PROMPT)
            host.answers += not hangs
            raise
        self._remember(place, host, is_prompt=clock() - started < PROMPT)
        host.answers += 1
        return answer

    def _remember(self, place: Hashable, host: _Host, *, is_prompt: bool) -> None:
        namespace = NAMESPACE.get()
        key = namespace, place
        self._is_prompt.pop(key, None)
        if len(self._is_prompt) >= _REMEMBERED:
            del self._is_prompt[next(iter(self._is_prompt))]
        self._is_prompt[key] = is_prompt
        host.allow(namespace, REQUESTS_PER_HOST if is_prompt else 1)

    def _ended(self, place: Hashable, slots: list[Slot], asking: "asyncio.Task[T]") -> None:
        if not asking.cancelled():
            asking.exception()  # retrieved, so that asyncio does not log it when no one waits
        self._release(place, slots)

    def _release(self, place: Hashable, slots: list[Slot]) -> None:
        for slot in slots:
            slot.release()
        if slots and place in self._hosts and self._hosts[place].forget(slots[0].namespace):
            del self._hosts[place]


def _settle(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)

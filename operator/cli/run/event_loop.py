# SPDX-License-Identifier: Apache-2.0
"""The event loop of the operator: uvloop's, which leaves no connection open at its end."""

import asyncio
import socket
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final
from weakref import WeakSet

import uvloop

_TURNS: Final = 1000
_TURN_SECONDS: Final = 0.001


class _Loop(uvloop.Loop):
    """Knows its connections."""

    def __init__(self) -> None:
        super().__init__()
        self.connections: WeakSet[socket.socket] = WeakSet()

    async def create_connection(self, *args: Any, **options: Any) -> Any:
        """As the loop's own; remembers the socket, which aiohttp brings along."""
        if options.get("sock") is not None:
            self.connections.add(options["sock"])
        return await super().create_connection(*args, **options)


def run_in_loop(work: Coroutine[Any, Any, None]) -> None:
    """Runs it, then hangs up on whoever is still there.

    A connection by TLS that was closed stays open until the other side has said goodbye too. If the loop ends
    before, uvloop waits for that without end, or fails of it (``EBUSY``).
    """
    with asyncio.Runner(loop_factory=_Loop) as runner:
        try:
            runner.run(work)
        finally:
            loop = runner.get_loop()
            assert isinstance(loop, _Loop)
            runner.run(_hang_up(loop.connections))


async def _hang_up(connections: WeakSet[socket.socket]) -> None:
    left = [it for it in connections if it.fileno() != -1]
    for connection in left:
        with suppress(OSError):  # the other side was first
            connection.shutdown(socket.SHUT_RDWR)
    for _ in range(_TURNS):
        if all(it.fileno() == -1 for it in left):
            return
        await asyncio.sleep(_TURN_SECONDS)

# SPDX-License-Identifier: Apache-2.0
"""The event loop of the operator: uvloop where it is installed, with all connections closed at the end."""

import asyncio
import socket
from collections.abc import Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

if TYPE_CHECKING:
    from asyncio import SelectorEventLoop as _BaseLoop
else:
    try:
        from uvloop import Loop as _BaseLoop
    except ImportError:  # there is no uvloop for Windows
        from asyncio import SelectorEventLoop as _BaseLoop

_CLOSE_CHECKS: Final = 1000
_CHECK_INTERVAL: Final = 0.001


class _Loop(_BaseLoop):
    """An event loop that records its connections."""

    def __init__(self) -> None:
        super().__init__()
        self.connections: WeakSet[socket.socket] = WeakSet()

    async def create_connection(self, *args: Any, **options: Any) -> Any:
        """Create a connection, and record the socket that aiohttp passes."""
        if options.get("sock") is not None:
            self.connections.add(options["sock"])
        return await super().create_connection(*args, **options)


def run_in_loop(work: Coroutine[Any, Any, None]) -> None:
    """Run the work, then close all connections that are still open.

    A closed TLS connection stays open until the peer has closed it too. If the loop stops before that, uvloop
    waits forever, or fails with ``EBUSY``.
    """
    with asyncio.Runner(loop_factory=_Loop) as runner:
        try:
            runner.run(work)
        finally:
            loop = runner.get_loop()
            assert isinstance(loop, _Loop)
            runner.run(_close_all(loop.connections))


async def _close_all(connections: WeakSet[socket.socket]) -> None:
    open_connections = [it for it in connections if it.fileno() != -1]
    for connection in open_connections:
        with suppress(OSError):  # the peer has closed it already
            connection.shutdown(socket.SHUT_RDWR)
    for _ in range(_CLOSE_CHECKS):
        if all(it.fileno() == -1 for it in open_connections):
            return
        await asyncio.sleep(_CHECK_INTERVAL)

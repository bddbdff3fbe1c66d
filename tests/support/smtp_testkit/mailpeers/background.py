# SPDX-License-Identifier: Apache-2.0
"""Asynchronous servers for synchronous code."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

T = TypeVar("T")

_SECONDS = 60
_TURNS = 5


@contextmanager
def in_thread(server: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """Run a server in an event loop in a separate thread, for the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="server", daemon=True)
    thread.start()

    async def enter() -> T:
        return await server.__aenter__()

    async def leave() -> None:
        await server.__aexit__(None, None, None)
        # Connections that were just coming in, or in the middle of a handshake.
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        for _ in range(_TURNS):  # a transport is closed in one turn of the loop, its socket in a later one
            await asyncio.sleep(0)

    try:
        entered = asyncio.run_coroutine_threadsafe(enter(), loop).result(_SECONDS)
        try:
            yield entered
        finally:
            asyncio.run_coroutine_threadsafe(leave(), loop).result(_SECONDS)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_SECONDS)
        loop.close()

# SPDX-License-Identifier: Apache-2.0
"""Waits for the end of connections that a closed client has left."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_POLLS = 5000
_POLL_SECONDS = 0.001


@asynccontextmanager
async def no_new_sockets() -> AsyncIterator[None]:
    """After the block, wait until the event loop has no more sockets than before it.

    A canceled request of aiohttp ends with the close_notify of TLS, and closing the session does not wait for
    the server's. If the loop is closed first, the warning about the socket fails a test that runs later.
    """
    sockets = vars(asyncio.get_running_loop())["_selector"].get_map()
    before = len(sockets)
    yield
    for _ in range(_POLLS):
        if len(sockets) <= before:
            break
        await asyncio.sleep(_POLL_SECONDS)

# SPDX-License-Identifier: Apache-2.0
"""Stops a listening server."""

import asyncio

_TURNS = 5
"""Turns of the event loop between accepting and serving a connection, plus one."""


async def stop_listening(listener: asyncio.Server) -> None:
    """Stop accepting, wait until accepted connections are served, and close the server.

    If a server is closed in the turn of the loop in which it accepts a connection, asyncio loses that
    connection. The warning about its unclosed socket then fails a test that happens to run later.
    """
    loop = asyncio.get_running_loop()
    for socket in listener.sockets:
        loop.remove_reader(socket)
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    listener.close()

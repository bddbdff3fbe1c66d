# SPDX-License-Identifier: Apache-2.0
"""How a listening server ends."""

import asyncio

_TURNS = 5
"""Of the loop, from a connection that is accepted to whoever serves it, with one to spare."""


async def stop_listening(listener: asyncio.Server) -> None:
    """Accepts no more, hands over what was accepted just now, and closes the server.

    Closed, or its task cancelled, in the very turn of the loop in which it accepts a connection, asyncio
    leaves that connection to nobody: its socket is then blamed on whatever test runs when it is collected.
    """
    loop = asyncio.get_running_loop()
    for socket in listener.sockets:
        loop.remove_reader(socket)
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    listener.close()

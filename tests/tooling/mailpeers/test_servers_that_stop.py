# SPDX-License-Identifier: Apache-2.0
"""A server that stops while a client connects leaves no open connection."""

import asyncio
import gc
import socket
from contextlib import closing

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.faultserver import FaultServer


@pytest.mark.parametrize("kind", [MailServer, FaultServer])
async def test_who_connects_at_that_moment_is_not_forgotten(kind: type[MailServer | FaultServer]) -> None:
    server = kind()
    await server.__aenter__()
    port = server.plain_port if isinstance(server, MailServer) else server.port
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()

    async def stop() -> None:
        await server.__aexit__(None, None, None)
        stopped.set()

    with closing(socket.create_connection(("127.0.0.1", port))):
        # The loop accepts it in the turn in which this is called, and stops the server in the next one.
        loop.call_soon(lambda: tasks.append(loop.create_task(stop())))
        tasks: list[asyncio.Task[None]] = []
        await stopped.wait()

    gc.collect()  # an open connection without a reference would be a warning, and so a failure


async def test_a_handshake_under_way_does_not_hold_it_up() -> None:
    async with asyncio.timeout(30), MailServer() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.starttls_port)
        await reader.readline()
        writer.write(b"STARTTLS\r\n")
        assert (await reader.readline()).startswith(b"220 ")

    assert server.connections == 0
    writer.close()

# SPDX-License-Identifier: Apache-2.0
"""A client may send its next command before the server has finished the handshake."""

import asyncio
import ssl
from typing import Any

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.session import Session


async def test_a_command_that_comes_with_the_end_of_the_handshake_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()
    start_tls, data_received = loop.start_tls, Session.data_received
    command_is_there = asyncio.Event()

    def noticed(session: Session, data: bytes) -> None:
        data_received(session, data)
        if session.buffer:
            command_is_there.set()

    async def told_late(*words: Any, server_side: bool = False, **options: Any) -> Any:
        upgraded = await start_tls(*words, server_side=server_side, **options)
        if server_side:
            await command_is_there.wait()
        return upgraded

    monkeypatch.setattr(Session, "data_received", noticed)
    monkeypatch.setattr(loop, "start_tls", told_late)
    async with MailServer() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.starttls_port)
        await reader.readline()
        writer.write(b"STARTTLS\r\n")
        await reader.readline()
        context = ssl.create_default_context(cadata=server.ca_pem)
        await writer.start_tls(context, server_hostname="localhost")
        writer.write(b"NOOP\r\n")
        async with asyncio.timeout(60):
            assert (await reader.readline()).startswith(b"250")
        writer.transport.abort()

# SPDX-License-Identifier: Apache-2.0
"""Attacks on the ports for probes and metrics: probes still get answers, and connections are closed."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from smtp_operator.cli.run.connection_guard import ServingLimits
from smtp_operator.cli.run.http_server import serving
from smtp_operator.setting_parsers import ListenAddress
from smtp_tools.localcluster.ports import free_ports

PROBE = b"GET /healthz HTTP/1.1\r\nHost: pod\r\n\r\n"
FEW = ServingLimits(connections=4, request=600, answer=600)
BRIEF = ServingLimits(request=0.2, answer=600)


@dataclass
class Port:
    """A served port, and connections to it."""

    address: ListenAddress
    stack: contextlib.AsyncExitStack
    large: bytes = b"x" * 30_000_000
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, limits: ServingLimits) -> None:
        async def healthz(_: web.Request) -> web.Response:
            return web.Response(text="ok")

        async def large(_: web.Request) -> web.Response:
            self.asked.set()
            return web.Response(body=self.large)

        handlers = {"/healthz": healthz, "/large": large}
        await self.stack.enter_async_context(serving("--flag", self.address, handlers, limits=limits))

    async def connect(self, client: str = "127.0.0.1", send: bytes = b"") -> socket.socket:
        """Connect from this address, and send these bytes."""
        connection = self.stack.enter_context(socket.socket())
        connection.setblocking(False)
        connection.bind((client, 0))
        loop = asyncio.get_running_loop()
        await loop.sock_connect(connection, (self.address.host, self.address.port))
        with contextlib.suppress(ConnectionError):
            await loop.sock_sendall(connection, send)
        return connection

    async def probe(self, client: str = "127.0.0.1") -> bytes:
        """Return the whole response to a probe; empty if the connection was closed."""
        return await everything(await self.connect(client, PROBE))


async def everything(connection: socket.socket) -> bytes:
    """Return all bytes until the connection is closed."""
    received = bytearray()
    with contextlib.suppress(ConnectionError):
        while piece := await asyncio.get_running_loop().sock_recv(connection, 65536):
            received += piece
    return bytes(received)


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    (number,) = free_ports(1)
    async with contextlib.AsyncExitStack() as stack:
        yield Port(ListenAddress("127.0.0.1", number), stack)


def test_the_limits_of_a_port() -> None:
    assert ServingLimits() == ServingLimits(connections=64, request=5.0, answer=30.0, size=16_384)


@pytest.mark.parametrize(
    "start",
    [b"", b"GET /healthz HTTP/1.1\r\n", b"GET /healthz HTTP/1.1\r\nHost: pod\r\nX: ", b"\r\n", b"GET"],
)
async def test_a_client_that_never_finishes_its_headers_is_disconnected(port: Port, start: bytes) -> None:
    await port.serve(BRIEF)

    assert b"200" not in await everything(await port.connect(send=start))


async def test_a_client_that_sends_headers_slowly_is_disconnected(port: Port) -> None:
    await port.serve(BRIEF)
    connection = await port.connect(send=b"GET /healthz HTTP/1.1\r\nX: ")
    ended = asyncio.create_task(everything(connection))
    while not ended.done():
        with contextlib.suppress(OSError):
            connection.send(b"x")
        await asyncio.wait([ended], timeout=0.01)

    assert b"200" not in await ended


async def test_a_client_that_does_not_read_the_response_is_disconnected(port: Port) -> None:
    await port.serve(ServingLimits(request=1.0, answer=0.2))
    connection = await port.connect(send=b"GET /large HTTP/1.1\r\nHost: pod\r\n\r\n")
    await port.asked.wait()
    # A later idle connection has been closed, so the time limit of the response has passed.
    await everything(await port.connect())

    assert len(await everything(connection)) < len(port.large)


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 20_000, id="header"),
        pytest.param(b"GET /healthz?" + b"x" * 20_000, id="path"),
        pytest.param(b"GET /healthz HTTP/1.1\r\n" + b"X: y\r\n" * 4_000, id="headers"),
        pytest.param(b"GET /large HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n" + b"x" * 9_999_998, id="body"),
    ],
)
async def test_a_request_that_is_too_large_is_disconnected(port: Port, request_: bytes) -> None:
    await port.serve(FEW)
    connection = await port.connect(send=request_)

    assert len(await everything(connection)) < 1000
    assert (await port.probe()).endswith(b"ok")


async def test_a_probe_is_answered_while_its_own_address_holds_all_connections(port: Port) -> None:
    await port.serve(FEW)
    for _ in range(20):
        await port.connect()

    assert (await port.probe()).endswith(b"ok")


async def test_a_probe_is_answered_while_many_addresses_hold_all_connections(port: Port) -> None:
    await port.serve(FEW)
    for number in range(2, 22):
        await port.connect(f"127.0.0.{number}")

    assert (await port.probe()).endswith(b"ok")


async def test_the_client_with_most_connections_loses_its_oldest(port: Port) -> None:
    await port.serve(FEW)
    patient = await port.connect("127.0.0.9")
    first = await port.connect()
    for _ in range(3):
        await port.connect()

    assert await everything(first) == b""
    await asyncio.get_running_loop().sock_sendall(patient, PROBE)
    assert (await everything(patient)).endswith(b"ok")


async def test_idle_connections_stay_within_the_limit(port: Port) -> None:
    await port.serve(FEW)
    opened = [await port.connect() for _ in range(20)]

    assert await asyncio.gather(*map(everything, opened[:16])) == [b""] * 16
    assert (await port.probe()).endswith(b"ok")


async def test_invalid_requests_are_not_logged(port: Port, caplog: pytest.LogCaptureFixture) -> None:
    await port.serve(FEW)
    for words in (
        b"hello\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01",
        b"GET / HTTP/1.1\r\n:\r\n\r\n",
    ):
        connection = await port.connect(send=words)
        connection.shutdown(socket.SHUT_WR)
        await everything(connection)

    assert caplog.text == ""

# SPDX-License-Identifier: Apache-2.0
"""A connection to an address, on the operator's own event loop, which would look up even an address."""

import asyncio
import ipaddress
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import uvloop

from smtp_operator.smtp.session import connect

HERE = ipaddress.ip_address("127.0.0.1")


class LoopWithoutNames(uvloop.Loop):
    """Fail on every lookup."""

    async def getaddrinfo(self, *args: Any, **options: Any) -> Any:
        """No answer."""
        raise AssertionError("a lookup")


@pytest.fixture
def port() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """Runs coroutines on uvloop."""
    with asyncio.Runner(loop_factory=LoopWithoutNames) as running:
        yield running


def test_nothing_is_looked_up(runner: asyncio.Runner, port: int) -> None:
    with runner.run(connect(HERE, port, limit=60)) as sock:
        assert sock.getpeername() == ("127.0.0.1", port)
        assert not sock.getblocking()


def test_a_refusal_is_the_systems_own_error(runner: asyncio.Runner) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but not listening

        with pytest.raises(ConnectionRefusedError, match="Connection refused"):
            runner.run(connect(HERE, taken.getsockname()[1], limit=60))


def test_the_limit_ends_it(runner: asyncio.Runner, port: int) -> None:
    with pytest.raises(TimeoutError):
        runner.run(connect(HERE, port, limit=0))

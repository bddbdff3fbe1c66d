# SPDX-License-Identifier: Apache-2.0
"""The liveness and readiness probes of the kubelet."""

import socket
from dataclasses import dataclass

import aiohttp
import pytest

from smtp_operator.cli.run.health import health_server
from smtp_operator.setting_parsers import ListenAddress
from smtp_operator.settings import InvalidSetting
from smtp_tools.localcluster.ports import free_ports


@dataclass
class Health:
    """The state that the operator would report."""

    failed_part: str | None = None
    ready: bool = False

    def why_not(self) -> str | None:
        return self.failed_part

    def is_ready(self) -> bool:
        return self.ready


@pytest.fixture
def address() -> ListenAddress:
    """Return a free address."""
    (port,) = free_ports(1)
    return ListenAddress("127.0.0.1", port)


async def ask(address: ListenAddress, health: Health, path: str) -> tuple[int, str]:
    async with (
        health_server(address, failed_part=health.why_not, is_ready=health.is_ready),
        aiohttp.ClientSession() as session,
        session.get(f"http://{address}{path}") as response,
    ):
        return response.status, await response.text()


async def test_it_is_live_while_starting(address: ListenAddress) -> None:
    assert await ask(address, Health(), "/healthz") == (200, "ok\n")


async def test_it_is_not_ready_while_starting(address: ListenAddress) -> None:
    assert await ask(address, Health(), "/readyz") == (503, "starting\n")


async def test_it_is_ready_after_startup(address: ListenAddress) -> None:
    assert await ask(address, Health(ready=True), "/readyz") == (200, "ok\n")


async def test_a_failed_part_is_reported(address: ListenAddress) -> None:
    health = Health(failed_part="no sign of life: watch of Secrets in all namespaces")
    assert await ask(address, health, "/healthz") == (
        500,
        "no sign of life: watch of Secrets in all namespaces\n",
    )


async def test_the_server_stops_with_its_block(address: ListenAddress) -> None:
    await ask(address, Health(), "/healthz")
    with socket.socket() as probe:
        assert probe.connect_ex((address.host, address.port)) != 0


async def test_without_an_address_nothing_listens() -> None:
    health = Health()
    async with health_server(None, failed_part=health.why_not, is_ready=health.is_ready):
        pass


async def test_an_address_in_use_is_named(address: ListenAddress) -> None:
    health = Health()
    with socket.create_server((address.host, address.port)), pytest.raises(InvalidSetting) as caught:
        await ask(address, health, "/healthz")
    assert str(caught.value) == f"--health-address: cannot listen on {address}: Address already in use"

# SPDX-License-Identifier: Apache-2.0
"""No object has the operator connect to the API server, by whichever of its addresses."""

import asyncio
import ipaddress
import logging
from typing import Any, cast

import pytest

from smtp_operator.api.errors import AccessDenied, ApiUnavailable
from smtp_operator.cluster.api_server import ApiServerAddresses
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.network.destination import DestinationPolicy


class Server:
    """Answers with one EndpointSlice, or with an error."""

    def __init__(self, *endpoints: str) -> None:
        self.endpoints = list(endpoints)
        self.error: Exception | None = None

    async def addresses(self) -> frozenset[str]:
        return frozenset({"10.96.0.1"})

    async def request(self, method: str, path: str) -> dict[str, Any]:
        assert (method, path) == (
            "GET",
            "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes",
        )
        if self.error is not None:
            raise self.error
        return {"endpoints": [{"addresses": self.endpoints}], "addressType": "IPv4"}


def followed(server: Server) -> tuple[ApiServerAddresses, DestinationPolicy]:
    policy = DestinationPolicy()
    return ApiServerAddresses(cast(KubernetesClient, server), [policy]), policy


def allows(policy: DestinationPolicy, address: str) -> bool:
    return policy.allows(ipaddress.ip_address(address))


async def test_every_address_of_the_api_server_is_denied() -> None:
    addresses, policy = followed(Server("192.0.2.11", "2001:db8::11", "not-an-address"))

    await addresses.refresh()

    for address in ("10.96.0.1", "192.0.2.11", "::ffff:192.0.2.11", "2001:db8::11"):
        assert not allows(policy, address)
    assert allows(policy, "192.0.2.12")


@pytest.mark.looptime
async def test_an_api_server_that_comes_later_is_denied_within_a_minute() -> None:
    server = Server("192.0.2.11")
    addresses, policy = followed(server)
    await addresses.refresh()
    following = asyncio.create_task(addresses.follow())
    server.endpoints = ["192.0.2.12"]

    await asyncio.sleep(61)

    assert not allows(policy, "192.0.2.12")
    assert not allows(policy, "192.0.2.11")
    following.cancel()


@pytest.mark.parametrize("error", [AccessDenied("GET: 403 Forbidden"), ApiUnavailable("GET: 503")])
async def test_where_they_may_not_be_read_the_operator_says_so_once_and_goes_on(
    caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    server = Server()
    server.error = error
    addresses, policy = followed(server)

    with caplog.at_level(logging.INFO):
        await addresses.refresh()
        await addresses.refresh()

    assert not allows(policy, "10.96.0.1")
    assert [it.getMessage() for it in caplog.records] == [
        f"only the API server address in use is denied to objects: {error}"
    ]


async def test_an_operator_of_some_namespaces_asks_for_nothing_of_another_one() -> None:
    server = Server()
    server.error = AssertionError("asked")
    policy = DestinationPolicy()

    await ApiServerAddresses(cast(KubernetesClient, server), [policy], clusterwide=False).refresh()

    assert not allows(policy, "10.96.0.1")

# SPDX-License-Identifier: Apache-2.0
"""Elections rely on behavior that the real API server and the fake one share."""

import asyncio

import pytest

from smtp_operator.api.errors import ObjectNotFound
from smtp_operator.cluster.client import JSON, KubernetesClient
from smtp_operator.cluster.errors import Conflict
from smtp_operator.cluster.leader_election import LeaderLease, LeaseApi, LeaseLost
from smtp_testkit.simulation.leases import LeaseServer


@pytest.fixture(params=["real", "simulated"])
async def server(request: pytest.FixtureRequest, real_client: KubernetesClient) -> LeaseApi:
    """The real and the simulated API server."""
    return real_client if request.param == "real" else LeaseServer()


@pytest.fixture
def collection(namespace: str) -> str:
    return f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"


def claim(server: LeaseApi, namespace: str, identity: str) -> LeaderLease:
    return LeaderLease(server, namespace=namespace, name="smtp-operator", identity=identity)


async def test_a_lease_goes_from_hand_to_hand(server: LeaseApi, namespace: str, collection: str) -> None:
    first, second = claim(server, namespace, "first"), claim(server, namespace, "second")
    await first.acquire()
    taking = asyncio.create_task(second.acquire())
    holding = asyncio.create_task(first.hold())
    try:
        await asyncio.sleep(0)
        assert not taking.done()
        holding.cancel()
        await first.release()
        await asyncio.wait_for(taking, 60)
        spec = (await server.request("GET", f"{collection}/smtp-operator"))["spec"]
        assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("second", 1)
    finally:
        taking.cancel()
        holding.cancel()


async def test_a_second_lease_of_that_name_is_a_conflict(
    server: LeaseApi, namespace: str, collection: str
) -> None:
    await claim(server, namespace, "first").acquire()
    metadata = {"name": "smtp-operator", "namespace": namespace}
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata}
    with pytest.raises(Conflict):
        await server.request("POST", collection, body=lease)


async def test_a_write_over_another_one_is_a_conflict(
    server: LeaseApi, namespace: str, collection: str
) -> None:
    await claim(server, namespace, "first").acquire()
    path = f"{collection}/smtp-operator"
    read = await server.request("GET", path)
    await server.request("PUT", path, body=read | {"spec": read["spec"] | {"leaseTransitions": 5}})
    with pytest.raises(Conflict):
        await server.request("PUT", path, body=read | {"spec": read["spec"] | {"leaseTransitions": 6}})


async def test_a_lease_that_is_not_there_is_not_found(
    server: LeaseApi, namespace: str, collection: str
) -> None:
    with pytest.raises(ObjectNotFound):
        await server.request("GET", f"{collection}/smtp-operator")


async def test_another_holder_is_seen_at_the_next_renewal(
    server: LeaseApi, namespace: str, collection: str
) -> None:
    first = claim(server, namespace, "first")
    await first.acquire()
    path = f"{collection}/smtp-operator"
    read = await server.request("GET", path)
    await server.request("PUT", path, body=read | {"spec": read["spec"] | {"holderIdentity": "x"}})
    with pytest.raises(LeaseLost):
        await asyncio.wait_for(first.hold(), 60)


async def test_a_watch_of_that_name_reports_a_write(
    server: LeaseApi, namespace: str, collection: str
) -> None:
    query = [("fieldSelector", "metadata.name=smtp-operator"), ("watch", "true")]
    async with server.lines(collection, query=query, accept=JSON, silence=60.0) as lines:
        following = aiter(lines)
        telling = asyncio.ensure_future(anext(following))
        await asyncio.sleep(0)
        await claim(server, namespace, "first").acquire()
        assert b'"holderIdentity":"first"' in (await telling).replace(b": ", b":")

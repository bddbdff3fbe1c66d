# SPDX-License-Identifier: Apache-2.0
"""Clients to a fake API server and to the real one."""

from collections.abc import AsyncIterator

import pytest
from kubernetes.aio.client.configuration import Configuration

from fakeapi import FakeApi
from localcluster import LocalCluster
from smtp_operator.cluster.access import Access, find_access
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.settings import Settings


@pytest.fixture
async def fake() -> AsyncIterator[FakeApi]:
    """An API server that answers as the test says."""
    async with FakeApi.start() as running:
        yield running


@pytest.fixture
async def client(fake: FakeApi) -> AsyncIterator[KubernetesClient]:
    """A client of the fake API server."""
    configuration = Configuration(host=fake.url)
    configuration.client_session_kwargs = {"trust_env": False}
    it = KubernetesClient(Access(configuration, None, "test"))
    yield it
    await it.close()


@pytest.fixture
async def real_client(cluster: LocalCluster) -> AsyncIterator[KubernetesClient]:
    """A client of the real API server, as its administrator."""
    it = KubernetesClient(await find_access(Settings(kubeconfig=str(cluster.kubeconfig)), {}))
    yield it
    await it.close()

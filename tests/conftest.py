# SPDX-License-Identifier: Apache-2.0
"""What tests share: one real control plane for the whole run, and a namespace of its own for each test."""

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from kubernetes.aio.client.configuration import Configuration

from fakeapi import FakeApi
from localcluster import LocalCluster
from smtp_operator.cluster.access import Access, find_access
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.settings import Settings
from testbed import Api

ROOT = Path(__file__).parent.parent

_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what needs the control plane, so that `make unit` can leave it out."""
    for item in items:
        if "cluster" in getattr(item, "fixturenames", ()):
            item.add_marker("cluster")


@pytest.fixture(scope="session")
def cluster() -> Iterator[LocalCluster]:
    """A control plane with the CRDs of this tree; whoever breaks it mends it before his test ends."""
    with LocalCluster.start() as running:
        running.kubectl("apply", "--server-side", "-f", str(ROOT / "deploy" / "crds" / "smtpconfigs.yaml"))
        running.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        yield running


@pytest.fixture(scope="session")
def api(cluster: LocalCluster) -> Iterator[Api]:
    """Its API server, as the administrator sees it."""
    administrator = Api(cluster.url, cluster.ca_file, cluster.admin_token)
    yield administrator
    administrator.close()


@pytest.fixture
def namespace(api: Api) -> Iterator[str]:
    """A fresh namespace."""
    name = f"test-{next(_numbers)}"
    api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    api.delete(f"/api/v1/namespaces/{name}")


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

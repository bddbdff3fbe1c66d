# SPDX-License-Identifier: Apache-2.0
"""Shared fixtures: one real control plane, and a separate namespace for each test."""

import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import pytest
from kubernetes.aio.client.configuration import Configuration

from smtp_operator.api.crd import KINDS
from smtp_operator.api.names import API_VERSION
from smtp_operator.cluster.access import Access, find_access
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.settings import Settings
from smtp_testkit.fakeapi import FakeApi
from smtp_testkit.pytest_plugin import ON_CLUSTER
from smtp_testkit.testbed import Api
from smtp_testkit.testbed.api import ApiError
from smtp_testkit.testbed.crd_deletions import CRDS as CRD_PATH
from smtp_testkit.testbed.manifests import CRDS
from smtp_testkit.testbed.open_sockets import no_new_sockets
from smtp_testkit.testbed.shared_cluster import ClusterOfTheRun
from smtp_testkit.testbed.side_by_side import (
    PLACE,
    FileGroup,
    namespaces_of_others,
    own_prefix,
)
from smtp_testkit.testbed.status_watch import StatusWatch
from smtp_testkit.testbed.waiting import until
from smtp_tools.localcluster import LocalCluster

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def plane(request: pytest.FixtureRequest) -> LocalCluster:
    """The control plane of this run; its objects depend on earlier tests."""
    unmarked = request.config.option.markexpr == "not cluster"
    assert not unmarked, "make unit is without a control plane: have the test ask for one before it runs"
    return ClusterOfTheRun(request.config)


@pytest.fixture(scope="session")
def cluster(plane: LocalCluster) -> LocalCluster:
    """The control plane with the CRDs of this tree; a test that damages it repairs it before its end."""
    plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRDS))
    plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    _know_the_category(plane)
    return plane


def _know_the_category(running: LocalCluster) -> None:
    """Let kubectl discover the new kinds; its cached discovery would hide the category."""
    kinds = {kind.plural for kind in KINDS}
    words = ["api-resources", "--categories=smtp-operator"]
    until(
        lambda: kinds <= set(running.kubectl(*words).stdout.split()),
        "the API server never told of the CRDs' category",
    )


@pytest.fixture(scope="session")
def api(plane: LocalCluster) -> Iterator[Api]:
    """The API server, as administrator."""
    administrator = Api(plane.url, plane.ca_file, plane.admin_token)
    yield administrator
    administrator.close()


@pytest.fixture(scope="session")
def statuses(api: Api, pytestconfig: pytest.Config) -> Iterator[StatusWatch]:
    """Every status written there, except by tests of other processes."""
    with StatusWatch.following(api, but=namespaces_of_others(pytestconfig)) as watch:
        yield watch


@pytest.fixture(autouse=True)
def linted(request: pytest.FixtureRequest) -> Iterator[None]:
    """Check every status that the operator writes during a test with a control plane."""
    if not request.node.stash[ON_CLUSTER]:
        yield
        return
    statuses: StatusWatch = request.getfixturevalue("statuses")
    cluster_wide = statuses.writes(namespace="")
    if "namespace" in request.fixturenames:
        request.getfixturevalue("namespace")  # it ends after this: no status may show what its Secrets hold
    yield
    statuses.check()
    if request.node.stash[PLACE] is FileGroup.SHARED:
        assert statuses.writes(namespace="") == cluster_wide, (
            "operators of all test processes judge a ClusterSmtpVault: mark the test that makes one as alone"
        )


@pytest.fixture
def namespace(api: Api, pytestconfig: pytest.Config) -> Iterator[str]:
    """A new namespace."""
    name = f"{own_prefix(pytestconfig)}{next(_numbers)}"
    api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    # A namespace takes its time to end; meanwhile the operator of another test would work on what is in it.
    for plural in (kind.plural for kind in KINDS if kind.namespaced):
        with contextlib.suppress(ApiError):
            api.delete(f"/apis/{API_VERSION}/namespaces/{name}/{plural}")
    api.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture
def older_crd(cluster: LocalCluster, api: Api) -> Iterator[None]:
    """Remove `status.suggestion` from the CRD of SmtpConfig; for tests that run alone."""
    current = api.get(f"{CRD_PATH}/smtpconfigs.smtp-operator.io")
    for version in current["spec"]["versions"]:
        properties = version["schema"]["openAPIV3Schema"]["properties"]
        del properties["status"]["properties"]["suggestion"]
    current["metadata"].pop("managedFields")
    cluster.kubectl("replace", "-f", "-", input=json.dumps(current))
    try:
        until(lambda: _publishes(api, "suggestion") is False, "the API server never published the older CRD")
        yield
    finally:
        cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRDS))
        until(lambda: _publishes(api, "suggestion") is True, "the CRD of this tree was never published")


def _publishes(api: Api, field: str) -> bool | None:
    """Return whether the OpenAPI has a field of our status; None: not published yet after a change."""
    try:
        components: Mapping[str, Any] = api.get(f"/openapi/v3/apis/{API_VERSION}").get("components", {})
    except ApiError:
        return None
    for name, schema in components.get("schemas", {}).items():
        if name.endswith(".SmtpConfig") and "status" in schema.get("properties", {}):
            return field in schema["properties"]["status"]["properties"]
    return None


@pytest.fixture
async def fake() -> AsyncIterator[FakeApi]:
    """An API server with scripted responses."""
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
    async with no_new_sockets():
        it = KubernetesClient(await find_access(Settings(kubeconfig=str(cluster.kubeconfig)), {}))
        yield it
        await it.close()
